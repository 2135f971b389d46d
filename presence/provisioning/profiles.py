"""Where clients find services: hosts, profiles of them, who has which; and what else is set for one user.

The values themselves, and what is told of a change, are in `presence.provisioning.hosts`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final, Protocol, TypeVar

from presence.directory import shown
from presence.provisioning.addresses import canonical_aor
from presence.provisioning.catalogue import (
    ATTRIBUTES,
    FAMILIES,
    checked_attribute,
    checked_family,
    checked_text,
)
from presence.provisioning.errors import ProvisioningError
from presence.provisioning.hosts import Device, Host, Licences, Person, Pilot, Profile, Tables
from presence.provisioning.news import DEFAULT_PROFILE, HOST_TABLES, PILOT_TABLE, PROFILE_TABLES, Family

__all__ = [
    "Device",
    "Host",
    "Licences",
    "Person",
    "Pilot",
    "Profile",
    "ProfileRepository",
    "ProfileService",
    "Tables",
    "UsersOf",
]

T = TypeVar("T")

_NAME_LENGTH: Final = 64
_HIGHEST_PORT: Final = 65535


UsersOf = Callable[[Family, str], int]
"""How many users have a profile as their own."""


class ProfileRepository(Protocol):
    """Keeps hosts, pilots, profiles and what users have; changes are announced in the same transaction."""

    def read(self) -> Tables:
        """All of them, as of one moment."""

    def edit(self, table: str, work: Callable[[Tables, UsersOf], T]) -> tuple[T, Collection[str]]:
        """Have `work` change the tables and store what it changed, in one transaction.

        `table`: what the news say changed.  Also returned are the names of profiles that show another block.
        """

    def person(self, owner: str) -> Person | None:
        """None: there is no user with the AOR or alias `owner`."""

    def edit_person(self, owner: str, work: Callable[[Person, Tables], Person]) -> Person | None:
        """Store what `work` makes of him, in one transaction; what he was before it. None: no such user."""


class ProfileService:
    """What may be done with hosts, profiles and what users have.

    All methods raise ProvisioningError with one clear line; then nothing was changed.  Those that return
    names return the profiles that show something else now.
    """

    __slots__ = ("_repository",)

    def __init__(self, repository: ProfileRepository) -> None:
        self._repository = repository

    # -- hosts and pilots ---------------------------------------------------------------------------------

    def tables(self) -> Tables:
        return self._repository.read()

    def hosts(self, family: str | None = None) -> list[Host]:
        """In the order of families and names."""
        wanted = _families(family)
        return sorted(
            (it for it in self.tables().hosts.values() if it.family in wanted),
            key=lambda it: (wanted.index(it.family), it.name),
        )

    def set_host(
        self,
        family: str,
        name: str,
        address: str | None = None,
        port: str | None = None,
        protocol: str | None = None,
    ) -> Collection[str]:
        """Add a host, which needs an address, or change what is not None of one."""
        kind, name = checked_family(family), _name("host", name)
        address = None if address is None else _address(address)
        port = None if port is None else _port(port)
        protocol = None if protocol is None else _word("protocol", protocol)

        def work(tables: Tables, _: UsersOf) -> None:
            old = tables.hosts.get((kind, name), Host(kind, name, ""))
            host = Host(
                kind,
                name,
                old.address if address is None else address,
                old.port if port is None else port,
                old.protocol if protocol is None else protocol,
            )
            if not host.address:
                raise ProvisioningError(f"host {name} of {kind} is new: it needs an address")
            tables.hosts[kind, name] = host

        return self._repository.edit(HOST_TABLES[kind], work)[1]

    def delete_host(self, family: str, name: str) -> Collection[str]:
        """Profiles that name it show an empty place instead."""
        kind, name = checked_family(family), name.strip()

        def work(tables: Tables, _: UsersOf) -> None:
            if tables.hosts.pop((kind, name), None) is None:
                raise ProvisioningError(f"there is no host {name!r} of {kind}")

        return self._repository.edit(HOST_TABLES[kind], work)[1]

    def pilots(self) -> list[Pilot]:
        return sorted(self.tables().pilots.values(), key=lambda it: it.name)

    def set_pilot(self, name: str, number: str) -> Collection[str]:
        """Add a pilot or give it another number."""
        pilot = Pilot(_name("pilot", name), _word("number", number))
        if not pilot.number:
            raise ProvisioningError("the number of a pilot cannot be empty")

        def work(tables: Tables, _: UsersOf) -> None:
            tables.pilots[pilot.name] = pilot

        return self._repository.edit(PILOT_TABLE, work)[1]

    def delete_pilot(self, name: str) -> Collection[str]:
        """Profiles that name it show no number instead."""
        name = name.strip()

        def work(tables: Tables, _: UsersOf) -> None:
            if tables.pilots.pop(name, None) is None:
                raise ProvisioningError(f"there is no pilot {name!r}")

        return self._repository.edit(PILOT_TABLE, work)[1]

    # -- profiles -----------------------------------------------------------------------------------------

    def profiles(self, family: str | None = None) -> list[Profile]:
        """In the order of families and names."""
        wanted = _families(family)
        return sorted(
            (it for it in self.tables().profiles.values() if it.family in wanted),
            key=lambda it: (wanted.index(it.family), it.name),
        )

    def block(self, family: str, name: str = DEFAULT_PROFILE) -> list[tuple[str, str]]:
        """What a profile shows, in the order in which it is told; the default one need not be there."""
        kind, name, tables = checked_family(family), name.strip(), self.tables()
        if name != DEFAULT_PROFILE and (kind, name) not in tables.profiles:
            raise ProvisioningError(_no_profile(kind, name))
        return tables.block(kind, name)

    def set_profile(
        self,
        family: str,
        name: str,
        *,
        primary: str | None = None,
        backup1: str | None = None,
        backup2: str | None = None,
        pilot: str | None = None,
        attributes: Mapping[str, str] = MappingProxyType({}),
    ) -> Collection[str]:
        """Add a profile, or change what is not None of one; "" takes a host or a pilot out.

        `attributes`: by full name or its last part, "" is the default.  What is named may come later.
        """
        kind, name = checked_family(family), _name("profile", name)
        if backup2 and kind == "proxy":
            raise ProvisioningError("a profile of proxy has one backup only")
        if pilot and kind != "voicemail":
            raise ProvisioningError(f"a profile of {kind} has no pilot: only those of voicemail have")
        checked = dict(checked_attribute(kind, key, value) for key, value in attributes.items())

        def work(tables: Tables, _: UsersOf) -> None:
            old = tables.profiles.get((kind, name), Profile(kind, name))
            given = zip((primary, backup1, backup2), old.hosts, strict=True)
            first, second, third = (was if new is None else new.strip() for new, was in given)
            values = {**old.attributes, **checked}
            tables.profiles[kind, name] = Profile(
                kind,
                name,
                (first, second, third),
                old.pilot if pilot is None else pilot.strip(),
                {key: value for key, value in values.items() if value != ATTRIBUTES[kind][key]},
            )

        return self._repository.edit(PROFILE_TABLES[kind], work)[1]

    def delete_profile(self, family: str, name: str) -> Collection[str]:
        """Refused while users have it as their own; without the default one its users are shown defaults."""
        kind, name = checked_family(family), name.strip()

        def work(tables: Tables, users_of: UsersOf) -> None:
            if (kind, name) not in tables.profiles:
                raise ProvisioningError(_no_profile(kind, name))
            if count := users_of(kind, name):
                raise ProvisioningError(
                    f"profile {name} of {kind} is that of {count} user{'s' if count > 1 else ''}:"
                    " give them another one first"
                )
            del tables.profiles[kind, name]

        return self._repository.edit(PROFILE_TABLES[kind], work)[1]

    # -- what is set for one user -------------------------------------------------------------------------

    def person(self, owner: str) -> Person:
        """Everything that is set for the user."""
        return self._there(owner, self._repository.person(canonical_aor(owner)))

    def assign(self, owner: str, family: str, profile: str | None) -> bool:
        """Give a user a profile of a family, None: the default one; whether he had another one."""
        kind = checked_family(family)
        name = None if profile is None or profile.strip() == DEFAULT_PROFILE else profile.strip()

        def work(person: Person, tables: Tables) -> Person:
            if name is not None and (kind, name) not in tables.profiles:
                raise ProvisioningError(_no_profile(kind, name))
            profiles = dict(person.profiles)
            profiles.pop(kind, None)
            return replace(person, profiles=profiles if name is None else {**profiles, kind: name})

        before = self._edit_person(owner, work)
        return before.profile(kind) != (name or DEFAULT_PROFILE)

    def set_device(self, owner: str, name: str, description: str = "") -> bool:
        """The desk phone of a user, "" takes it away; whether that is a change."""
        name = _word("device", name)
        device = Device(name, checked_text("the description", description)) if name else None
        return self._edit_person(owner, lambda it, _: replace(it, device=device)).device != device

    def calendar(self, owner: str) -> bool:
        """Whether the user's calendar is part of his presence (R80)."""
        return self.person(owner).calendar

    def set_calendar(self, owner: str, on: bool) -> bool:
        """Whether that is a change."""
        return self._edit_person(owner, lambda it, _: replace(it, calendar=on)).calendar != on

    def licences(self, owner: str) -> Licences:
        return self.person(owner).licences

    def set_licences(self, owner: str, licences: Licences) -> bool:
        """Whether that is a change."""
        return self._edit_person(owner, lambda it, _: replace(it, licences=licences)).licences != licences

    def _edit_person(self, owner: str, work: Callable[[Person, Tables], Person]) -> Person:
        return self._there(owner, self._repository.edit_person(canonical_aor(owner), work))

    @staticmethod
    def _there(owner: str, person: Person | None) -> Person:
        if person is None:
            raise ProvisioningError(f"there is no user {shown(canonical_aor(owner))}")
        return person


# -- what may be written -------------------------------------------------------------------------------------


def _families(family: str | None) -> tuple[Family, ...]:
    return FAMILIES if family is None else (checked_family(family),)


def _no_profile(family: Family, name: str) -> str:
    return f"there is no profile {name!r} of {family}"


def _name(what: str, name: str) -> str:
    name = checked_text(f"the name of a {what}", name, _NAME_LENGTH)
    if not name:
        raise ProvisioningError(f"the name of a {what} cannot be empty")
    return name


def _word(what: str, text: str) -> str:
    text = checked_text(f"the {what}", text)
    if any(it.isspace() for it in text):
        raise ProvisioningError(f"the {what} {text!r} has a blank in it")
    return text


def _address(text: str) -> str:
    address = _word("address", text)
    if not address:
        raise ProvisioningError("the address of a host cannot be empty")
    return address


def _port(text: str) -> str:
    port = text.strip()
    if port and not (port.isascii() and port.isdecimal() and 0 < int(port) <= _HIGHEST_PORT):
        raise ProvisioningError(f"{text!r} is not a port: it is a number from 1 to {_HIGHEST_PORT}")
    return port
