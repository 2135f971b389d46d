"""What RFC 5025 §3.3 lets through of a composed document: kinds of elements, and their children by name."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from lxml import etree

from presence.composition import Composed
from presence.documents.namespaces import DATA_MODEL, PIDF, RPID
from presence.documents.pidf import Element, Part
from presence.documents.writer import write_element
from presence.policy.model import ATTRIBUTES, EVERYTHING, Kind, Permissions, Selection
from presence.policy.parts import CONTACT, STATUS, element_of

_BASIC: Final = f"{{{PIDF}}}basic"
_USER_INPUT: Final = f"{{{RPID}}}user-input"
_TIMESTAMPS: Final = frozenset({f"{{{PIDF}}}timestamp", f"{{{DATA_MODEL}}}timestamp"})

ALWAYS: Final[Mapping[Kind, frozenset[str]]] = MappingProxyType(
    {
        "tuple": _TIMESTAMPS | {CONTACT, f"{{{RPID}}}service-class"},
        "person": _TIMESTAMPS,
        "device": _TIMESTAMPS | {f"{{{DATA_MODEL}}}deviceID"},
    }
)
"""What is shown of an element that is shown (§3.3.2); the status of a tuple has its basic status."""

_INPUT_ATTRIBUTES: Final = MappingProxyType(
    {"bare": frozenset[str](), "thresholds": frozenset({"idle-threshold"})}
)
"""What is left of user-input's attributes (§3.3.2.12; its "since" is RFC 4480's last-input)."""

_KNOWN: Final = (f"{{{PIDF}}}", f"{{{DATA_MODEL}}}", f"{{{RPID}}}")
"""There are permissions for these, so provide-unknown-attribute is not about them (§3.3.2.14)."""

_PLAIN_STATUS: Final = re.compile(rb"<status>(?:<basic>(?:open|closed)</basic>)?</status>|<status/>")


def provide(composed: Composed, permissions: Permissions) -> Composed:
    """The part of `composed` that `permissions` grant; the same object if they grant everything.

    `composed` is made of those elements that are granted, where not all of a kind are (`selecting.selected`).
    Notes and extensions of the whole document are about the person, of no class and no occurrence-id: they
    go with all-persons only.
    """
    everything = permissions.persons == permissions.devices == permissions.services == EVERYTHING
    if everything and permissions.all_attributes:
        return composed
    whole = permissions.persons == EVERYTHING
    return composed._replace(
        tuples=_shown(composed.tuples, permissions.services, permissions),
        persons=_shown(composed.persons, permissions.persons, permissions),
        devices=_shown(composed.devices, permissions.devices, permissions),
        notes=composed.notes if whole and "note" in permissions.attributes else (),
        extensions=tuple(
            part
            for part in composed.extensions
            if whole and (permissions.all_attributes or part.name in permissions.unknown)
        ),
    )


def _shown(
    elements: tuple[Element, ...], selection: Selection, permissions: Permissions
) -> tuple[Element, ...]:
    return tuple(_trimmed(element, permissions) for element in elements) if selection else ()


# -- which of their children, §3.3.2 ----------------------------------------------------------------------


def _trimmed(element: Element, permissions: Permissions) -> Element:
    if permissions.all_attributes:
        return element
    granted = granted_names(element.kind, permissions)
    parts: list[Part] = []
    for part in element.parts:
        if part.name == STATUS:
            parts.append(_trimmed_status(part, granted))
        elif part.name == _USER_INPUT:
            if permissions.user_input != "false":
                parts.append(_trimmed_input(part, permissions))
        elif part.name in granted:
            parts.append(part)
    return element.having(tuple(parts))


def granted_names(kind: Kind, permissions: Permissions) -> frozenset[str]:
    """Clark names of the children of a `kind` that are shown."""
    names = ALWAYS[kind] | {name for name in permissions.unknown if not name.startswith(_KNOWN)}
    for attribute in permissions.attributes:
        elements, kinds = ATTRIBUTES[attribute]
        if kind in kinds:
            names |= elements
    return names


def _trimmed_status(part: Part, granted: frozenset[str]) -> Part:
    """Extensions within the status are attributes of the tuple as well (RFC 3863 §4.1.3)."""
    if _PLAIN_STATUS.fullmatch(part.xml):
        return part

    def trim(element: etree._Element) -> None:
        for child in element:
            if child.tag != _BASIC and child.tag not in granted:
                element.remove(child)

    return _changed(part, trim)


def _trimmed_input(part: Part, permissions: Permissions) -> Part:
    kept = _INPUT_ATTRIBUTES.get(permissions.user_input)
    if kept is None:
        return part

    def trim(element: etree._Element) -> None:
        for name in [str(name) for name in element.keys() if name not in kept]:  # noqa: SIM118
            del element.attrib[name]

    return _changed(part, trim)


def _changed(part: Part, change: Callable[[etree._Element], None]) -> Part:
    element = element_of(part)
    change(element)
    return part._replace(xml=write_element(element))
