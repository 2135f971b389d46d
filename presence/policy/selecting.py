"""Which tuples, persons and devices RFC 5025 §3.3.1 grants: chosen among those of each component.

Permission is for an occurrence, by its own class and id.  Composition makes one person of many, so what is
not granted has to go before: a person of class "private" is not to live on within one of class "work".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Final

from presence.composition import Component
from presence.documents.namespaces import RPID
from presence.documents.pidf import Element
from presence.policy.identity import same_uri
from presence.policy.model import MemberKind, Permissions, Selection
from presence.policy.parts import CONTACT, texts

_CLASS: Final = f"{{{RPID}}}class"

_IS: Final[Mapping[MemberKind, Callable[[Element, str], bool]]] = MappingProxyType(
    {
        "class": lambda element, value: value in texts(element, _CLASS),
        "occurrence-id": lambda element, value: element.id == value,
        "deviceID": lambda element, value: same_uri(element.device_id, value),
        "service-uri": lambda element, value: any(same_uri(it, value) for it in texts(element, CONTACT)),
        "service-uri-scheme": lambda element, value: any(
            it.partition(":")[0] == value for it in texts(element, CONTACT)
        ),
    }
)


def chooses(permissions: Permissions) -> bool:
    """Whether only some elements of a kind are granted, so that components have to be looked at."""
    return _some(permissions.services) or _some(permissions.persons) or _some(permissions.devices)


def selected(components: Iterable[Component], permissions: Permissions) -> tuple[Component, ...]:
    """The components with nothing but the elements that `permissions` grant."""
    return tuple(_selected(component, permissions) for component in components)


def is_selected(element: Element, selection: Selection) -> bool:
    """Whether a tuple, person or device is one of the `selection`."""
    return selection.everything or any(_IS[kind](element, value) for kind, value in selection.members)


def _some(selection: Selection) -> bool:
    return bool(selection) and not selection.everything


def _selected(component: Component, permissions: Permissions) -> Component:
    document = component.document
    tuples = _those(document.tuples, permissions.services)
    persons = _those(document.persons, permissions.persons)
    devices = _those(document.devices, permissions.devices)
    if (tuples, persons, devices) == (document.tuples, document.persons, document.devices):
        return component
    return component._replace(document=document._replace(tuples=tuples, persons=persons, devices=devices))


def _those(elements: tuple[Element, ...], selection: Selection) -> tuple[Element, ...]:
    if selection.everything or not elements:
        return elements
    return tuple(element for element in elements if is_selected(element, selection))
