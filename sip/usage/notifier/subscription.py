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
from sip.usage.notifier.package import Authorization, Body, Reason

if TYPE_CHECKING:
    from sip.usage.notifier.usage import NotifierUsage

log = logging.getLogger(__name__)

CSEQ_BLOCK: Final = 64
"""NOTIFYs that may be sent before a new block of CSeq numbers has to be durable."""
CSEQ_MARGIN: Final = 16
"""Numbers left when the next block is asked for."""

ENDS_SUBSCRIPTION: Final = frozenset({404, 405, 408, 410, 416, *range(480, 486), 489, 501, 604})
"""Answers to NOTIFY that end the subscription (RFC 6665 §4.2.2; 408 by RFC 3261 §12.2.1.2)."""


class Subscription:
    """A watcher's subscription to one package of one AOR."""

    __slots__ = (
        "_again",
        "_ending",
        "_notifying",
        "_undelivered",
        "_usage",
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
        "package",
        "state",
        "timer",
        "user_agent",
        "version",
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
        self.timer: Timer | None = None
        self._usage = usage
        self._notifying = False
        self._again = False
        self._ending = ""
        self._undelivered = False

    # -- NOTIFY -------------------------------------------------------------------------------------------

    def notify(self) -> None:
        """Send the present state, now or as soon as the NOTIFY under way is answered."""
        if self._notifying:
            self._again = True
        else:
            self._send()

    def end(self, reason: Reason, retry_after: int | None = None) -> None:
        """Send the last NOTIFY, `terminated` with `reason` (RFC 6665 §4.1.3); no other follows it."""
        if self._ending:
            return
        self._ending = reason if retry_after is None else f"{reason};retry-after={retry_after}"
        self.notify()

    @property
    def undelivered(self) -> bool:
        """True if the last NOTIFY could not be sent; it is sent again when the watcher shows up."""
        return self._undelivered

    def _send(self) -> None:
        usage = self._usage
        if not self._reserve():
            self._again = True
            return
        self._again = False
        try:
            hop = next_hop(self.dialog.remote_target, self.dialog.routes, self.flow)
        except BadRequest as error:
            log.info("notify.unroutable", extra={"watcher": self.watcher, "reason": error.reason})
            usage.drop(self, "unroutable")
            return
        request = self.dialog.request("NOTIFY")
        request.add("Event", f"{self.package};id={self.event_id}" if self.event_id else self.package)
        request.add("Subscription-State", self._state_value())
        body = self._body()
        if body is not None:
            request.add("Content-Type", body.content_type)
            request.body = body.data
        self._notifying = True
        usage.stats.notifies_sent += 1
        usage.sender.send(request, hop, self, finish=self._set_contact)

    def _state_value(self) -> str:
        if self._ending:
            return f"terminated;reason={self._ending}"
        # Rounded to the nearest second, and never longer than what the SUBSCRIBE was told.
        left = max(0, round(self.expires_at - self._usage.timers.now))
        return f"{self.state};expires={left}"

    def _body(self) -> Body | None:
        package = self._usage.packages[self.package]
        if self.state == "pending" or self._ending.startswith(("rejected", "noresource")):
            return package.neutral(self)
        return package.document(self, self._usage.wall())

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
        self._next()

    def _next(self) -> None:
        if self._again:
            self._send()
        elif self._ending:
            self._usage.drop(self, self._ending)

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
                self.version,
            ),
        )
