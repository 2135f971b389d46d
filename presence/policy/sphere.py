"""The sphere of a presentity (RFC 5025 §3.1.2): what all documents that name one agree on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from presence.composition import Component
from presence.documents.namespaces import RPID
from presence.policy.parts import value_of

_SPHERE: Final = f"{{{RPID}}}sphere"


def sphere_of(components: Iterable[Component], now_wall: float) -> str | None:
    """The value of `rpid:sphere` at `now_wall` (epoch seconds); None where there is none, or several."""
    values = {
        value_of(part)
        for component in components
        for person in component.document.persons
        for part in person.parts
        if part.name == _SPHERE and part.holds(now_wall)
    }
    return values.pop() or None if len(values) == 1 else None
