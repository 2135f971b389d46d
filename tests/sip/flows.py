"""A flow that keeps what is sent on it, for tests without a network."""

from __future__ import annotations

from collections.abc import Callable

from sip.errors import DatagramTooLarge, TransportError
from sip.message import Request, Response, parse
from sip.transport.flow import Flow


class FakeFlow(Flow):
    """A path to one peer; what we send stays in `sent`."""

    __slots__ = ("_local", "_lost", "_transport", "gone", "proved", "remote", "room", "sent")

    def __init__(self, transport: str = "UDP", host: str = "192.0.2.7", port: int = 5060) -> None:
        self._transport = transport
        self._local = ("192.0.2.1", 5060)
        self.remote = (host, port)
        self.sent: list[bytes] = []
        self.gone = False
        self.proved = False
        """Somebody has proved himself by it."""
        self.room = 65507
        """Bytes of the largest datagram."""
        self._lost: list[Callable[[Flow], None]] = []

    @property
    def transport(self) -> str:  # type: ignore[override]
        return self._transport

    @property
    def local(self) -> tuple[str, int]:
        return self._local

    @property
    def alive(self) -> bool:
        return not self.gone

    @property
    def key(self) -> str:
        return f"{self._transport.lower()}|{self.remote[0]}:{self.remote[1]}|0.0.0.0:5060"

    def send(self, data: bytes) -> None:
        if self.gone:
            raise TransportError("gone")
        if self._transport == "UDP" and len(data) > self.room:
            raise DatagramTooLarge(f"{len(data)} bytes do not fit a datagram")
        self.sent.append(data)

    def vouched(self) -> None:
        self.proved = True

    def on_lost(self, callback: Callable[[Flow], None]) -> None:
        self._lost.append(callback)

    def lose(self) -> None:
        """The connection breaks."""
        self.gone = True
        for callback in self._lost:
            callback(self)

    # -- reading what was sent ----------------------------------------------------------------------------

    @property
    def messages(self) -> list[Request | Response]:
        return [parse(data) for data in self.sent]

    @property
    def last(self) -> Request | Response:
        return parse(self.sent[-1])

    @property
    def statuses(self) -> list[int]:
        return [message.status for message in self.messages if isinstance(message, Response)]

    @property
    def methods(self) -> list[str]:
        return [message.method for message in self.messages if isinstance(message, Request)]

    def take(self) -> list[Request | Response]:
        """What was sent since the last `take`."""
        messages = self.messages
        self.sent.clear()
        return messages


def wire(text: str, body: bytes = b"") -> bytes:
    """A message as it goes over the wire: CRLF line ends, Content-Length filled in where it is missing."""
    lines = [line.strip() for line in text.strip().splitlines()]
    if not any(line.lower().startswith(("content-length", "l:")) for line in lines):
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
