"""What filters must know of a package's documents: namespaces, what a valid document cannot lose, identities.

A table an event package; a new one is one entry.  Sources: the schemas of RFC 3863 §4.4, RFC 4479 §5,
RFC 4480 §5, RFC 4481 §2 and RFC 3858 §4.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

_PIDF: Final = "urn:ietf:params:xml:ns:pidf"
_DM: Final = "urn:ietf:params:xml:ns:pidf:data-model"
_RPID: Final = "urn:ietf:params:xml:ns:pidf:rpid"
_TIMED: Final = "urn:ietf:params:xml:ns:pidf:timed-status"
_CAPS: Final = "urn:ietf:params:xml:ns:pidf:caps"
_WINFO: Final = "urn:ietf:params:xml:ns:watcherinfo"


class Shape(NamedTuple):
    """The documents of one event package."""

    namespace: str
    """Of the root element; names without a prefix mean it."""
    prefixes: Mapping[str, str]
    """Usual prefixes: they are bound unless a filter binds them otherwise."""
    attributes: Mapping[str, frozenset[str]]
    """Element to the attributes that it must have."""
    children: Mapping[str, frozenset[str]]
    """Element to the children that it must have."""
    filled: Mapping[str, frozenset[str]]
    """Elements that must have a child, and the children that do not count as one."""
    identities: Mapping[str, tuple[str, ...]]
    """Elements that may stand beside others of their name, and the attributes by which they stay the same."""
    caseless: frozenset[str]
    """Elements whose values triggers compare without case."""


def _in(uri: str, *names: str) -> frozenset[str]:
    return frozenset(f"{{{uri}}}{name}" for name in names)


_RPID_NOTE: Final = _in(_RPID, "note")
_PRESENCE: Final = Shape(
    namespace=_PIDF,
    prefixes={
        "pidf": _PIDF,
        "dm": _DM,
        "rpid": _RPID,
        "ts": _TIMED,
        "caps": _CAPS,
        "ci": "urn:ietf:params:xml:ns:pidf:cipid",
    },
    attributes={
        f"{{{_PIDF}}}presence": frozenset(("entity",)),
        f"{{{_PIDF}}}tuple": frozenset(("id",)),
        f"{{{_DM}}}person": frozenset(("id",)),
        f"{{{_DM}}}device": frozenset(("id",)),
        f"{{{_TIMED}}}timed-status": frozenset(("from",)),
        f"{{{_CAPS}}}lowerthan": frozenset(("maxvalue",)),
        f"{{{_CAPS}}}higherhan": frozenset(("minvalue",)),  # as RFC 5196 spells it
        f"{{{_CAPS}}}equals": frozenset(("value",)),
        f"{{{_CAPS}}}range": frozenset(("minvalue", "maxvalue")),
    },
    children={
        f"{{{_PIDF}}}tuple": _in(_PIDF, "status"),
        f"{{{_DM}}}device": _in(_DM, "deviceID"),
    },
    filled={
        # RFC 3863 §4.1.4: at least one child, though the schema does not say so.
        f"{{{_PIDF}}}status": frozenset(),
        **dict.fromkeys(
            _in(
                _RPID,
                "activities",
                "mood",
                "place-type",
                "privacy",
                "relationship",
                "service-class",
                "sphere",
            ),
            _RPID_NOTE,
        ),
        **dict.fromkeys(_in(_RPID, "audio", "video", "text"), frozenset[str]()),
    },
    identities={f"{{{_PIDF}}}tuple": ("id",), f"{{{_DM}}}device": ("id",)},
    # RFC 4661 §6.2 writes OPEN and CLOSED where RFC 3863 has open and closed.
    caseless=_in(_PIDF, "basic"),
)
_WATCHERS: Final = Shape(
    namespace=_WINFO,
    prefixes={"wi": _WINFO},
    attributes={
        f"{{{_WINFO}}}watcherinfo": frozenset(("version", "state")),
        f"{{{_WINFO}}}watcher-list": frozenset(("resource", "package")),
        f"{{{_WINFO}}}watcher": frozenset(("status", "event", "id")),
    },
    children={},
    filled={},
    identities={
        f"{{{_WINFO}}}watcher-list": ("resource", "package"),
        f"{{{_WINFO}}}watcher": ("id",),
    },
    caseless=frozenset(),
)

SHAPES: Final[Mapping[str, Shape]] = {"presence": _PRESENCE, "presence.winfo": _WATCHERS}
"""The packages whose documents can be filtered."""
