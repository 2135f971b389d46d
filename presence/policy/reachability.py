"""Reachability: the one word for how a presentity can be reached, and Cisco's condition tree that chooses it.

A tree (`pr:cond`) names a source and any number of `when`: the first whose conditions all hold gives the
status, else the source does, else the status stays the composed one.  Trees only see what the caller's
`StatusOf` shows them, which leaves out the sources that a rule hides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, NamedTuple

AVAILABLE: Final = "available"
UNAVAILABLE: Final = "unavailable"

_ALIASES: Final[Mapping[str, str]] = MappingProxyType(
    {"dnd": "do-not-disturb", "offline": UNAVAILABLE, "closed": UNAVAILABLE, "open": AVAILABLE}
)
_RANK: Final[Mapping[str, int]] = MappingProxyType(
    {
        AVAILABLE: 0,
        "unknown": 10,
        # Whatever else there is counts as "away".
        "away": 20,
        "busy": 30,
        "meeting": 30,
        "on-the-phone": 30,
        "presentation": 30,
        "do-not-disturb": 40,
        UNAVAILABLE: 50,
    }
)


def status_name(text: str) -> str:
    """A status as it is compared: in lower case, words joined by "-"."""
    name = "-".join(text.replace("_", " ").split()).casefold()
    return _ALIASES.get(name, name)


def source_name(text: str) -> str:
    """The name of a source as it is compared: blanks and case do not count (SPEC R6, R89)."""
    return " ".join(text.split()).casefold()


def _rank(status: str) -> tuple[int, str]:
    return _RANK.get(status, _RANK["away"]), status


def least_reachable(statuses: Iterable[str]) -> str:
    """The most restrictive of several statuses, of which there is at least one."""
    return max(statuses, key=_rank)


class Status(NamedTuple):
    """How somebody, or one source of his, can be reached."""

    reachability: str
    names: frozenset[str] = frozenset()
    """All that is said at once: a phone may be busy and away."""


StatusOf = Callable[[str], Status | None]
"""The status of a source by its `source_name`; None: there is no such source."""


@dataclass(frozen=True, slots=True)
class EpasStatus:
    """That source has that status."""

    source: str
    status: str

    def holds(self, status_of: StatusOf) -> bool:
        found, wanted = status_of(source_name(self.source)), status_name(self.status)
        return found is not None and (wanted == found.reachability or wanted in found.names)


@dataclass(frozen=True, slots=True)
class AllOf:
    """`and`."""

    parts: tuple[Test, ...]

    def holds(self, status_of: StatusOf) -> bool:
        return all(part.holds(status_of) for part in self.parts)


@dataclass(frozen=True, slots=True)
class AnyOf:
    """`or`."""

    parts: tuple[Test, ...]

    def holds(self, status_of: StatusOf) -> bool:
        return any(part.holds(status_of) for part in self.parts)


@dataclass(frozen=True, slots=True)
class Not:
    """`not`."""

    part: Test

    def holds(self, status_of: StatusOf) -> bool:
        return not self.part.holds(status_of)


Test = EpasStatus | AllOf | AnyOf | Not


@dataclass(frozen=True, slots=True)
class When:
    """If all parts hold, the presentity is `status`."""

    status: str
    parts: tuple[Test, ...]


@dataclass(frozen=True, slots=True)
class Reachability:
    """A condition tree, names as they were written; `source` is empty where it names none."""

    source: str = ""
    whens: tuple[When, ...] = ()

    def outcome(self, status_of: StatusOf) -> str | None:
        """The status (Q42); None: it stays the composed one."""
        for when in self.whens:
            if all(part.holds(status_of) for part in when.parts):
                return status_name(when.status)
        status = status_of(source_name(self.source)) if self.source else None
        return None if status is None else status.reachability
