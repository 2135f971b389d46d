"""How long the journal waits for more before it commits: small groups for one another, nobody for long."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from time import monotonic
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from presence.storage.journal.client import JournalClient, JournalSettings
from sip.ports import JournalError, Record
from tests.presence.storage.test_journal import TEN_SECONDS, publication, written

LONG = 3.0
"""Seconds: nobody waits for so long but who has to."""
SHORT = 0.3

Journals = Callable[[float], JournalClient]
clock: Any = reactor


@pytest.fixture
def journals(url: str) -> Iterator[Journals]:
    """Makes journals with a linger in seconds, and stops them at the end of the test."""
    made: list[JournalClient] = []

    def make(linger: float) -> JournalClient:
        made.append(JournalClient(reactor, url, JournalSettings(linger=linger)))
        return made[-1]

    yield make
    for journal in made:
        pytest_twisted.blockon(journal.stop().addTimeout(TEN_SECONDS, reactor))


class Clients:
    """So many who each write again a little after they were answered."""

    def __init__(self, journal: JournalClient, many: int, turns: int) -> None:
        self.done: Deferred[None] = Deferred()
        self._journal = journal
        self._clock: IReactorTime = clock
        self._left = many * turns
        self._begun = 0
        self._turns = many * turns
        for _ in range(many):
            self._write()

    def _write(self) -> None:
        if self._begun < self._turns:
            self._begun += 1
            record: Record = publication(self._begun)
            self._journal.write([record], self._written)

    def _written(self, error: JournalError | None) -> None:
        assert error is None
        self._left -= 1
        if not self._left:
            self.done.callback(None)
        self._clock.callLater(0.002, self._write)


@pytest_twisted.ensureDeferred
async def test_a_write_that_comes_alone_waits_for_nobody(journals: Journals) -> None:
    journal = journals(LONG)
    await journal.start()
    begun = monotonic()
    for number in range(3):
        await written(journal, publication(number))
    assert monotonic() - begun < LONG


@pytest_twisted.ensureDeferred
async def test_those_who_were_answered_go_off_with_those_who_waited_meanwhile(journals: Journals) -> None:
    journal = journals(LONG)
    await journal.start()
    begun = monotonic()
    await Clients(journal, many=10, turns=8).done.addTimeout(TEN_SECONDS, clock)
    # The first groups may be smaller, and the last writes wait for those who come no more.
    assert journal.statistics.batches <= 12
    assert monotonic() - begun < 2 * LONG


@pytest_twisted.ensureDeferred
async def test_who_comes_with_fewer_than_lately_waits_no_longer_than_that(journals: Journals) -> None:
    journal = journals(SHORT)
    await journal.start()
    await Clients(journal, many=10, turns=1).done.addTimeout(TEN_SECONDS, clock)
    begun = monotonic()
    await written(journal, publication(2000))
    first = monotonic() - begun
    begun = monotonic()
    await written(journal, publication(2001))
    assert first + 0.01 >= SHORT
    assert monotonic() - begun < SHORT


@pytest_twisted.ensureDeferred
async def test_so_many_that_more_gain_little_wait_for_nobody(journals: Journals) -> None:
    journal = journals(LONG)
    await journal.start()
    await Clients(journal, many=60, turns=1).done.addTimeout(TEN_SECONDS, clock)
    begun = monotonic()
    await Clients(journal, many=32, turns=1).done.addTimeout(TEN_SECONDS, clock)
    assert monotonic() - begun < LONG
