"""What was under way when the connection to PostgreSQL was cut: nobody knows whether it is stored."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator

import pytest
import pytest_twisted
from crash_lib.faults import Proxy
from sqlalchemy import text
from twisted.internet.defer import Deferred

from presence.storage.database import Database, open_database
from presence.storage.journal import client
from presence.storage.journal.client import JournalClient
from presence.storage.migrate import upgrade
from sip.ports import JournalError
from tests.presence.storage.writing import after, gone, publication, stored, until, written

pytestmark = pytest.mark.postgres


class Scissors(Proxy):
    """Cuts the connection at the next COMMIT: before it gets there, or before its answer comes back."""

    armed: str | None = None

    def _pass(self, source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(1 << 16):
                if self.armed == "after" and b"COMMIT" in data and data.startswith(b"C"):
                    self.begin()
                if self.armed == "before" and data.startswith(b"Q") and b"COMMIT" in data:
                    self.begin()
                sink.sendall(data)
        except OSError:
            pass


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
    scissors.armed = None
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
async def test_what_ended_while_a_write_to_it_was_in_doubt_has_ended(
    scissors: Scissors,
    postgres_url: str,
    journals: Callable[..., JournalClient],
    opened: Callable[[str], Database],
) -> None:
    journal = journals(scissors.url, probe_unhealthy=0.1)
    await journal.start()
    scissors.armed = "before"
    doubtful = written(journal, publication(9001))
    await until(lambda: not journal.healthy)
    scissors.armed = None
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
