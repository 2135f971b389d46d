"""The repository of hosts, profiles and what users have (`presence.provisioning.profiles.ProfileRepository`).

Every change writes its outbox entries in the same transaction.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Hashable, Mapping
from typing import Any, TypeVar, cast

from sqlalchemy import Connection, Table, delete, func, insert, select

from presence.provisioning.catalogue import FAMILIES, SYSTEM_TABLE
from presence.provisioning.configuration import told
from presence.provisioning.hosts import (
    Device,
    Host,
    Licences,
    Person,
    Pilot,
    Profile,
    Tables,
    person_news,
    profile_news,
)
from presence.provisioning.news import Family, block
from presence.provisioning.profiles import UsersOf
from presence.storage.database import Database
from presence.storage.models import Base
from presence.storage.people import aor_of
from presence.storage.provisioning_models import Device as DeviceRow
from presence.storage.provisioning_models import (
    ServiceHost,
    ServiceProfile,
    SystemProperty,
    UserProfile,
    VoiceMailPilot,
)
from presence.storage.rows import announce, begin_announcing

T = TypeVar("T")


class SqlProfileRepository:
    """Profiles in SQLite or PostgreSQL. All methods raise presence.storage.errors.DatabaseError."""

    __slots__ = ("_database",)

    def __init__(self, database: Database) -> None:
        self._database = database

    def read(self) -> Tables:
        """All of them, as of one moment."""
        with self._database.reading() as connection:
            return read_tables(connection)

    def edit(self, table: str, work: Callable[[Tables, UsersOf], T]) -> tuple[T, Collection[str]]:
        """Have `work` change the tables and store what it changed, in one transaction.

        `table`: what the news say changed.  Also returned are the names of profiles that show another block.
        """
        with self._database.writing() as connection:
            begin_announcing(connection)
            before = read_tables(connection)
            after = before.copy()
            result = work(after, lambda family, name: _users_of(connection, family, name))
            _store(connection, ServiceHost, before.hosts, after.hosts, _host_values)
            _store(connection, VoiceMailPilot, before.pilots, after.pilots, _pilot_values)
            _store(connection, ServiceProfile, before.profiles, after.profiles, _profile_values)
            news = list(profile_news(before, after, table))
            announce(connection, news)
            return result, [payload["profile"] for _, _, payload in news]

    def person(self, owner: str) -> Person | None:
        """None: there is no user with the AOR or alias `owner`."""
        with self._database.reading() as connection:
            aor = aor_of(connection, owner)
            return None if aor is None else read_person(connection, aor)

    def edit_person(self, owner: str, work: Callable[[Person, Tables], Person]) -> Person | None:
        """Store what `work` makes of him, in one transaction; what he was before it. None: no such user."""
        with self._database.writing() as connection:
            begin_announcing(connection)
            aor = aor_of(connection, owner)
            if aor is None:
                return None
            tables = read_tables(connection)
            before = read_person(connection, aor)
            after = work(before, tables)
            if after != before:
                _store_person(connection, after)
            device_block = block(told(SYSTEM_TABLE, read_values(connection)))
            announce(connection, person_news(before, after, tables, device_block))
            return before


def read_values(connection: Connection) -> Mapping[str, str]:
    """The system properties that are set."""
    rows = connection.execute(select(SystemProperty.name, SystemProperty.value).order_by(SystemProperty.name))
    return {row.name: row.value for row in rows}


def read_tables(connection: Connection) -> Tables:
    """All hosts, pilots and profiles."""
    hosts = (
        Host(_family(row.family), row.name, row.address, row.port, row.protocol)
        for row in connection.execute(select(*ServiceHost.__table__.columns))
    )
    pilots = (Pilot(*row) for row in connection.execute(select(VoiceMailPilot.name, VoiceMailPilot.number)))
    profiles = (
        Profile(
            _family(row.family),
            row.name,
            (row.primary_host or "", row.backup1_host or "", row.backup2_host or ""),
            row.pilot or "",
            json.loads(row.attributes),
        )
        for row in connection.execute(select(*ServiceProfile.__table__.columns))
    )
    return Tables(
        {(it.family, it.name): it for it in hosts},
        {it.name: it for it in pilots},
        {(it.family, it.name): it for it in profiles},
    )


def read_person(connection: Connection, aor: str) -> Person:
    """What is set for the user `aor`."""
    device = connection.execute(
        select(DeviceRow.name, DeviceRow.description).where(DeviceRow.owner == aor)
    ).first()
    row = connection.execute(select(*UserProfile.__table__.columns).where(UserProfile.owner == aor)).first()
    has = None if device is None else Device(*device)
    if row is None:
        return Person(aor, device=has)
    own: dict[Family, str] = {it: name for it in FAMILIES if (name := getattr(row, it)) is not None}
    licences = Licences(row.licence_base, row.licence_im, row.licence_audio, row.licence_video)
    return Person(aor, own, row.calendar, licences, has)


def _family(text: str) -> Family:
    # The services write no other.
    return cast(Family, text)


def _users_of(connection: Connection, family: Family, name: str) -> int:
    column = UserProfile.__table__.columns[family]
    return connection.execute(select(func.count()).where(column == name)).scalar_one()


def _store(
    connection: Connection,
    model: type[Base],
    before: Mapping[Any, T],
    after: Mapping[Any, T],
    values: Callable[[T], dict[str, object]],
) -> None:
    """Write the difference, row by row: an administrator changes a few."""
    table = model.__table__
    assert isinstance(table, Table)
    for key in before.keys() | after.keys():
        old, new = before.get(key), after.get(key)
        if old == new:
            continue
        if old is not None:
            names: tuple[Hashable, ...] = key if isinstance(key, tuple) else (key,)
            this = [column == it for column, it in zip(table.primary_key.columns, names, strict=True)]
            connection.execute(delete(table).where(*this))
        if new is not None:
            connection.execute(insert(table).values(values(new)))


def _host_values(it: Host) -> dict[str, object]:
    return {
        "family": it.family,
        "name": it.name,
        "address": it.address,
        "port": it.port,
        "protocol": it.protocol,
    }


def _pilot_values(it: Pilot) -> dict[str, object]:
    return {"name": it.name, "number": it.number}


def _profile_values(it: Profile) -> dict[str, object]:
    primary, backup1, backup2 = (name or None for name in it.hosts)
    return {
        "family": it.family,
        "name": it.name,
        "primary_host": primary,
        "backup1_host": backup1,
        "backup2_host": backup2,
        "pilot": it.pilot or None,
        "attributes": json.dumps(dict(it.attributes), ensure_ascii=False, sort_keys=True),
    }


def _store_person(connection: Connection, person: Person) -> None:
    connection.execute(delete(UserProfile).where(UserProfile.owner == person.owner))
    connection.execute(delete(DeviceRow).where(DeviceRow.owner == person.owner))
    connection.execute(
        insert(UserProfile).values(
            owner=person.owner,
            **{family: person.profiles.get(family) for family in FAMILIES},
            calendar=person.calendar,
            licence_base=person.licences.base,
            licence_im=person.licences.im,
            licence_audio=person.licences.audio,
            licence_video=person.licences.video,
        )
    )
    if person.device is not None:
        connection.execute(
            insert(DeviceRow).values(
                owner=person.owner, name=person.device.name, description=person.device.description
            )
        )
