"""Composition (RFC 4479 §3, §4): from the components of a presentity to the one state of him.

Pure: the same components give the same bytes, whatever their order, so that nobody is notified of nothing.
The rules are one module each and are told in `docs/composition.md`; what the components are is the
package's business, and who sees which part of them is the business of views.
"""

from __future__ import annotations

from presence.composition.compose import compose, neutral, render
from presence.composition.model import (
    REGISTERED,
    Component,
    Composed,
    CompositionSettings,
    source_name,
    standing,
)
from presence.composition.views import EVERYTHING, Compose, Everything, View

__all__ = [
    "EVERYTHING",
    "REGISTERED",
    "Component",
    "Compose",
    "Composed",
    "CompositionSettings",
    "Everything",
    "View",
    "compose",
    "neutral",
    "render",
    "source_name",
    "standing",
]
