"""What is wrong with a rules document, and where; and the few looks at an element that all readers share."""

from __future__ import annotations

from typing import cast

from lxml import etree

from presence.documents.xml import one_line
from sip.errors import BadRequest


class Fault(BadRequest):
    """The document cannot be rules: `reason` is one line with the fault and the line of the document."""


def fault(what: str, element: etree._Element, why: str) -> Fault:
    """`what` names the format; the element is named by its local name."""
    line = cast("int | None", element.sourceline)
    place = "" if line is None else f", line {line}"
    return Fault(one_line(f"{what}: {local_name(element)}: {why}") + place)


def local_name(element: etree._Element) -> str:
    """The name of an element without its namespace."""
    return element.tag.rpartition("}")[2]


def text_of(element: etree._Element) -> str:
    """The text of an element, without blanks around it."""
    return (element.text or "").strip()
