"""What profiles of hosts show, and what one user has: plain values, and the news of their changes.

What a profile shows is a block of properties (`Tables.block`).  A change of a host, of a pilot or of a
profile is told for each profile whose block it changes, and for no other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from presence.provisioning.catalogue import (
    ATTRIBUTES,
    FAMILIES,
    HOST_PROPERTIES,
    PILOT_NUMBER,
    PRESENCE_DOMAIN,
    PROFILE_PROPERTIES,
)
from presence.provisioning.news import (
    CALENDAR_COLUMN,
    DEFAULT_PROFILE,
    DEVICE_CHANGED,
    LICENCES_CHANGED,
    PROFILE_CHANGED,
    PROFILE_COLUMNS,
    SYSTEM,
    USER_CONFIGURED,
    Block,
    Family,
    block,
)

News = tuple[str, str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Host:
    """A host of a family of services; `port` is a number in decimal or empty."""

    family: Family
    name: str
    address: str
    port: str = ""
    protocol: str = ""


@dataclass(frozen=True, slots=True)
class Pilot:
    """A number under which voice mail is called."""

    name: str
    number: str


@dataclass(frozen=True, slots=True)
class Profile:
    """Names of hosts (primary and two backups) and of a pilot; "" is none, and what is named may be missing.

    `attributes`: full name to value, of those that differ from their defaults.
    """

    family: Family
    name: str
    hosts: tuple[str, str, str] = ("", "", "")
    pilot: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Tables:
    """All hosts, pilots and profiles."""

    hosts: dict[tuple[Family, str], Host] = field(default_factory=dict)
    pilots: dict[str, Pilot] = field(default_factory=dict)
    profiles: dict[tuple[Family, str], Profile] = field(default_factory=dict)

    def copy(self) -> Tables:
        return Tables(dict(self.hosts), dict(self.pilots), dict(self.profiles))

    def block(self, family: Family, name: str) -> list[tuple[str, str]]:
        """The properties that a profile shows, unset ones empty; of one that is not there, the defaults."""
        profile = self.profiles.get((family, name), Profile(family, name))
        values: dict[str, str] = {**ATTRIBUTES[family], **profile.attributes}
        pilot = self.pilots.get(profile.pilot)
        values[PILOT_NUMBER] = "" if pilot is None else pilot.number
        named = (self.hosts.get((family, it), Host(family, it, "")) for it in profile.hosts)
        shows = (value for it in named for value in (it.address, it.port, it.protocol))
        # The proxy has a place less than there are.
        values.update(zip(HOST_PROPERTIES[family], shows, strict=False))
        return [(it, values[it]) for it in PROFILE_PROPERTIES[family]]

    def missing(self, profile: Profile) -> list[str]:
        """Hosts and pilot that the profile names and that are not there."""
        named = [f"host {it}" for it in profile.hosts if it and (profile.family, it) not in self.hosts]
        if profile.pilot and profile.pilot not in self.pilots:
            named.append(f"pilot {profile.pilot}")
        return named


@dataclass(frozen=True, slots=True)
class Licences:
    """What a user's client may do (R79)."""

    base: bool = False
    im: bool = False
    audio: bool = False
    video: bool = False


@dataclass(frozen=True, slots=True)
class Device:
    """The desk phone of a user."""

    name: str
    description: str = ""


@dataclass(frozen=True, slots=True)
class Person:
    """What is set for one user; `profiles`: his own ones."""

    owner: str
    profiles: Mapping[Family, str] = field(default_factory=dict)
    calendar: bool = False
    licences: Licences = Licences()
    device: Device | None = None

    def profile(self, family: Family) -> str:
        """The name of the profile that he has."""
        return self.profiles.get(family, DEFAULT_PROFILE)


# -- news ----------------------------------------------------------------------------------------------------


def profile_news(before: Tables, after: Tables, table: str) -> Iterator[News]:
    """What to announce of a change in `table`: each profile whose block is another one now."""
    names = {
        *before.profiles,
        *after.profiles,
        # It is that of users whether it is there or not.
        *((family, DEFAULT_PROFILE) for family in FAMILIES),
    }
    for family, name in sorted(names):
        shows = after.block(family, name)
        if shows != before.block(family, name):
            payload = {"table": table, "family": family, "profile": name, "properties": block(shows)}
            yield (PROFILE_CHANGED, SYSTEM, payload)


def person_news(before: Person, after: Person, tables: Tables, device_block: Block) -> list[News]:
    """What to announce when a user is set from `before` to `after`; `device_block`: UcSystemCfg (R45)."""
    news: list[News] = []
    device = "" if after.device is None else after.device.name
    for family in FAMILIES:
        name = after.profile(family)
        if name != before.profile(family):
            payload = {
                "table": "EndUser",
                "column": PROFILE_COLUMNS[family],
                "family": family,
                "profile": name,
                "properties": block(_told_to_user(after.owner, family, tables.block(family, name))),
                "cti-device": device,
            }
            news.append((USER_CONFIGURED, after.owner, payload))
    if after.calendar != before.calendar:
        calendar = [("Presence.calendar", "enabled" if after.calendar else "disabled")]
        payload = {"table": "EndUser", "column": CALENDAR_COLUMN, "properties": block(calendar)}
        news.append((USER_CONFIGURED, after.owner, payload))
    if after.licences != before.licences:
        news.append((LICENCES_CHANGED, after.owner, {}))
    if after.device != before.device:
        news.append((DEVICE_CHANGED, after.owner, {"table": "EpasDevice", "properties": device_block}))
    return news


def _told_to_user(owner: str, family: Family, shows: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Of a directory the hosts alone (R47, `uccn/TABLES.md`); no domain is his own."""
    if family == "ldap":
        return [it for it in shows if it[0] in HOST_PROPERTIES[family]]
    domain = owner.rpartition("@")[2]
    return [(name, value or domain if name == PRESENCE_DOMAIN else value) for name, value in shows]
