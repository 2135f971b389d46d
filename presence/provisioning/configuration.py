"""The properties of the system that an administrator sets and clients fetch; a repository keeps them.

Which there are is in `presence.provisioning.catalogue`.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from presence.directory import shown
from presence.provisioning.addresses import canonical_aor
from presence.provisioning.catalogue import (
    BLOCKS,
    FAMILIES,
    FETCHED,
    PRESENCE_DOMAIN,
    PROPERTIES,
    Property,
    checked_value,
    known,
)
from presence.provisioning.errors import ProvisioningError
from presence.provisioning.hosts import News, Person, Tables
from presence.provisioning.news import PRIVACY_CHANGED, PROPERTIES_CHANGED, SYSTEM, block


class Owned(NamedTuple):
    """What one user's configuration is made of, as of one moment."""

    values: Mapping[str, str]
    person: Person
    tables: Tables


class ConfigurationRepository(Protocol):
    """Keeps values that differ from their defaults; changes are announced in the same transaction."""

    def values(self) -> Mapping[str, str]:
        """Name to value, of what is set."""

    def edit(self, work: Callable[[dict[str, str]], None]) -> Mapping[str, str]:
        """Have `work` change the values and store them, in one transaction; what was set before it."""

    def of_user(self, owner: str) -> Owned | None:
        """None: there is no user with the AOR or alias `owner`."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A property as a list shows it; `origin`: "default", "set", or the profile that it comes from."""

    name: str
    value: str
    origin: str


class ConfigurationService:
    """What may be done with the properties of the system.

    All methods raise ProvisioningError with one clear line; then nothing was changed.
    """

    __slots__ = ("_repository",)

    def __init__(self, repository: ConfigurationRepository) -> None:
        self._repository = repository

    def system_properties(self, owner: str) -> list[tuple[str, str]]:
        """The 79 properties that the client of a user fetches, in the order of Example 21 (R62)."""
        return [(it.name, it.value) for it in self.shown_to(owner)]

    def shown_to(self, owner: str) -> list[Shown]:
        """The same with where each comes from."""
        owned = self._repository.of_user(canonical_aor(owner))
        if owned is None:
            raise ProvisioningError(f"there is no user {shown(canonical_aor(owner))}")
        found: dict[str, Shown] = {}
        for family in FAMILIES:
            profile = owned.person.profile(family)
            exists = (family, profile) in owned.tables.profiles
            origin = f"profile {profile} of {family}" if exists else "default"
            for name, value in owned.tables.block(family, profile):
                if name == PRESENCE_DOMAIN and not value:
                    domain = owned.person.owner.rpartition("@")[2]
                    found[name] = Shown(name, domain, "domain of the user")
                else:
                    found[name] = Shown(name, value, origin)
        return [found.get(name) or _shown(PROPERTIES[name], owned.values) for name in FETCHED]

    def get(self, name: str) -> str:
        """The value of a property, by any of its names, in upper or lower case."""
        it = known(name)
        return self._repository.values().get(it.name, it.default)

    def list(self) -> list[Shown]:
        """All properties that can be set, in the order of the catalogue."""
        values = self._repository.values()
        return [_shown(it, values) for it in PROPERTIES.values()]

    def set(self, values: Mapping[str, str]) -> tuple[str, ...]:
        """Set properties, all or, when one is refused, none; the names of those that changed."""
        checked: dict[str, str] = {}
        for name, value in values.items():
            it = known(name)
            checked[it.name] = checked_value(it.name, value, it.values)
        return self._edit(checked)

    def reset(self, *names: str) -> tuple[str, ...]:
        """Back to the defaults, all or none; the names of those that changed."""
        return self._edit({it.name: it.default for it in map(known, names)})

    def export(self) -> str:
        """All properties as TOML, what is not set as comments that show the defaults."""
        values = self._repository.values()
        lines = ["# System properties of Presentity; read by: presentity config import FILE"]
        for it in PROPERTIES.values():
            mark = "" if it.name in values else "# "
            lines.append(f"{mark}{it.name} = {_quoted(values.get(it.name, it.default))}")
        return "\n".join(lines) + "\n"

    def import_(self, text: str) -> tuple[str, ...]:
        """Set what a text as `export` makes it has; what is not in it stays as it is.

        The names of the properties that have another value now.
        """
        try:
            parsed = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise ProvisioningError(f"this is not TOML: {error}") from None
        values: dict[str, str] = {}
        for name, value in _flat(parsed):
            if not isinstance(value, str):
                raise ProvisioningError(f'{name} must be a text in quotation marks: {name} = "..."')
            proper = known(name).name
            if proper in values:
                raise ProvisioningError(f"{proper} is given twice (once as {name})")
            values[proper] = value
        return self.set(values)

    def _edit(self, wanted: Mapping[str, str]) -> tuple[str, ...]:
        def work(values: dict[str, str]) -> None:
            for name, value in wanted.items():
                values.pop(name, None)
                if value != PROPERTIES[name].default:
                    values[name] = value

        before = self._repository.edit(work)
        return tuple(
            name for name, value in wanted.items() if before.get(name, PROPERTIES[name].default) != value
        )


def property_news(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[News]:
    """What to announce when the values that are set change from `before` to `after`.

    A block is told whole.  That of the directory's attributes is told as well when one of them changed that
    has no name in it: clients learn that they have to fetch.
    """
    changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    tables = {PROPERTIES[name].table for name in changed if name in PROPERTIES}
    for table in BLOCKS:
        if table in tables:
            yield (PROPERTIES_CHANGED, SYSTEM, {"table": table, "properties": block(told(table, after))})
    if None in tables:
        yield (PRIVACY_CHANGED, SYSTEM, {})


def told(table: str, values: Mapping[str, str]) -> list[tuple[str, str]]:
    """The block of a table, of the values that are set and the defaults of the others."""
    return [(it.told_as, values.get(it.name, it.default)) for it in BLOCKS[table]]


def _shown(it: Property, values: Mapping[str, str]) -> Shown:
    return Shown(it.name, values.get(it.name, it.default), "set" if it.name in values else "default")


def _quoted(value: str) -> str:
    # A string of JSON is one of TOML, for texts without control characters.
    return json.dumps(value, ensure_ascii=False)


def _flat(parsed: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, object]]:
    for key, value in parsed.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value
