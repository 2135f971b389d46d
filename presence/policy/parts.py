"""Looks into the parts of a presence document, and parts that a policy writes."""

from __future__ import annotations

import re
from typing import Final

from lxml import etree

from presence.documents.namespaces import CISCO_RPID, PIDF, RPID, SPHERE
from presence.documents.pidf import Element, Part, render_pidf
from presence.documents.xml import XmlLimits, read_xml
from presence.policy.faults import local_name, text_of
from presence.policy.reachability import AVAILABLE, UNAVAILABLE, Status, least_reachable, status_name

ACTIVITIES: Final = f"{{{RPID}}}activities"
CONTACT: Final = f"{{{PIDF}}}contact"
STATUS: Final = f"{{{PIDF}}}status"

_ENTITY: Final = "sip:part@invalid"
# A part was within these limits when it was published.
_LIMITS: Final = XmlLimits(size=1 << 24, depth=256)
_NAME: Final = re.compile(r"[a-z][a-z0-9.-]*")
_RPID_ACTIVITIES: Final = frozenset(
    "appointment away breakfast busy dinner holiday in-transit looking-for-work meal meeting on-the-phone"
    " performance permanent-absence playing presentation shopping sleeping spectator steering travel tv"
    " unknown vacation working worship".split()
)
"""RFC 4480 §3.2."""
_OWN_WORDS: Final = f"{{{SPHERE}}}other"
_NO_ACTIVITY: Final = frozenset({"note"})


def element_of(part: Part) -> etree._Element:
    """The XML of a part."""
    return read_xml(render_pidf(_ENTITY, [part.xml]), "part", _LIMITS)[0]


def texts(element: Element, name: str) -> list[str]:
    """The texts of the children `name`."""
    return [text_of(element_of(part)) for part in element.parts if part.name == name]


def value_of(part: Part) -> str:
    """The value of an RPID element that is an empty element (`<rpid:work/>`) or somebody's own words."""
    for child in element_of(part):
        return text_of(child) if child.tag == _OWN_WORDS else local_name(child)
    return ""


def activities(person: Element) -> list[str]:
    """The names of what a person does (RFC 4480 §3.2), as statuses."""
    found: list[str] = []
    for part in person.parts:
        if part.name == ACTIVITIES:
            for child in element_of(part):
                name = local_name(child)
                if name == "other":
                    name = text_of(child)
                if name and name not in _NO_ACTIVITY:
                    found.append(status_name(name))
    return found


def status_of_elements(tuples: tuple[Element, ...], persons: tuple[Element, ...]) -> Status | None:
    """How somebody with these tuples and persons can be reached; None: there is nothing of his."""
    if not tuples and not persons:
        return None
    names = frozenset(name for person in persons for name in activities(person))
    basics = {element.basic for element in tuples}
    if tuples and basics == {"closed"}:
        return Status(UNAVAILABLE, names | {UNAVAILABLE})
    if names:
        return Status(least_reachable(names), names)
    return Status(AVAILABLE if "open" in basics else "unknown")


def activities_part(status: str) -> Part:
    """`activities` with one of them: RPID's own, Cisco's, or `other` for what is no name."""
    if status in _RPID_ACTIVITIES:
        inner = f"<rpid:{status}/>"
    elif _NAME.fullmatch(status):
        inner = f'<ce:{status} xmlns:ce="{CISCO_RPID}"/>'
    else:
        escaped = status.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        inner = f"<rpid:other>{escaped}</rpid:other>"
    return Part(ACTIVITIES, f"<rpid:activities>{inner}</rpid:activities>".encode())


def status_part(basic: str | None) -> Part:
    """`status` of a tuple with nothing but the basic status."""
    if basic is None:
        return Part(STATUS, b"<status/>")
    return Part(STATUS, f"<status><basic>{basic}</basic></status>".encode())
