"""What the journal's client has sent and waits for, and what it owes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from presence.storage.journal.frames import PlainRecord, PlainWrite, pack
from sip.ports import JournalError, Value

Done = Callable[[JournalError | None], None]
Pending = tuple[list[PlainRecord], Done, float]
"""A write: its records, who waits for it, and since when (seconds of the client's clock)."""


class Refused(JournalError):
    """The record is bad: no attempt will ever store it."""


class Batch:
    """What is under way."""

    __slots__ = ("again", "frame", "number", "records", "refusals", "sent_at", "writes")

    def __init__(self, number: int, writes: list[Pending], now: float, *, again: bool = False) -> None:
        self.again = again
        """It was under way before, and what became of it then is not known."""
        self.number = number
        self.writes = writes
        self.records = sum(len(records) for records, _, _ in writes)
        self.refusals: dict[int, str] = {}
        self.sent_at = now
        self.frame = self._packed()

    def _packed(self) -> bytes:
        try:
            return pack((self.number, [records for records, _, _ in self.writes]))
        except ValueError:
            pass
        # Subclasses of str say the same; if something else is not a plain value, only the write that has it
        # is to blame.
        self.writes = [([*map(plain, records)], done, at) for records, done, at in self.writes]
        plain: list[PlainWrite] = []
        for index, (records, _, _) in enumerate(self.writes):
            try:
                pack((self.number, [records]))
                plain.append(records)
            except ValueError:
                self.refusals[index] = "a value is neither str, bytes, int, float nor None"
                plain.append([])
        return pack((self.number, plain))


class Owed:
    """What is true already and could not be stored: the last word on each key, and when it was said.

    What is in doubt is stored or fails later than what was written after it, so the order of the ends says
    nothing.
    """

    __slots__ = ("_rows",)

    def __init__(self) -> None:
        self._rows: dict[tuple[str, tuple[Value, ...]], tuple[tuple[Value, ...] | None, float]] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def until_stored(self, records: list[PlainRecord], done: Done, at: float) -> Done:
        """Calls `done` as a write of the time `at` ends, and keeps `records` if the database could not take
        them."""
        return partial(self._ended, records, done, at)

    def _ended(self, records: list[PlainRecord], done: Done, at: float, error: JournalError | None) -> None:
        if error is not None and not isinstance(error, Refused):
            for kind, key, row in records:
                said = self._rows.get((kind, key))
                if said is None or said[1] <= at:
                    self._rows[kind, key] = row, at
        done(error)

    def take(self) -> list[PlainRecord]:
        """Everything; it is on its way from now on."""
        records: list[PlainRecord] = [(kind, key, row) for (kind, key), (row, _) in self._rows.items()]
        self._rows.clear()
        return records

    def forget(self, batch: Batch) -> None:
        """Let go of the keys for which a batch has written something newer."""
        for index, (records, _, at) in enumerate(batch.writes):
            if index not in batch.refusals:
                for kind, key, _ in records:
                    said = self._rows.get((kind, key))
                    if said is not None and said[1] <= at:
                        del self._rows[kind, key]


def ignore(error: JournalError | None) -> None:
    """Whoever wrote it has heard already that it could not be stored then."""


def plain(record: PlainRecord) -> PlainRecord:
    kind, key, row = record
    return kind, _plain_values(key), None if row is None else _plain_values(row)


def _plain_values(values: tuple[Value, ...]) -> tuple[Value, ...]:
    return tuple(str(value) if isinstance(value, str) else value for value in values)
