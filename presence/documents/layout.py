"""Which children PIDF's own elements may have, in which order: tables, and a function that makes it so.

PIDF and the data model are closed and ordered (schemas of RFC 3863 §4.4 and RFC 4479 §5), real clients write
status after its extensions, twice, or with a stray word between.  What goes out is valid, so what comes
in is put in order: children in the schema's order, only the first of what may stand there once, nothing
that the schema has no place for.  Extensions (elements of any other namespace) are kept as they are.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final, NamedTuple

from lxml import etree

from presence.documents.namespaces import DATA_MODEL, PIDF

TUPLE: Final = f"{{{PIDF}}}tuple"
STATUS: Final = f"{{{PIDF}}}status"
BASIC: Final = f"{{{PIDF}}}basic"
CONTACT: Final = f"{{{PIDF}}}contact"
NOTE: Final = f"{{{PIDF}}}note"
TIMESTAMP: Final = f"{{{PIDF}}}timestamp"
PERSON: Final = f"{{{DATA_MODEL}}}person"
DEVICE: Final = f"{{{DATA_MODEL}}}device"
DEVICE_ID: Final = f"{{{DATA_MODEL}}}deviceID"
DM_NOTE: Final = f"{{{DATA_MODEL}}}note"
DM_TIMESTAMP: Final = f"{{{DATA_MODEL}}}timestamp"


class Layout(NamedTuple):
    """The places of an element's children."""

    own: str
    """The element's own namespace in braces: its other elements have no place here."""
    places: Mapping[str, int]
    """Child to its place in the order."""
    extensions: int
    """The place of elements of other namespaces."""
    many: Collection[int]
    """Places that take any number."""


PRESENCE_LAYOUT: Final = Layout(f"{{{PIDF}}}", {TUPLE: 0, NOTE: 1}, 2, (0, 1, 2))
TUPLE_LAYOUT: Final = Layout(f"{{{PIDF}}}", {STATUS: 0, CONTACT: 2, NOTE: 3, TIMESTAMP: 4}, 1, (1, 3))
STATUS_LAYOUT: Final = Layout(f"{{{PIDF}}}", {BASIC: 0}, 1, (1,))
PERSON_LAYOUT: Final = Layout(f"{{{DATA_MODEL}}}", {DM_NOTE: 1, DM_TIMESTAMP: 2}, 0, (0, 1))
DEVICE_LAYOUT: Final = Layout(f"{{{DATA_MODEL}}}", {DEVICE_ID: 1, DM_NOTE: 2, DM_TIMESTAMP: 3}, 0, (0, 2))

MEANT_FOR_DATA_MODEL: Final = {NOTE: DM_NOTE, TIMESTAMP: DM_TIMESTAMP}
"""What clients write in a person or a device, and what they mean."""


def is_extension(tag: str, layout: Layout) -> bool:
    """Whether an element may stand in `layout` as an extension: it has a namespace, and another one."""
    return tag[0] == "{" and not tag.startswith(layout.own)


def arrange(element: etree._Element, layout: Layout) -> list[tuple[str, etree._Element]]:
    """Put the children of `element` in the order of `layout`; what is left of them, with their tags.

    Text between them goes: there is none in these elements but blanks.
    """
    kept: list[tuple[str, etree._Element]] = []
    slots: list[int] = []
    taken: set[int] = set()
    highest = -1
    as_it_should_be = True
    element.text = None
    for child in element:
        tag = child.tag
        slot = layout.places.get(tag)
        if slot is None and is_extension(tag, layout):
            slot = layout.extensions
        if slot is None or (slot in taken and slot not in layout.many):
            as_it_should_be = False
            continue
        if slot < highest:
            as_it_should_be = False
        else:
            highest = slot
        child.tail = None
        slots.append(slot)
        taken.add(slot)
        kept.append((tag, child))
    if not as_it_should_be:
        order = sorted(range(len(kept)), key=slots.__getitem__)
        kept = [kept[index] for index in order]
        element[:] = [child for _, child in kept]
    return kept


def keep_attributes(element: etree._Element, allowed: Collection[str]) -> None:
    """Remove the attributes that the schema has no place for on `element`."""
    for name in element.keys():  # noqa: SIM118  an element is no mapping
        if name not in allowed:
            del element.attrib[name]


def leaf_text(element: etree._Element) -> str:
    """The text of an element that has nothing but text, without what markup there may be in it."""
    if len(element):
        text = "".join(map(str, element.itertext()))
        del element[:]
        element.text = text
        return text
    return element.text or ""
