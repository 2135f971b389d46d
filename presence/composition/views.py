"""The seam between composition and privacy: a view is what one or many watchers may see of a presentity.

Whatever judges watchers hands out views.  Views that are equal show the same, and then one document is made
for all who have them.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from presence.composition.model import Component, Composed

Compose = Callable[[Sequence[Component], float], Composed]
"""(components, epoch seconds) to their state: `compose` with its settings, and a memory."""


class View(Hashable, Protocol):
    """What is taken away before and after composing; hashable, and equal to views that show the same."""

    @property
    def feigns(self) -> bool:
        """Whether it shows, whatever there is, what is shown of somebody who has published nothing."""

    def apply(self, components: Sequence[Component], now_wall: float, compose: Compose) -> Composed:
        """The state that is seen: components left out, the rest composed, parts of that left out."""


@dataclass(frozen=True, slots=True)
class Everything:
    """The view without limits."""

    @property
    def feigns(self) -> bool:
        """It does not."""
        return False

    def apply(self, components: Sequence[Component], now_wall: float, compose: Compose) -> Composed:
        """All of it."""
        return compose(components, now_wall)


EVERYTHING: Final = Everything()
