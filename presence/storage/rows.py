"""Rows of the tables of users, their documents and the outbox as the plain types of the domain, and back."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from sqlalchemy import Connection, insert, select

from presence.directory import Change, Credentials, User
from presence.policy.stored import POLICY_CHANGED, PolicyDocument
from presence.provisioning.contact_lists import TOPICS as CONTACT_TOPICS
from presence.provisioning.news import PRIVACY_CHANGED, STANDING_CHANGED
from presence.storage.contact_rows import books_by_owner
from presence.storage.fetching import fetched
from presence.storage.models import Outbox, UserAlias
from presence.storage.models import PolicyDocument as PolicyRow
from presence.storage.models import User as UserRow
from presence.storage.provisioning_rows import privacy_by_key, standing_by_owner

NOTIFY_CHANNEL = "presentity_outbox"

# "PRES" and a running number (1 are the migrations).
_OUTBOX_LOCK = 0x5052_4553_0002
_FETCH = 2000

_USERS = select(
    UserRow.aor,
    UserRow.display_name,
    UserRow.created_at,
    UserRow.ha1_md5,
    UserRow.ha1_md5_full,
    UserRow.ha1_sha256,
    UserRow.ha1_sha256_full,
).order_by(UserRow.aor)
_ALIASES = select(UserAlias.aor, UserAlias.alias).order_by(UserAlias.alias)
_POLICIES = select(
    PolicyRow.owner,
    PolicyRow.source,
    PolicyRow.name,
    PolicyRow.content_type,
    PolicyRow.document,
    PolicyRow.updated_at,
).order_by(PolicyRow.owner, PolicyRow.source, PolicyRow.name)
_ENTRIES = select(Outbox.id, Outbox.created_at, Outbox.topic, Outbox.key, Outbox.payload).order_by(Outbox.id)


def read_users(connection: Connection, aors: Sequence[str] | None = None) -> Iterator[User]:
    """The users `aors` (a few hundred at most; None: all) with their aliases, in the order of the AORs."""
    users, aliases = _USERS, _ALIASES
    if aors is not None:
        users, aliases = users.where(UserRow.aor.in_(aors)), aliases.where(UserAlias.aor.in_(aors))
    others: dict[str, tuple[str, ...]] = {}
    for aor, alias in connection.execute(aliases):
        others[aor] = (*others.get(aor, ()), alias)
    for rows in fetched(connection, users):
        for aor, display_name, created_at, md5, md5_full, sha256, sha256_full in rows:
            credentials = Credentials(md5, md5_full, sha256, sha256_full)
            yield User(aor, display_name, created_at, credentials, others.get(aor, ()))


def read_policies(connection: Connection, owners: Sequence[str] | None = None) -> Iterator[PolicyDocument]:
    """The documents of rules of `owners` (a few hundred at most; None: of all), in the order of the keys."""
    policies = _POLICIES if owners is None else _POLICIES.where(PolicyRow.owner.in_(owners))
    with connection.execute(policies, execution_options={"yield_per": _FETCH}) as result:
        for row in result:
            yield PolicyDocument(*row)


def _policies_by_owner(connection: Connection, owners: Sequence[str]) -> dict[str, tuple[object, ...]]:
    found: dict[str, tuple[object, ...]] = {}
    for document in read_policies(connection, owners):
        found[document.owner] = (*found.get(document.owner, ()), document)
    return found


CURRENT: Final[Mapping[str, Callable[[Connection, Sequence[str]], dict[str, tuple[object, ...]]]]] = (
    MappingProxyType(
        {
            POLICY_CHANGED: _policies_by_owner,
            STANDING_CHANGED: standing_by_owner,
            PRIVACY_CHANGED: privacy_by_key,
            **dict.fromkeys(CONTACT_TOPICS, books_by_owner),
        }
    )
)
"""Topic to reader of what the keys of its entries have now (`Change.current`)."""


def user_values(user: User) -> dict[str, object]:
    return {
        "aor": user.aor,
        "display_name": user.display_name,
        "created_at": user.created_at,
        **credential_values(user.credentials),
    }


def credential_values(credentials: Credentials) -> dict[str, object]:
    return {
        "ha1_md5": credentials.md5,
        "ha1_md5_full": credentials.md5_full,
        "ha1_sha256": credentials.sha256,
        "ha1_sha256_full": credentials.sha256_full,
    }


def begin_announcing(connection: Connection) -> None:
    """To be called first in a transaction that is going to `announce`.

    On PostgreSQL ids are handed out when rows are inserted, and transactions may commit in another order: a
    follower that has seen 8 would never look for a 7 that commits later.  So writers of the outbox take
    turns, until their commit (SQLite has one writer at a time anyway).  An advisory lock costs no row and no
    dead tuple, and goes with its transaction, however that ends.
    """
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_OUTBOX_LOCK})")


def announce(connection: Connection, entries: Iterable[tuple[str, str, dict[str, Any]]]) -> None:
    """Write (topic, key, payload) into the outbox, as part of the transaction that makes the change."""
    now = time.time()
    rows = [
        {"created_at": now, "topic": topic, "key": key, "payload": json.dumps(payload)}
        for topic, key, payload in entries
    ]
    if not rows:
        return
    connection.execute(insert(Outbox), rows)
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"NOTIFY {NOTIFY_CHANNEL}")


def read_changes(connection: Connection, after: int, limit: int) -> list[Change]:
    """The next entries after id `after`, with what they are about as it is now."""
    rows = connection.execute(_ENTRIES.where(Outbox.id > after).limit(limit)).all()
    wanted = sorted({row.key for row in rows if row.topic.startswith("user.")})
    users = {user.aor: user for user in read_users(connection, wanted)} if wanted else {}
    current: dict[tuple[str, str], tuple[object, ...]] = {}
    for topic, reader in CURRENT.items():
        keys = sorted({row.key for row in rows if row.topic == topic})
        if keys:
            current.update(((topic, key), state) for key, state in reader(connection, keys).items())
    return [
        Change(
            row.id,
            row.created_at,
            row.topic,
            row.key,
            json.loads(row.payload),
            users.get(row.key),
            current.get((row.topic, row.key), ()),
        )
        for row in rows
    ]
