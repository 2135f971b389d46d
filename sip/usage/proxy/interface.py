"""What the proxy is given and what it asks for: targets, settings, and the sender of its requests."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from sip.message import Request, Response
    from sip.transport.flow import Flow
    from sip.uri import Uri


class Target(NamedTuple):
    """One member of the target set (RFC 3261 §16.5)."""

    uri: Uri | None
    """The Request-URI of the copy; None leaves the received one as it is."""
    hop: Flow | Uri
    """The next hop: the live flow of a binding, else its first Path URI, else its contact URI."""
    q: int = 1000
    """Preference in thousandths: higher ones first, equal ones in parallel."""
    routes: tuple[str, ...] = ()
    """Path header values of the binding, which lead the Route header field (RFC 3327 §5.4)."""


@dataclass(frozen=True, slots=True)
class ProxySettings:
    """Limits and habits of the proxy; times in seconds."""

    timer_c: float = 190.0
    """How long an INVITE branch may ring (RFC 3261 §16.6 step 11: more than three minutes)."""
    cancel_wait: float = 32.0
    """How long a cancelled branch may take to end by itself (RFC 3261 §9.1: 64 times T1)."""
    non_invite_patience: float = 30.0
    """When a non-INVITE request is answered with what is known, although a branch is silent: just before the
    client gives up, because an answer after that is of no use (RFC 4320)."""
    relay_patience: float = 20.0
    """The same for relays, which have to leave time for what follows them (storing a message)."""
    max_forwards: int = 70
    """Max-Forwards for a request that has none."""
    max_breadth: int = 60
    """Max-Breadth for a request that has none, and the most that is believed (RFC 5393 §5.3.3)."""
    recurse: bool = False
    """Try the contacts of a 3xx ourselves instead of passing it on (RFC 3261 §16.7 step 4)."""
    assert_identity: bool = False
    """Tell next hops who was authenticated, in P-Asserted-Identity (RFC 3325): only where all are trusted."""
    loop_key: bytes = field(default_factory=lambda: secrets.token_bytes(16), repr=False)
    """Makes our marks in Via branches ours: nobody else's can be taken for them."""


class Outcome(NamedTuple):
    """How a branch ended."""

    status: int
    reason: str
    response: Response | None = None
    """The answer as it may go back; None when it is a finding of our own (unreachable, timed out)."""


class ResponseUser(Protocol):
    """Who hears what became of a request that was sent."""

    def on_response(self, response: Response) -> None:
        """Provisional answers, then a final one (several 2xx to an INVITE); our Via is on top."""

    def on_failure(self, status: int, reason: str) -> None:
        """Nobody answered (408) or nobody could be reached (503)."""


class Sending(Protocol):
    """A request on its way."""

    def cancel(self, reasons: Sequence[str] = ()) -> None:
        """CANCEL the INVITE, once a provisional answer allows it, with these Reason values (RFC 3326).

        Harmless when it has ended, or was cancelled before.
        """


class Sender(Protocol):
    """What the proxy needs of the request sender."""

    def send(
        self,
        request: Request,
        hop: Flow | Uri,
        user: ResponseUser,
        *,
        branch_suffix: str = "",
        finish: Callable[[Request, Flow], None] | None = None,
    ) -> Sending:
        """Resolve `hop`, put our Via on top (branch `z9hG4bK<random>.<branch_suffix>`) and send that.

        `finish(copy, flow)` is called for each attempt, with a copy of its own, when its flow is known.
        """

    def forward_ack(self, request: Request, hop: Flow | Uri, *, branch_suffix: str = "") -> None:
        """Send an ACK to a 2xx, with our Via and without a transaction."""
