"""Foreign XML within a request, taken out of the envelope that it came in."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping
from typing import Final
from xml.sax.saxutils import escape

from lxml import etree

# A name with what is behind it: matched or passed over, no character is looked at twice.
_NAMES: Final = re.compile(r"[\w.\-\u00b7\u0300-\u036f\u200c\u200d\u203f\u2040]+:?")
_NEVER_FIRST: Final = "-.0123456789"


class TooLarge(Exception):
    """What stands in a few bytes of a request would be too much with the namespaces that it needs."""


def outer_xml(element: etree._Element) -> str:
    """The element as a text of its own: with the namespaces that it needs, without those of the envelope."""
    return _outer_xml(element, element.nsmap)


def inner_xml(element: etree._Element, most: int) -> str:
    """What is within the element; each element in it has the namespaces that it needs.

    Raises:
        TooLarge: it has more than `most` characters.
    """
    parts = []
    for part in _inner(element):
        most -= len(part)
        if most < 0:
            raise TooLarge
        parts.append(part)
    return "".join(parts)


def _inner(element: etree._Element) -> Iterator[str]:
    # Once for all: what a child declares itself goes with it.
    inherited = element.nsmap
    yield _escaped(element.text)
    for child in element:
        yield _outer_xml(child, inherited)
        yield _escaped(child.tail)


def _outer_xml(element: etree._Element, scope: Mapping[str | None, str]) -> str:
    # A prefix may stand in a value, as in xsi:type="xsd:string"; of those in names a copy takes care.
    texts = [
        text for it in element.iter(etree.Element) for text in (it.text or "", *map(str, it.attrib.values()))
    ]
    found = {
        name[:-1].lstrip(_NEVER_FIRST)
        for text in texts
        if ":" in text
        for name in _NAMES.findall(text)
        if name.endswith(":")
    }
    named = {prefix: scope[prefix] for prefix in found & scope.keys()}
    holder = etree.Element("holder", nsmap=named)
    holder.append(copy.deepcopy(element))
    return etree.tostring(holder[0], encoding="unicode", with_tail=False)


def _escaped(text: str | None) -> str:
    # A carriage return as it is would be read as the end of a line.
    return escape(text or "", {"\r": "&#13;"})
