"""PIDF that is written as we would write it, which is what phones mostly send: matched, not parsed.

The expressions here describe a small part of XML, exactly: whatever they take is well-formed and valid as it
stands, so no parser has to be asked, and reading costs a fifth.  Extensions are only delimited here; what
they hold is read in the long way, once: phones write the same ones again and again.  Whatever does not
match is no fault, it takes the long way as a whole (`pidf_reader`).  No quantifier here can backtrack
over another one's choice: they are possessive, or end at a literal.
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


def read_plain(data: bytes, depth: int, read_child: ReadChild) -> PidfDocument | None:
    """The parts of the document `data`; None if it takes the long way.

    `depth` is how many elements there may be within each other, `read_child` the long way for one child.
    """
    head = _HEAD.match(data)
    if head is None or data.count(b"</") >= depth or not (data.isascii() or _is_text(data)):
        return None
    root_tag = _root_tag(head[1] + (head[2] or b""))
    if root_tag is None or (b"<dm:" in data and b" xmlns:dm=" not in root_tag):
        return None
    tuples: list[Element] = []
    persons: list[Element] = []
    notes: list[Part] = []
    ids: set[bytes] = set()
    position = head.end()
    while (match := _TOP.match(data, position)) is not None:
        what = match.lastindex
        if what == _IN_TOP_NOTE:
            notes.append(Part(layout.NOTE, match[_IN_TOP_NOTE]))
            position = match.end()
            continue
        if what != _IN_TOP_TUPLE and what != _IN_TOP_PERSON:
            return document(tuples, persons, (), notes)
        ident = match[what]
        if ident in ids:
            return None
        ids.add(ident)
        read = _tuple if what == _IN_TOP_TUPLE else _person
        found = read(data, match.end(), ident.decode(), root_tag, read_child)
        if found is None:
            return None
        element, position = found
        (tuples if what == _IN_TOP_TUPLE else persons).append(element)
    return None


def _tuple(
    data: bytes, position: int, ident: str, root_tag: bytes, read_child: ReadChild
) -> tuple[Element, int] | None:
    status: tuple[Part, ...] = ()
    extensions: list[Part] = []
    contact: Part | None = None
    notes: list[Part] = []
    time: Part | None = None
    basic = source = timestamp = None
    priority = 0.0
    timed = False
    while (match := _IN_TUPLE.match(data, position)) is not None:
        position = match.end()
        what = match.lastindex
        if what == _BASIC:
            if status:
                return None
            part, basic = _STATUSES[match[_BASIC]]
            status = (part,)
        elif what == _TUPLE_END:
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
            return element, position
        elif what == _CONTACT:
            if contact is not None:
                return None
            contact = Part(layout.CONTACT, match[_CONTACT])
            given = match[_PRIORITY]
            priority = 0.0 if given is None else float(given)
        elif what == _TIME:
            timestamp = _moment(match[_TIME])
            if time is not None or timestamp is None:
                return None
            time = Part(layout.TIMESTAMP, b"<timestamp>%b</timestamp>" % match[_TIME])
        elif what == _NOTE:
            notes.append(Part(layout.NOTE, match[_NOTE]))
        else:
            child = _child(read_child, "tuple", root_tag, match[_STATUS if what == _STATUS else _EXTENSION])
            if child is None or (status and what == _STATUS) or _repeated(child, extensions):
                return None
            if what == _STATUS:
                status, basic = child.parts, child.basic
            else:
                extensions += child.parts
                source = source or child.source
                timed = timed or child.timed
    return None


def _person(
    data: bytes, position: int, ident: str, root_tag: bytes, read_child: ReadChild
) -> tuple[Element, int] | None:
    parts: list[Part] = []
    notes: list[Part] = []
    time: Part | None = None
    timestamp = None
    timed = False
    while (match := _IN_PERSON.match(data, position)) is not None:
        position = match.end()
        what = match.lastindex
        if what == _PERSON_END:
            parts += notes
            if time is not None:
                parts.append(time)
            return Element("person", ident, tuple(parts), timestamp, timed=timed), position
        if what == _PERSON_NOTE:
            notes.append(Part(layout.DM_NOTE, match[_PERSON_NOTE]))
        elif what in (_PERSON_TIME, _PERSON_DM_TIME):
            timestamp = _moment(match[what])
            if time is not None or timestamp is None:
                return None
            time = Part(layout.DM_TIMESTAMP, b"<dm:timestamp>%b</dm:timestamp>" % match[what])
        else:
            child = _child(read_child, "person", root_tag, match[_PERSON_EXTENSION])
            if child is None or _repeated(child, parts):
                return None
            parts += child.parts
            timed = timed or child.timed
    return None


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
