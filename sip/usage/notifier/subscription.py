"""One subscription at the notifier's side, and the NOTIFYs it sends (RFC 6665 §4.2.2).

NOTIFYs of one subscription never overtake each other: while one waits for its answer, changes are only
marked, and what is sent next is the newest state.

The CSeq that a restart goes on from must be durable before it is used.  A record for every NOTIFY would
make a change with a thousand watchers a thousand records, so numbers are reserved a block ahead: a crash
leaves a gap in the numbers (which RFC 3261 §12.2.2 allows the other side to see), a clean stop none.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from sip.dialog import Dialog
from sip.errors import BadRequest
from sip.message import Request, Response
from sip.ports import JournalError, Record
from sip.routing import next_hop
from sip.timers import Timer
from sip.transport.flow import Flow
from sip.usage.notifier.package import Authorization, EventPackage, Notification, Reason, View
from sip.usage.notifier.rates import Rates

if TYPE_CHECKING:
    from sip.usage.notifier.usage import NotifierUsage

log = logging.getLogger(__name__)

CSEQ_BLOCK: Final = 64
"""NOTIFYs that may be sent before a new block of CSeq numbers has to be durable."""
CSEQ_MARGIN: Final = 16
"""Numbers left when the next block is asked for."""

ENDS_SUBSCRIPTION: Final = frozenset({404, 405, 408, 410, 416, *range(480, 486), 489, 501, 604})
"""Answers to NOTIFY that end the subscription (RFC 6665 §4.2.2; 408 by RFC 3261 §12.2.1.2)."""


def _etag_of(told: Notification) -> str:
    return told.etag or (told.body.etag if told.body is not None else "")


class Subscription:
    """A watcher's subscription to one package of one AOR."""

    __slots__ = (
        "_again",
        "_asked",
        "_carries",
        "_ending",
        "_full",
        "_last_etag",
        "_notifying",
        "_told_state",
        "_undelivered",
        "_usage",
        "_wait",
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
        "last_at",
        "last_result",
        "last_status",
        "list_package",
        "package",
        "rates",
        "state",
        "suppress",
        "timer",
        "user_agent",
        "version",
        "view",
        "watcher",
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
        self.package = package
        self.event_id = event_id
        self.aor = aor
        self.watcher = watcher
        self.dialog = dialog
        self.accept = tuple(accept)
        self.content_type = content_type
        self.expires_at = expires_at
        """Monotonic seconds."""
        self.flow = flow
        """The way the watcher came by, None while it is not there (his connection went with a restart)."""
        self.guessed = False
        """True while `flow` is that of a phone which may be another one of the watcher's."""
        self.flow_key = flow_key
        self.state: Authorization = state
        self.user_agent = user_agent
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
        self.rates: Rates | None = None
        """How often he may or must hear, if that is limited."""
        self.suppress = ""
        """Entity-tag of the state that he has already (RFC 5839), "*" for any; empty without a condition."""
        self._usage = usage
        self._notifying = False
        self._again = False
        self._asked = True
        self._full = True
        self._carries = False
        """Whether the NOTIFY under way has the body that the view rendered."""
        self._wait: Timer | None = None
        self._last_etag = ""
        self._told_state = ""
        self._ending = ""
        self._undelivered = False

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

    def current_etag(self) -> str:
        """The entity-tag of what the watcher would be told now (RFC 5839 §6.1).

        Empty while a NOTIFY is under way: what he has then is known when it is answered, not before.
        """
        if self._notifying:
            return ""
        told = self._notification(full=True)
        return _etag_of(told) if told is not None else ""

    @property
    def undelivered(self) -> bool:
        """True if the last NOTIFY could not be sent; it is sent again when the watcher shows up."""
        return self._undelivered

    def _send(self) -> None:
        usage = self._usage
        if self._too_early() or not self._reserve():
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
        etag = _etag_of(told)
        known = bool(self.suppress) and self.suppress in ("*", etag)
        if known and not asked and state == self._told_state:
            self._arm_rate()
            return
        try:
            hop = next_hop(self.dialog.remote_target, self.dialog.routes, self.flow)
        except BadRequest as error:
            log.info("notify.unroutable", extra={"watcher": self.watcher, "reason": error.reason})
            usage.drop(self, "unroutable")
            return
        request = self.dialog.request("NOTIFY")
        request.add("Event", f"{self.package};id={self.event_id}" if self.event_id else self.package)
        request.add("Subscription-State", self._state_value())
        for name, value in told.headers:
            request.add(name, value)
        if etag:
            request.add("SIP-ETag", etag)
        if told.body is not None and not known:
            request.add("Content-Type", told.body.content_type)
            request.body = told.body.data
        if not known and self.suppress:
            # The condition is over: what follows is told as to everybody else (RFC 5839 §5.2).
            self.suppress = ""
        self._told_state = state
        self._full = False
        self._carries = not known and not self._tells_nothing()
        self._notifying = True
        if self.rates is not None:
            self.rates.sent(usage.timers.now)
        usage.stats.notifies_sent += 1
        usage.sender.send(request, hop, self, finish=self._set_contact)

    def _notification(self, *, full: bool) -> Notification | None:
        if self._tells_nothing():
            if not full and self._told_state == (self._ending or self.state):
                # A NOTIFY at every change would tell when there are changes.
                return None
            neutral = self._usage.package_of(self).neutral(self)
            return neutral if isinstance(neutral, Notification) else Notification(neutral)
        assert self.view is not None
        return self.view.render(self._usage.wall(), full=full or bool(self._ending))

    def _tells_nothing(self) -> bool:
        """Whether the watcher may not see anything, not yet or not any more."""
        return self.state == "pending" or self._ending.startswith(("rejected", "noresource"))

    def _too_early(self) -> bool:
        """True if the rate does not allow it yet; then the wheel brings us back."""
        if self.rates is None or self._asked or self._ending or self.state != self._told_state:
            return False
        timers = self._usage.timers
        allowed = self.rates.allowed_at()
        if timers.now >= allowed:
            return False
        self._wake_at(allowed)
        return True

    def _arm_rate(self) -> None:
        due = self.rates.due_at() if self.rates is not None else None
        if due is not None and not self._ending:
            self._wake_at(max(due, self._usage.timers.now))

    def _wake_at(self, when: float) -> None:
        if self._wait is not None:
            self._wait.cancel()
        self._wait = self._usage.timers.at(when, self._wake)

    def _wake(self) -> None:
        """A rate allows the next NOTIFY, or wants one although nothing has changed (RFC 6446)."""
        self._wait = None
        if not self._usage.is_live(self) or self._notifying:
            return
        if not self._again:
            # Nothing has changed: the least rate wants the state all the same.
            self._full = self._asked = True
        self._send()

    def closed(self) -> None:
        """It is removed: nothing is waited for and nothing is held any more."""
        if self._wait is not None:
            self._wait.cancel()
            self._wait = None
        if self.view is not None:
            self.view.close()

    def _state_value(self) -> str:
        if self._ending:
            return f"terminated;reason={self._ending}"
        # Rounded to the nearest second, and never longer than what the SUBSCRIBE was told.
        left = max(0, round(self.expires_at - self._usage.timers.now))
        rates = self.rates.params() if self.rates is not None else ""
        return f"{self.state};expires={left}{rates}"

    @staticmethod
    def _set_contact(request: Request, flow: Flow) -> None:
        request.set("Contact", f"<{flow.uri()}>")

    def _reserve(self) -> bool:
        """True if the next CSeq number is durable; asks for more numbers before they run out."""
        if not self._usage.is_live(self):
            # A fetch was never stored, and what is being removed needs no numbers for later.
            return True
        left = self.cseq_durable - self.dialog.local_cseq
        if left <= CSEQ_MARGIN and not self.cseq_reserving:
            self.cseq_reserving = True
            self._usage.queue.run(self.id, self._write_reservation)
        return left > 0

    def _write_reservation(self, release: Callable[[], None]) -> None:
        if not self._usage.is_live(self):
            release()
            return
        ceiling = self.dialog.local_cseq + CSEQ_BLOCK

        def done(error: JournalError | None) -> None:
            self.cseq_reserving = False
            if error is None:
                self.cseq_durable = max(self.cseq_durable, ceiling)
            # Not before: a refresh that waits for its turn writes the ceiling that it finds.
            release()
            if error is None:
                self._go_on()
            else:
                log.warning("notify.cseq-not-durable", extra={"watcher": self.watcher, "error": str(error)})
                self._usage.timers.after(1.0, self._go_on)

        self._usage.journal.write([self.record(ceiling)], done)

    def _go_on(self) -> None:
        if self._again and not self._notifying:
            self._send()

    # -- answers (ResponseUser) ---------------------------------------------------------------------------

    def on_response(self, response: Response) -> None:
        """An answer to the NOTIFY."""
        status = response.status
        if status < 200:
            return
        self._notifying = False
        if self.guessed and status == 481:
            # The phone that registered was another one: this one is waited for as before.
            self.flow, self.guessed, self._undelivered = None, False, True
            self._next()
            return
        self.guessed = self.guessed and status >= 300
        self._undelivered = False
        self._outcome(status, response.reason)
        if status >= 300 and not self._ending:
            self._usage.stats.notifies_failed += 1
            log.info(
                "notify.refused", extra={"watcher": self.watcher, "presentity": self.aor, "status": status}
            )
            if status in ENDS_SUBSCRIPTION:
                self._usage.drop(self, f"NOTIFY answered {status}")
                return
        self._next()

    def on_failure(self, status: int, reason: str) -> None:
        """No answer to the NOTIFY: 408 ends the subscription, an unreachable watcher keeps it (RFC 5057)."""
        self._notifying = False
        self._usage.stats.notifies_failed += 1
        log.info(
            "notify.failed",
            extra={"watcher": self.watcher, "presentity": self.aor, "status": status, "reason": reason},
        )
        if status == 408 and not self._ending:
            self._usage.drop(self, "NOTIFY not answered")
            return
        self._undelivered = True
        self._outcome(status, reason)
        self._next()

    def _outcome(self, status: int, reason: str) -> None:
        self.last_at, self.last_status, self.last_result = self._usage.wall(), status, reason
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
            self._usage.drop(self, self._ending)
        else:
            self._arm_rate()

    # -- durability ---------------------------------------------------------------------------------------

    def record(
        self,
        cseq_ceiling: int,
        *,
        remote_cseq: int | None = None,
        remote_target: str | None = None,
        expires_at: float | None = None,
        flow_key: str | None = None,
    ) -> Record:
        """The durable form, with what is about to change given in place of what is."""
        dialog = self.dialog
        wall, now = self._usage.wall(), self._usage.timers.now
        return Record(
            "subscription",
            (self.id,),
            (
                self.package,
                self.event_id,
                self.aor,
                self.watcher,
                dialog.call_id,
                dialog.local_tag,
                dialog.remote_tag,
                dialog.local_uri,
                dialog.remote_uri,
                dialog.remote_target if remote_target is None else remote_target,
                "\n".join(dialog.routes),
                cseq_ceiling,
                dialog.remote_cseq if remote_cseq is None else remote_cseq,
                ",".join(self.accept),
                wall + ((self.expires_at if expires_at is None else expires_at) - now),
                self.flow_key if flow_key is None else flow_key,
                self.state,
                "",
                self.user_agent,
                self.filter_type,
                self.filter_body,
                self.created_at,
                # As with the CSeq: what a restart goes on from must be beyond what may have been used.
                self.version + max(0, cseq_ceiling - dialog.local_cseq),
            ),
        )
