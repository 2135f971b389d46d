"""What was made of the components of a presentity: the composed states, and the documents that were shown.

Documents that were shown stay until the components change.  The parts that they were made of stay while the
presentity is one of those whose state was composed last (`presence.packages.presence`): the watchers of a
change ask one after the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from presence.composition import Component, Compose, Composed, CompositionSettings, View, compose
from presence.packages.presence_view import Seen

_MOST_VIEWS: Final = 64


class Shown(NamedTuple):
    """What who has `view` was shown."""

    view: View
    seen: Seen
    until: float | None
    """Epoch seconds at which it is another."""


class Memory:
    """What was made of the components of one presentity, until they change."""

    __slots__ = ("asked", "components", "composed", "forgotten", "shown")

    def __init__(self) -> None:
        self.components: list[Component] | None = None
        self.composed: dict[tuple[tuple[str, int], ...], tuple[tuple[Component, ...], Composed]] | None = None
        """By the keys of the components and the identity of their documents, with the components."""
        self.shown: tuple[Shown, ...] = ()
        """One for each view."""
        self.asked = True
        """Whether somebody has asked since the last change: otherwise nobody watches any more."""
        self.forgotten = False
        """Whether there were more views than are kept: then a change may show in none of these."""

    def find(self, view: View) -> Shown | None:
        """What was shown to who has `view`."""
        # Mostly it is the same object for all who have an equal one (`PresencePolicy`).
        for shown in self.shown:
            if shown.view is view:
                return shown
        for shown in self.shown:
            if shown.view == view:
                return shown
        return None

    def keep(self, shown: Shown, instead_of: Shown | None) -> None:
        """Remember it; who was asked for first goes when there are too many."""
        if instead_of is not None:
            self.shown = (*[it for it in self.shown if it is not instead_of], shown)
        elif len(self.shown) >= _MOST_VIEWS:
            self.shown = (*self.shown[1:], shown)
            self.forgotten = True
        else:
            self.shown = (*self.shown, shown)

    def composer(self, settings: CompositionSettings) -> Compose:
        """`compose` with these settings, which remembers what it made."""

        def remembered(components: Sequence[Component], now_wall: float) -> Composed:
            if self.composed is None:
                self.composed = {}
            key = tuple([(component.key, id(component.document)) for component in components])
            kept = self.composed.get(key)
            if (
                kept is not None
                and (kept[1].changes_at is None or now_wall < kept[1].changes_at)
                and all(map(_same, kept[0], components))
            ):
                return kept[1]
            composed = compose(components, now_wall, settings)
            if len(self.composed) >= _MOST_VIEWS:
                self.composed.clear()
            self.composed[key] = (tuple(components), composed)
            return composed

        return remembered


def _same(one: Component, other: Component) -> bool:
    """Whether two components of the same key say the same."""
    return one.document is other.document and one[:4] == other[:4]
