"""Fills a data folder: python -m bench_lib.provision FOLDER USERS [MEMBERS:OWNERS]...

Users are u0 to uN and have the password "secret".  Owners of contacts are l20x0, l20x1 and on for lists of 20
members (with l500x0 for one of 500), their contacts the users u0 and on.
"""

from __future__ import annotations

import sys
from pathlib import Path

from bench_lib.provision_names import owner
from bench_lib.wire import DOMAIN
from presence.provisioning.contacts import DEFAULT_GROUP, AddContact, ContactService
from presence.provisioning.users import ImportRow, UserService
from presence.storage.contacts import SqlContactRepository
from presence.storage.database import Database, open_database
from presence.storage.migrate import upgrade
from presence.storage.users import SqlUserRepository


def add_users(database: Database, names: list[str]) -> None:
    """Users with the password "secret". Raises ValueError if one is refused."""
    service = UserService(SqlUserRepository(database), (DOMAIN,))
    report = service.import_rows(
        ImportRow(line, f"{name}@{DOMAIN}", "secret", "") for line, name in enumerate(names, 1)
    )
    if report.errors:
        raise ValueError(f"refused: {report.errors[:3]}")


def add_contacts(database: Database, name: str, members: int) -> None:
    """The first `members` users as contacts. Raises ValueError if one is refused."""
    service = ContactService(SqlContactRepository(database), (DOMAIN,), members)
    changes = [AddContact(DEFAULT_GROUP, f"u{number}@{DOMAIN}") for number in range(members)]
    for outcome in service.apply(f"{name}@{DOMAIN}", changes):
        if not outcome.done:
            raise ValueError(f"refused: {outcome.why}")


def main() -> None:
    folder, users, *contacts = sys.argv[1:]
    url = f"sqlite:///{Path(folder) / 'presentity.db'}"
    upgrade(url)
    database = open_database(url)
    try:
        lists = [(int(members), int(owners)) for members, owners in (it.split(":") for it in contacts)]
        owners = [owner(members, number) for members, count in lists for number in range(count)]
        add_users(database, [f"u{number}" for number in range(int(users))] + owners)
        for members, count in lists:
            for number in range(count):
                add_contacts(database, owner(members, number), members)
    finally:
        database.close()


if __name__ == "__main__":
    main()
