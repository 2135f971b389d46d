"""What goes wrong is logged with its traceback, and no traceback shows what it went wrong with."""

from __future__ import annotations

import logging
from io import StringIO
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from presence.observe.logs import formatter
from presence.storage.database import open_database
from presence.storage.errors import DatabaseError

HASH = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def logged() -> StringIO:
    return StringIO()


@pytest.fixture
def log(logged: StringIO) -> logging.Logger:
    handler = logging.StreamHandler(logged)
    handler.setFormatter(formatter("keyvalue"))
    log = logging.getLogger("tests.tracebacks")
    log.handlers, log.propagate = [handler], False
    return log


@pytest.mark.parametrize(
    "statement",
    ["INSERT INTO nothing VALUES (:hash)", "INSERT INTO there VALUES (:hash)", "SELECT :hash, :missing"],
)
def test_the_parameters_of_a_statement_that_fails_are_not_shown(
    tmp_path: Path, log: logging.Logger, logged: StringIO, statement: str
) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'some.db'}")
    try:
        with database.writing() as connection:
            connection.execute(text("CREATE TABLE there (hash TEXT UNIQUE)"))
            connection.execute(text("INSERT INTO there VALUES (:hash)"), {"hash": HASH})
        try:
            with database.writing() as connection:
                connection.execute(text(statement), {"hash": HASH})
        except (DatabaseError, SQLAlchemyError):
            log.exception("it.failed")
    finally:
        database.close()
    assert "Traceback" in logged.getvalue()
    assert HASH not in logged.getvalue()


def test_a_traceback_shows_no_values_of_variables(log: logging.Logger, logged: StringIO) -> None:
    def check(password: str) -> None:
        key = f"key-made-of-{password}"
        raise RuntimeError(f"{len(key)} characters")

    try:
        check("Wp8" + "ZtQ")
    except RuntimeError:
        log.exception("it.failed")
    assert "check(" in logged.getvalue()
    assert "Wp8ZtQ" not in logged.getvalue()
