"""The whole of composition: the rules put together, and the document about their outcome."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from presence.composition.devices import by_device_id, device_name
from presence.composition.merging import Sourced
from presence.composition.model import (
    REGISTRATION,
    STANDING,
    Component,
    Composed,
    CompositionSettings,
    single_tuple,
)
from presence.composition.persons import PERSON_ID, one_person
from presence.composition.times import next_moment
from presence.composition.tuples import order
from presence.documents.pidf import CLOSED, Part, render_pidf

_CLOSED: Final = Composed(tuples=single_tuple("unpublished", CLOSED).tuples)
_NOTHING: Final = Composed()


def compose(components: Sequence[Component], now_wall: float, settings: CompositionSettings) -> Composed:
    """The one state that `components` tell of at `now_wall` (epoch seconds)."""
    if len(components) > 1:
        components = _without_registration(components)
    if not components:
        return neutral(settings)
    if len(components) == 1:
        component = components[0]
        document = component.document
        if not document.moments and len(document.persons) <= 1 and len(document.devices) <= 1:
            source, mark = component.source, component.mark
            tuples, persons, devices, notes, extensions, _ = document
            return Composed(
                tuple([element.of(source, f"{element.id}-{mark}") for element in tuples]),
                (persons[0].of(source, PERSON_ID),) if persons else persons,
                (devices[0].of(source, device_name(devices[0].device_id)),) if devices else devices,
                notes,
                extensions,
            )
    return _merged(sorted(components, key=_arrival), now_wall)


def neutral(settings: CompositionSettings) -> Composed:
    """What is shown of somebody of whom nothing is known, or nothing may be told."""
    return _CLOSED if settings.empty_document == "closed" else _NOTHING


def render(aor: str, composed: Composed) -> bytes:
    """The PIDF document about `aor`, valid against the schemas of RFC 3863 and RFC 4479 to 4482."""
    tuples, persons, devices, notes, extensions, _ = composed
    pieces = [element.xml for element in tuples]
    if notes:
        pieces += [part.xml for part in notes]
    pieces += [element.xml for element in persons]
    pieces += [element.xml for element in devices]
    if extensions:
        pieces += [part.xml for part in extensions]
    return render_pidf(aor, pieces)


def _without_registration(components: Sequence[Component]) -> Sequence[Component]:
    """That somebody can be reached is concluded from his binding only if he has published nothing himself."""
    said = [component for component in components if component.key != REGISTRATION]
    return said if any(component.key != STANDING for component in said) else components


def _arrival(component: Component) -> str:
    return component.key


def _merged(components: Sequence[Component], now_wall: float) -> Composed:
    """The state of components that are sorted by arrival."""
    tuples: list[Sourced] = []
    persons: list[Sourced] = []
    devices: list[Sourced] = []
    notes: list[tuple[Component, Part]] = []
    extensions: list[tuple[Component, Part]] = []
    for component in components:
        document, source, mark = component.document, component.source, component.mark
        for element in document.tuples:
            tuples.append((component, element.of(source, f"{element.id}-{mark}")))
        for element in document.persons:
            persons.append((component, element.of(source, PERSON_ID)))
        for element in document.devices:
            devices.append((component, element.of(source, device_name(element.device_id))))
        if document.notes:
            notes += [(component, part) for part in document.notes]
        if document.extensions:
            extensions += [(component, part) for part in document.extensions]
    if len(tuples) > 1:
        tuples.sort(key=order)
    return Composed(
        tuple([element.at(now_wall) for _, element in tuples]),
        one_person(persons, now_wall),
        by_device_id(devices, now_wall),
        _each_once(notes),
        _each_once(extensions),
        next_moment(components, now_wall),
    )


def _each_once(parts: list[tuple[Component, Part]]) -> tuple[Part, ...]:
    """Equal ones once, those of higher priority first, then the newest."""
    if len(parts) > 1:
        parts = sorted(parts, key=lambda pair: (-pair[0].priority, -pair[0].published_at, pair[0].key))
    return tuple({part.xml: part for _, part in parts}.values())
