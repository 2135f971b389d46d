"""The crash test in its short form, and that it finds what it looks for; long form: `scripts/crashtest`."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from crash_lib import cli, watchers
from crash_lib.evidence import Evidence, Wrong
from crash_lib.possible import Possible
from crash_lib.rounds import CrashTest

from tests.support.server import postgres_database

ROUNDS = 3
SEED = 20


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest) -> Iterator[str | None]:
    if request.param == "sqlite":
        yield None
        return
    try:
        with postgres_database() as url:
            yield url
    except LookupError as error:
        pytest.skip(str(error))


def test_nothing_that_was_answered_is_lost_by_kills_at_random_moments(
    tmp_path: Path, database: str | None
) -> None:
    with CrashTest(tmp_path, ROUNDS, database, SEED) as test:
        for _ in range(ROUNDS):
            done = test.round()
            assert done.wrongs == (), test.server.told(lines=60)
            assert done.answered > 20


def test_what_a_server_lost_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchers, "PATIENCE", 1.0)
    with CrashTest(tmp_path, 1, None, SEED) as test:
        assert test.round().wrongs == ()
        test.server.kill9()
        with closing(sqlite3.connect(test.server.data / "presentity.db")) as connection, connection:
            for table in ("binding", "publication", "subscription", "message", "contact"):
                connection.execute(f"DELETE FROM {table}")
        test.server.start()
        assert test.load is not None
        wrongs = "\n".join(test.load.check())
        for loss in (
            r"bindings of binder\d: found {}, not {\d+}",
            r"publisher\d: nothing is published, not one of \(Published",
            r"contacts of keeper\d: found {}, not {",
            r"watcher\d: last told",
        ):
            assert re.search(loss, wrongs)


def test_a_message_may_come_twice_only_if_nothing_proves_that_the_first_one_was_noted() -> None:
    evidence = Evidence()
    evidence.stored(5.0)
    evidence.killed()
    # Somebody who asked later was answered, so the removal before it is stored as well.
    assert not evidence.may_be_forgotten(4.9)
    assert evidence.may_be_forgotten(5.1)


def test_without_an_answer_both_states_may_be_and_with_one_only_the_new() -> None:
    possible = Possible(1)
    possible.maybe(2)
    possible.found(2, "it")
    assert possible.certain == 2
    with pytest.raises(Wrong, match="it: found 1, not 2"):
        possible.found(1, "it")


def test_a_database_that_cannot_be_had_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    status = cli.main(["--rounds", "1", "--database", "postgresql://nobody@127.0.0.1:1/none"])
    assert status == 2
    assert "no PostgreSQL" in capsys.readouterr().err
