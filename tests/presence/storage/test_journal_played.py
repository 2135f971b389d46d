"""The journal's client by a clock by hand and a writer that ends as the test says: what is in doubt."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.task import Clock

from presence.storage.journal import client
from presence.storage.journal.client import JournalClient
from presence.storage.journal.frames import Answer, Unpacker
from sip.ports import JournalError, Record
from tests.presence.storage.writing import publication

AWAY = "the database is away"
DOUBT: dict[int, str] = {}
"""Beside a failure: the COMMIT was sent and its answer lost."""


class PlayedWriter:
    """The writer process; `database` has what was committed, by the key of the record."""

    def __init__(self, house: House, on_answer: Any, on_end: Any) -> None:
        self.pid = 1
        self._house = house
        self._answer = on_answer
        self._on_end = on_end
        self._unpacker = Unpacker()
        self._batches: list[Any] = []

    def send(self, frame: bytes) -> None:
        self._batches += self._unpacker.feed(frame)

    def kill(self) -> None:
        self._on_end(-9)

    def close(self) -> None:
        self._on_end(0)

    @property
    def idle(self) -> bool:
        return not self._batches

    def answer(self, failure: str | None = None, *, doubt: bool = False, stored: bool = False) -> None:
        """End the batch that is under way: it is committed, or the failure kept it out, or nobody knows."""
        number, writes = self._batches.pop(0)
        if failure is None or stored:
            for write in writes:
                for _, key, row in write:
                    self._house.rows.pop(key[0], None)
                    if row is not None:
                        self._house.rows[key[0]] = row[2]
        answer: Answer = (number, failure, DOUBT if doubt else None, 0.0)
        self._answer(answer)


class House:
    """A journal, what it has stored and what it has told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock = Clock()
        self.rows: dict[str, Any] = {}
        """What is in the database: entity-tags by key."""
        self.told: list[str] = []
        """`stored NAME` and `refused NAME` in the order of the answers."""
        self.writers: list[PlayedWriter] = []
        monkeypatch.setattr(client, "WriterProcess", self._launch)
        self.journal = JournalClient(self.clock, "played", clock=self.clock.seconds)
        self.journal.start().addErrback(lambda _: None)
        self.begins()

    def _launch(self, reactor: object, settings: object, on_answer: Any, on_end: Any) -> PlayedWriter:
        self.writers.append(PlayedWriter(self, on_answer, on_end))
        return self.writers[-1]

    @property
    def writer(self) -> PlayedWriter:
        return self.writers[-1]

    def begins(self, failure: str | None = None) -> None:
        """The writer that was started last has looked at the database."""
        self.writer._answer((0, failure, None, 0.0))

    def passes(self, seconds: float) -> None:
        """Time goes by; the database is as it was, which each probe finds out."""
        for _ in range(round(seconds / 0.25)):
            self.clock.advance(0.25)
            if not self.writer.idle:
                self.writer.answer(self.journal.failure)

    def write(self, name: str, *records: Record) -> None:
        """Write and send off."""
        self.journal.write(records, lambda error: self._tell(name, error))
        self.clock.advance(0.01)

    def catch_up(self, name: str, *records: Record) -> None:
        self.journal.catch_up(records, lambda error: self._tell(name, error))
        self.clock.advance(0.01)

    def _tell(self, name: str, error: JournalError | None) -> None:
        self.told.append(f"{'refused' if error else 'stored'} {name}")


@pytest.fixture
def house(monkeypatch: pytest.MonkeyPatch) -> House:
    return House(monkeypatch)


class TestCounts:
    """What is in doubt is not durable as far as anybody knows: operators and overload control see it."""

    def test_writes_in_doubt_count_as_waiting_and_as_late(self, house: House) -> None:
        house.write("first", publication(1), publication(2))
        house.writer.answer(AWAY, doubt=True)
        house.write("second", publication(3))
        house.writer.answer(AWAY, doubt=True)
        assert (house.journal.waiting, house.journal.backlog) == (3, 2)
        house.passes(5.0)
        assert (house.journal.waiting, house.journal.backlog) == (3, 2)
        assert house.journal.lag == pytest.approx(5.0, abs=0.1)

    def test_they_count_while_they_are_stored_again(self, house: House) -> None:
        house.write("doubtful", publication(1), publication(2))
        house.writer.kill()
        house.clock.advance(0.0)
        house.begins()
        assert not house.writer.idle
        assert (house.journal.waiting, house.journal.backlog) == (2, 1)

    def test_they_do_not_count_any_more_when_they_are_stored(self, house: House) -> None:
        house.write("doubtful", publication(1))
        house.writer.kill()
        house.clock.advance(0.0)
        house.begins()
        house.writer.answer()
        assert (house.journal.waiting, house.journal.backlog, house.journal.lag) == (0, 0, 0.0)


def test_each_write_in_doubt_fails_at_its_own_time(house: House) -> None:
    house.write("first", publication(1))
    house.writer.answer(AWAY, doubt=True)
    house.passes(20.0)
    house.write("second", publication(2))
    house.writer.answer(AWAY, doubt=True)
    house.passes(14.0)
    assert house.told == []
    house.passes(2.0)
    assert house.told == ["refused first"]
    house.passes(17.0)
    assert house.told == ["refused first"]
    house.passes(2.0)
    assert house.told == ["refused first", "refused second"]


def test_one_whose_time_is_over_takes_no_younger_one_along_that_can_be_stored(house: House) -> None:
    house.write("first", publication(1))
    house.writer.answer(AWAY, doubt=True)
    house.passes(20.0)
    house.write("second", publication(2))
    house.writer.answer(AWAY, doubt=True)
    house.passes(16.0)
    house.clock.advance(1.0)
    house.writer.answer()
    house.writer.answer()
    assert house.told == ["refused first", "stored second"]
    assert house.rows == {"p000002": "e"}
