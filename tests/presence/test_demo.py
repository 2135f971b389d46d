"""The users of `--demo`: the passwords that are printed are those that work."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from presence.demo import create_demo_users
from presence.directory import Credentials
from presence.provisioning.errors import ProvisioningError
from presence.provisioning.users import UserService
from presence.storage.database import Database, open_database
from presence.storage.migrate import upgrade
from presence.storage.users import SqlUserRepository


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    url = f"sqlite:///{tmp_path}/presentity.db"
    upgrade(url)
    opened = open_database(url)
    yield opened
    opened.close()


@pytest.fixture
def users(database: Database) -> UserService:
    return UserService(SqlUserRepository(database))


def test_passwords_stay_the_same_and_only_the_owner_can_read_them(
    tmp_path: Path, database: Database, users: UserService
) -> None:
    lines = list(create_demo_users(database, "example.com", tmp_path))
    assert [line.rpartition(" password ")[0] for line in lines] == [
        f"demo user {name}@example.com" for name in ("alice", "bob", "carol")
    ]
    password = lines[0].rpartition(" ")[2]
    assert users.get("alice@example.com").credentials == Credentials.of("sip:alice@example.com", password)
    assert list(create_demo_users(database, "example.com", tmp_path)) == lines
    assert (tmp_path / "demo-passwords.json").stat().st_mode & 0o777 == 0o600


def test_a_password_that_was_changed_is_not_printed_and_that_is_said(
    tmp_path: Path, database: Database, users: UserService
) -> None:
    before = list(create_demo_users(database, "example.com", tmp_path))
    users.set_password("bob@example.com", "his own")
    alice, bob, carol = create_demo_users(database, "example.com", tmp_path)
    assert [alice, carol] == [before[0], before[2]]
    assert bob == "demo user bob@example.com: password changed since"


def test_an_address_that_is_somebody_elses_alias_is_refused_by_its_reason(
    tmp_path: Path, database: Database, users: UserService
) -> None:
    users.add("zoe@example.com", "x", aliases=["alice"])
    with pytest.raises(ProvisioningError, match=r"alice@example\.com is taken"):
        list(create_demo_users(database, "example.com", tmp_path))
