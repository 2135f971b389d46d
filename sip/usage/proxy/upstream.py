"""Where answers go: back through the server transaction, or to whoever had a message relayed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from sip.usage.proxy.best import aggregate_challenges
from sip.usage.proxy.interface import Outcome

if TYPE_CHECKING:
    from sip.message import Response
    from sip.request import ServerRequest

log = logging.getLogger(__name__)

OnResult = Callable[[int, "Response | None"], None]


class ServerUpstream:
    """The client whose request is proxied: answers go into its server transaction (RFC 3261 §16.7 step 9)."""

    __slots__ = ("_sr",)

    def __init__(self, sr: ServerRequest) -> None:
        self._sr = sr

    def passable(self, response: Response) -> Response | None:
        """`response` without our Via; None if it has no other and so claims to be for us (§16.7 step 3)."""
        passed = response.copy()
        passed.remove_first("Via")
        return passed if "Via" in passed else None

    def provisional(self, response: Response) -> None:
        """Pass it on."""
        self._sr.transaction.respond(response)

    def success(self, response: Response) -> None:
        """Pass it on."""
        self._sr.transaction.respond(response)

    def final(self, best: Outcome, outcomes: Sequence[Outcome]) -> None:
        """Pass the best answer on, or answer ourselves where there is none to pass on."""
        if best.status == 503:
            # A 503 would say that *we* can serve nobody (§16.7 step 6).
            self._sr.reply(500, "Next hop unavailable")
            return
        response = aggregate_challenges(best, outcomes)
        if response is None:
            self._sr.reply(best.status, best.reason)
        else:
            self._sr.transaction.respond(response)

    def late(self, response: Response) -> None:
        """Dropped: the transaction has no place for it (RFC 6026 §7.1, RFC 4320 §4.2)."""
        log.info("proxy.late_success", extra={"status": response.status, "method": self._sr.method})


class Relay:
    """A request under way to all targets, on behalf of a service of ours.

    The result is given once: the first 2xx, else the best status when all have answered or patience is over.
    """

    __slots__ = ("_on_result", "on_late")

    def __init__(self, on_result: OnResult) -> None:
        self._on_result: OnResult | None = on_result
        self.on_late: Callable[[Response], None] | None = None
        """Called for a 2xx after a result that was none: somebody has taken the message after all."""

    @property
    def done(self) -> bool:
        """True once the result is known, or `cancel` was called."""
        return self._on_result is None

    def cancel(self) -> None:
        """Nobody wants to know the result any more; what was sent stays sent."""
        self._on_result = self.on_late = None

    def passable(self, response: Response) -> Response | None:
        """`response` as it is: it ends here."""
        return response

    def provisional(self, response: Response) -> None:
        """Of no use to a service."""

    def success(self, response: Response) -> None:
        """The result, if it is the first."""
        self._result(response.status, response)

    def final(self, best: Outcome, outcomes: Sequence[Outcome]) -> None:
        """The result: nobody took it."""
        self._result(best.status, aggregate_challenges(best, outcomes))

    def late(self, response: Response) -> None:
        """Tell who wants to know."""
        if self.on_late is not None:
            self.on_late(response)

    def _result(self, status: int, response: Response | None) -> None:
        on_result, self._on_result = self._on_result, None
        if on_result is not None:
            on_result(status, response)
