"""The SOAP service to test: an `Office` is asked as it is, a `Soap` by HTTP; each has a new database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted

from presence.storage.database import Database, open_database
from presence.storage.migrate import upgrade
from tests.soapapi.asking import Office, Printed
from tests.support.soap import Soap, make_people


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated database without anything in it."""
    path = tmp_path_factory.mktemp("migrated") / "empty.sqlite3"
    upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture
def database(migrated: Path, tmp_path: Path) -> Iterator[Database]:
    path = tmp_path / "soap.sqlite3"
    path.write_bytes(migrated.read_bytes())
    database = open_database(f"sqlite:///{path}")
    yield database
    database.close()


@pytest.fixture
def office(database: Database) -> Office:
    return Office(database)


@pytest.fixture
def printed(shared: Path) -> Printed:
    return Printed(shared)


@pytest.fixture(scope="session")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_people(tmp_path_factory.mktemp("people") / "people.db")


@pytest_twisted.async_yield_fixture
async def make_soap(shared: Path, tmp_path: Path, people: Path):
    """Make a service that is not as usual: arguments as for `Soap`."""
    made: list[Soap] = []

    def make(**how: Any) -> Soap:
        folder = tmp_path / str(len(made))
        folder.mkdir()
        made.append(Soap(folder, shared / "reference" / "cup" / "soap", people=people, **how))
        return made[-1]

    yield make
    for soap in made:
        await soap.close()


@pytest.fixture
def soap(make_soap: Callable[..., Soap]) -> Soap:
    return make_soap()
