"""Where the server is reached, whom it trusts there, and by which certificate it is known."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import model_validator

from presence.settings import values
from presence.settings.kinds import (
    LISTED,
    Domain,
    Duration,
    Group,
    HostPort,
    Listener,
    Network,
    PublisherAddress,
    Route,
    setting,
)


class NetworkSettings(Group):
    """Section Network: listeners, peers, RFC 3261 as it meets real networks."""

    listen: Annotated[tuple[Listener, ...], *LISTED] = setting(
        ("udp:0.0.0.0:5060", "tcp:0.0.0.0:5060"),
        "Network",
        "SIP listeners, each `udp|tcp|tls|ws|wss:HOST:PORT`; an IPv6 address stands in brackets, port 0 takes"
        " any free port.",
        min_length=1,
    )
    http: HostPort = setting(
        values.HostPort("127.0.0.1", 8080),
        "Network",
        "Where `/healthz`, `/metrics`, `/status` and `/explain` are served, `HOST:PORT`.",
    )
    operators: Annotated[tuple[Network, ...], *LISTED] = setting(
        (),
        "Network",
        "Networks that get `/metrics`, `/status` and `/explain`, beside this computer itself; anybody else"
        " gets 403. `/explain` shows everybody's presence and rules. What a proxy on this computer passes on"
        " is refused if it says so (X-Forwarded-For and the like), and what calls this computer by a name"
        " that is not `http`'s; name 127.0.0.1 here to have these as well.",
    )
    https: HostPort | None = setting(
        None,
        "Network",
        "Where the SOAP service is offered by HTTPS, `HOST:PORT`, with the certificate of `tls_certificate`."
        " Not set: only on the listener of `http`.",
    )
    advertise: Domain | None = setting(
        None,
        "Network",
        "Host name or address to write into Via, Contact and Record-Route instead of the local one, for a"
        " server behind NAT.",
    )
    trust: Annotated[tuple[Network, ...], *LISTED] = setting(
        (),
        "Network",
        "Networks of trusted peers: they are not challenged, and their P-Asserted-Identity, Remote-Party-ID"
        " or From is believed.",
    )
    publishers: Annotated[tuple[PublisherAddress, ...], *LISTED] = setting(
        (),
        "Network",
        "Addresses of PBXs and voice mailboxes that may publish `dialog` and `message-summary` for every"
        " user: accounts of this server, or what a trusted peer asserts (its From, if nothing else).",
    )
    service_route: Annotated[tuple[Route, ...], *LISTED] = setting(
        (), "Network", "URIs for the Service-Route header of answers to REGISTER (RFC 3608)."
    )
    path: Literal["accept", "require-supported"] = setting(
        "accept",
        "Network",
        "REGISTER with Path from a client that does not list `path` in Supported (RFC 3327 §5.3): accepted"
        " and used, or refused with 420.",
    )
    congestion_safe: bool = setting(
        False,
        "Network",
        "Send requests of more than 1300 bytes by TCP also to UDP contacts (RFC 3261 §18.1.1). Off: they go"
        " by UDP, in fragments if need be.",
    )
    t1: Duration = setting(0.5, "Network", "Round-trip time estimate T1 (RFC 3261 §17).", "seconds")


class TlsSettings(Group):
    """Section TLS: certificates, of ours and of others."""

    tls_certificate: Path | None = setting(
        None,
        "TLS",
        "PEM file with the certificate chain for tls, wss and https listeners. A file that is replaced is"
        " used from the next connection on. Not set: one is generated, signed by itself and kept in the data"
        " folder; good for trying only.",
    )
    tls_key: Path | None = setting(
        None, "TLS", "PEM file with the private key. Not set: it is in the file of `tls_certificate`."
    )
    tls_ca: Path | None = setting(
        None, "TLS", "PEM file with the authorities that outbound TLS believes. Not set: those of the system."
    )
    tls_verify: bool = setting(True, "TLS", "Check the certificates of servers that we connect to.")

    @model_validator(mode="after")
    def _key_needs_certificate(self) -> Self:
        if self.tls_key is not None and self.tls_certificate is None:
            raise ValueError("tls_key is given without tls_certificate")
        return self
