"""PIDF that is written as we would write it, which is what phones mostly send: matched, not parsed.

The expressions here describe a small part of XML, exactly: whatever they take is well-formed and valid as it
stands, so no parser has to be asked, and reading costs a fifth.  Extensions are only delimited here; what
they hold is read in the long way, once: phones write the same ones again and again.  Whatever does not
match is no fault, it takes the long way as a whole (`pidf_reader`).  No quantifier here can backtrack over
another one's choice: they are possessive, or end at a literal.  Where it was compiled the same is matched in
C (decision 0022).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Final, NamedTuple

from lxml import etree

from presence.documents import layout
from presence.documents.namespaces import PREFIXES
from presence.documents.pidf import CLOSED, OPEN, Element, Kind, Part, PidfDocument, document
from presence.documents.pidf_extensions import ONLY_ONCE
from presence.documents.xsd import absolute, epoch
from sip.native import native


class Child(NamedTuple):
    """What the long way made of one child of a tuple or person."""

    parts: tuple[Part, ...]
    basic: str | None
    source: str | None
    timed: bool


ReadChild = Callable[[Kind, bytes, bytes], Child | None]

_LONGEST_KEPT: Final = 1024
_DECLARATIONS: Final = r'((?:[ \t\r\n]++xmlns(?::[A-Za-z_][\w.\-]*+)?="[^"<>&\x00-\x20]++")*)'
_HEAD: Final = re.compile(
    (
        r'[ \t\r\n]*+(?:<\?xml version="1\.0"(?: encoding="[Uu][Tt][Ff]-8")?(?: standalone="(?:yes|no)")?'
        r" ?\?>[ \t\r\n]*+)?<presence" + _DECLARATIONS + r'(?:[ \t\r\n]++entity="[^"<>&\x00-\x1f]*+"'
        # Only behind an entity: two such groups side by side would try all ways to share what comes.
        + _DECLARATIONS + r")?[ \t\r\n]*+>"
    ).encode()
)  # fmt: skip
_ID: Final = r'[ \t\r\n]++id="([A-Za-z_][A-Za-z0-9_.\-]*+)"[ \t\r\n]*+>'
_LANG: Final = r'(?: xml:lang="[a-zA-Z]{1,8}(?:-[a-zA-Z0-9]{1,8})*")?'
_TEXT: Final = r"(?:[^<>&\x00-\x08\x0b-\x1f]++|&(?:amp|lt|gt|quot);)*"
_TIMESTAMP: Final = r"timestamp>([0-9T:Z.+\-]++)</%stimestamp>"
_CHILD: Final = r"(<([A-Za-z_][\w.\-]*+:[\w.\-]++)(?=[ \t\r\n/>])[^<>]*+(?:(?<=/)>|(?<!/)>.*?</\%d>))"
_END: Final = r"</%s[ \t\r\n]*+>"

_TOP: Final = re.compile(
    (
        r"[ \t\r\n]*+(?:<tuple" + _ID + r"|<dm:person" + _ID
        + r"|(<note" + _LANG + r">" + _TEXT + r"</note>)|(</presence[ \t\r\n]*+>[ \t\r\n]*+\Z))"
    ).encode()
)  # fmt: skip
_IN_TOP_TUPLE, _IN_TOP_PERSON, _IN_TOP_NOTE = 1, 2, 3

_IN_TUPLE: Final = re.compile(
    (
        r"[ \t\r\n]*+(?:<status>[ \t\r\n]*+<basic>(open|closed)</basic>[ \t\r\n]*+</status>"
        r'|(<contact(?: priority="(0(?:\.[0-9]{1,3})?|1(?:\.0{1,3})?)")?>'
        r"[A-Za-z][A-Za-z0-9+.\-]*+:(?!//)[^<>&%#\[\]\x00-\x20\x7f-\xff]++</contact>)"
        r"|<" + _TIMESTAMP % ""
        + r"|(<note" + _LANG + r">" + _TEXT + r"</note>)"
        r"|(" + _END % "tuple" + r")"
        r"|(<status[ \t\r\n]*+(?:/>|>.*?</status>))"
        r"|" + _CHILD % 9 + r")"
    ).encode(),
    re.DOTALL,
)  # fmt: skip
_BASIC, _CONTACT, _PRIORITY, _TIME, _NOTE, _TUPLE_END, _STATUS, _EXTENSION = range(1, 9)
_STATUSES: Final = {
    b"open": (Part(layout.STATUS, b"<status><basic>open</basic></status>"), OPEN),
    b"closed": (Part(layout.STATUS, b"<status><basic>closed</basic></status>"), CLOSED),
}

# Linphone takes the timestamp of PIDF for the one of the data model.
_IN_PERSON: Final = re.compile(
    (
        r"[ \t\r\n]*+(?:<" + _TIMESTAMP % ""
        + r"|<dm:" + _TIMESTAMP % "dm:"
        + r"|(<dm:note" + _LANG + r">" + _TEXT + r"</dm:note>)"
        r"|(" + _END % "dm:person" + r")"
        r"|(?!<dm:)" + _CHILD % 6 + r")"
    ).encode(),
    re.DOTALL,
)  # fmt: skip
_PERSON_TIME, _PERSON_DM_TIME, _PERSON_NOTE, _PERSON_END, _PERSON_EXTENSION = range(1, 6)


(
    _DECLARED,
    _A_TUPLE,
    _A_PERSON,
    _A_NOTE,
    _A_BASIC,
    _A_PRIORITY,
    _A_CONTACT,
    _A_TIMESTAMP,
    _A_STATUS,
    _AN_EXTENSION,
    _A_DM_TIMESTAMP,
    _A_DM_NOTE,
    _AN_END,
) = range(13)
Piece = tuple[int, bytes]
"""What it is, and its text: of an element its id, of a status, a priority or a time what it says, of all else
the whole; the first are the declarations of the root."""

_PIECES_OF_TUPLE: Final = {
    _BASIC: _A_BASIC,
    _CONTACT: _A_CONTACT,
    _TIME: _A_TIMESTAMP,
    _NOTE: _A_NOTE,
    _TUPLE_END: _AN_END,
    _STATUS: _A_STATUS,
    _EXTENSION: _AN_EXTENSION,
}
_PIECES_OF_PERSON: Final = {
    _PERSON_TIME: _A_TIMESTAMP,
    _PERSON_DM_TIME: _A_DM_TIMESTAMP,
    _PERSON_NOTE: _A_DM_NOTE,
    _PERSON_END: _AN_END,
    _PERSON_EXTENSION: _AN_EXTENSION,
}


def scan_in_python(data: bytes, depth: int) -> list[Piece] | None:
    """The pieces of a document in order; None if it is not as the expressions have it, all of it."""
    head = _HEAD.match(data)
    if head is None or data.count(b"</") >= depth:
        return None
    pieces: list[Piece] = [(_DECLARED, head[1] + (head[2] or b""))]
    position: int | None = head.end()
    while position is not None and (match := _TOP.match(data, position)) is not None:
        position = match.end()
        if match.lastindex == _IN_TOP_TUPLE:
            pieces.append((_A_TUPLE, match[_IN_TOP_TUPLE]))
            position = _scan_element(data, position, _IN_TUPLE, _PIECES_OF_TUPLE, pieces)
        elif match.lastindex == _IN_TOP_PERSON:
            pieces.append((_A_PERSON, match[_IN_TOP_PERSON]))
            position = _scan_element(data, position, _IN_PERSON, _PIECES_OF_PERSON, pieces)
        elif match.lastindex == _IN_TOP_NOTE:
            pieces.append((_A_NOTE, match[_IN_TOP_NOTE]))
        else:
            return pieces
    return None


def _scan_element(
    data: bytes, position: int, inside: re.Pattern[bytes], names: dict[int, int], pieces: list[Piece]
) -> int | None:
    """Where an element ends, whose children are added to `pieces`."""
    while (match := inside.match(data, position)) is not None:
        position = match.end()
        what = names[match.lastindex or 0]
        if what == _A_CONTACT and match[_PRIORITY] is not None:
            pieces.append((_A_PRIORITY, match[_PRIORITY]))
        pieces.append((what, match[match.lastindex or 0]))
        if what == _AN_END:
            return position
    return None


scan: Final[Callable[[bytes, int], list[Piece] | None]] = getattr(
    native("presence._pidf"), "scan", scan_in_python
)


def read_plain(data: bytes, depth: int, read_child: ReadChild) -> PidfDocument | None:
    """The parts of the document `data`; None if it takes the long way.

    `depth` is how many elements there may be within each other, `read_child` the long way for one child.
    """
    pieces = scan(data, depth) if data.isascii() or _is_text(data) else None
    if pieces is None:
        return None
    root_tag = _root_tag(pieces[0][1])
    if root_tag is None or (b"<dm:" in data and b" xmlns:dm=" not in root_tag):
        return None
    tuples: list[Element] = []
    persons: list[Element] = []
    notes: list[Part] = []
    ids: set[bytes] = set()
    place, end = 1, len(pieces)
    while place < end:
        what, text = pieces[place]
        place += 1
        if what == _A_NOTE:
            notes.append(Part(layout.NOTE, text))
            continue
        if text in ids:
            return None
        ids.add(text)
        read = _tuple if what == _A_TUPLE else _person
        found = read(pieces, place, text.decode(), root_tag, read_child)
        if found is None:
            return None
        element, place = found
        (tuples if what == _A_TUPLE else persons).append(element)
    return document(tuples, persons, (), notes)


def _tuple(
    pieces: list[Piece], place: int, ident: str, root_tag: bytes, read_child: ReadChild
) -> tuple[Element, int] | None:
    """The tuple whose children begin at `place`, and where they end."""
    status: tuple[Part, ...] = ()
    extensions: list[Part] = []
    contact: Part | None = None
    notes: list[Part] = []
    time: Part | None = None
    basic = source = timestamp = None
    priority = 0.0
    timed = False
    while True:
        what, text = pieces[place]
        place += 1
        if what == _A_BASIC:
            if status:
                return None
            part, basic = _STATUSES[text]
            status = (part,)
        elif what == _AN_END:
            if not status:
                return None
            parts = [*status, *extensions]
            if contact is not None:
                parts.append(contact)
            parts += notes
            if time is not None:
                parts.append(time)
            element = Element(
                "tuple",
                ident,
                tuple(parts),
                timestamp,
                source=source,
                basic=basic,
                priority=priority,
                timed=timed,
            )
            return element, place
        elif what == _A_PRIORITY:
            priority = float(text)
        elif what == _A_CONTACT:
            if contact is not None:
                return None
            contact = Part(layout.CONTACT, text)
        elif what == _A_TIMESTAMP:
            timestamp = _moment(text)
            if time is not None or timestamp is None:
                return None
            time = Part(layout.TIMESTAMP, b"<timestamp>%b</timestamp>" % text)
        elif what == _A_NOTE:
            notes.append(Part(layout.NOTE, text))
        else:
            child = _child(read_child, "tuple", root_tag, text)
            if child is None or (status and what == _A_STATUS) or _repeated(child, extensions):
                return None
            if what == _A_STATUS:
                status, basic = child.parts, child.basic
            else:
                extensions += child.parts
                source = source or child.source
                timed = timed or child.timed


def _person(
    pieces: list[Piece], place: int, ident: str, root_tag: bytes, read_child: ReadChild
) -> tuple[Element, int] | None:
    """As `_tuple`."""
    parts: list[Part] = []
    notes: list[Part] = []
    time: Part | None = None
    timestamp = None
    timed = False
    while True:
        what, text = pieces[place]
        place += 1
        if what == _AN_END:
            parts += notes
            if time is not None:
                parts.append(time)
            return Element("person", ident, tuple(parts), timestamp, timed=timed), place
        if what == _A_DM_NOTE:
            notes.append(Part(layout.DM_NOTE, text))
        elif what in (_A_TIMESTAMP, _A_DM_TIMESTAMP):
            timestamp = _moment(text)
            if time is not None or timestamp is None:
                return None
            time = Part(layout.DM_TIMESTAMP, b"<dm:timestamp>%b</dm:timestamp>" % text)
        else:
            child = _child(read_child, "person", root_tag, text)
            if child is None or _repeated(child, parts):
                return None
            parts += child.parts
            timed = timed or child.timed


def _repeated(child: Child, before: list[Part]) -> bool:
    """Whether `child` is one that may stand only once, and stands there already."""
    return any(
        part.name in ONLY_ONCE and any(part.name == other.name for other in before) for part in child.parts
    )


def _moment(timestamp: bytes) -> float | None:
    """Epoch seconds; None if it is no time as RFC 3339 has it."""
    text = timestamp.decode()
    return epoch(text) if absolute(text) == text else None


def _child(read_child: ReadChild, kind: Kind, root_tag: bytes, child: bytes) -> Child | None:
    return _kept_child(read_child, kind, root_tag, child) if len(child) <= _LONGEST_KEPT else None


@lru_cache(maxsize=2048)
def _kept_child(read_child: ReadChild, kind: Kind, root_tag: bytes, child: bytes) -> Child | None:
    return read_child(kind, root_tag, child)


@lru_cache(maxsize=256)
def _root_tag(declarations: bytes) -> bytes | None:
    """The start tag with `declarations`; None if they bind the prefixes otherwise than we do."""
    tag = b"<presence%b>" % declarations
    try:
        declared = etree.fromstring(tag + b"</presence>").nsmap
    except etree.XMLSyntaxError:
        return None
    if None not in declared or any(PREFIXES.get(prefix, uri) != uri for prefix, uri in declared.items()):
        return None
    return tag


def _is_text(data: bytes) -> bool:
    """Whether `data` is UTF-8 without the two characters of it that XML has no place for."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return False
    return "\ufffe" not in text and "\uffff" not in text
