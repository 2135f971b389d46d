"""Tuples: the union of what all components offer, the most relevant first."""

from __future__ import annotations

from presence.composition.merging import Sourced
from presence.documents.pidf import newest_first, relevance


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
