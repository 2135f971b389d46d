"""Users to set something for, and what the outbox says of it."""

from __future__ import annotations

import json

from sqlalchemy import select

from presence.provisioning.users import UserService
from presence.storage.database import Database
from presence.storage.models import Outbox
from presence.storage.users import SqlUserRepository

ALICE, BOB, CAROL = (f"sip:{name}@example.com" for name in ("alice", "bob", "carol"))

News = list[tuple[str, str, dict[str, object]]]


def add_users(database: Database) -> UserService:
    """alice, bob and carol at example.com with the password NAME-secret and their initial as an alias."""
    users = UserService(SqlUserRepository(database), ["example.com"])
    for name in ("alice", "bob", "carol"):
        users.add(f"{name}@example.com", f"{name}-secret", aliases=[name[0]])
    return users


def news(database: Database) -> News:
    """(topic, key, payload) of all entries but those of users, in order."""
    with database.reading() as connection:
        rows = connection.execute(select(Outbox.topic, Outbox.key, Outbox.payload).order_by(Outbox.id))
        return [(it.topic, it.key, json.loads(it.payload)) for it in rows if it.topic[:5] != "user."]
