"""Reading PIDF: what is written as we write it is taken as it is, anything else is put right piece by piece.

Real clients write status after its extensions, the timestamp of a person in the wrong namespace, ids that are
numbers.  What goes out is valid, so what can be meant is repaired here, and the rest is refused with a
reason.
"""

from __future__ import annotations

from typing import Final

from lxml import etree

from presence.documents import layout
from presence.documents.layout import arrange, keep_attributes, leaf_text
from presence.documents.namespaces import CISCO_SOURCE, DATA_MODEL, PIDF, RPID, standard_name
from presence.documents.pidf import (
    CLOSED,
    OPEN,
    DeviceFragment,
    PersonFragment,
    PidfFragments,
    TupleFragment,
    fragments,
)
from presence.documents.pidf_plain import read_plain
from presence.documents.writer import write_element
from presence.documents.xml import DEFAULT_LIMITS, XmlLimits, one_line, read_xml
from presence.documents.xsd import epoch, is_language, is_uri, ncname, qvalue
from sip.errors import BadRequest

_PRESENCE: Final = f"{{{PIDF}}}presence"
_SOURCE: Final = f"{{{CISCO_SOURCE}}}source"
_LANG: Final = "{http://www.w3.org/XML/1998/namespace}lang"
_WITH_IDS: Final = (f"{{{RPID}}}", f"{{{DATA_MODEL}}}")


def parse_pidf(data: bytes, limits: XmlLimits = DEFAULT_LIMITS) -> PidfFragments:
    """The fragments of the document `data`.

    `presence@entity` is not looked at: whose document this is, the Request-URI says.  Elements of PIDF's
    own and the data model's namespace that their schemas do not know are left out; extensions are kept.

    Raises:
        EntityTooLarge: 413, more bytes than `limits` allow.
        BadRequest: 400, with what is wrong: XML that is refused, another root element, a tuple without
        id, a basic
            status other than open and closed, a device without deviceID.
    """
    root = read_xml(data, "PIDF", limits)
    if root.tag != _PRESENCE:
        raise BadRequest(f"PIDF: the root element is {one_line(root.tag)}, not presence of {PIDF}")
    plain = read_plain(root, data)
    return _Reader().read(root) if plain is None else plain


class _Reader:
    """Takes one document apart, and puts right what it can."""

    __slots__ = ("_ids",)

    def __init__(self) -> None:
        self._ids: set[str] = set()

    def read(self, root: etree._Element) -> PidfFragments:
        for element in root.iter():
            name = standard_name(element.tag)
            if name != element.tag:
                element.tag = name
        tuples: list[TupleFragment] = []
        notes: list[bytes] = []
        persons: list[PersonFragment] = []
        devices: list[DeviceFragment] = []
        extensions: list[bytes] = []
        for element in root:
            tag = element.tag
            if tag == layout.TUPLE:
                tuples.append(self._tuple(element))
            elif tag == layout.PERSON:
                persons.append(self._person(element))
            elif tag == layout.DEVICE:
                devices.append(self._device(element))
            elif tag == layout.NOTE:
                _note(element)
                notes.append(write_element(element))
            elif layout.is_extension(tag, layout.PRESENCE_LAYOUT):
                for inner in element.iter():
                    # RPID has no place here, so its ids name nothing; they must not collide with real ones.
                    if inner.get("id") is not None and inner.tag.startswith(_WITH_IDS):
                        del inner.attrib["id"]
                extensions.append(write_element(element))
        return fragments(tuples, notes, persons, devices, extensions)

    def _tuple(self, element: etree._Element) -> TupleFragment:
        ident = self._take_id(element, None)
        basic: str | None = None
        priority = 0.0
        timestamp: float | None = None
        source: str | None = None
        status_seen = False
        for tag, child in arrange(element, layout.TUPLE_LAYOUT):
            if tag == layout.STATUS:
                status_seen = True
                keep_attributes(child, ())
                for inner_tag, inner in arrange(child, layout.STATUS_LAYOUT):
                    if inner_tag == layout.BASIC:
                        basic = _basic(inner)
            elif tag == layout.CONTACT:
                priority = _contact(child)
            elif tag == layout.TIMESTAMP:
                timestamp = _timestamp(child)
            elif tag == layout.NOTE:
                _note(child)
            elif tag == _SOURCE:
                source = (child.text or "").strip() or None
        if not status_seen:
            # The schema wants it; it may be empty (RFC 3863 §4.1.4).
            element.insert(0, etree.Element(layout.STATUS))
        rest, inner_ids = self._rest(element, TupleFragment.NAME)
        return TupleFragment(ident, rest, basic, priority, timestamp, inner_ids, source)

    def _person(self, element: etree._Element) -> PersonFragment:
        ident = self._take_id(element, "person")
        timestamp = _data_model_children(element, layout.PERSON_LAYOUT)[0]
        rest, inner_ids = self._rest(element, PersonFragment.NAME)
        return PersonFragment(ident, rest, timestamp, inner_ids)

    def _device(self, element: etree._Element) -> DeviceFragment:
        ident = self._take_id(element, "device")
        timestamp, device_id = _data_model_children(element, layout.DEVICE_LAYOUT)
        if device_id is None:
            raise BadRequest("PIDF: a device without deviceID")
        rest, inner_ids = self._rest(element, DeviceFragment.NAME)
        return DeviceFragment(ident, rest, timestamp, inner_ids, device_id)

    def _take_id(self, element: etree._Element, otherwise: str | None) -> str:
        """Remove the id (it is written apart) and all other attributes: the schemas know no others."""
        ident = ncname(element.get("id") or "")
        if not ident:
            if otherwise is None:
                raise BadRequest("PIDF: a tuple without id")
            ident = otherwise
        keep_attributes(element, ())
        return self._distinct(ident)

    def _distinct(self, ident: str) -> str:
        """`ident`, changed if the document has used it before: ids are unique in a document (xs:ID)."""
        unique, count = ident, 1
        while unique in self._ids:
            count += 1
            unique = f"{ident}-{count}"
        self._ids.add(unique)
        return unique

    def _rest(self, element: etree._Element, name: bytes) -> tuple[bytes, tuple[str, ...]]:
        """The bytes of `element` that follow `<name`, and the ids of elements within."""
        inner_ids: list[str] = []
        for inner in element.iter():
            text = inner.get("id")
            if text is None or not inner.tag.startswith(_WITH_IDS):
                continue
            ident = ncname(text)
            if ident:
                ident = self._distinct(ident)
                inner.set("id", ident)
                inner_ids.append(ident)
            else:
                del inner.attrib["id"]
        return write_element(element)[len(name) + 1 :], tuple(inner_ids)


def _data_model_children(element: etree._Element, rules: layout.Layout) -> tuple[float | None, str | None]:
    """Put person or device in order; its timestamp and deviceID."""
    for child in element:
        # Linphone writes the timestamp of a person in the namespace of PIDF.
        child.tag = layout.MEANT_FOR_DATA_MODEL.get(child.tag, child.tag)
    timestamp: float | None = None
    device_id: str | None = None
    for tag, child in arrange(element, rules):
        if tag == layout.DM_TIMESTAMP:
            timestamp = _timestamp(child)
        elif tag == layout.DM_NOTE:
            _note(child)
        elif tag == layout.DEVICE_ID:
            device_id = leaf_text(child).strip()
            if not is_uri(device_id):
                raise BadRequest(f"PIDF: deviceID {one_line(device_id)!r} is not a URI")
            keep_attributes(child, ())
            child.text = device_id
    return timestamp, device_id


def _basic(element: etree._Element) -> str:
    """RFC 3863 §4.1.4."""
    basic = leaf_text(element).strip().lower()
    if basic not in (OPEN, CLOSED):
        raise BadRequest(f"PIDF: basic status must be open or closed, not {one_line(basic)!r}")
    keep_attributes(element, ())
    element.text = basic
    return basic


def _contact(element: etree._Element) -> float:
    """The priority (RFC 3863 §4.1.5); a contact that is no URI is left out."""
    text = leaf_text(element).strip()
    if not is_uri(text):
        _remove(element)
        return 0.0
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
    """Epoch seconds (RFC 3863 §4.1.7); a timestamp that tells no time is left out."""
    text = leaf_text(element).strip()
    seconds = epoch(text)
    if seconds is None:
        _remove(element)
        return None
    element.text = text
    keep_attributes(element, ())
    return seconds


def _note(element: etree._Element) -> None:
    """Plain text in one language (RFC 3863 §4.1.6)."""
    leaf_text(element)
    keep_attributes(element, (_LANG,))
    language = element.get(_LANG)
    if language and not is_language(language):
        del element.attrib[_LANG]


def _remove(element: etree._Element) -> None:
    parent = element.getparent()
    if parent is not None:
        parent.remove(element)
