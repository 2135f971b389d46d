"""The response context: one request forked to its targets, and what becomes of the branches.

RFC 3261 §16.7 (responses), §16.8 (timer C), §16.9 (transport errors) and §16.10 (CANCEL), with Reason in the
CANCELs (RFC 3326).  Who asked is an `Upstream`: a server transaction, or a relay without one.

Rules of this room: a branch ends exactly once; a group of targets starts when all before it have ended;
upstream hears exactly one final outcome, or one or more 2xx.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Final, Protocol

from sip.errors import SipError
from sip.usage.proxy.best import choose
from sip.usage.proxy.interface import Outcome, ProxySettings, Sending, Target
from sip.usage.proxy.loops import share_breadth

if TYPE_CHECKING:
    from sip.message import Request, Response
    from sip.timers import Timer, TimerWheel

log = logging.getLogger(__name__)

ELSEWHERE: Final = 'SIP;cause=200;text="Call completed elsewhere"'
RANG_TOO_LONG: Final = 'SIP;cause=408;text="Request Timeout"'


class Upstream(Protocol):
    """Where the answers go."""

    def passable(self, response: Response) -> Response | None:
        """`response` as it may go back; None if it cannot.  Everything below is given what this made."""

    def provisional(self, response: Response) -> None:
        """A 101-199; never a 100, never after the end."""

    def success(self, response: Response) -> None:
        """A 2xx: the first one, or another one to an INVITE."""

    def final(self, best: Outcome, outcomes: Sequence[Outcome]) -> None:
        """Nobody accepted: the best of all outcomes."""

    def late(self, response: Response) -> None:
        """A 2xx after the request has been answered otherwise; there is nothing to answer any more."""


Launch = Callable[[Target, int, "Branch"], Sending]
"""Sends the copy for a target with a share of the Max-Breadth, on behalf of a branch; may raise SipError."""

Redirect = Callable[["Response"], tuple[list[Target], "Response | None"]]
"""Targets to try instead of a 3xx, and what is left of the 3xx (None: nothing)."""


class Branch:
    """One target and the client transaction towards it."""

    __slots__ = ("_cancelled", "_context", "_provisional", "_sending", "_timer", "pending", "target")

    def __init__(self, context: ResponseContext, target: Target) -> None:
        self.target = target
        self.pending = True
        """True until the branch has a final outcome."""
        self._context = context
        self._sending: Sending | None = None
        self._provisional = False
        self._cancelled = False
        self._timer: Timer | None = None

    def start(self, launch: Launch, breadth: int) -> None:
        """Send the request; the outcome may be known before this returns."""
        context = self._context
        if context.invite:
            self._set_timer(context.settings.timer_c)
        try:
            sending = launch(self.target, breadth, self)
        except SipError as error:
            self.on_failure(error.status, error.reason)
            return
        if self.pending:
            self._sending = sending

    def cancel(self, reasons: Sequence[str]) -> None:
        """End the branch by CANCEL; it still ends by its own answer, or after `cancel_wait`."""
        if self.pending and not self._cancelled and self._sending is not None:
            self._cancelled = True
            self._set_timer(self._context.settings.cancel_wait)
            self._sending.cancel(reasons)

    # -- what the sender tells ----------------------------------------------------------------------------

    def on_response(self, response: Response) -> None:
        """An answer from this target, with our Via on top."""
        context = self._context
        if response.status < 200:
            self._provisional = True
            if response.status > 100 and self.pending:
                if context.invite and not self._cancelled:
                    self._set_timer(context.settings.timer_c)
                context.provisional(response)
            return
        again = not self.pending
        self._end()
        if again:
            context.repeated(response)
        else:
            context.answered(self, response)

    def on_failure(self, status: int, reason: str) -> None:
        """Nobody answered (408), nobody could be reached (503), or the copy could not be made."""
        if self.pending:
            self._end()
            self._context.failed(self, Outcome(status, reason))

    # -- time ---------------------------------------------------------------------------------------------

    def _set_timer(self, delay: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._context.timers.after(delay, self._expired)

    def _expired(self) -> None:
        if self._provisional and not self._cancelled:
            self.cancel((RANG_TOO_LONG,))
            return
        # A late provisional would still tell that it rings there: then it is to stop (§9.1).
        if self._sending is not None and not self._cancelled:
            self._sending.cancel((RANG_TOO_LONG,))
        self.on_failure(408, "Request Timeout")

    def _end(self) -> None:
        self.pending = False
        # It knows us too: nothing that is over may wait for the collector of cycles.
        self._sending = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class ResponseContext:
    """All branches of one request."""

    __slots__ = (
        "_active",
        "_answered",
        "_breadth",
        "_cancelled",
        "_closed",
        "_launch",
        "_outcomes",
        "_patience",
        "_redirect",
        "_succeeded",
        "_upstream",
        "_waiting",
        "invite",
        "settings",
        "timers",
    )

    def __init__(
        self,
        upstream: Upstream,
        launch: Launch,
        targets: Iterable[Target],
        *,
        invite: bool,
        breadth: int,
        timers: TimerWheel,
        settings: ProxySettings,
        redirect: Redirect | None = None,
    ) -> None:
        self.invite = invite
        self.timers = timers
        self.settings = settings
        self._upstream = upstream
        self._launch = launch
        self._redirect = redirect
        self._breadth = breadth
        self._waiting = list(targets)
        self._active: dict[Branch, None] = {}
        self._outcomes: list[Outcome] = []
        self._patience: Timer | None = None
        self._closed = False
        """True when no further branch may be started."""
        self._cancelled = False
        self._answered = False
        self._succeeded = False

    def begin(self, patience: float | None) -> None:
        """Start the first group; after `patience` seconds, if given, the answer is made of what is there."""
        if patience is not None:
            self._patience = self.timers.after(patience, self._out_of_patience)
        self._advance()

    def cancel(self, reasons: Sequence[str] = ()) -> None:
        """Whoever asked has given up: end all branches, start no more (§16.10)."""
        self._cancelled = True
        self._close(reasons)

    # -- what branches tell -------------------------------------------------------------------------------

    def provisional(self, response: Response) -> None:
        """A 101-199: passed on at once, but only to an INVITE (§16.7 step 5, RFC 4320 §4.1)."""
        if self.invite and not self._answered:
            passed = self._upstream.passable(response)
            if passed is not None:
                self._upstream.provisional(passed)

    def answered(self, branch: Branch, response: Response) -> None:
        """The final answer of a branch (§16.7 steps 3 to 5)."""
        passed = self._upstream.passable(response)
        if passed is None:
            # For ourselves, it says; it cannot be passed on, and the branch has no other answer.
            log.info("proxy.response_without_via", extra={"status": response.status})
            self.failed(branch, Outcome(502, "Next hop broke the Via header field"))
            return
        self._active.pop(branch, None)
        status = passed.status
        if status < 300:
            self._succeed(passed)
            return
        if status >= 600:
            self._close((f'SIP;cause={status};text="{_quotable(passed.reason)}"',))
        elif status < 400 and self._redirect is not None and not self._closed:
            more, left = self._redirect(passed)
            self._waiting += more
            passed = left
        if passed is not None:
            self._outcomes.append(Outcome(status, passed.reason, passed))
        self._advance()

    def repeated(self, response: Response) -> None:
        """A final answer of a branch that had one: 2xx to INVITE come again until they are acknowledged."""
        passed = self._upstream.passable(response)
        if passed is not None and passed.status < 300:
            self._succeed(passed)

    def failed(self, branch: Branch, outcome: Outcome) -> None:
        """A branch without an answer counts as if it had answered so (§16.6 step 7, §16.9)."""
        self._active.pop(branch, None)
        self._outcomes.append(outcome)
        self._advance()

    # -- what follows -------------------------------------------------------------------------------------

    def _advance(self) -> None:
        """Start the next group when the last one has ended, or conclude when there is none."""
        while not self._active:
            if self._closed or not self._waiting:
                self._conclude()
                return
            self._start_group()

    def _start_group(self) -> None:
        waiting = self._waiting
        waiting.sort(key=lambda target: -target.q)
        equals = sum(target.q == waiting[0].q for target in waiting)
        # What exceeds the breadth (contacts of a redirect may) waits until these have ended.
        group = waiting[: min(equals, self._breadth)]
        del waiting[: len(group)]
        branches = [Branch(self, target) for target in group]
        self._active.update(dict.fromkeys(branches))
        for branch, breadth in zip(branches, share_breadth(self._breadth, len(branches)), strict=True):
            if self._closed:
                # Another branch of this group has ended it all before this one began.
                del self._active[branch]
            else:
                branch.start(self._launch, breadth)

    def _succeed(self, response: Response) -> None:
        if self._succeeded and not self.invite:
            return
        if self._answered and not self._succeeded:
            self._upstream.late(response)
            return
        self._answered = self._succeeded = True
        self._stop_patience()
        self._upstream.success(response)
        self._close((ELSEWHERE,))

    def _close(self, reasons: Sequence[str]) -> None:
        self._closed = True
        if self.invite:
            for branch in list(self._active):
                branch.cancel(reasons)

    def _out_of_patience(self) -> None:
        self._patience = None
        self._close(())
        self._conclude()

    def _conclude(self) -> None:
        """Send the best of the outcomes, unless an answer was given (§16.7 step 6)."""
        if self._answered:
            return
        self._answered = True
        self._stop_patience()
        best = choose(self._outcomes, invite=self.invite)
        if self._cancelled and best.response is None:
            best = Outcome(487, "Request Terminated")
        self._upstream.final(best, self._outcomes)

    def _stop_patience(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None


def cancel_reasons(cancel: Request) -> list[str]:
    """The Reason values of a CANCEL, for the CANCELs that follow from it (RFC 3326 §2)."""
    return cancel.values("Reason")


def _quotable(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
