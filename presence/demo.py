"""`--demo`: alice, bob and carol, with passwords that stay the same from one start to the next."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from presence.provisioning.users import ProvisioningError, UserService
from presence.storage.database import Database
from presence.storage.users import SqlUserRepository

NAMES = ("alice", "bob", "carol")
PASSWORDS_FILE = "demo-passwords.json"


def create_demo_users(database: Database, domain: str, folder: Path) -> Iterator[str]:
    """Create the users that are missing; yields a line each, with name and password.

    The passwords are made once and kept in `folder` (mode 0600), so that phones that were set up stay so.

    Raises:
        OSError: the folder cannot be written to.
        DatabaseError: the database does not work.
    """
    passwords = _passwords(folder / PASSWORDS_FILE)
    service = UserService(SqlUserRepository(database))
    for name in NAMES:
        address = f"{name}@{domain}"
        try:
            service.add(address, passwords[name], display_name=name.capitalize())
        except ProvisioningError:
            if service.get(address) is None:
                raise
            # He exists: from an earlier start, or because somebody added him with a password of his own.
        yield f"demo user {address} password {passwords[name]}"


def _passwords(file: Path) -> dict[str, str]:
    try:
        known = json.loads(file.read_text("utf-8"))
        return {name: str(known[name]) for name in NAMES}
    except (OSError, ValueError, KeyError, TypeError):
        made = {name: secrets.token_urlsafe(6) for name in NAMES}
    file.unlink(missing_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        json.dump(made, out)
    return made
