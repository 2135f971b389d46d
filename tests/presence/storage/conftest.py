"""Databases to test with: every test runs on SQLite and, where a server is reachable, on PostgreSQL."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.exc import SQLAlchemyError
from twisted.internet import reactor

from presence.storage.database import Database, open_database
from presence.storage.engine import normalise
from presence.storage.journal.client import JournalClient, JournalSettings
from presence.storage.migrate import upgrade
from tests.presence.storage.writing import TEN_SECONDS

POSTGRES = "postgresql://postgres@127.0.0.1:5432/postgres"


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A database of its own on $PRESENTITY_TEST_POSTGRES, dropped at the end."""
    server = normalise(os.environ.get("PRESENTITY_TEST_POSTGRES", POSTGRES))
    name = f"presentity_test_{secrets.token_hex(6)}"
    admin = create_engine(server, isolation_level="AUTOCOMMIT", connect_args={"connect_timeout": 2})
    try:
        with admin.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
    except SQLAlchemyError as error:
        admin.dispose()
        shown = server.render_as_string(hide_password=True)
        pytest.skip(f"no PostgreSQL at {shown} (set PRESENTITY_TEST_POSTGRES): {error}".splitlines()[0])
    yield server.set(database=name).render_as_string(hide_password=False)
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/data/presentity.sqlite3"


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def empty_url(request: pytest.FixtureRequest) -> str:
    """A database without tables."""
    if request.param == "sqlite":
        return str(request.getfixturevalue("sqlite_url"))
    url = str(request.getfixturevalue("postgres_url"))
    engine = create_engine(make_url(url))
    with engine.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    engine.dispose()
    return url


@pytest.fixture
def url(empty_url: str) -> str:
    """A migrated database."""
    upgrade(empty_url)
    return empty_url


@pytest.fixture
def opened() -> Iterator[Callable[[str], Database]]:
    """`open_database` that closes what it opened."""
    databases: list[Database] = []

    def open_and_remember(url: str) -> Database:
        databases.append(open_database(url))
        return databases[-1]

    yield open_and_remember
    for database in databases:
        database.close()


@pytest.fixture
def database(url: str, opened: Callable[[str], Database]) -> Database:
    return opened(url)


@pytest.fixture
def journals() -> Iterator[Callable[..., JournalClient]]:
    """Makes journals and stops them at the end of the test."""
    made: list[JournalClient] = []

    def make(url: str, **settings: Any) -> JournalClient:
        made.append(JournalClient(reactor, url, JournalSettings(**settings)))
        return made[-1]

    yield make
    for journal in made:
        pytest_twisted.blockon(journal.stop().addTimeout(TEN_SECONDS, reactor))


@pytest.fixture
def journal(url: str, journals: Callable[..., JournalClient]) -> JournalClient:
    """A journal that has begun to work."""
    it = journals(url)
    pytest_twisted.blockon(it.start().addTimeout(TEN_SECONDS, reactor))
    return it
