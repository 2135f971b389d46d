"""One subscription at the notifier's side, and the NOTIFYs it sends (RFC 6665 §4.2.2).

NOTIFYs of one subscription never overtake each other: while one waits for its answer, changes are only
marked, and what is sent next is the newest state.
"""

from __future__ import annotations

import logging
import math
import sys
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from sip.dialog import Dialog
from sip.errors import BadRequest
from sip.message import Response
from sip.sender import LARGEST_BODY, TOO_LARGE, DirectSending, Sending
from sip.timers import Timer
from sip.transport.flow import Flow
from sip.usage.notifier.cseq import reserve
from sip.usage.notifier.notify import etag_of
from sip.usage.notifier.pacing import Pacing
from sip.usage.notifier.package import (
    Authorization,
    DivisibleView,
    EventPackage,
    HeldBack,
    Reason,
    View,
)
from sip.usage.notifier.rates import Rates
from sip.usage.notifier.rows import ANY
from sip.usage.notifier.sending import send_notify
from sip.usage.notifier.told import Notification

if TYPE_CHECKING:
    from sip.usage.notifier.usage import NotifierUsage

log = logging.getLogger(__name__)

ENDS_SUBSCRIPTION: Final = frozenset({404, 405, 408, 410, 416, *range(480, 486), 489, 501, 604})
"""Answers to NOTIFY that end the subscription (RFC 6665 §4.2.2; 408 by RFC 3261 §12.2.1.2)."""

TOO_LARGE_RETRY: Final = 600
"""Seconds after which to ask again who cannot be sent so much: by another transport, or for less."""


@lru_cache(maxsize=256)
def _shared(accept: tuple[str, ...]) -> tuple[str, ...]:
    """The one of equal values that came first: phones of a kind accept the same."""
    return accept


class Subscription:
    """A watcher's subscription to one package of one AOR."""

    __slots__ = (
        "_again",
        "_asked",
        "_carries",
        "_ending",
        "_etag_sent",
        "_full",
        "_notifying",
        "_sending",
        "_told_state",
        "_undelivered",
        "accept",
        "aor",
        "content_type",
        "created_at",
        "cseq_durable",
        "cseq_reserving",
        "dialog",
        "event_id",
        "expires_at",
        "filter_body",
        "filter_type",
        "flow",
        "flow_key",
        "guessed",
        "id",
        "is_kept",
        "last_at",
        "last_result",
        "last_status",
        "list_package",
        "pacing",
        "package",
        "sent_at",
        "state",
        "suppress",
        "timer",
        "usage",
        "user_agent",
        "version",
        "view",
        "watcher",
        "way",
        "way_target",
    )

    def __init__(
        self,
        usage: NotifierUsage,
        *,
        identifier: str,
        package: str,
        event_id: str,
        aor: str,
        watcher: str,
        dialog: Dialog,
        accept: Sequence[str],
        content_type: str,
        expires_at: float,
        flow: Flow | None,
        flow_key: str,
        state: Authorization,
        user_agent: str,
        created_at: float,
        cseq_durable: int = 0,
        filter_type: str = "",
        filter_body: bytes = b"",
        version: int = 0,
    ) -> None:
        self.id = identifier
        self.package = sys.intern(package)
        self.event_id = event_id
        self.aor = aor
        self.watcher = watcher
        self.dialog = dialog
        self.accept = _shared(tuple(accept))
        self.content_type = content_type
        self.expires_at = expires_at
        """Monotonic seconds."""
        self.flow = flow
        """The way the watcher came by, None while it is not there (his connection went with a restart)."""
        self.guessed = False
        """True while `flow` is that of a phone which may be another one of the watcher's."""
        self.flow_key = flow_key
        self.state: Authorization = state
        self.user_agent = sys.intern(user_agent)
        self.created_at = created_at
        """Epoch seconds."""
        self.cseq_durable = cseq_durable
        """The highest CSeq number that a restart would know of."""
        self.cseq_reserving = False
        self.filter_type = filter_type
        self.filter_body = filter_body
        self.version = version
        """Of the last document that has one (RFC 5263 §4.4); kept by the view."""
        self.last_at = 0.0
        """When the last NOTIFY was answered or given up, epoch seconds; 0 for never."""
        self.last_status = 0
        """Its final status: 408 without an answer, 503 where it could not be sent."""
        self.last_result = ""
        """The reason that came with it."""
        self.list_package: EventPackage | None = None
        """What serves it instead of the package, if it is one to a list; set before anything else is done."""
        self.timer: Timer | None = None
        self.view: View | None = None
        """What the watcher sees; set before the first NOTIFY."""
        self.pacing: Pacing | None = None
        """How often he may or must hear, if that is limited (see `pace`)."""
        self.sent_at = -math.inf
        """When the last NOTIFY went out, monotonic seconds."""
        self.suppress = ""
        """Entity-tag of the state that he has already (RFC 5839), "*" for any; empty without a condition."""
        self.usage = usage
        """Keeps it."""
        self.is_kept = False
        """Whether it is among `Subscriptions`, which sets this."""
        self._notifying = False
        self._sending: Sending | DirectSending | None = None
        """The NOTIFY under way; nothing of it is kept once it is answered."""
        self._again = False
        self._asked = True
        self._full = True
        self._carries = False
        """Whether the NOTIFY under way has the body that the view rendered."""
        self._etag_sent = ""
        self._told_state = ""
        self._ending = ""
        self._undelivered = False
        self.way: Flow | None = None
        """The flow that NOTIFYs go over, as it was found out, and the remote target for which it was."""
        self.way_target = ""

    # -- NOTIFY -------------------------------------------------------------------------------------------

    def notify(self, *, asked: bool = False) -> None:
        """Send the present state, now or as soon as the NOTIFY under way is answered and the rate allows it.

        `asked` after a SUBSCRIBE: then it goes out whatever the rate, and tells everything.
        """
        if self._ending and not asked:
            return
        if asked:
            self._asked = self._full = True
        if self._notifying:
            self._again = True
        else:
            self._send()

    def end(self, reason: Reason, retry_after: int | None = None) -> None:
        """Send the last NOTIFY, `terminated` with `reason` (RFC 6665 §4.1.3); no other follows it."""
        if self._ending:
            return
        self._ending = reason if retry_after is None else f"{reason};retry-after={retry_after}"
        self.notify(asked=True)

    def keep_filter(self, content_type: str, body: bytes) -> None:
        """The body to open the view with after a restart; durable with the SUBSCRIBE that brought it."""
        self.filter_type, self.filter_body = content_type, body

    @property
    def lists(self) -> tuple[str, ...]:
        """None: it is to no member of a list."""
        return ()

    @property
    def agreed_rates(self) -> str:
        """The rates as the Subscription-State says them, empty for none; they outlive a restart."""
        return "" if self.pacing is None else self.pacing.agreed

    def pace(self, rates: Rates | None) -> None:
        """Hear as often as `rates` say from now on; None: at every change."""
        if self.pacing is not None:
            self.pacing.stop()
            # What waited for the rate waits for nothing any more.
            self.usage.timers.after(0.0, self.go_on)
        self.pacing = None if rates is None else Pacing(self.usage.timers, rates, self._wake)

    def stay_quiet(self, condition: str) -> None:
        """After a restart: he wanted nothing but the changes of the subscription itself (RFC 5839 §5.2)."""
        self.suppress, self._asked, self._told_state = condition, False, self.state

    def current_etag(self, *, refreshed: bool = False) -> str:
        """The entity-tag of what the watcher would be told now (RFC 5839 §6.1).

        While a NOTIFY is under way it is that of this one: who names it has got it, though we have no answer
        yet.  But empty if something else is to be told after it, for what is made then has to build on it; so
        too if the view was `refreshed` since.
        """
        if self._notifying:
            return "" if self._again or refreshed else self._etag_sent
        told = self._notification(full=True)
        return etag_of(told) if told is not None else ""

    @property
    def remote_uri(self) -> str:
        """How the watcher calls himself: the value of From."""
        return self.dialog.remote_uri

    @property
    def undelivered(self) -> bool:
        """True if the last NOTIFY could not be sent; it is sent again when the watcher shows up."""
        return self._undelivered

    @property
    def held_back(self) -> HeldBack | None:
        """Why a change is not told at once; None if it is."""
        if self._notifying:
            return HeldBack("answer")
        if self._undelivered:
            return HeldBack("unreachable")
        allowed = self.pacing.held_until() if self.pacing is not None else None
        if allowed is not None:
            # When his turn comes he waits for that all the same.
            return HeldBack("rate", allowed)
        return HeldBack("turn") if self.usage.fan_out.waits(self) else None

    def _send(self) -> None:
        usage = self.usage
        usage.fan_out.told(self)
        if (self.pacing is not None and self._too_early()) or not reserve(self):
            self._again = True
            return
        self._again = False
        asked, self._asked = self._asked, False
        if self._told_state != (self._ending or self.state):
            self._full = True
        told = self._notification(full=self._full)
        if told is None:
            # Nothing that this watcher wants to hear of; a promise to notify at least so often is kept below.
            self._arm_rate()
            return
        state = self._ending or self.state
        etag = etag_of(told)
        known = bool(self.suppress) and self.suppress in (ANY, etag)
        if known and not asked and state == self._told_state:
            # Nothing is due by any rate as long as he has it (RFC 5839 §6.3): the next change brings us back.
            if self.pacing is not None:
                self.pacing.stop()
            return
        try:
            self._sending = send_notify(self, told, etag, known=known, ending=self._ending)
        except BadRequest as error:
            log.info("notify.unroutable", extra={"watcher": self.watcher, "reason": error.reason})
            usage.drop(self, "unroutable")
            return
        if not known and self.suppress:
            # The condition is over: what follows is told as to everybody else (RFC 5839 §5.2).
            self.suppress = ""
        self._told_state = state
        self._full = False
        self._carries = not known and not self._tells_nothing()
        self._etag_sent = "" if told.more else etag
        self._notifying = True
        self.sent_at = usage.timers.now
        if self.pacing is not None:
            self.pacing.sent()
        usage.stats.notifies_sent += 1

    def _notification(self, *, full: bool) -> Notification | None:
        if self._tells_nothing():
            if not full and self._told_state == (self._ending or self.state):
                # A NOTIFY at every change would tell when there are changes.
                return None
            neutral = self.usage.package_of(self).neutral(self)
            return neutral if isinstance(neutral, Notification) else Notification(neutral)
        assert self.view is not None
        return self.view.render(self.usage.wall(), full=full or bool(self._ending))

    def _tells_nothing(self) -> bool:
        """Whether the watcher may not see anything, not yet or not any more."""
        if self.state == "pending":
            return True
        return bool(self._ending) and self._ending.startswith(("rejected", "noresource", "probation"))

    def _too_early(self) -> bool:
        """True if the rate does not allow it yet; then the wheel brings us back."""
        if self.pacing is None or self._asked or self._ending or self.state != self._told_state:
            return False
        return self.pacing.wait_if_early()

    def _adopt_rates(self, response: Response) -> None:
        """The rates that an answer to NOTIFY asks for instead of those of the SUBSCRIBE (RFC 6446 §9.3).

        Only who asked for rates in his SUBSCRIBE may do so (§4.1); an answer without Event changes nothing.
        """
        if self.pacing is None:
            return
        try:
            event = response.event
        except BadRequest:
            return
        if event is None or event.package != self.package:
            return
        if self.pacing.adopt(event.params, self.expires_at - self.usage.timers.now):
            self.usage.store(self)

    def _arm_rate(self) -> None:
        if self.pacing is None:
            return
        if self._ending:
            self.pacing.stop()
        else:
            self.pacing.wait_for_due()

    def _wake(self) -> None:
        """A rate allows the next NOTIFY, or wants one although nothing has changed (RFC 6446)."""
        if not self.usage.is_live(self) or self._notifying:
            return
        if self.pacing is not None and self.pacing.is_due():
            # Also if nothing has changed that he is to see: the least rate wants the state all the same, and
            # not a moment later because something has that he is not to see.
            self._full = True
        elif not self._again:
            self._arm_rate()
            return
        self._send()

    def closed(self) -> None:
        """It is removed: nothing is waited for and nothing is held any more."""
        # What knows this subscription is let go, so that it is freed without the collector.
        if self.pacing is not None:
            self.pacing.stop()
            self.pacing = None
        if self.view is not None:
            self.view.close()
            self.view = None
        self._again = False
        self._ending = self._ending or "timeout"

    def go_on(self) -> None:
        """Send what was held back until more numbers are durable."""
        if self._again and not self._notifying:
            self._send()

    # -- answers (ResponseUser) ---------------------------------------------------------------------------

    def on_response(self, response: Response) -> None:
        """An answer to the NOTIFY."""
        status = response.status
        if status < 200:
            return
        self._notifying = False
        self._sending = None
        self.usage.fan_out.answered(self.sent_at)
        if self.guessed and status == 481:
            # The phone that registered was another one: this one is waited for as before.
            self.flow, self.guessed, self._undelivered = None, False, True
            self._next()
            return
        self.guessed = self.guessed and status >= 300
        self._undelivered = False
        self._outcome(status, response.reason)
        if status < 300 and self.pacing is not None:
            self._adopt_rates(response)
        if status == TOO_LARGE and self._divide(unsent=False):
            return
        if status >= 300 and not self._ending:
            self.usage.stats.notifies_failed += 1
            log.info(
                "notify.refused", extra={"watcher": self.watcher, "presentity": self.aor, "status": status}
            )
            if status in ENDS_SUBSCRIPTION:
                self.usage.drop(self, f"NOTIFY answered {status}")
                return
        self._next()

    def on_failure(self, status: int, reason: str) -> None:
        """No answer to the NOTIFY: 408 ends the subscription, an unreachable watcher keeps it (RFC 5057).

        513: no datagram holds it.  Then it is divided, or the subscription ends: silence would say that
        nothing has changed.
        """
        self._notifying = False
        sending, self._sending = self._sending, None
        self.usage.fan_out.answered(self.sent_at)
        self.usage.stats.notifies_failed += 1
        log.info(
            "notify.failed",
            extra={"watcher": self.watcher, "presentity": self.aor, "status": status, "reason": reason},
        )
        if status == 408 and not self._ending:
            self.usage.drop(self, "NOTIFY not answered")
            return
        self._undelivered = status != TOO_LARGE
        self._outcome(status, reason)
        if status == TOO_LARGE:
            if self._divide(unsent=sending is not None and not sending.tries):
                return
            if not self._ending:
                log.warning(
                    "notify.too-large",
                    extra={"watcher": self.watcher, "presentity": self.aor, "reason": reason},
                )
                self.usage.terminate(self, "probation", retry_after=TOO_LARGE_RETRY)
                return
        self._next()

    def _divide(self, *, unsent: bool) -> bool:
        """Whether what was too large for one NOTIFY goes out in several; then the first is on its way.

        `unsent`: it never left, so nobody can have got it.
        """
        if not isinstance(self.view, DivisibleView) or not self.view.divide(LARGEST_BODY, unsent=unsent):
            return False
        log.info("notify.divided", extra={"watcher": self.watcher, "presentity": self.aor})
        self._asked = True
        self._send()
        return True

    def _outcome(self, status: int, reason: str) -> None:
        self.last_at, self.last_status, self.last_result = self.usage.wall(), status, reason
        delivered = status < 300
        if not delivered or not (self._carries or self._tells_nothing()):
            # What comes next cannot build on this one.
            self._full = True
        if self.view is not None and self._carries:
            if delivered:
                self.view.delivered()
            else:
                self.view.failed()

    def _next(self) -> None:
        if self._again:
            self._send()
        elif self._ending:
            self.closed()
            self.usage.drop(self, self._ending)
        elif self.pacing is not None:
            self._arm_rate()
