"""PIDF documents (RFC 3863) with the data model (RFC 4479): the model, and the way it is written.

A document is taken apart once, when it is published.  Each child of a tuple, person or device becomes a
part: bytes that stand on their own inside our `presence` element.  Composing, filtering and rendering
then choose parts and join them, and never look into XML again.

In a part PIDF is the default namespace, the data model and RPID have the prefixes `dm` and `rpid`, and
what other namespaces it needs it declares by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Final, Literal, NamedTuple
from xml.sax.saxutils import escape

from presence.documents import layout
from presence.documents.namespaces import PREFIXES
from presence.documents.xsd import uri

CONTENT_TYPE: Final = "application/pidf+xml"
OPEN: Final = "open"
CLOSED: Final = "closed"

Kind = Literal["tuple", "person", "device"]

_BASIC_RANK: Final[dict[str | None, int]] = {OPEN: 0, None: 1, CLOSED: 2}
_NAMES: Final[dict[Kind, bytes]] = {"tuple": b"tuple", "person": b"dm:person", "device": b"dm:device"}
_MANDATORY: Final = frozenset({layout.STATUS, layout.DEVICE_ID})
_NOW: Final = float("inf")
_HEAD: Final = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n<presence'
    + "".join(
        f' xmlns:{prefix}="{uri}"' if prefix else f' xmlns="{uri}"' for prefix, uri in PREFIXES.items()
    ).encode()
)


class Part(NamedTuple):
    """A child of a tuple, person or device, or a note or extension directly below `presence`."""

    name: str
    """As lxml writes it: `{namespace}local`."""
    xml: bytes
    starts: float | None = None
    """RPID `from` as epoch seconds: before it the part does not hold (RFC 4480 §3)."""
    ends: float | None = None
    """RPID `until`: from then on it holds no more."""

    def holds(self, now_wall: float) -> bool:
        """Whether the part says something about `now_wall` (epoch seconds)."""
        return (self.starts is None or self.starts <= now_wall) and (
            self.ends is None or now_wall < self.ends
        )


class Element:
    """One `tuple`, `person` or `device`; never changed, only replaced."""

    __slots__ = (
        "_of",
        "_xml",
        "basic",
        "device_id",
        "id",
        "kind",
        "parts",
        "priority",
        "source",
        "timed",
        "timestamp",
    )

    def __init__(
        self,
        kind: Kind,
        ident: str,
        parts: tuple[Part, ...],
        timestamp: float | None = None,
        *,
        source: str | None = None,
        basic: str | None = None,
        priority: float = 0.0,
        device_id: str = "",
        timed: bool = False,
    ) -> None:
        self.kind: Kind = kind
        self.id = ident
        self.parts = parts
        """In the order of the schema."""
        self.timestamp = timestamp
        """Epoch seconds; None if the element names no time: then it is as old as its publication."""
        self.source = source
        """What Cisco's `source` in a tuple says, else the source of the component."""
        self.basic = basic
        """`open`, `closed`, or None if the tuple does not say."""
        self.priority = priority
        """Of the contact, 0 to 1; 0 when none is given (RFC 3863 §4.1.5: the lowest)."""
        self.device_id = device_id
        """The URI that names a device (RFC 4479 §3.3)."""
        self.timed = timed
        """Whether a part begins or ends to hold at some time."""
        self._xml: bytes | None = None
        self._of: Element | None = None

    @property
    def xml(self) -> bytes:
        """The element as it stands in a document."""
        if self._xml is None:
            name = _NAMES[self.kind]
            content = b"".join([part.xml for part in self.parts])
            self._xml = (
                b'<%b id="%b">%b</%b>' % (name, self.id.encode(), content, name)
                if content
                else b'<%b id="%b"/>' % (name, self.id.encode())
            )
        return self._xml

    def keeping(self, predicate: Callable[[Part], bool]) -> Element:
        """The element with the parts that `predicate` is true of; itself when nothing goes.

        What the schemas cannot do without (status, deviceID) stays.
        """
        parts = tuple([part for part in self.parts if part.name in _MANDATORY or predicate(part)])
        return self if len(parts) == len(self.parts) else self.having(parts)

    def at(self, now_wall: float) -> Element:
        """The element without the parts that do not hold at `now_wall`."""
        return self.keeping(lambda part: part.holds(now_wall)) if self.timed else self

    def having(self, parts: tuple[Part, ...]) -> Element:
        """The element with other parts; what was read from them stays."""
        return self._copy(self.id, parts, self.source)

    def of(self, source: str, ident: str) -> Element:
        """The element by the name `ident`, and said to be from `source` unless it names its own."""
        source = self.source or source
        kept = self._of
        if kept is None or kept.id != ident or kept.source != source:
            kept = self._of = self._copy(ident, self.parts, source)
        return kept

    def _copy(self, ident: str, parts: tuple[Part, ...], source: str | None) -> Element:
        return Element(
            self.kind,
            ident,
            parts,
            self.timestamp,
            source=source,
            basic=self.basic,
            priority=self.priority,
            device_id=self.device_id,
            timed=self.timed,
        )

    def __repr__(self) -> str:
        return f"<{self.xml.decode()}>"


class PidfDocument(NamedTuple):
    """What one publication holds: the most relevant tuple first, the newest person and device first."""

    tuples: tuple[Element, ...] = ()
    persons: tuple[Element, ...] = ()
    devices: tuple[Element, ...] = ()
    notes: tuple[Part, ...] = ()
    extensions: tuple[Part, ...] = ()
    """Elements of other namespaces directly below `presence`."""
    moments: tuple[float, ...] = ()
    """Epoch seconds at which parts begin or end to hold, in order."""


def document(
    tuples: Sequence[Element] = (),
    persons: Sequence[Element] = (),
    devices: Sequence[Element] = (),
    notes: Iterable[Part] = (),
    extensions: Iterable[Part] = (),
) -> PidfDocument:
    """Put elements in order."""
    if len(tuples) > 1:
        tuples = sorted(tuples, key=lambda element: (*relevance(element), newest_first(element)))
    if len(persons) > 1:
        persons = sorted(persons, key=newest_first)
    if len(devices) > 1:
        devices = sorted(devices, key=newest_first)
    moments: tuple[float, ...] = ()
    timed = [element for element in (*tuples, *persons, *devices) if element.timed]
    if timed:
        moments = tuple(
            sorted(
                {
                    moment
                    for element in timed
                    for part in element.parts
                    for moment in (part.starts, part.ends)
                    if moment is not None
                }
            )
        )
    return PidfDocument(
        tuple(tuples), tuple(persons), tuple(devices), tuple(notes), tuple(extensions), moments
    )


def relevance(element: Element) -> tuple[int, float]:
    """Sort key of tuples: open before closed, then the contact's priority."""
    return _BASIC_RANK[element.basic], -element.priority


def newest_first(element: Element, published_at: float = _NOW) -> float:
    """Sort key: the newest first.  What names no time is as old as its publication, and nothing is newer.

    A time that had not come when it was published counts as that of its publication: else a phone whose clock
    is ahead would outweigh all others for as long.
    """
    return -(published_at if element.timestamp is None else min(element.timestamp, published_at))


def render_pidf(entity: str, pieces: Iterable[bytes]) -> bytes:
    """The document of `entity` (a URI) with `pieces`, elements and parts in the order of the schema."""
    return b"%b\n%b\n</presence>\n" % (_root_tag(entity), b"\n".join(pieces))


@lru_cache(maxsize=4096)
def _root_tag(entity: str) -> bytes:
    return b'%b entity="%b">' % (_HEAD, escape(uri(entity) or entity, {'"': "&quot;"}).encode())
