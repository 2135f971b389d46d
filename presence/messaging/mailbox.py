"""The messages that wait, in memory and in the journal: nothing is here before it is durable.

Each recipient has a mailbox that is emptied from the front; its end is a limit of messages and their expiry.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from functools import partial

from presence.messaging.stored import StoredMessage, by_arrival, from_row, new_id, number_of
from sip.ports import Journal, JournalError
from sip.timers import Timer, TimerWheel
from sip.usage.rows import Row

log = logging.getLogger(__name__)

Done = Callable[[JournalError | None], None]


class Mailbox:
    """What waits for one recipient, and whether it is being delivered."""

    __slots__ = ("delivering", "messages", "refused", "retry", "try_again")

    def __init__(self) -> None:
        self.messages: dict[str, StoredMessage] = {}
        self.delivering: str | None = None
        """The id of the message that is under way to the recipient."""
        self.try_again = False
        """The recipient registered anew meanwhile."""
        self.retry: Timer | None = None
        self.refused: dict[str, frozenset[str]] = {}
        """Messages that phones (by contact) refused for good: they wait for another phone, or to expire."""

    def is_busy(self, phones: frozenset[str]) -> bool:
        """True if something is on its way to `phones`, or would be."""
        return self.delivering is not None or self.next_for(phones) is not None

    def next_for(self, phones: frozenset[str]) -> StoredMessage | None:
        """The oldest message that not all of `phones` have refused."""
        for message in self.messages.values():
            if not phones <= self.refused.get(message.id, frozenset()):
                return message
        return None


class Mailboxes:
    """All mailboxes, by the AOR of the recipient."""

    __slots__ = ("_expiries", "_journal", "_last_id", "_longest", "_mailboxes", "_timers", "_wall")

    def __init__(
        self, journal: Journal, timers: TimerWheel, wall: Callable[[], float], longest: float
    ) -> None:
        """`longest`: seconds that a message waits at most."""
        self._journal = journal
        self._longest = longest
        self._timers = timers
        self._wall = wall
        self._mailboxes: dict[str, Mailbox] = {}
        self._expiries: dict[str, Timer] = {}
        self._last_id = 0

    def __len__(self) -> int:
        return len(self._expiries)

    def recipients(self) -> list[str]:
        """The AORs for whom something waits."""
        return list(self._mailboxes)

    def of(self, aor: str) -> Mailbox | None:
        """The mailbox of `aor`; None if nothing waits for him."""
        return self._mailboxes.get(aor)

    def waiting(self, aor: str) -> int:
        """How many messages wait for `aor`."""
        mailbox = self._mailboxes.get(aor)
        return 0 if mailbox is None else len(mailbox.messages)

    def new_id(self, received_at: float) -> str:
        """An id that sorts after all before it, even if the clock was set back, and is nobody else's."""
        self._last_id = max(self._last_id + 1, int(received_at * 1_000_000))
        return new_id(self._last_id)

    def add(self, message: StoredMessage, done: Done) -> None:
        """Store `message`; it is in its mailbox when `done(None)` is called."""

        def stored(error: JournalError | None) -> None:
            if error is None:
                self._keep(message)
            done(error)

        self._journal.write([message.record()], stored)

    def remove(self, message: StoredMessage, why: str) -> None:
        """The end of `message`, `why` for the log; harmless when it has ended before.

        It leaves memory at once: what was delivered must not be delivered again because the journal is slow.
        """
        mailbox = self._mailboxes.get(message.recipient)
        if mailbox is None or mailbox.messages.pop(message.id, None) is None:
            return
        mailbox.refused.pop(message.id, None)
        self._expiries.pop(message.id).cancel()
        if not mailbox.messages:
            if mailbox.retry is not None:
                mailbox.retry.cancel()
            del self._mailboxes[message.recipient]
        log.info("message.ended", extra={"id": message.id, "aor": message.recipient, "why": why})
        self._journal.catch_up([message.removal()], partial(_removed, message))

    def remove_user(self, aor: str) -> None:
        """Drop all that waits for `aor`."""
        mailbox = self._mailboxes.get(aor)
        if mailbox is not None:
            for message in list(mailbox.messages.values()):
                self.remove(message, "user removed")

    def restore(self, rows: Iterable[Row], now: float, wall: float) -> None:
        """Take back what the journal stored; what expired meanwhile goes at the next turn of the timers."""
        found = []
        for key, row in rows:
            try:
                found.append(from_row(key, row))
            except (ValueError, TypeError) as error:
                log.warning("message.row_unreadable", extra={"key": str(key), "error": str(error)})
        for message in by_arrival(found):
            self._keep(message, now=now, wall=wall)
            # Ids run ahead of the clock when it was set back.
            self._last_id = max(self._last_id, number_of(message.id))

    def _keep(self, message: StoredMessage, now: float | None = None, wall: float | None = None) -> None:
        mailbox = self._mailboxes.get(message.recipient)
        if mailbox is None:
            mailbox = self._mailboxes[message.recipient] = Mailbox()
        mailbox.messages[message.id] = message
        left = max(0.0, message.expires_at - (self._wall() if wall is None else wall))
        # If it seems to have longer, the system's time was set back.
        due = (self._timers.now if now is None else now) + min(left, self._longest)
        self._expiries[message.id] = self._timers.at(due, self.remove, message, "expired")


def _removed(message: StoredMessage, error: JournalError | None) -> None:
    if error is not None:
        # It is stored later; after a crash before that it comes back, and is delivered once more or expires.
        log.error("message.removal_not_stored", extra={"id": message.id, "error": str(error)})
