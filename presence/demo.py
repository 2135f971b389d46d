"""`--demo`: alice, bob and carol, with passwords that stay the same from one start to the next.

Who got another one by `presentity user passwd` keeps that, and nobody can print it.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from presence.directory import Credentials
from presence.provisioning.users import ProvisioningError, UserService
from presence.storage.database import Database
from presence.storage.users import SqlUserRepository

NAMES = ("alice", "bob", "carol")
PASSWORDS_FILE = "demo-passwords.json"


def create_demo_users(database: Database, domain: str, folder: Path) -> Iterator[str]:
    """Create the users that are missing; yields a line each, with name and the password if it is known.

    The passwords are made once and kept in `folder` (mode 0600), so that phones that were set up stay so.

    Raises:
        OSError: the folder cannot be written to.
        DatabaseError: the database does not work.
        ProvisioningError: the address belongs to somebody else.
    """
    passwords = _passwords(folder / PASSWORDS_FILE)
    service = UserService(SqlUserRepository(database))
    for name in NAMES:
        address = f"{name}@{domain}"
        if not _is_user(service, address):
            service.add(address, passwords[name], display_name=name.capitalize())
        user = service.get(address)
        if user.credentials == Credentials.of(user.aor, passwords[name]):
            yield f"demo user {address} password {passwords[name]}"
        else:
            yield f"demo user {address}: password changed since"


def _is_user(service: UserService, address: str) -> bool:
    try:
        service.get(address)
    except ProvisioningError:
        return False
    return True


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
