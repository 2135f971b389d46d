"""What can be set about the transports: limits, time limits, certificates.  One value, made at start."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class TransportSettings:
    """Limits and files of all transports of one hub; times are seconds, sizes bytes."""

    advertise: str | None = None
    """Host name or address that peers reach us by (a server behind an address translator): it stands in every
    Via, Contact and Record-Route of ours instead of the local address, with the local port."""

    max_message: int = 65536
    """Largest message taken from a stream or a WebSocket (bytes); more is answered 513 where it can be."""

    max_connections: int = 20000
    """Connections open at one time, in and out together; a new one beyond that is refused."""

    max_connections_address: int = 0
    """Connections open at one time that one address opened (of IPv6: one network of 64 bits); 0: no limit."""

    connections_rate: float = 0.0
    """Connections a second that one address may open; 0: no limit."""

    connections_burst: float = 10.0
    """Seconds: so much of that rate may come at once."""

    idle_timeout: float = 3600.0
    """A connection on which nothing was received for so long is closed (seconds)."""

    unused_timeout: float = 60.0
    """The same for one that a peer opened, and on which no message and no keep-alive came yet (seconds)."""

    unproved_timeout: float = 0.0
    """The same for one on which nothing but keep-alives came for so long, of a peer that is no trusted one
    and that has not proved who he is (seconds); 0: no limit."""

    message_timeout: float = 30.0
    """Time to finish a message that has begun (seconds): an answer to peers that trickle bytes."""

    connect_timeout: float = 5.0
    """Time for a TCP connection of ours to be accepted (seconds)."""

    handshake_timeout: float = 10.0
    """Time for the TLS and WebSocket handshakes together (seconds), in and out."""

    close_timeout: float = 2.0
    """Time at the end for unsent data to leave and peers to say goodbye (seconds)."""

    receive_buffer: int = 4 * 1024 * 1024
    """SO_RCVBUF asked for on UDP sockets (bytes); the system may grant less."""

    send_buffer_limit: int = 1024 * 1024
    """Unsent bytes on one connection above which a peer that stopped reading is dropped.

    A burst may stand higher, up to 16 times this, for as long as the peer takes something every
    `send_stall` seconds; above 16 times the connection is dropped at once.
    """

    send_stall: float = 1.0
    """How long a peer may take nothing while more than `send_buffer_limit` waits for it (seconds)."""

    datagram_queue: int = 1000
    """Datagrams kept per UDP listener while its socket is full; the next ones are dropped and counted."""

    tls_certificate: Path | None = None
    """Certificate chain (PEM, own certificate first) of the tls and wss listeners."""

    tls_key: Path | None = None
    """Its private key (PEM); None: the key is in the certificate's file."""

    tls_ca: Path | None = None
    """Certificates (PEM) that servers are verified against; None: those of the operating system."""

    tls_verify: bool = True
    """Whether the certificate of a server that we connect to must be valid for its name."""

    generated_folder: Path | None = None
    """Where a self-signed certificate is kept when none is given; None: tls and wss then cannot listen."""

    domains: tuple[str, ...] = ()
    """Further names for the self-signed certificate."""

    dns_timeout: float = 5.0
    """Time for everything that one target needs of the DNS (seconds)."""

    dns_query_timeout: float = 1.5
    """Time for one DNS query, its one repetition included (seconds)."""
