"""What one watcher is shown: a value, so that all with an equal one share one rendered document.

The order is fixed: hidden sources go first, so that the person is composed anew without them (Q43), then
the elements that are not granted (RFC 5025 §3.3.1), for the same reason, then its other transformations, then
Cisco's visibility and reachability.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from presence.composition import Component, Compose, Composed
from presence.documents.pidf import Element
from presence.policy.model import ATTRIBUTES, EVERYTHING_ALLOWED, Kind, Permissions
from presence.policy.parts import ACTIVITIES, activities_part, status_of_elements, status_part
from presence.policy.provide import provide
from presence.policy.reachability import UNAVAILABLE, Status, least_reachable
from presence.policy.restriction import COMPOSED, UNRESTRICTED, Restriction
from presence.policy.selecting import chooses, selected
from presence.policy.sources import only_source, without_sources

_TUPLE: Final = "reachability"
_PERSON: Final = "reachable"
"""The ids of what a policy puts in the place of others."""


@dataclass(frozen=True, slots=True)
class View:
    """Equal views of the same components give equal documents.  Made by `View.of`.

    Attributes:
        permissions: None shows what is shown of somebody who has published nothing (polite blocking).
        restriction: what Cisco's rules take away.
    """

    permissions: Permissions | None
    restriction: Restriction = UNRESTRICTED

    @classmethod
    def of(cls, permissions: Permissions, restriction: Restriction = UNRESTRICTED) -> View:
        """The view that these give, without what makes no difference."""
        return cls(_canonical(permissions), restriction)

    @property
    def feigns(self) -> bool:
        """Whether he is blocked politely."""
        return self.permissions is None

    @property
    def shows_services(self) -> bool:
        """Whether it has all services in it, and more of them than whether one can be reached.

        Not where it names some of them: what belongs to none of the named, as a call, is not granted then.
        """
        if self.permissions is None or self.restriction.reachability_only:
            return False
        return self.permissions.services.everything

    def apply(self, components: Sequence[Component], now_wall: float, compose: Compose) -> Composed:
        """The document of a presentity with `components`, as this view shows it at `now_wall`."""
        if self.permissions is None:
            return compose((), now_wall)
        restriction = self.restriction
        if restriction.excluded:
            components = without_sources(components, restriction.excluded)
        if chooses(self.permissions):
            components = selected(components, self.permissions)
        composed = compose(components, now_wall)
        shown = provide(composed, self.permissions)
        if not restriction.reachability_only and restriction.reachability == COMPOSED:
            return shown
        if not components:
            return shown
        status = status_of_elements(composed.tuples, composed.persons) or Status("unknown")
        chosen = self._chosen(status.reachability, components, now_wall, compose)
        told = self.permissions.persons.everything and (
            self.permissions.all_attributes or "activities" in self.permissions.attributes
        )
        if restriction.reachability_only:
            return _reduced(shown, chosen or status.reachability, told)
        return shown if chosen is None or not told else _with_activity(shown, chosen)

    def _chosen(
        self, composed: str, components: Sequence[Component], now_wall: float, compose: Compose
    ) -> str | None:
        """What the condition trees make of the status; None: it stays the composed one."""

        def status_of(source: str) -> Status | None:
            found = only_source(components, source)
            if not found:
                return None
            alone = compose(found, now_wall)
            return status_of_elements(alone.tuples, alone.persons)

        outcomes = [
            None if tree is None else tree.outcome(status_of) for tree in self.restriction.reachability
        ]
        if all(outcome is None for outcome in outcomes):
            return None
        return least_reachable(composed if outcome is None else outcome for outcome in outcomes)


def _canonical(permissions: Permissions) -> Permissions:
    selections: dict[Kind, bool] = {
        "tuple": bool(permissions.services),
        "person": bool(permissions.persons),
        "device": bool(permissions.devices),
    }
    kinds = {kind for kind, selected in selections.items() if selected}
    if not kinds:
        return Permissions("allow")
    if permissions.all_attributes:
        return replace(
            permissions,
            handling="allow",
            attributes=frozenset(ATTRIBUTES),
            user_input="full",
            unknown=frozenset(),
        )
    return replace(
        permissions,
        handling="allow",
        attributes=frozenset(name for name in permissions.attributes if ATTRIBUTES[name].kinds & kinds),
    )


def _reduced(shown: Composed, status: str, told: bool) -> Composed:
    """The person with the reachability, and one tuple with the basic status (Q44)."""
    persons: tuple[Element, ...] = ()
    if told:
        persons = (Element("person", _PERSON, (activities_part(status),)),)
    tuples: tuple[Element, ...] = ()
    if shown.tuples:
        basics = {element.basic for element in shown.tuples}
        basic = next((it for it in ("open", "closed") if it in basics), None)
        if status == UNAVAILABLE:
            basic = "closed"
        tuples = (Element("tuple", _TUPLE, (status_part(basic),), basic=basic),)
    return shown._replace(tuples=tuples, persons=persons, devices=(), notes=(), extensions=())


def _with_activity(shown: Composed, status: str) -> Composed:
    """The person with `status` in the place of what he does."""
    made = activities_part(status)
    if not shown.persons:
        ident = _PERSON
        while any(ident == element.id for element in (*shown.tuples, *shown.devices)):
            ident += "-"
        return shown._replace(persons=(Element("person", ident, (made,)),))
    person, *others = shown.persons
    parts = (made, *(part for part in person.parts if part.name != ACTIVITIES))
    return shown._replace(persons=(person.having(parts), *others))


ALLOW_ALL: Final = View.of(EVERYTHING_ALLOWED)
"""The identity."""
BLANK: Final = View(None)
"""Somebody who has published nothing."""
