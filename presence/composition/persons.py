"""The person: one, because a presentity is one human being (RFC 4479 §3.2); Q7 of Cisco's guide."""

from __future__ import annotations

from collections.abc import Sequence

from presence.composition.merging import Sourced, authority, merge
from presence.documents.pidf import Element


def one_person(persons: Sequence[Sourced], now_wall: float) -> list[tuple[Sourced, Element]]:
    """The person that all components together tell of, with who decided it."""
    if not persons:
        return []
    ranked = sorted(persons, key=authority)
    return [(ranked[0], merge(ranked, now_wall))]
