"""The journal while its database is away, locked, full or read-only: it fails in time and heals by itself."""

from __future__ import annotations

import resource
import socket
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import Deferred

from presence.storage.database import Database
from presence.storage.journal.client import JournalClient
from presence.storage.journal.frames import pack
from presence.storage.journal.writer import OTHER_LAYOUT, contents, serve
from presence.storage.migrate import upgrade
from sip.ports import JournalError, Record
from tests.presence.storage.writing import (
    BAD,
    TEN_SECONDS,
    after,
    gone,
    publication,
    stored,
    until,
    written,
)


@pytest_twisted.ensureDeferred
async def test_a_locked_database_fails_writes_in_time_and_recovers_by_itself(
    sqlite_url: str, journals: Callable[..., JournalClient], opened: Callable[[str], Database]
) -> None:
    upgrade(sqlite_url)
    journal = journals(sqlite_url, lock_timeout=0.3, probe_unhealthy=0.2)
    await journal.start()
    other = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        first, behind = written(journal, publication(1)), written(journal, publication(2))
        for result in (first, behind):
            with pytest.raises(JournalError, match="database is locked"):
                await result
        assert not journal.healthy
    finally:
        other.execute("ROLLBACK")
        other.close()
    await until(lambda: journal.healthy)
    await written(journal, publication(3))
    assert list(stored(opened(sqlite_url))) == ["p000003"]


@pytest_twisted.ensureDeferred
async def test_a_short_lock_only_delays(sqlite_url: str, journals: Callable[..., JournalClient]) -> None:
    upgrade(sqlite_url)
    journal = journals(sqlite_url)
    await journal.start()
    other = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    result = written(journal, publication(1))
    await after(0.3)
    assert journal.lag >= 0.25
    other.execute("ROLLBACK")
    other.close()
    await result


@pytest_twisted.ensureDeferred
async def test_a_database_that_is_away_at_the_start_is_told_and_waited_for(
    tmp_path: Path, journals: Callable[..., JournalClient]
) -> None:
    pytest.importorskip("psycopg")
    journal = journals("postgresql://nobody@127.0.0.1:1/none", probe_unhealthy=0.2)
    with pytest.raises(JournalError, match="refused"):
        await journal.start().addTimeout(TEN_SECONDS, reactor)
    assert not journal.healthy
    with pytest.raises(JournalError, match="refused"):
        await written(journal, publication(1))


@pytest.mark.postgres
@pytest_twisted.ensureDeferred
async def test_a_lost_connection_to_postgresql_is_made_anew_without_a_failed_write(
    postgres_url: str, journals: Callable[..., JournalClient], opened: Callable[[str], Database]
) -> None:
    from sqlalchemy import text

    upgrade(postgres_url)
    journal = journals(postgres_url)
    await journal.start()
    await written(journal, publication(1))
    with opened(postgres_url).reading() as connection:
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )
    await written(journal, publication(2))
    assert journal.healthy
    assert journal.statistics.restarts == 0


async def unhealthy_for_several_probes(journal: JournalClient, reason: str) -> None:
    """It gets ill, by probes alone, and no probe that writes nothing heals it."""
    await until(lambda: not journal.healthy)
    assert reason in (journal.failure or "")
    for _ in range(30):
        await after(0.02)
        assert not journal.healthy


@pytest.mark.postgres
@pytest_twisted.ensureDeferred
async def test_a_postgresql_that_only_reads_shows_in_health_until_a_write_works_again(
    postgres_url: str, journals: Callable[..., JournalClient], opened: Callable[[str], Database]
) -> None:
    from sqlalchemy import text

    upgrade(postgres_url)
    journal = journals(postgres_url, probe_healthy=0.1, probe_unhealthy=0.1)
    await journal.start()
    name = postgres_url.rpartition("/")[2]
    with opened(postgres_url).engine.connect() as admin:
        admin = admin.execution_options(isolation_level="AUTOCOMMIT")
        admin.execute(text(f"ALTER DATABASE {name} SET default_transaction_read_only = on"))
        try:
            admin.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            )
            await unhealthy_for_several_probes(journal, "read-only transaction")
            with pytest.raises(JournalError, match="read-only transaction"):
                await written(journal, publication(7001))
            await unhealthy_for_several_probes(journal, "read-only transaction")
        finally:
            admin.execute(text(f"ALTER DATABASE {name} RESET default_transaction_read_only"))
    await until(lambda: journal.healthy)
    await written(journal, publication(7002))
    found = stored(opened(postgres_url))
    assert ("p007001" in found, "p007002" in found) == (False, True)


@pytest_twisted.ensureDeferred
async def test_a_full_disk_shows_in_health_until_there_is_room_again(
    sqlite_url: str, journals: Callable[..., JournalClient], opened: Callable[[str], Database]
) -> None:
    upgrade(sqlite_url)
    journal = journals(sqlite_url, probe_healthy=0.1, probe_unhealthy=0.1)
    await journal.start()
    limits = resource.prlimit(journal.pid or 0, resource.RLIMIT_FSIZE)
    # The kernel lets the writer write to no file any more.
    resource.prlimit(journal.pid or 0, resource.RLIMIT_FSIZE, (0, limits[1]))
    await unhealthy_for_several_probes(journal, "disk")
    with pytest.raises(JournalError, match="disk"):
        await written(journal, publication(1))
    await unhealthy_for_several_probes(journal, "disk")
    resource.prlimit(journal.pid or 0, resource.RLIMIT_FSIZE, limits)
    await until(lambda: journal.healthy)
    await written(journal, publication(2))
    assert list(stored(opened(sqlite_url))) == ["p000002"]


def test_a_database_file_that_cannot_be_written_is_found_by_the_check(sqlite_url: str) -> None:
    from presence.storage.engine import normalise
    from presence.storage.errors import DatabaseError
    from presence.storage.journal.writer import Writer

    upgrade(sqlite_url)
    writer = Writer(Database(normalise(sqlite_url)))
    try:
        writer.check()
        connection, _ = writer._connected()
        connection.connection.driver_connection.execute("PRAGMA query_only = ON")
        with pytest.raises(DatabaseError, match="attempt to write a readonly database"):
            writer.check()
        # A new connection, and all is well.
        writer.check()
    finally:
        writer.close()


def test_a_missing_right_or_table_is_a_failure_of_the_database_to_the_check(url: str) -> None:
    from sqlalchemy import text

    from presence.storage.database import open_database
    from presence.storage.engine import normalise
    from presence.storage.errors import DatabaseError
    from presence.storage.journal.writer import Writer

    database = open_database(url)
    with database.writing() as connection:
        connection.execute(text("DROP TABLE heartbeat"))
    database.close()
    writer = Writer(Database(normalise(url)))
    try:
        with pytest.raises(DatabaseError, match="heartbeat"):
            writer.check()
    finally:
        writer.close()


@pytest_twisted.ensureDeferred
async def test_refused_records_alone_do_not_pass_for_a_database_that_works(
    journal: JournalClient, database: Database
) -> None:
    from sqlalchemy import text

    with database.writing() as connection:
        connection.execute(text("DELETE FROM heartbeat"))
    with pytest.raises(JournalError):
        await written(journal, BAD["a row that is too short"])
    with database.reading() as connection:
        assert connection.execute(text("SELECT count(*) FROM heartbeat")).scalar() == 1


def caught_up(journal: JournalClient, *records: Record) -> Deferred[None]:
    """A Deferred of one `catch_up`: None, or the JournalError."""
    result: Deferred[None] = Deferred()
    journal.catch_up(records, lambda error: result.errback(error) if error else result.callback(None))
    return result.addTimeout(TEN_SECONDS, reactor)


@contextmanager
def locked(url: str) -> Iterator[None]:
    """Nobody else can write within."""
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


@pytest.fixture
def impatient(sqlite_url: str, journals: Callable[..., JournalClient]) -> JournalClient:
    upgrade(sqlite_url)
    journal = journals(sqlite_url, lock_timeout=0.2, probe_unhealthy=0.1)
    pytest_twisted.blockon(journal.start().addTimeout(TEN_SECONDS, reactor))
    return journal


@pytest_twisted.ensureDeferred
async def test_what_has_happened_already_is_stored_when_the_database_is_back_and_a_refused_write_is_not(
    sqlite_url: str, impatient: JournalClient, opened: Callable[[str], Database]
) -> None:
    await written(impatient, *map(publication, range(1200)))
    with locked(sqlite_url):
        refused = written(impatient, publication(3, etag="refused"))
        ended = caught_up(impatient, *map(gone, map(publication, range(10, 1200))))
        for failure in (refused, ended):
            with pytest.raises(JournalError, match="locked"):
                await failure
    await until(lambda: len(stored(opened(sqlite_url))) == 10)
    assert stored(opened(sqlite_url))["p000003"][2] == "e"


@pytest_twisted.ensureDeferred
async def test_what_was_written_later_is_not_undone_by_what_was_owed_before(
    sqlite_url: str, impatient: JournalClient, opened: Callable[[str], Database]
) -> None:
    await written(impatient, publication(1))
    with locked(sqlite_url):
        with pytest.raises(JournalError, match="locked"):
            await caught_up(impatient, gone(publication(1)), gone(publication(2)))
        # Waits for the writer at the moment when the database is back.
        later = written(impatient, publication(1, etag="later"))
    await later
    await written(impatient, publication(4))
    assert list(stored(opened(sqlite_url))) == ["p000001", "p000004"]
    assert stored(opened(sqlite_url))["p000001"][2] == "later"


@pytest_twisted.ensureDeferred
async def test_what_was_owed_twice_is_stored_as_it_was_last(
    sqlite_url: str, impatient: JournalClient, opened: Callable[[str], Database]
) -> None:
    with locked(sqlite_url):
        for record in (publication(1, etag="first"), publication(2), publication(1, etag="last")):
            with pytest.raises(JournalError, match="locked"):
                await caught_up(impatient, record)
        with pytest.raises(JournalError, match="locked"):
            await caught_up(impatient, gone(publication(2)))
    await until(lambda: "p000001" in stored(opened(sqlite_url)))
    assert stored(opened(sqlite_url))["p000001"][2] == "last"
    assert "p000002" not in stored(opened(sqlite_url))


@pytest_twisted.ensureDeferred
async def test_a_bad_record_is_not_tried_again(sqlite_url: str, impatient: JournalClient) -> None:
    with pytest.raises(JournalError):
        await caught_up(impatient, BAD["a row that is too short"])
    assert len(impatient._owed) == 0


@pytest_twisted.ensureDeferred
async def test_a_stop_stores_what_was_owed_if_the_database_is_back(
    sqlite_url: str, impatient: JournalClient, opened: Callable[[str], Database]
) -> None:
    await written(impatient, publication(1))
    with locked(sqlite_url), pytest.raises(JournalError, match="locked"):
        await caught_up(impatient, gone(publication(1)))
    stopped = written(impatient, publication(2))
    await impatient.stop().addTimeout(TEN_SECONDS, reactor)
    await stopped
    assert list(stored(opened(sqlite_url))) == ["p000002"]


def test_a_writer_of_another_version_stores_nothing_and_says_why(sqlite_url: str) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.settimeout(TEN_SECONDS)
        ours.sendall(pack({"url": sqlite_url, "lock_timeout": 1.0, "layout": "another"}))
        ours.sendall(pack((1, [[tuple(publication(1))]])))
        ours.shutdown(socket.SHUT_WR)
        serve(theirs)
        theirs.close()
        answers = list(contents(ours))
    assert [(number, failure) for number, failure, _, _ in answers] == [(0, OTHER_LAYOUT), (1, OTHER_LAYOUT)]
    assert not Path(sqlite_url.removeprefix("sqlite:///")).exists()
