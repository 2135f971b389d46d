"""The person: one, because a presentity is one human being (RFC 4479 §3.2); Q7 of Cisco's guide."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from presence.composition.merging import Sourced, authority, merge
from presence.documents.pidf import Element

PERSON_ID: Final = "presentity"
"""There is one, whoever speaks of him at the moment."""


def one_person(persons: Sequence[Sourced], now_wall: float) -> tuple[Element, ...]:
    """The person that all components together tell of, if one does."""
    if not persons:
        return ()
    return (merge(sorted(persons, key=authority), now_wall),)
