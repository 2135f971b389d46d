"""PIDF documents (RFC 3863) with the data model (RFC 4479): bytes to fragments, and fragments to bytes.

A document is taken apart once, when it is published.  Each part becomes a fragment: bytes that stand on
their own inside our `presence` element, and the few values by which composition orders it.  Composing is
then joining.

What comes in may use any prefixes, order and the misprinted namespaces of `namespaces.VARIANTS`; a
fragment always has PIDF as its default namespace, the prefixes `dm` and `rpid`, the children in the order
of the schema, and declares by itself what other namespaces it needs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple
from xml.sax.saxutils import escape

from presence.documents.namespaces import PREFIXES

CONTENT_TYPE: Final = "application/pidf+xml"
OPEN: Final = "open"
CLOSED: Final = "closed"

_BASIC_RANK: Final[dict[str | None, int]] = {OPEN: 0, None: 1, CLOSED: 2}
_NOW: Final = float("inf")
_HEAD: Final = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n<presence'
    + "".join(
        f' xmlns:{prefix}="{uri}"' if prefix else f' xmlns="{uri}"' for prefix, uri in PREFIXES.items()
    ).encode()
)


class Fragment:
    """One `tuple`, `person` or `device` as bytes, with its id apart: two sources may use the same one."""

    __slots__ = ("id", "inner_ids", "rest", "timestamp", "xml")

    NAME = b""

    def __init__(self, ident: str, rest: bytes, timestamp: float | None, inner_ids: tuple[str, ...]) -> None:
        self.id = ident
        self.rest = rest
        """All that follows the id attribute."""
        self.timestamp = timestamp
        """Epoch seconds; None if the fragment names no time: then it is as old as its publication."""
        self.inner_ids = inner_ids
        """Ids of elements within, usually none (RPID allows them)."""
        self.xml = b'<%b id="%b"%b' % (self.NAME, ident.encode(), rest)

    def renamed(self, distinct: Callable[[str], str]) -> bytes:
        """The bytes with every id passed through `distinct`."""
        rest = self.rest
        for ident in self.inner_ids:
            rest = rest.replace(f' id="{ident}"'.encode(), f' id="{distinct(ident)}"'.encode())
        return b'<%b id="%b"%b' % (self.NAME, distinct(self.id).encode(), rest)


class TupleFragment(Fragment):
    """A service (RFC 4479 §3.1): one way to reach the presentity."""

    __slots__ = ("basic", "priority", "relevance", "source")

    NAME = b"tuple"

    def __init__(
        self,
        ident: str,
        rest: bytes,
        basic: str | None,
        priority: float = 0.0,
        timestamp: float | None = None,
        inner_ids: tuple[str, ...] = (),
        source: str | None = None,
    ) -> None:
        super().__init__(ident, rest, timestamp, inner_ids)
        self.basic = basic
        """`open`, `closed`, or None if the tuple does not say."""
        self.priority = priority
        """Of the contact, 0 to 1; 0 when none is given (RFC 3863 §4.1.5: the lowest)."""
        self.source = source
        """Cisco's name of where the tuple comes from."""
        self.relevance = (_BASIC_RANK[basic], -priority)
        """Sort key, the most relevant first; among equals the newest comes first."""


class PersonFragment(Fragment):
    """The human being (RFC 4479 §3.2)."""

    __slots__ = ()

    NAME = b"dm:person"


class DeviceFragment(Fragment):
    """A device (RFC 4479 §3.3), known by its deviceID."""

    __slots__ = ("device_id",)

    NAME = b"dm:device"

    def __init__(
        self, ident: str, rest: bytes, timestamp: float | None, inner_ids: tuple[str, ...], device_id: str
    ) -> None:
        super().__init__(ident, rest, timestamp, inner_ids)
        self.device_id = device_id


class PidfFragments(NamedTuple):
    """A presence document taken apart: the most relevant tuple first, the newest person and device first."""

    tuples: tuple[TupleFragment, ...] = ()
    notes: tuple[bytes, ...] = ()
    persons: tuple[PersonFragment, ...] = ()
    devices: tuple[DeviceFragment, ...] = ()
    extensions: tuple[bytes, ...] = ()
    """Elements of other namespaces directly below `presence`."""
    body: bytes = b""
    """All of it joined, with the newest person alone: what goes out when this is the only source."""


def fragments(
    tuples: Sequence[TupleFragment] = (),
    notes: Sequence[bytes] = (),
    persons: Sequence[PersonFragment] = (),
    devices: Sequence[DeviceFragment] = (),
    extensions: Sequence[bytes] = (),
) -> PidfFragments:
    """Put parts in order and join them."""
    if len(tuples) > 1:
        tuples = sorted(tuples, key=lambda part: (part.relevance, newest_first(part)))
    if len(persons) > 1:
        persons = sorted(persons, key=newest_first)
    if len(devices) > 1:
        devices = sorted(devices, key=newest_first)
    body = [part.xml for part in tuples]
    body += notes
    if persons:
        body.append(persons[0].xml)
    if devices:
        body += [part.xml for part in newest_devices(devices)]
    body += extensions
    return PidfFragments(
        tuple(tuples), tuple(notes), tuple(persons), tuple(devices), tuple(extensions), b"\n".join(body)
    )


def newest_first(part: Fragment, published_at: float = _NOW) -> float:
    """Sort key: the newest first.  A part without a time is as old as its publication."""
    return -(published_at if part.timestamp is None else part.timestamp)


def newest_devices(devices: Iterable[DeviceFragment]) -> list[DeviceFragment]:
    """The first of each deviceID; `devices` come the newest first."""
    seen: dict[str, DeviceFragment] = {}
    for device in devices:
        seen.setdefault(device.device_id, device)
    return list(seen.values())


def render_pidf(entity: str, body: bytes) -> bytes:
    """The document of `entity` (a URI) with `body`, fragments that are joined already."""
    if "&" in entity or '"' in entity or "<" in entity:
        entity = escape(entity, {'"': "&quot;"})
    return b'%b entity="%b">\n%b\n</presence>\n' % (_HEAD, entity.encode(), body)
