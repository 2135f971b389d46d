"""What several components say about the same person or device becomes one element (RFC 4479 §3.2, §3.3).

Who decides: the component of higher priority, between equals the newer timestamp, then the later arrival.
The first in that order that has an element of some name gives it, and all of that name; so activities of
one are never mixed with those of another, and a mood that only one knows is kept.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from presence.composition.model import Component
from presence.documents.layout import DEVICE_ID, DM_NOTE, DM_TIMESTAMP
from presence.documents.pidf import Element, Part, newest_first
from presence.documents.pidf_extensions import USER_INPUT
from presence.documents.xsd import epoch

Sourced = tuple[Component, Element]

_PLACES: Final = {DEVICE_ID: 1, DM_NOTE: 2, DM_TIMESTAMP: 3}
_LAST_INPUT: Final = re.compile(rb' last-input="([^"]*)"')


def authority(pair: Sourced) -> tuple[float, float, float, str]:
    """Sort key: who decides comes first."""
    component, element = pair
    published_at = component.published_at
    return -component.priority, newest_first(element, published_at), -published_at, component.key


def merge(ranked: Sequence[Sourced], now_wall: float) -> Element:
    """One element of those that are about the same, of which the first decides."""
    first = ranked[0][1]
    if len(ranked) == 1:
        return first.at(now_wall)
    chosen: dict[str, list[Part]] = {}
    for _, element in ranked:
        for name, parts in _by_name(element, now_wall).items():
            chosen.setdefault(name, parts)
    timestamp = _newest_timestamp(ranked, chosen)
    if USER_INPUT in chosen:
        chosen[USER_INPUT] = _most_recent_input(ranked)
    kept = sorted(
        (part for parts in chosen.values() for part in parts), key=lambda part: _PLACES.get(part.name, 0)
    )
    return Element(
        first.kind,
        first.id,
        tuple(kept),
        timestamp,
        source=first.source,
        device_id=first.device_id,
        timed=any(part.starts is not None or part.ends is not None for part in kept),
    )


def _by_name(element: Element, now_wall: float) -> dict[str, list[Part]]:
    found: dict[str, list[Part]] = {}
    for part in element.parts:
        if not element.timed or part.holds(now_wall):
            found.setdefault(part.name, []).append(part)
    return found


def _newest_timestamp(ranked: Sequence[Sourced], chosen: dict[str, list[Part]]) -> float | None:
    """When the whole became what it is: the newest of the times, which goes to `chosen`."""
    timed = [pair for pair in ranked if pair[1].timestamp is not None]
    if not timed:
        return None
    _, newest = min(timed, key=lambda pair: newest_first(pair[1], pair[0].published_at))
    chosen[DM_TIMESTAMP] = [part for part in newest.parts if part.name == DM_TIMESTAMP]
    return newest.timestamp


def _most_recent_input(ranked: Sequence[Sourced]) -> list[Part]:
    """Where somebody has touched something last tells whether he is idle (RFC 4480 §3.14)."""
    best: list[Part] = []
    best_time = float("-inf")
    for component, element in ranked:
        inputs = [part for part in element.parts if part.name == USER_INPUT]
        if inputs:
            published_at = component.published_at
            time = min(_input_time(inputs[0], -newest_first(element, published_at)), published_at)
            if not best or time > best_time:
                best, best_time = inputs, time
    return best


def _input_time(part: Part, otherwise: float) -> float:
    said = _LAST_INPUT.search(part.xml)
    time = None if said is None else epoch(said[1].decode())
    return otherwise if time is None else time
