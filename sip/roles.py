"""What the core calls, and what it is told at the start: the parts that others play."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from sip.auth.authenticator import Authenticated
from sip.message import Request
from sip.request import ServerRequest
from sip.transport.flow import Flow
from sip.transport.spec import Address


class Service(Protocol):
    """Something of ours that answers a method."""

    def handle(self, sr: ServerRequest) -> None:
        """Answer now or later; a `SipError` that is raised is the answer."""


class Onward(Protocol):
    """The proxy, as far as the core calls it."""

    def to_user(self, sr: ServerRequest, aor: str) -> None:
        """Forward to the bindings of a user of ours."""

    def onward(self, sr: ServerRequest, *, record_route: bool) -> None:
        """Forward to the next Route or the Request-URI."""

    def ack(self, request: Request) -> None:
        """Forward an ACK to a 2xx."""


class Doorkeeper(Protocol):
    """The authenticator, as far as the core calls it."""

    def authenticate(
        self,
        request: Request,
        *,
        realm: str,
        now: float,
        proxy: bool = False,
        remote: Address | None = None,
    ) -> Authenticated:
        """The user whose credentials `request` carries, which came from `remote`.

        Raises the challenge or the refusal.
        """


class Network(Protocol):
    """What the core needs of the transports."""

    def is_local(self, host: str, port: int | None, transport: str | None) -> bool:
        """Whether one of our listeners is meant."""

    def udp_flow(self, through: Flow, host: str, port: int) -> Flow:
        """The UDP flow from the listener of `through` to another port or host."""

    def answer_elsewhere(self, transport: str, host: str, port: int, data: bytes) -> None:
        """Send an answer over a new connection; it is lost if there can be none."""


@dataclass(frozen=True, slots=True)
class CoreSettings:
    """What this server says of itself."""

    domains: Sequence[str]
    """The first one is the realm where nothing else decides."""
    supported: Sequence[str] = ("path",)
    """Option tags that a Require may name (RFC 3261 §8.2.2.3)."""
    accept: Sequence[str] = ("application/pidf+xml",)
    server: str = ""
    """Value of the Server header field, empty for none."""
    max_header_values: int = 0
    """Header fields of one message and values in them, 0 for no limit."""
    max_value_length: int = 0
    """Characters of a value that would be kept, 0 for no limit."""
