"""A database has one server and one writer at a time."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from threading import Timer

import pytest

from presence.storage.database import Database, open_database
from presence.storage.engine import normalise
from presence.storage.errors import DatabaseTaken, DatabaseUnavailable
from presence.storage.journal.writer import Writer
from presence.storage.seats import Seat, claim_database, take

Open = Callable[[str], Database]


@pytest.mark.parametrize("seat", Seat)
def test_a_seat_is_taken_once_and_free_again_when_it_was_left(url: str, opened: Open, seat: Seat) -> None:
    one, other = opened(url), opened(url)
    held = take(one, seat, 0)
    with pytest.raises(DatabaseTaken, match="another server uses the database "):
        take(other, seat, 0.2)
    held.release()
    held.release()
    again = take(other, seat, 5)
    again.release()


def test_the_seats_are_two(url: str, database: Database) -> None:
    held = [take(database, seat, 0) for seat in Seat]
    for it in held:
        it.release()


def test_who_wants_a_seat_waits_for_it(url: str, opened: Open) -> None:
    held = take(opened(url), Seat.SERVER, 0)
    leaving = Timer(0.3, held.release)
    leaving.start()
    begin = time.monotonic()
    take(opened(url), Seat.SERVER, 10).release()
    assert time.monotonic() - begin >= 0.25
    leaving.join()


def test_a_server_waits_for_the_writer_of_the_one_before_it(url: str, opened: Open) -> None:
    writer = Writer(open_database(url))
    writer.check()
    with pytest.raises(DatabaseTaken):
        claim_database(opened(url), 0.2)
    writer.close()
    held = claim_database(opened(url), 10)
    with pytest.raises(DatabaseTaken):
        claim_database(opened(url), 0.2)
    held.release()


def test_who_could_not_claim_leaves_nothing_behind(url: str, opened: Open) -> None:
    writer = take(opened(url), Seat.WRITER, 0)
    with pytest.raises(DatabaseTaken):
        claim_database(opened(url), 0)
    writer.release()
    claim_database(opened(url), 5).release()


def test_a_second_writer_stores_nothing_while_the_first_is_there(url: str, database: Database) -> None:
    first, second = Writer(open_database(url)), Writer(open_database(url), 0.1)
    try:
        first.check()
        with pytest.raises(DatabaseTaken):
            second.commit([[("publication", ("p",), None)]])
        first.close()
        second.check()
    finally:
        first.close()
        second.close()


@pytest.mark.postgres
def test_a_writer_that_lost_its_connection_finds_its_seat_taken_by_then(
    postgres_url: str, opened: Open
) -> None:
    from sqlalchemy import text

    from presence.storage.migrate import upgrade

    upgrade(postgres_url)
    writer = Writer(open_database(postgres_url), 0.2)
    try:
        writer.check()
        admin = opened(postgres_url)
        with admin.reading() as connection:
            connection.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            )
        other = take(admin, Seat.WRITER, 5)
        with pytest.raises(DatabaseTaken):
            writer.check()
        other.release()
        writer.check()
    finally:
        writer.close()


def test_the_seat_of_a_killed_process_is_free(url: str, opened: Open) -> None:
    code = (
        "import sys; from presence.storage.database import open_database;"
        "from presence.storage.seats import Seat, take;"
        "held = take(open_database(sys.argv[1]), Seat.SERVER, 5); print('held', flush=True); sys.stdin.read()"
    )
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", code, url], stdin=pipe, stdout=pipe, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(DatabaseTaken):
            take(opened(url), Seat.SERVER, 0)
        os.kill(holder.pid, signal.SIGKILL)
        holder.wait(10)
        take(opened(url), Seat.SERVER, 5).release()


def test_links_to_an_sqlite_file_lead_to_the_same_seat(tmp_path: Path, sqlite_url: str, opened: Open) -> None:
    file = Path(sqlite_url.removeprefix("sqlite:///"))
    held = take(opened(sqlite_url), Seat.SERVER, 0)
    (tmp_path / "link.db").symlink_to(file)
    with pytest.raises(DatabaseTaken):
        take(opened(f"sqlite:///{tmp_path}/link.db"), Seat.SERVER, 0)
    held.release()
    assert stat.S_IMODE(file.with_name(f"{file.name}-server").stat().st_mode) == 0o600


def test_a_seat_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "x.db-server").mkdir()
    database = Database(normalise(f"sqlite:///{tmp_path}/x.db"))
    try:
        with pytest.raises(DatabaseUnavailable, match=r"cannot open .*x\.db-server: Is a directory"):
            take(database, Seat.SERVER, 0)
    finally:
        database.close()
