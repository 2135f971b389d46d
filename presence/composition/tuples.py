"""Tuples: the union of what all components offer, the most relevant first, no two with the same id."""

from __future__ import annotations

import zlib
from collections.abc import Iterable

from presence.composition.merging import Sourced
from presence.composition.model import Component
from presence.documents.pidf import Element, newest_first, relevance


def order(pair: Sourced) -> tuple[int, float, float, float, float, str]:
    """Sort key: open before closed, then the contact's priority, the component's, the newest, the arrival."""
    component, element = pair
    rank, preference = relevance(element)
    published_at = component.published_at
    return (
        rank,
        preference,
        -component.priority,
        newest_first(element, published_at),
        -published_at,
        component.key,
    )


def distinct(elements: Iterable[Sourced]) -> list[Element]:
    """The elements with ids that no two of them share (xs:ID).

    Who came first keeps an id.  The others get one that depends on nothing but their component, so that it
    is the same in every document as long as both live.
    """
    seen: set[str] = set()
    found: list[Element] = []
    for component, element in elements:
        ident = element.id
        if ident in seen:
            ident = _another(component, ident, seen)
        seen.add(ident)
        found.append(element if ident == element.id else element.named(ident))
    return found


def _another(component: Component, ident: str, seen: set[str]) -> str:
    name, count = ident, 0
    while name in seen:
        name = f"{ident}-{zlib.crc32(f'{component.key} {count}'.encode()):08x}"
        count += 1
    return name
