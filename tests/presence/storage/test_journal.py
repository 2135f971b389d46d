"""The journal over a real writer process: what it promises to whoever writes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.error import ConnectionAborted
from twisted.python.failure import Failure

from presence.storage.database import Database, load
from presence.storage.journal.client import JournalClient
from sip.ports import JournalError, Record
from tests.presence.storage.writing import (
    BAD,
    TEN_SECONDS,
    after,
    binding,
    gone,
    message,
    publication,
    stored,
    until,
    written,
)


def started(code: str, url: str) -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    return subprocess.Popen([sys.executable, "-c", code, url], stdin=pipe, stdout=pipe, text=True)


@pytest_twisted.ensureDeferred
async def test_what_was_written_is_in_the_database_when_done_is_called(
    journal: JournalClient, database: Database
) -> None:
    await written(journal, publication(1))
    assert list(load(database, "publication")) == [tuple(publication(1)[1:])]
    assert journal.healthy


@pytest_twisted.ensureDeferred
async def test_all_four_kinds_are_stored_changed_and_deleted(
    journal: JournalClient, database: Database
) -> None:
    subscription = Record(
        "subscription",
        ("s1",),
        ("presence", None, "sip:a@x", "sip:b@x", "c", "lt", "rt", "lu", "ru", "target", "", 7, 2**31, "a/b",
         2e9, "udp|1", "active", "", "ua", None, None, 1e9, 3, ";max-rate=0.1", "*", 1, 0),
    )  # fmt: skip
    for record in (publication(1), binding("sip:a@x", "sip:a@1"), message(1), subscription):
        await written(journal, record)
        assert list(load(database, record.kind)) == [(record.key, record.row)]
        await written(journal, record)
        assert list(load(database, record.kind)) == [(record.key, record.row)]
        await written(journal, gone(record))
        assert list(load(database, record.kind)) == []


@pytest_twisted.ensureDeferred
async def test_done_is_called_in_the_order_of_the_writes_and_never_from_within_write(
    journal: JournalClient,
) -> None:
    order: list[int] = []
    finished = [written(journal, publication(0))]
    for number in range(1, 700):
        journal.write([publication(number)], lambda error, number=number: order.append(number))  # type: ignore[misc]
        assert order == []
    finished.append(written(journal, publication(0)))
    for deferred in finished:
        await deferred
    assert order == list(range(1, 700))


@pytest_twisted.ensureDeferred
async def test_while_a_batch_is_under_way_writes_collect_up_to_the_limit_of_a_transaction(
    url: str, journals: Callable[..., JournalClient]
) -> None:
    journal = journals(url, max_records=100)
    await journal.start()
    written(journal, publication(0))
    await after(0)
    last = [written(journal, publication(number)) for number in range(250)][-1]
    assert journal.waiting == 251
    await last
    assert journal.statistics.batch_size.total == 251
    # 1, then 100, 100 and 50.
    assert journal.statistics.batches == 4
    assert journal.waiting == 0
    assert journal.lag == 0.0


@pytest_twisted.ensureDeferred
async def test_on_the_same_key_the_last_write_wins(journal: JournalClient, database: Database) -> None:
    for record in (
        publication(0, etag="old"),
        publication(0, etag="new"),
        publication(1),
        gone(publication(1)),
        publication(2),
        gone(publication(2)),
        publication(2, etag="again"),
    ):
        last = written(journal, record)
    await last
    assert journal.statistics.batches == 1
    found = stored(database)
    assert found["p000000"][2] == "new"
    assert "p000001" not in found
    assert found["p000002"][2] == "again"


@pytest_twisted.ensureDeferred
async def test_a_write_of_several_records_is_stored_whole_or_not_at_all(
    journal: JournalClient, database: Database
) -> None:
    with pytest.raises(JournalError):
        await written(journal, publication(1), publication(2, etag=None), binding("sip:a@x", "sip:a@1"))
    assert stored(database) == {}
    assert stored(database, "binding") == {}
    await written(journal, publication(1), publication(2), binding("sip:a@x", "sip:a@1"))
    assert list(stored(database)) == ["p000001", "p000002"]


@pytest_twisted.ensureDeferred
async def test_a_write_larger_than_a_transaction_is_not_split(
    url: str, journals: Callable[..., JournalClient], database: Database
) -> None:
    journal = journals(url, max_records=10)
    await journal.start()
    await written(journal, *map(publication, range(25)))
    assert journal.statistics.batches == 1
    assert len(stored(database)) == 25


@pytest.mark.parametrize("what", BAD)
@pytest_twisted.ensureDeferred
async def test_a_bad_record_fails_alone(what: str, journal: JournalClient, database: Database) -> None:
    first = written(journal, publication(0))
    before, bad, behind = (
        written(journal, publication(1)),
        written(journal, BAD[what]),
        written(journal, publication(3)),
    )
    await first
    await before
    with pytest.raises(JournalError):
        await bad
    await behind
    assert list(stored(database)) == ["p000000", "p000001", "p000003"]
    assert journal.healthy
    assert (journal.statistics.writes, journal.statistics.records, journal.statistics.failed) == (3, 3, 1)


@pytest_twisted.ensureDeferred
async def test_a_header_that_is_not_utf_8_is_kept_as_it_is(
    journal: JournalClient, database: Database
) -> None:
    latin = b"J\xfcrgen \x00".decode("utf-8", "surrogateescape")
    odd, plain = binding("sip:j@x", "sip:j@1", latin), binding("sip:k@x", "sip:k@1", "Jürgen")
    first, second = written(journal, odd), written(journal, plain)
    await first
    await second
    assert list(load(database, "binding")) == [(odd.key, odd.row), (plain.key, plain.row)]
    await written(journal, gone(odd))
    assert list(load(database, "binding")) == [(plain.key, plain.row)]


@pytest_twisted.ensureDeferred
async def test_a_callback_that_fails_does_not_keep_the_answers_from_others(
    journal: JournalClient, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(error: JournalError | None) -> None:
        raise LookupError("mine")

    journal.write([publication(1)], broken)
    await written(journal, publication(2))
    assert "journal.callback" in caplog.messages


@pytest_twisted.ensureDeferred
async def test_killing_the_writer_in_the_middle_of_a_load_loses_nothing(
    journal: JournalClient, database: Database
) -> None:
    acknowledged: list[int] = []
    failed: list[JournalError] = []
    written_numbers = 0

    def write(number: int) -> None:
        def done(error: JournalError | None) -> None:
            if error:
                failed.append(error)
            else:
                acknowledged.append(number)

        journal.write([publication(number)], done)

    for kill in range(3):
        for _ in range(20):
            for _ in range(40):
                write(written_numbers)
                written_numbers += 1
            await after(0.002)
        pid = journal.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        # What was acknowledged before the kill is there now.
        found = stored(database)
        assert not [number for number in acknowledged if f"p{number:06}" not in found]
        await until(lambda kill=kill: journal.statistics.restarts > kill)  # type: ignore[misc]
        await until(lambda pid=pid: journal.pid not in (None, pid))  # type: ignore[misc]
    await until(lambda: len(acknowledged) + len(failed) == written_numbers, 20)
    assert not failed
    assert acknowledged == list(range(written_numbers))
    assert len(stored(database)) == written_numbers
    assert journal.healthy


@pytest_twisted.ensureDeferred
async def test_while_the_writer_is_away_the_journal_is_not_healthy(journal: JournalClient) -> None:
    assert journal.pid is not None
    os.kill(journal.pid, signal.SIGKILL)
    await until(lambda: not journal.healthy)
    assert journal.failure == "the journal's writer ended unexpectedly (exit code -9)"
    await until(lambda: journal.healthy)
    await written(journal, publication(1))


@pytest_twisted.ensureDeferred
async def test_a_writer_that_is_silent_is_killed_and_its_writes_are_stored_by_the_next(
    url: str, journals: Callable[..., JournalClient], database: Database
) -> None:
    journal = journals(url, deadline=6.0)
    await journal.start()
    assert journal.pid is not None
    os.kill(journal.pid, signal.SIGSTOP)
    old = written(journal, publication(1))
    await after(2.0)
    young = written(journal, publication(2))
    await old
    await young
    assert list(stored(database)) == ["p000001", "p000002"]
    assert journal.statistics.restarts == 1


@pytest_twisted.ensureDeferred
async def test_signals_of_a_terminal_or_a_service_manager_do_not_end_the_writer(
    journal: JournalClient,
) -> None:
    pid = journal.pid
    assert pid is not None
    os.kill(pid, signal.SIGINT)
    os.kill(pid, signal.SIGTERM)
    await written(journal, publication(1))
    assert journal.pid == pid
    assert journal.statistics.restarts == 0
    assert os.getpgid(pid) != os.getpgid(0)


@pytest_twisted.ensureDeferred
async def test_stop_stores_everything_that_was_written_and_ends_the_writer(
    journal: JournalClient, database: Database
) -> None:
    pid = journal.pid
    results = [written(journal, publication(number)) for number in range(1200)]
    await journal.stop().addTimeout(TEN_SECONDS, reactor)
    for result in results:
        await result
    assert len(stored(database)) == 1200
    assert journal.pid is None
    with pytest.raises(ProcessLookupError):
        os.kill(pid or 0, 0)
    with pytest.raises(JournalError, match="stopped"):
        await written(journal, publication(1))


@pytest_twisted.ensureDeferred
async def test_when_the_server_is_killed_everything_acknowledged_is_there_and_the_writer_ends(
    url: str, database: Database
) -> None:
    code = """
import sys
from twisted.internet import reactor
from presence.storage.journal.client import JournalClient
from sip.ports import Record
journal = JournalClient(reactor, sys.argv[1])
def write(number):
    row = ("presence", "sip:a@x", "e", 2e9, "t", b"b" * 500, "", 1.0)
    def done(error):
        print(number if error is None else error, flush=True)
        write(number + 50)
    journal.write([Record("publication", (f"p{number:06}",), row)], done)
def begin(_):
    print("writer", journal.pid, flush=True)
    for number in range(50):
        write(number)
reactor.callWhenRunning(lambda: journal.start().addCallback(begin))
reactor.run()
"""
    server = started(code, url)
    assert server.stdout is not None
    with server:
        pid = int(server.stdout.readline().split()[1])
        acknowledged = [server.stdout.readline().strip() for _ in range(500)]
        server.kill()
        acknowledged += server.stdout.read().split("\n")[:-1]
    server.wait(10)
    await until(lambda: not Path(f"/proc/{pid}").exists() or is_zombie(pid))
    found = stored(database)
    assert len(acknowledged) >= 500
    assert not [number for number in acknowledged if f"p{int(number):06}" not in found]


def is_zombie(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


@pytest_twisted.ensureDeferred
async def test_what_was_sent_completely_is_stored_although_nobody_waits_for_the_answer_any_more(
    journal: JournalClient, database: Database
) -> None:
    pid = journal.pid or 0
    os.kill(pid, signal.SIGSTOP)
    lost = written(journal, publication(1))
    await after(0.05)
    process = journal._process
    assert process is not None
    process.connectionLost(Failure(ConnectionAborted()))
    os.kill(pid, signal.SIGCONT)
    await until(lambda: "p000001" in stored(database))
    await lost
