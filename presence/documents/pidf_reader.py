"""Reading PIDF: what is written as we write it is taken as it is, anything else is put right piece by piece.

Real clients write status after its extensions, the timestamp of a person in the wrong namespace, ids that are
numbers.  What goes out is valid, so what can be meant is repaired here, and the rest is refused with a
reason.
"""

from __future__ import annotations

import re
from typing import Final

from lxml import etree

from presence.documents import layout
from presence.documents.layout import arrange, keep_attributes, leaf_text
from presence.documents.namespaces import CISCO_SOURCE, DATA_MODEL, PIDF, standard_name
from presence.documents.pidf import CLOSED, OPEN, Element, Kind, Part, PidfDocument, document
from presence.documents.pidf_extensions import ONLY_ONCE, TIMED, WITH_TIMES, repair
from presence.documents.pidf_plain import Child, read_plain
from presence.documents.writer import write_element
from presence.documents.xml import DEFAULT_LIMITS, XmlLimits, one_line, read_xml
from presence.documents.xsd import absolute, epoch, is_language, ncname, qvalue, uri
from sip.errors import BadRequest

_PRESENCE: Final = f"{{{PIDF}}}presence"
_SOURCE: Final = f"{{{CISCO_SOURCE}}}source"
_LANG: Final = "{http://www.w3.org/XML/1998/namespace}lang"
_OURS: Final = (f"{{{PIDF}}}", f"{{{DATA_MODEL}}}")
_NAMESPACE: Final = re.compile(rb"""(\sxmlns(?::[\w.-]++)?\s*+=\s*+)(["'])([^"'<>&]*+)\2""")
_EMPTY_STATUS: Final = Part(layout.STATUS, b"<status/>")


def parse_pidf(data: bytes, limits: XmlLimits = DEFAULT_LIMITS) -> PidfDocument:
    """The parts of the document `data`.

    `presence@entity` is not looked at: whose document this is, the Request-URI says.  Elements of PIDF's
    own and the data model's namespace that their schemas do not know are left out; extensions are kept.

    Raises:
        EntityTooLarge: 413, more bytes than `limits` allow.
        BadRequest: 400, with what is wrong: XML that is refused, another root element, a tuple without
            id, a basic status other than open and closed, a device without deviceID.
    """
    if len(data) <= limits.size:
        plain = read_plain(data, limits.depth, read_child)
        if plain is not None:
            return plain
    return read_thoroughly(data, limits)


def read_thoroughly(data: bytes, limits: XmlLimits = DEFAULT_LIMITS) -> PidfDocument:
    """As `parse_pidf`, with a parser and a look at each element."""
    return _Reader().read(read_root(data, limits))


def read_child(kind: Kind, root_tag: bytes, child: bytes) -> Child | None:
    """What a single child of an element says, inside a root element that begins with `root_tag`."""
    name = b"tuple" if kind == "tuple" else b"dm:person"
    try:
        root = read_xml(b'%b<%b id="i">%b</%b></presence>' % (root_tag, name, child, name))
    except BadRequest:
        return None
    if len(root) != 1 or len(root[0]) != 1:
        return None
    standardise(root)
    try:
        found = _Reader().tuple(root[0]) if kind == "tuple" else _Reader().person(root[0])
    except BadRequest:
        return None
    parts = found.parts
    if kind == "tuple" and parts[0] == _EMPTY_STATUS and not child.startswith(b"<status"):
        parts = parts[1:]
    return Child(parts, found.basic, found.source, found.timed)


def standardise(root: etree._Element) -> None:
    """Give elements the namespaces that are meant."""
    for element in root.iter():
        name = standard_name(element.tag)
        if name != element.tag:
            element.tag = name


def read_root(data: bytes, limits: XmlLimits) -> etree._Element:
    """The root of the document `data`, all names in it in the namespaces of the standards.

    Raises:
        EntityTooLarge: 413, more bytes than `limits` allow.
        BadRequest: 400, XML that is refused, or another root element.
    """
    try:
        root = read_xml(data, "PIDF", limits)
    except BadRequest as error:
        if "is not a valid URI" not in error.reason:
            raise
        # Documents of Cisco are printed with blanks inside the quotes of a namespace.
        root = read_xml(_NAMESPACE.sub(_without_blanks, data), "PIDF", limits)
    standardise(root)
    # Cisco prints a root without namespace around children that have theirs.
    if root.tag != _PRESENCE and not (
        root.tag == "presence" and any(child.tag.startswith(_OURS) for child in root)
    ):
        raise BadRequest(f"PIDF: the root element is {one_line(root.tag)}, not presence of {PIDF}")
    return root


def _without_blanks(match: re.Match[bytes]) -> bytes:
    # Not by the expression: two repetitions of blanks around a third would try all ways to share them.
    return match[1] + match[2] + match[3].strip() + match[2]


class _Reader:
    """Takes one document apart, and puts right what it can."""

    __slots__ = ("_counts", "_ids")

    def __init__(self) -> None:
        self._ids: set[str] = set()
        # How often an id was met: to begin anew with each would cost the square of a thousand that are alike.
        self._counts: dict[str, int] = {}

    def read(self, root: etree._Element) -> PidfDocument:
        """The document below `root`, the namespaces of which are the standard's."""
        tuples: list[Element] = []
        persons: list[Element] = []
        devices: list[Element] = []
        notes: list[Part] = []
        extensions: list[Part] = []
        for element in root:
            tag = element.tag
            if tag == layout.TUPLE:
                tuples.append(self.tuple(element))
            elif tag == layout.PERSON:
                persons.append(self.person(element))
            elif tag == layout.DEVICE:
                devices.append(self._device(element))
            elif tag == layout.NOTE:
                _note(element)
                notes.append(Part(tag, write_element(element)))
            elif layout.is_extension(tag, layout.PRESENCE_LAYOUT) and repair(element):
                extensions.append(Part(tag, write_element(element)))
        return document(tuples, persons, devices, notes, extensions)

    def tuple(self, element: etree._Element) -> Element:
        """A service (RFC 4479 §3.1)."""
        ident = self._take_id(element, None)
        basic: str | None = None
        priority = 0.0
        timestamp: float | None = None
        source: str | None = None
        parts: list[Part] = []
        once: set[str] = set()
        for tag, child in arrange(element, layout.TUPLE_LAYOUT):
            if tag == layout.STATUS:
                basic = _status(child)
            elif tag == layout.CONTACT:
                given = _contact(child)
                if given is None:
                    continue
                priority = given
            elif tag == layout.TIMESTAMP:
                timestamp = _timestamp(child)
                if timestamp is None:
                    continue
            elif tag == layout.NOTE:
                _note(child)
            else:
                if tag == _SOURCE and source is None:
                    source = leaf_text(child).strip() or None
                parts += _extension(tag, child, once)
                continue
            parts.append(Part(tag, write_element(child)))
        if not parts or parts[0].name != layout.STATUS:
            # The schema wants it; it may be empty (RFC 3863 §4.1.4).
            parts.insert(0, _EMPTY_STATUS)
        return Element(
            "tuple",
            ident,
            tuple(parts),
            timestamp,
            source=source,
            basic=basic,
            priority=priority,
            timed=_timed(parts),
        )

    def person(self, element: etree._Element) -> Element:
        """The human being (RFC 4479 §3.2)."""
        ident = self._take_id(element, "person")
        parts, timestamp, _ = _data_model_children(element, layout.PERSON_LAYOUT)
        return Element("person", ident, parts, timestamp, timed=_timed(parts))

    def _device(self, element: etree._Element) -> Element:
        ident = self._take_id(element, "device")
        parts, timestamp, device_id = _data_model_children(element, layout.DEVICE_LAYOUT)
        if device_id is None:
            raise BadRequest("PIDF: a device without deviceID")
        return Element("device", ident, parts, timestamp, device_id=device_id, timed=_timed(parts))

    def _take_id(self, element: etree._Element, otherwise: str | None) -> str:
        """The id, changed if the document has used it before: ids are unique in a document (xs:ID)."""
        ident = ncname(element.get("id") or "")
        if not ident:
            if otherwise is None:
                raise BadRequest("PIDF: a tuple without id")
            ident = otherwise
        if ident not in self._ids:
            self._ids.add(ident)
            return ident
        count, unique = self._counts.get(ident, 1), ident
        while unique in self._ids:
            count += 1
            unique = f"{ident}-{count}"
        self._counts[ident] = count
        self._ids.add(unique)
        return unique


def _timed(parts: tuple[Part, ...] | list[Part]) -> bool:
    return any(part.starts is not None or part.ends is not None for part in parts)


def _extension(tag: str, element: etree._Element, once: set[str]) -> list[Part]:
    """An element of another namespace, if something is left of it and it may stand beside those before it.

    `once` has the names of those that may stand there only once, and do.
    """
    if tag in once or not repair(element):
        return []
    if tag in ONLY_ONCE:
        once.add(tag)
    starts = ends = None
    if tag in WITH_TIMES:
        starts, ends = _moment(element, "from"), _moment(element, "until")
    return [Part(tag, write_element(element), starts, ends)]


def _moment(element: etree._Element, name: str) -> float | None:
    value = element.get(name)
    return None if value is None else epoch(value)


def _status(element: etree._Element) -> str | None:
    keep_attributes(element, ())
    basic: str | None = None
    for tag, child in arrange(element, layout.STATUS_LAYOUT):
        if tag == layout.BASIC:
            basic = _basic(child)
        elif tag == TIMED or not repair(child):
            # Timed status belongs into the tuple, never into its status (RFC 4481 §3).
            element.remove(child)
    return basic


def _data_model_children(
    element: etree._Element, rules: layout.Layout
) -> tuple[tuple[Part, ...], float | None, str | None]:
    """The parts of a person or device in order; its timestamp and deviceID."""
    for child in element:
        # Linphone writes the timestamp of a person in the namespace of PIDF.
        child.tag = layout.MEANT_FOR_DATA_MODEL.get(child.tag, child.tag)
    timestamp: float | None = None
    device_id: str | None = None
    parts: list[Part] = []
    once: set[str] = set()
    for tag, child in arrange(element, rules):
        if tag == layout.DM_TIMESTAMP:
            timestamp = _timestamp(child)
            if timestamp is None:
                continue
        elif tag == layout.DM_NOTE:
            _note(child)
        elif tag == layout.DEVICE_ID:
            text = leaf_text(child).strip()
            device_id = uri(text)
            if device_id is None:
                raise BadRequest(f"PIDF: deviceID {one_line(text)!r} is not a URI")
            keep_attributes(child, ())
            child.text = device_id
        else:
            parts += _extension(tag, child, once)
            continue
        parts.append(Part(tag, write_element(child)))
    return tuple(parts), timestamp, device_id


def _basic(element: etree._Element) -> str:
    """RFC 3863 §4.1.4."""
    basic = leaf_text(element).strip().lower()
    if basic not in (OPEN, CLOSED):
        raise BadRequest(f"PIDF: basic status must be open or closed, not {one_line(basic)!r}")
    keep_attributes(element, ())
    element.text = basic
    return basic


def _contact(element: etree._Element) -> float | None:
    """The priority (RFC 3863 §4.1.5); None if the contact is no URI: then it is left out."""
    text = uri(leaf_text(element))
    if text is None:
        return None
    element.text = text
    keep_attributes(element, ("priority",))
    given = element.get("priority")
    if given is None:
        return 0.0
    priority = qvalue(given)
    if priority is None:
        del element.attrib["priority"]
        return 0.0
    return priority


def _timestamp(element: etree._Element) -> float | None:
    """Epoch seconds (RFC 3863 §4.1.7); None if it tells no time: then it is left out."""
    text = leaf_text(element).strip()
    seconds = epoch(text)
    if seconds is not None:
        element.text = absolute(text)
        keep_attributes(element, ())
    return seconds


def _note(element: etree._Element) -> None:
    """Plain text in one language (RFC 3863 §4.1.6)."""
    leaf_text(element)
    keep_attributes(element, (_LANG,))
    language = element.get(_LANG)
    if language and not is_language(language):
        del element.attrib[_LANG]
