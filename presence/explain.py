"""Why does he see that?  Every step from what was published to the document that goes out, for one watcher.

`explain` takes the same ways as the presence package does, so that what it tells is what happens; it changes
nothing and sends nothing.  An `Explanation` is plain data: `asdict` of it fits JSON.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

from presence.composition import Component, Composed, render
from presence.composition.model import REGISTRATION, STANDING
from presence.documents import namespaces
from presence.documents.pidf import Element, Part
from presence.packages.presence import PresencePackage
from presence.packages.presence_policy import PresencePolicy
from presence.packages.presence_view import PresenceView
from presence.policy.decide import Decision
from presence.policy.model import EVERYTHING_ALLOWED, Handling
from presence.policy.restriction import Restriction
from presence.policy.view import View
from sip.timers import TimerWheel
from sip.usage.notifier import Subscription
from sip.usage.publication import Publication

_PREFIXES: Final = {
    namespaces.PIDF: "",
    namespaces.DATA_MODEL: "",
    namespaces.RPID: "rpid:",
    namespaces.CISCO_SOURCE: "so:",
}


@dataclass(frozen=True, slots=True)
class ComponentShown:
    """One piece of what is known about the presentity; ages and the like are seconds."""

    kind: Literal["publication", "registration", "standing"]
    key: str
    """Of a publication the name under which it is kept."""
    source: str
    priority: float
    age: float | None
    """Since it was said, None where that is not known."""
    expires_in: float | None
    """None: it stays until it is taken back."""
    tells: str
    """Which elements it has."""


@dataclass(frozen=True, slots=True)
class RuleShown:
    """What became of one rule; "owner" and "default" are no rules of anybody."""

    rule: str
    matched: bool
    why: str


@dataclass(frozen=True, slots=True)
class Step:
    """A transformation, and what it made of the document."""

    name: str
    taken: tuple[str, ...]
    put: tuple[str, ...]
    """What stands there now instead."""


@dataclass(frozen=True, slots=True)
class NotifyShown:
    """How the last NOTIFY ended: `at` in epoch seconds, the status that came (408, 503: none did)."""

    at: float
    status: int
    reason: str


@dataclass(frozen=True, slots=True)
class SubscriptionShown:
    """One subscription of the watcher."""

    id: str
    state: str
    expires_in: float
    created_at: float
    """Epoch seconds."""
    user_agent: str
    content_type: str
    version: int | None
    """Of the last partial document; None where whole ones are sent."""
    filter: str | None
    """The filter document, None without."""
    document: str
    """What goes out, after the filter."""
    last_notify: NotifyShown | None


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why `watcher` sees of `presentity` what he sees."""

    watcher: str
    presentity: str
    at: float
    """Epoch seconds."""
    handling: Handling
    components: tuple[ComponentShown, ...]
    composed: str
    """The whole state, before anything is taken away."""
    rules: tuple[RuleShown, ...]
    steps: tuple[Step, ...]
    document: str | None
    """What a watcher without a filter gets; None for one who is refused."""
    subscriptions: tuple[SubscriptionShown, ...]

    def as_dict(self) -> dict[str, Any]:
        """The same as JSON has it."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Explainer:
    """Explains out of the parts of a server.

    Attributes:
        publications: the live publications of an AOR.
        subscriptions: who watches the presence of an AOR.
        wall: the time in epoch seconds.
    """

    presence: PresencePackage
    policy: PresencePolicy
    publications: Callable[[str], Sequence[Publication]]
    subscriptions: Callable[[str], Sequence[Subscription]]
    timers: TimerWheel
    wall: Callable[[], float]

    def explain(self, watcher: str, aor: str) -> Explanation:
        """Why `watcher` sees of `aor` what he sees; both are AORs, `aor` that of a user."""
        presence, now = self.presence, self.wall()
        components = presence.known(aor)
        decision = self.policy.decision(watcher, aor, now)
        return Explanation(
            watcher=watcher,
            presentity=aor,
            at=now,
            handling=decision.handling,
            components=tuple(self._component(aor, component, now) for component in components),
            composed=_text(render(aor, presence.composed(aor, now))),
            rules=tuple(RuleShown(*verdict) for verdict in decision.verdicts),
            steps=tuple(self._steps(components, decision, now)),
            document=self._document(watcher, aor, decision, now),
            subscriptions=tuple(
                self._subscription(subscription, now)
                for subscription in self.subscriptions(aor)
                if subscription.watcher == watcher
            ),
        )

    def _component(self, aor: str, component: Component, now: float) -> ComponentShown:
        key, source, priority, published_at, document = component
        ends = {it.id: it.expires_at for it in self.publications(aor)}
        counts: Mapping[str, int] = {
            "tuple": len(document.tuples),
            "person": len(document.persons),
            "device": len(document.devices),
            "note": len(document.notes),
            "extension": len(document.extensions),
        }
        return ComponentShown(
            kind="registration" if key == REGISTRATION else "standing" if key == STANDING else "publication",
            key=key,
            source=source,
            priority=priority,
            age=round(now - published_at, 1) if published_at else None,
            expires_in=round(ends[key] - self.timers.now, 1) if key in ends else None,
            tells=", ".join(f"{n} {name}{'s' * (n > 1)}" for name, n in counts.items() if n) or "nothing",
        )

    def _steps(self, components: Sequence[Component], decision: Decision, now: float) -> list[Step]:
        """The view taken apart, in the order in which it is applied."""
        view, compose = decision.view, self.presence.compose
        before = compose(components, now)
        if view.permissions is None:
            return [_step(decision.handling, before, view.apply(components, now, compose))]
        excluded = Restriction(excluded=view.restriction.excluded)
        stages: list[tuple[str, View]] = []
        if excluded.excluded:
            names = ", ".join(sorted(excluded.excluded))
            stages.append((f"excluded sources: {names}", View.of(EVERYTHING_ALLOWED, excluded)))
        if view.permissions != View.of(EVERYTHING_ALLOWED).permissions:
            stages.append(("permissions", View.of(view.permissions, excluded)))
        if view.restriction != excluded:
            name = "visibility reachability-only" if view.restriction.reachability_only else "reachability"
            stages.append((name, view))
        steps: list[Step] = []
        for name, stage in stages:
            after = stage.apply(components, now, compose)
            steps.append(_step(name, before, after))
            before = after
        return steps

    def _document(self, watcher: str, aor: str, decision: Decision, now: float) -> str | None:
        if decision.handling == "block":
            return None
        if decision.handling == "confirm":
            return _text(self.presence.neutral_document(aor).data)
        return _text(self.presence.seen(watcher, aor, now).body.data)

    def _subscription(self, subscription: Subscription, now: float) -> SubscriptionShown:
        view = subscription.view if isinstance(subscription.view, PresenceView) else None
        wanted = None if view is None else view.filter
        if subscription.state == "pending":
            document = self.presence.neutral(subscription).data
        else:
            document = self.presence.document(subscription, now).data
            if wanted is not None:
                document = wanted.apply(document, subscription.aor)
        partial = view is not None and view.is_partial
        return SubscriptionShown(
            id=subscription.id,
            state=subscription.state,
            expires_in=round(subscription.expires_at - self.timers.now, 1),
            created_at=subscription.created_at,
            user_agent=subscription.user_agent,
            content_type=self.presence.content_types[partial],
            version=subscription.version if partial else None,
            filter=None if wanted is None else _text(wanted.document()),
            document=_text(document),
            last_notify=(
                NotifyShown(subscription.last_at, subscription.last_status, subscription.last_result)
                if subscription.last_status
                else None
            ),
        )


def _text(document: bytes) -> str:
    return document.decode("utf-8", "replace")


# -- what a transformation has made of a document ---------------------------------------------------------


def _step(name: str, before: Composed, after: Composed) -> Step:
    return Step(name, _missing(before, after), _missing(after, before))


def _missing(one: Composed, other: Composed) -> tuple[str, ...]:
    """What `one` has and `other` has not, in words."""
    found: list[str] = []
    for theirs, ours in (
        (one.tuples, other.tuples),
        (one.persons, other.persons),
        (one.devices, other.devices),
    ):
        known = {element.id: element for element in ours}
        for element in theirs:
            if element.id not in known:
                found.append(f"{element.kind} {element.id}{_of(element)}")
            else:
                gone = _parts(element.parts, known[element.id].parts)
                found += [f"{element.kind} {element.id}: {name}" for name in gone]
    return (*found, *_parts(one.notes, other.notes), *_parts(one.extensions, other.extensions))


def _of(element: Element) -> str:
    return "" if element.source is None else f" of {element.source}"


def _parts(theirs: Sequence[Part], ours: Sequence[Part]) -> list[str]:
    """The names of parts that are not there, or not the same, in the order of the document."""
    known = {part.xml for part in ours}
    return list(dict.fromkeys(_name(part.name) for part in theirs if part.xml not in known))


def _name(name: str) -> str:
    uri, _, local = name.removeprefix("{").rpartition("}")
    return _PREFIXES.get(uri, f"{uri} ") + local
