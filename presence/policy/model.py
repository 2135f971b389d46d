"""The one policy model, in the terms of RFC 4745 (rules, conditions) and RFC 5025 (what they permit).

A rule from wherever it comes (a pres-rules document, Cisco's rules, an XCAP document) is a `Rule` here.
Everything is immutable and hashable.  A condition tells by itself whether it holds, and why, in words.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Literal, NamedTuple

from presence.documents.namespaces import DATA_MODEL, PIDF, RPID
from presence.documents.xsd import date_time
from presence.policy.identity import domain_of, shown
from presence.policy.restriction import Restriction

Handling = Literal["block", "confirm", "polite-block", "allow"]
UserInput = Literal["false", "bare", "thresholds", "full"]
Kind = Literal["tuple", "person", "device"]

HANDLING_RANK: Final[Mapping[str, int]] = MappingProxyType(
    {"block": 0, "confirm": 10, "polite-block": 20, "allow": 30}
)
"""RFC 5025 §3.2.1: the values of sub-handling."""
USER_INPUT_RANK: Final[Mapping[str, int]] = MappingProxyType(
    {"false": 0, "bare": 10, "thresholds": 20, "full": 30}
)
"""RFC 5025 §3.3.2.12."""


class Watcher(NamedTuple):
    """Who asks: an AOR, and whether it is proven that he is the one."""

    aor: str
    authenticated: bool = True
    aliases: frozenset[str] = frozenset()
    """His other names: rules may speak of him by any of them."""

    @property
    def names(self) -> tuple[str, ...]:
        """All identities that are his."""
        return (self.aor, *self.aliases)


class Moment(NamedTuple):
    """What conditions are held against."""

    watcher: Watcher
    now_wall: float
    """Epoch seconds."""
    sphere: str | None
    """The presentity's (RFC 5025 §3.1.2); None: undefined."""


class Finding(NamedTuple):
    """Whether a condition holds, and why."""

    holds: bool
    why: str


# -- conditions, RFC 4745 §7 ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class One:
    """One entity (§7.1.2), by its canonical URI."""

    id: str

    def holds(self, watcher: Watcher) -> bool:
        return watcher.aor == self.id or self.id in watcher.aliases

    @property
    def mentions(self) -> frozenset[str]:
        return frozenset({self.id})


@dataclass(frozen=True, slots=True)
class Many:
    """Everybody, or everybody of a domain, but for exceptions (§7.1.3).

    Who has several names is of the domains of all of them, and excepted if one of them is.
    """

    domain: str | None = None
    except_ids: frozenset[str] = frozenset()
    except_domains: frozenset[str] = frozenset()

    def holds(self, watcher: Watcher) -> bool:
        if self.domain is not None and self.domain not in map(domain_of, watcher.names):
            return False
        return not self.excepts(watcher)

    def excepts(self, watcher: Watcher) -> str | None:
        """What of him is excepted, in words; None: nothing."""
        for name in watcher.names:
            if name in self.except_ids:
                return f"watcher {shown(name)}"
            if domain_of(name) in self.except_domains:
                return f"domain {domain_of(name)}"
        return None

    @property
    def mentions(self) -> frozenset[str]:
        return self.except_ids | self.except_domains | ({self.domain} if self.domain is not None else set())


@dataclass(frozen=True, slots=True)
class Identity:
    """Any of its members holds (§7.1.1); one that nobody here understands is not a member."""

    members: tuple[One | Many, ...] = ()

    def look(self, moment: Moment) -> Finding:
        watcher = moment.watcher
        name = shown(watcher.aor)
        if not watcher.authenticated:
            return Finding(False, f"identity: watcher {name} is not authenticated")
        for member in self.members:
            if not member.holds(watcher):
                continue
            if isinstance(member, One):
                return Finding(True, f"identity: watcher {name} is in the list")
            whom = "everybody" if member.domain is None else f"everybody of {member.domain}"
            return Finding(True, f"identity: watcher {name} is one of {whom}")
        for member in self.members:
            excepted = member.excepts(watcher) if isinstance(member, Many) else None
            if excepted is not None:
                return Finding(False, f"identity: {excepted} is excepted")
        return Finding(False, f"identity: watcher {name} is not in the list")


@dataclass(frozen=True, slots=True)
class Sphere:
    """The presentity is in one of these states (§7.3); `values` in lower case, in the order given."""

    values: tuple[str, ...]

    def look(self, moment: Moment) -> Finding:
        wanted = " or ".join(repr(value) for value in self.values) or "none"
        if moment.sphere is None:
            return Finding(False, f"sphere: that of the presentity is not known, rule wants {wanted}")
        if moment.sphere.lower() in self.values:
            return Finding(True, f"sphere: presentity is {moment.sphere!r}")
        return Finding(False, f"sphere: presentity is {moment.sphere!r}, rule wants {wanted}")


@dataclass(frozen=True, slots=True)
class Validity:
    """It is one of these times (§7.4); periods are (from, until) in epoch seconds, until excluded."""

    periods: tuple[tuple[float, float], ...]

    def look(self, moment: Moment) -> Finding:
        now = moment.now_wall
        for begin, end in self.periods:
            if begin <= now < end:
                return Finding(True, f"validity: until {_moment(end)}")
        coming = [begin for begin, end in self.periods if now < begin < end]
        if coming:
            return Finding(False, f"validity: begins {_moment(min(coming))}")
        if not self.periods:
            return Finding(False, "validity: names no time")
        return Finding(False, f"validity: ended {_moment(max(end for _, end in self.periods))}")

    def changes_after(self, now: float) -> float | None:
        """When it next begins or ends to hold."""
        return min((time for period in self.periods for time in period if time > now), default=None)


@dataclass(frozen=True, slots=True)
class Unknown:
    """A condition that is not supported here: it never holds (§7)."""

    name: str

    def look(self, moment: Moment) -> Finding:
        return Finding(False, f"{self.name}: this condition is not supported, so it does not hold")


Condition = Identity | Sphere | Validity | Unknown


def _moment(seconds: float) -> str:
    return date_time(seconds).replace(".000Z", "Z")


# -- what is permitted, RFC 5025 §3.2 and §3.3 ------------------------------------------------------------

MemberKind = Literal["class", "occurrence-id", "deviceID", "service-uri", "service-uri-scheme"]


@dataclass(frozen=True, slots=True)
class Selection:
    """Which persons, devices or services may be seen (§3.3.1): all, or those that a member names."""

    everything: bool = False
    members: frozenset[tuple[MemberKind, str]] = frozenset()

    def __or__(self, other: Selection) -> Selection:
        if self.everything or other.everything:
            return EVERYTHING
        return Selection(False, self.members | other.members)

    def __bool__(self) -> bool:
        return self.everything or bool(self.members)


NOTHING: Final = Selection()
EVERYTHING: Final = Selection(True)


class Attribute(NamedTuple):
    """What one boolean permission is about."""

    elements: frozenset[str]
    """Clark names of the children of tuple, person or device."""
    kinds: frozenset[Kind]
    """Of these."""


def _rpid(name: str, *kinds: Kind) -> Attribute:
    return Attribute(frozenset({f"{{{RPID}}}{name}"}), frozenset(kinds))


ATTRIBUTES: Final[Mapping[str, Attribute]] = MappingProxyType(
    {
        "activities": _rpid("activities", "person"),
        "class": _rpid("class", "person", "tuple", "device"),
        # RFC 4480 uses the data model's element; that of a device is always shown.
        "deviceID": Attribute(frozenset({f"{{{DATA_MODEL}}}deviceID"}), frozenset({"tuple"})),
        "mood": _rpid("mood", "person"),
        "place-is": _rpid("place-is", "person"),
        "place-type": _rpid("place-type", "person"),
        "privacy": _rpid("privacy", "person", "tuple"),
        "relationship": _rpid("relationship", "tuple"),
        "sphere": _rpid("sphere", "person"),
        "status-icon": _rpid("status-icon", "person", "tuple"),
        "time-offset": _rpid("time-offset", "person"),
        "note": Attribute(
            frozenset({f"{{{PIDF}}}note", f"{{{DATA_MODEL}}}note"}), frozenset({"person", "tuple", "device"})
        ),
    }
)
"""The boolean provide-* permissions of RFC 5025 §3.3.2, without "provide-"."""


@dataclass(frozen=True, slots=True)
class Permissions:
    """The actions and transformations of a rule, or of all that match.

    Attributes:
        handling: None grants nothing, as `block` does.
        attributes: names of `ATTRIBUTES` that are TRUE.
        unknown: Clark names granted by provide-unknown-attribute.
        all_attributes: provide-all-attributes (§3.3.2.15), also those that nobody knows yet.
    """

    handling: Handling | None = None
    persons: Selection = NOTHING
    devices: Selection = NOTHING
    services: Selection = NOTHING
    attributes: frozenset[str] = frozenset()
    user_input: UserInput = "false"
    unknown: frozenset[str] = frozenset()
    all_attributes: bool = False

    def __or__(self, other: Permissions) -> Permissions:
        """Both together, each permission by the rule for its type (RFC 4745 §10.2)."""
        return Permissions(
            max(self.handling, other.handling, key=_handling_rank),
            self.persons | other.persons,
            self.devices | other.devices,
            self.services | other.services,
            self.attributes | other.attributes,
            max(self.user_input, other.user_input, key=USER_INPUT_RANK.__getitem__),
            self.unknown | other.unknown,
            self.all_attributes or other.all_attributes,
        )


def _handling_rank(handling: Handling | None) -> int:
    return -1 if handling is None else HANDLING_RANK[handling]


EVERYTHING_ALLOWED: Final = Permissions(
    "allow", EVERYTHING, EVERYTHING, EVERYTHING, frozenset(ATTRIBUTES), "full", frozenset(), True
)

# -- rules ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Rule:
    """If all `conditions` hold, the watcher has `permissions`, under `restriction`.

    `source` says where the rule comes from ("rules", "cisco", ...), `id` names it there.
    """

    source: str
    id: str
    conditions: tuple[Condition, ...] = ()
    permissions: Permissions = field(default_factory=Permissions)
    restriction: Restriction | None = None

    @property
    def label(self) -> str:
        """Source and id, as `explain` shows them."""
        return f"{self.source}/{self.id}"

    def look(self, moment: Moment) -> Finding:
        """Whether the rule matches (RFC 4745 §10.1)."""
        findings = [condition.look(moment) for condition in self.conditions]
        failed = [finding.why for finding in findings if not finding.holds]
        if failed:
            return Finding(False, "; ".join(failed))
        return Finding(True, "; ".join(finding.why for finding in findings) or "it has no conditions")

    def names(self, moment: Moment) -> bool:
        """Whether the rule speaks of this watcher, be it for another time or another sphere."""
        return all(it.look(moment).holds for it in self.conditions if isinstance(it, Identity))

    def changes_after(self, now: float) -> float | None:
        """When its validity next begins or ends."""
        times = [it.changes_after(now) for it in self.conditions if isinstance(it, Validity)]
        return min((time for time in times if time is not None), default=None)

    def mentions(self, names: frozenset[str]) -> bool:
        """Whether one of `names`, identities and domains, stands in its identity conditions."""
        return any(
            not names.isdisjoint(member.mentions)
            for condition in self.conditions
            if isinstance(condition, Identity)
            for member in condition.members
        )

    @property
    def wants_sphere(self) -> bool:
        """Whether it depends on what the presentity publishes."""
        return any(isinstance(it, Sphere) for it in self.conditions)
