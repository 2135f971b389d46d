"""What was under way when the connection to PostgreSQL was cut: nobody knows whether it is stored."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import pytest_twisted
from sqlalchemy import text
from twisted.internet.defer import Deferred

from presence.storage.database import Database, open_database
from presence.storage.journal import client
from presence.storage.journal.client import JournalClient
from presence.storage.migrate import upgrade
from sip.ports import JournalError
from tests.presence.storage.writing import after, gone, publication, stored, until, written
from tests.support.scissors import Scissors

pytestmark = pytest.mark.postgres


@pytest.fixture
def scissors(postgres_url: str) -> Iterator[Scissors]:
    upgrade(postgres_url)
    database = open_database(postgres_url)
    with database.writing() as connection:
        connection.execute(text("DELETE FROM publication"))
    database.close()
    made = Scissors(postgres_url)
    yield made
    made.close()


@pytest.mark.parametrize("when", ["before", "after"])
@pytest_twisted.ensureDeferred
async def test_a_write_in_doubt_is_neither_done_nor_failed_until_the_database_is_back(
    when: str,
    scissors: Scissors,
    postgres_url: str,
    journals: Callable[..., JournalClient],
    opened: Callable[[str], Database],
) -> None:
    journal = journals(scissors.url, probe_unhealthy=0.1)
    await journal.start()
    await written(journal, publication(9001))
    ends: list[str] = []
    scissors.armed = when
    doubtful = note(written(journal, publication(9002)), ends, "doubtful")
    await until(lambda: not journal.healthy)
    # Whatever is asked for from now on is certain: it is not stored.
    with pytest.raises(JournalError, match="refused"):
        await written(journal, publication(9003))
    await after(0.5)
    assert ends == []
    assert ("p009002" in stored(opened(postgres_url))) is (when == "after")
    scissors.end()
    await doubtful
    assert ends == ["doubtful"]
    found = stored(opened(postgres_url))
    assert [number for number in (9001, 9002, 9003) if f"p{number:06}" in found] == [9001, 9002]


@pytest_twisted.ensureDeferred
async def test_a_write_whose_transaction_did_not_get_as_far_as_its_commit_fails_at_once_and_is_not_stored(
    scissors: Scissors,
    postgres_url: str,
    journals: Callable[..., JournalClient],
    opened: Callable[[str], Database],
) -> None:
    journal = journals(scissors.url, probe_unhealthy=0.1)
    await journal.start()
    # The same connection has committed before.
    await written(journal, publication(9001))
    scissors.armed = "insert"
    with pytest.raises(JournalError):
        await written(journal, publication(9002))
    assert journal.backlog == 0
    scissors.end()
    await until(lambda: journal.healthy)
    await written(journal, publication(9003))
    found = stored(opened(postgres_url))
    assert [number for number in (9001, 9002, 9003) if f"p{number:06}" in found] == [9001, 9003]


@pytest.mark.parametrize("when", ["insert", "before", "after"])
@pytest_twisted.ensureDeferred
async def test_a_connection_that_is_cut_while_the_database_is_there_costs_no_write_and_repeats_none(
    when: str,
    scissors: Scissors,
    postgres_url: str,
    journals: Callable[..., JournalClient],
    opened: Callable[[str], Database],
) -> None:
    journal = journals(scissors.url, probe_unhealthy=0.1)
    await journal.start()
    await written(journal, publication(9001))
    scissors.armed, scissors.away = when, False
    told: list[JournalError | None] = []
    journal.write([publication(9001, etag="new"), publication(9002)], told.append)
    await until(lambda: bool(told))
    await written(journal, gone(publication(9002)))
    assert told == [None]
    assert scissors.armed is None
    assert journal.statistics.writes == 3
    found = stored(opened(postgres_url))
    assert found["p009001"][2] == "new"
    assert "p009002" not in found


@pytest.mark.parametrize("when", ["before", "after"])
@pytest_twisted.ensureDeferred
async def test_beside_a_bad_write_a_good_one_may_be_in_doubt_as_well(
    when: str,
    scissors: Scissors,
    postgres_url: str,
    journals: Callable[..., JournalClient],
    opened: Callable[[str], Database],
) -> None:
    journal = journals(scissors.url, probe_unhealthy=0.1)
    await journal.start()
    ends: list[str] = []
    scissors.armed = when
    good = note(written(journal, publication(9001)), ends, "good")
    bad = note(written(journal, publication(9002, etag=None)), ends, "bad")
    await until(lambda: not journal.healthy)
    await after(0.2)
    assert ends == []
    scissors.end()
    await good
    await bad
    assert ends == ["good", "failed: bad"]
    found = stored(opened(postgres_url))
    assert [number for number in (9001, 9002) if f"p{number:06}" in found] == [9001]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest_twisted.ensureDeferred
async def test_what_ended_while_a_write_to_it_was_in_doubt_has_ended(
    when: str,
    scissors: Scissors,
    postgres_url: str,
    journals: Callable[..., JournalClient],
    opened: Callable[[str], Database],
) -> None:
    journal = journals(scissors.url, probe_unhealthy=0.1)
    await journal.start()
    scissors.armed = when
    doubtful = written(journal, publication(9001))
    await until(lambda: not journal.healthy)
    told: list[JournalError | None] = []
    journal.catch_up([gone(publication(9001))], told.append)
    await until(lambda: bool(told))
    scissors.end()
    await doubtful
    await written(journal, publication(9002))
    found = stored(opened(postgres_url))
    assert [number for number in (9001, 9002) if f"p{number:06}" in found] == [9002]


@pytest_twisted.ensureDeferred
async def test_a_write_in_doubt_fails_when_nobody_waits_any_more(
    scissors: Scissors, journals: Callable[..., JournalClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "_DOUBT", 0.5)
    journal = journals(scissors.url, probe_unhealthy=0.1)
    await journal.start()
    scissors.armed = "after"
    with pytest.raises(JournalError, match="refused"):
        await written(journal, publication(9001))


@pytest_twisted.ensureDeferred
async def test_a_stop_waits_for_no_database_that_is_away(
    scissors: Scissors, journals: Callable[..., JournalClient]
) -> None:
    journal = journals(scissors.url, probe_unhealthy=0.1)
    await journal.start()
    ends: list[str] = []
    scissors.armed = "after"
    doubtful = note(written(journal, publication(9001)), ends, "doubtful")
    await until(lambda: not journal.healthy)
    await journal.stop()
    await doubtful
    assert ends == ["failed: doubtful"]


def note(write: Deferred[None], ends: list[str], name: str) -> Deferred[None]:
    """Note in `ends` how a write ended."""
    return write.addCallbacks(lambda _: ends.append(name), lambda _: ends.append(f"failed: {name}"))
