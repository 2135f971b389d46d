"""The whole of composition: the rules put together, and the document about their outcome."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from presence.composition.devices import by_device_id
from presence.composition.merging import Sourced
from presence.composition.model import Component, Composed, CompositionSettings, single_tuple
from presence.composition.persons import one_person
from presence.composition.times import next_moment
from presence.composition.tuples import distinct, order
from presence.documents.pidf import CLOSED, Part, render_pidf

_CLOSED: Final = Composed(tuples=single_tuple("unpublished", CLOSED).tuples)
_NOTHING: Final = Composed()


def compose(components: Sequence[Component], now_wall: float, settings: CompositionSettings) -> Composed:
    """The one state that `components` tell of at `now_wall` (epoch seconds)."""
    if not components:
        return neutral(settings)
    if len(components) == 1:
        component = components[0]
        document = component.document
        if not document.moments and len(document.persons) <= 1 and len(document.devices) <= 1:
            source = component.source
            tuples, persons, devices, notes, extensions, _ = document
            return Composed(
                tuple([element.sourced(source) for element in tuples]),
                (persons[0].sourced(source),) if persons else persons,
                (devices[0].sourced(source),) if devices else devices,
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
        document, source = component.document, component.source
        for element in document.tuples:
            tuples.append((component, element.sourced(source)))
        for element in document.persons:
            persons.append((component, element.sourced(source)))
        for element in document.devices:
            devices.append((component, element.sourced(source)))
        if document.notes:
            notes += [(component, part) for part in document.notes]
        if document.extensions:
            extensions += [(component, part) for part in document.extensions]
    # Ids are given in the order of arrival, places by relevance.
    chosen = [*one_person(persons, now_wall), *by_device_id(devices, now_wall)]
    named = distinct([*tuples, *((pair[0], element) for pair, element in chosen)])
    count = len(tuples)
    places: Sequence[int] = range(count)
    if count > 1:
        places = sorted(places, key=[order(pair) for pair in tuples].__getitem__)
    persons_until = count + (1 if persons else 0)
    return Composed(
        tuple([named[at].at(now_wall) for at in places]),
        tuple(named[count:persons_until]),
        tuple(named[persons_until:]),
        _each_once(notes),
        _each_once(extensions),
        next_moment(components, now_wall),
    )


def _each_once(parts: list[tuple[Component, Part]]) -> tuple[Part, ...]:
    """Equal ones once, those of higher priority first, then the newest."""
    if len(parts) > 1:
        parts = sorted(parts, key=lambda pair: (-pair[0].priority, -pair[0].published_at, pair[0].key))
    return tuple({part.xml: part for _, part in parts}.values())
