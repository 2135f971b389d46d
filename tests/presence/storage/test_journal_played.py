"""The journal's client by a clock by hand and a writer that ends as the test says: what is in doubt."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.task import Clock

from presence.storage.journal import client
from presence.storage.journal.client import JournalClient
from presence.storage.journal.frames import Answer, Unpacker
from sip.ports import JournalError, Record
from tests.presence.storage.writing import gone, publication

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
        """Time goes by; the database is away, which each probe finds out."""
        for _ in range(round(seconds / 0.25)):
            self.clock.advance(0.25)
            self.answers(AWAY)

    def probes(self) -> None:
        """Until the journal looks again how the database is."""
        for _ in range(10):
            self.clock.advance(0.25)
            if not self.writer.idle:
                return
        raise AssertionError("it does not look")

    def answers(self, failure: str | None = None) -> None:
        """Whatever is sent ends so."""
        while not self.writer.idle:
            self.writer.answer(failure)
            self.clock.advance(0.01)

    def write(self, name: str, *records: Record) -> None:
        """Write and send off."""
        self.journal.write(records, lambda error: self._tell(name, error))
        self.clock.advance(0.01)

    def under_way(self, older: str, younger: str, apart: float = 0.0) -> None:
        """Two writes in one batch, the second `apart` seconds after the first."""
        self.write("before")
        self.write(older, publication(1))
        self.clock.pump([0.25] * round(apart / 0.25))
        self.write(younger, publication(2))
        self.writer.answer()
        self.clock.advance(0.01)
        self.told.remove("stored before")

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
        house.under_way("first", "second")
        house.writer.answer(AWAY, doubt=True)
        assert (house.journal.waiting, house.journal.backlog) == (2, 2)
        house.passes(5.0)
        assert (house.journal.waiting, house.journal.backlog) == (2, 2)
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
    house.under_way("older", "younger", apart=3.0)
    house.writer.answer(AWAY, doubt=True)
    house.passes(31.0)
    assert house.told == []
    house.passes(2.0)
    assert house.told == ["refused older"]
    house.passes(2.0)
    assert house.told == ["refused older", "refused younger"]
    assert house.journal.backlog == 0


def test_one_whose_time_is_over_takes_no_younger_one_along_that_can_be_stored(house: House) -> None:
    house.under_way("older", "younger", apart=3.0)
    house.writer.answer(AWAY, doubt=True)
    house.passes(33.0)
    house.probes()
    house.answers()
    assert house.told == ["refused older", "stored younger"]


class TestOnceAndInOrder:
    """Whatever became of a COMMIT whose answer was lost: each write is told of once, the last one stands."""

    @pytest.mark.parametrize("stored", [True, False], ids=["it was committed", "it was not committed"])
    def test_what_was_in_doubt_is_stored_once_and_told_of_once(self, house: House, stored: bool) -> None:
        house.write("doubtful", publication(1))
        house.writer.answer(AWAY, doubt=True, stored=stored)
        house.passes(3.0)
        assert house.told == []
        assert house.rows == ({"p000001": "e"} if stored else {})
        house.probes()
        house.answers()
        assert house.told == ["stored doubtful"]
        assert house.rows == {"p000001": "e"}
        assert house.journal.statistics.writes == 1
        assert house.journal.backlog == 0

    def test_what_did_not_get_as_far_as_its_commit_is_refused_at_once_and_never_stored(
        self, house: House
    ) -> None:
        house.write("certain", publication(1))
        house.writer.answer(AWAY)
        assert house.told == ["refused certain"]
        assert house.journal.backlog == 0
        house.probes()
        house.answers()
        assert house.rows == {}

    @pytest.mark.parametrize("stored", [True, False], ids=["it was committed", "it was not committed"])
    def test_a_write_that_finds_the_database_back_comes_after_what_was_in_doubt_before_it(
        self, house: House, stored: bool
    ) -> None:
        house.write("made", publication(1, etag="made"))
        house.writer.answer(AWAY, doubt=True, stored=stored)
        house.catch_up("ended", gone(publication(1)))
        house.answers()
        assert house.told == ["stored made", "stored ended"]
        assert house.rows == {}

    def test_a_write_that_finds_it_away_still_is_refused_and_the_doubt_stays(self, house: House) -> None:
        house.write("doubtful", publication(1))
        house.writer.answer(AWAY, doubt=True)
        house.write("later", publication(2))
        house.writer.answer(AWAY)
        assert house.told == ["refused later"]
        assert house.journal.backlog == 1

    def test_what_is_owed_is_not_taken_back_by_an_older_one_that_is_given_up_later(
        self, house: House
    ) -> None:
        house.catch_up("changed", publication(1, etag="changed"))
        house.writer.answer(AWAY, doubt=True, stored=True)
        house.catch_up("ended", gone(publication(1)))
        house.writer.answer(AWAY)
        house.passes(36.0)
        assert house.told == ["refused ended", "refused changed"]
        house.probes()
        house.answers()
        assert house.rows == {}
