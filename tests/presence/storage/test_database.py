"""Opening and migrating databases, and reading them back."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import insert, text

from presence.storage import provisioning_models  # noqa: F401  the rest of the tables
from presence.storage.database import Database, load, open_database
from presence.storage.engine import normalise
from presence.storage.errors import (
    DatabaseNotMigrated,
    DatabaseTooNew,
    DatabaseUnavailable,
    DatabaseUnsupported,
)
from presence.storage.kinds import KINDS, original, storable
from presence.storage.migrate import check_revision, upgrade
from presence.storage.models import Base, Binding, Outbox
from presence.storage.status import counts

Open = Callable[[str], Database]

CONTRACT = {
    "binding": (
        "aor contact_uri",
        "contact call_id cseq q expires_at path instance reg_id flow user_agent updated_at",
    ),
    "publication": ("id", "package aor etag expires_at content_type body source published_at"),
    "subscription": (
        "id",
        (
            "package event_id aor watcher call_id local_tag remote_tag local_uri remote_uri remote_target "
            "routes local_cseq remote_cseq accept expires_at flow state reason user_agent filter_type filter "
            "created_at version rates condition is_list secure"
        ),
    ),
    "message": ("id", "recipient sender received_at expires_at headers body"),
    "waiting": ("package aor watcher", "id display since expires"),
    "change_position": ("subscription", "position"),
}


def binding(aor: str, contact_uri: str, expires_at: float = 2e9) -> dict[str, object]:
    return {
        "aor": aor,
        "contact_uri": contact_uri,
        "contact": f"<{contact_uri}>",
        "call_id": "c",
        "cseq": 4294967295,
        "q": 1000,
        "expires_at": expires_at,
        "updated_at": 1.5,
    }


@pytest.mark.parametrize("kind", CONTRACT)
def test_the_columns_of_a_kind_stand_in_the_order_of_its_records(kind: str) -> None:
    key, row = CONTRACT[kind]
    assert KINDS[kind].key == tuple(key.split())
    assert KINDS[kind].row == tuple(row.split())


def test_models_and_migrations_describe_the_same_tables(database: Database) -> None:
    with database.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_a_database_is_migrated_once_and_upgrading_again_changes_nothing(
    url: str, database: Database
) -> None:
    check_revision(database)
    upgrade(url)
    check_revision(database)


def test_processes_that_migrate_at_the_same_time_all_succeed(empty_url: str, opened: Open) -> None:
    code = "import sys; from presence.storage.migrate import upgrade; upgrade(sys.argv[1])"
    racers = [
        subprocess.Popen([sys.executable, "-c", code, empty_url], stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    for racer in racers:
        _, errors = racer.communicate(timeout=60)
        assert racer.returncode == 0, errors
    check_revision(opened(empty_url))


def test_a_database_without_tables_is_reported_as_not_migrated(empty_url: str, opened: Open) -> None:
    with pytest.raises(DatabaseNotMigrated, match="not migrated yet"):
        check_revision(opened(empty_url))


def test_a_database_of_a_later_presentity_is_refused(url: str, database: Database) -> None:
    with database.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(DatabaseTooNew, match=r"newer than this presentity \(revision 9999\)"):
        upgrade(url)
    with pytest.raises(DatabaseTooNew, match=r"newer than this presentity \(revision 9999\)"):
        check_revision(database)


def test_a_new_sqlite_file_and_its_folder_are_for_their_owner_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        upgrade(f"sqlite:///{tmp_path}/new/presentity.sqlite3")
        database = open_database(f"sqlite:///{tmp_path}/new/presentity.sqlite3")
        with database.writing() as connection:
            connection.execute(insert(Binding), [binding("sip:a@b", "sip:c@d")])
            modes = {it.name: stat.S_IMODE(it.stat().st_mode) for it in (tmp_path / "new").iterdir()}
    finally:
        os.umask(before)
    database.close()
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700
    assert modes == {
        "presentity.sqlite3": 0o600,
        "presentity.sqlite3-wal": 0o600,
        "presentity.sqlite3-shm": 0o600,
    }


def test_sqlite_is_opened_in_wal_mode_with_full_synchronisation_and_foreign_keys(
    sqlite_url: str, opened: Open
) -> None:
    with opened(sqlite_url).reading() as connection:
        settings = {
            name: connection.execute(text(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert settings == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 10000}


def test_a_file_that_is_no_database_gives_one_clear_line(tmp_path: Path) -> None:
    file = tmp_path / "letter.txt"
    file.write_text("Dear database, " * 100)
    with pytest.raises(
        DatabaseUnavailable, match=r"^database sqlite:///.*letter.txt: file is not a database$"
    ):
        open_database(f"sqlite:///{file}")


def test_a_folder_that_cannot_be_made_gives_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DatabaseUnavailable, match=r"^database sqlite:///.*: (Not a directory|File exists)$"):
        open_database(f"sqlite:///{tmp_path}/file/data/presentity.sqlite3")


def test_a_server_that_is_away_gives_one_clear_line_without_the_password() -> None:
    pytest.importorskip("psycopg")
    with pytest.raises(DatabaseUnavailable) as caught:
        open_database("postgresql://me:secret@127.0.0.1:1/none")
    assert "refused" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("mysql://localhost/presence", "database mysql: not supported"),
        ("sqlite://", "must be a plain file"),
        ("sqlite:///:memory:", "must be a plain file"),
        ("presentity.sqlite3", "cannot be read"),
    ],
)
def test_a_database_that_cannot_serve_is_refused(url: str, why: str) -> None:
    with pytest.raises(DatabaseUnsupported, match=why):
        open_database(url)


@pytest.mark.parametrize(
    "url", ["postgresql://me@host/db", "postgres://me@host/db", "postgresql+psycopg://me@host/db"]
)
def test_every_way_to_write_postgresql_means_psycopg_3(url: str) -> None:
    assert str(normalise(url)) == "postgresql+psycopg://me@host/db"


def test_rows_come_back_as_key_and_row_in_the_order_of_their_keys(database: Database) -> None:
    with database.writing() as connection:
        connection.execute(insert(Binding), [binding("sip:b@x", "sip:1@y"), binding("sip:B@x", "sip:2@y")])
    assert list(load(database, "binding")) == [
        (
            ("sip:B@x", "sip:2@y"),
            ("<sip:2@y>", "c", 4294967295, 1000, 2e9, None, None, None, None, None, 1.5),
        ),
        (
            ("sip:b@x", "sip:1@y"),
            ("<sip:1@y>", "c", 4294967295, 1000, 2e9, None, None, None, None, None, 1.5),
        ),
    ]


def test_a_snapshot_shows_one_moment_and_knows_the_outbox_position_of_it(database: Database) -> None:
    entry = {"created_at": 1.0, "topic": "t", "key": "k", "payload": "{}"}
    with database.writing() as connection:
        connection.execute(insert(Outbox), [entry, entry])
    with database.snapshot() as snapshot:
        with database.writing() as connection:
            connection.execute(insert(Outbox), [entry])
            connection.execute(insert(Binding), [binding("sip:late@x", "sip:1@y")])
        assert snapshot.outbox_position == 2
        assert list(snapshot.load("binding")) == []
    with database.snapshot() as snapshot:
        assert snapshot.outbox_position == 3
        assert len(list(snapshot.load("binding"))) == 1


def test_outbox_ids_do_not_come_back_after_the_newest_were_pruned(database: Database) -> None:
    entry = {"created_at": 1.0, "topic": "t", "key": "k", "payload": "{}"}
    with database.writing() as connection:
        connection.execute(insert(Outbox), [entry, entry])
        connection.execute(text("DELETE FROM outbox"))
        connection.execute(insert(Outbox), [entry])
        assert connection.execute(text("SELECT id FROM outbox")).scalar() == 3


def test_every_row_of_more_than_one_fetch_is_loaded_in_order(database: Database) -> None:
    aors = [f"sip:{number:05d}@x" for number in range(2500)]
    with database.writing() as connection:
        connection.execute(insert(Binding), [binding(aor, "sip:1@y") for aor in aors])
    assert [key[0] for key, _ in load(database, "binding")] == aors


def test_a_hundred_thousand_rows_load_in_seconds(database: Database) -> None:
    with database.writing() as connection:
        connection.execute(
            insert(KINDS["publication"].table),
            [
                {
                    "id": f"{number:032x}",
                    "package": "presence",
                    "aor": f"sip:user{number}@example.com",
                    "etag": f"e{number}",
                    "expires_at": 2e9,
                    "content_type": "application/pidf+xml",
                    "body": b"<presence/>" * 60,
                    "source": "",
                    "published_at": 1e9,
                }
                for number in range(100_000)
            ],
        )
    begin = time.perf_counter()
    assert sum(1 for _ in load(database, "publication")) == 100_000
    # About one second on a quiet machine.
    assert time.perf_counter() - begin < 10


def test_status_counts_what_has_not_expired(database: Database) -> None:
    with database.writing() as connection:
        rows = [binding("sip:a@x", "sip:1@y", 100.0), binding("sip:a@x", "sip:2@y", 200.0)]
        connection.execute(insert(Binding), rows)
    assert counts(database, 150.0) == {
        "users": 0,
        "bindings": 1,
        "publications": 0,
        "subscriptions": 0,
        "messages": 0,
    }


def test_counting_in_a_database_without_tables_says_that_it_is_not_migrated(
    empty_url: str, opened: Open
) -> None:
    with pytest.raises(DatabaseNotMigrated, match="not migrated yet"):
        counts(opened(empty_url), 0.0)


def test_text_that_no_database_takes_comes_back_as_it_was() -> None:
    latin = b"J\xfcrgen \x00".decode("utf-8", "surrogateescape")
    values = (latin, "plain", "ü", b"\x00\xff", 1, 1.5, None)
    stored = storable(values)
    assert isinstance(stored[0], str)
    stored[0].encode("utf-8")
    assert "\x00" not in stored[0]
    assert original(stored) == values
