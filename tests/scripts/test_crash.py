"""The crash test in its short form, and that it finds what it looks for; long form: `scripts/crashtest`."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing

import pytest
from crash_lib import cli, watchers
from crash_lib.evidence import Evidence, Wrong
from crash_lib.possible import Possible
from crash_lib.rounds import CrashTest

from tests.support.server import postgres_database

ROUNDS = 3
SEED = 20


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def test(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CrashTest]:
    folder = tmp_path_factory.mktemp("crash")
    with ExitStack() as stack:
        url = None
        if request.param == "postgresql":
            try:
                url = stack.enter_context(postgres_database())
            except LookupError as error:
                pytest.skip(str(error))
        yield stack.enter_context(CrashTest(folder, ROUNDS, url, SEED))


def test_nothing_that_was_answered_is_lost_by_kills_at_random_moments(test: CrashTest) -> None:
    for _ in range(ROUNDS):
        done = test.round()
        assert done.wrongs == (), test.server.told(lines=60)
        assert done.answered > 20


@pytest.mark.parametrize("test", ["sqlite"], indirect=True)
def test_what_a_server_lost_is_found(test: CrashTest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchers, "PATIENCE", 1.0)
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
