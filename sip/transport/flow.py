"""A flow: the two-way path between this server and one peer (RFC 5626 §2), over any transport.

Users of a flow send bytes on it and may ask to hear when it is gone; what a message is, they know.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

from sip.transport.spec import TRANSPORTS, Address, host_port


class Flow(ABC):
    """One path to one peer.  A UDP flow is an address pair; the others live as long as a connection."""

    __slots__ = ()

    transport: str
    """UDP, TCP, TLS, WS or WSS, as in a Via."""

    remote: Address
    """The peer's numeric address and port."""

    @property
    @abstractmethod
    def local(self) -> Address:
        """Our numeric address and port as this peer sees them without a translator; never a wildcard."""

    @property
    @abstractmethod
    def alive(self) -> bool:
        """False once nothing can be sent any more."""

    @property
    @abstractmethod
    def key(self) -> str:
        """A durable description: `TransportHub.flow(key)` finds the flow again while it exists."""

    @property
    def advertised(self) -> Address:
        """Where this peer would reach us with a new connection: `local`, but for connections of ours."""
        return self.local

    @property
    def reliable(self) -> bool:
        """True where the transport repeats what is lost (RFC 3261 §17 asks)."""
        return TRANSPORTS[self.transport].reliable

    @property
    def secure(self) -> bool:
        """True where TLS protects the way to the peer."""
        return TRANSPORTS[self.transport].secure

    @property
    def sent_by(self) -> str:
        """`host:port` for a Via of ours (RFC 3261 §18.1.1), IPv6 in brackets."""
        host, port = self.advertised
        # The zone of a link-local address (fe80::1%eth0) means nothing to anybody else (RFC 4007 §11.2).
        return host_port(host.partition("%")[0], port)

    def uri(self, user: str | None = None, *, secure: bool = False) -> str:
        """A URI of ours for a Contact or Record-Route towards this peer; `user` is written as given.

        It is a SIPS URI if it is to be `secure` and TLS protects this flow: where it does not, none of our
        listeners would answer that URI.
        """
        secure = secure and self.secure
        parameter = TRANSPORTS[self.transport].uri_parameter
        if secure and self.transport == "TLS":
            # It is what SIPS means anyhow, and deprecated beside it (RFC 3261 §26.2.2).
            parameter = ""
        scheme, userinfo = "sips" if secure else "sip", f"{user}@" if user is not None else ""
        return f"{scheme}:{userinfo}{self.sent_by}" + (f";transport={parameter}" if parameter else "")

    @abstractmethod
    def send(self, data: bytes) -> None:
        """Send one whole message.

        Raises:
            TransportError: the flow is gone, or the peer takes nothing and too much waits already.
        """

    def close(self) -> None:
        """Let unsent data out and close the connection; nothing happens to a UDP flow."""
        return

    def vouched(self) -> None:
        """Whoever sends by this flow has proved who he is; nothing happens to a UDP flow."""
        return

    def on_lost(self, callback: Callable[[Flow], None]) -> None:
        """Call `callback(flow)` once when the connection goes; at once if it is gone; never for UDP."""
        return

    def forget_lost(self, callback: Callable[[Flow], None]) -> None:
        """Take back `on_lost(callback)`: connections outlive those who once cared."""
        return

    def __repr__(self) -> str:
        return f"<{self.transport} flow to {host_port(*self.remote)}>"


Trace = Callable[[str, bytes, Flow], None]
"""Called with "in" or "out", the whole message and its flow."""
