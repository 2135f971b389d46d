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
from presence.documents.multipart import RELATED
from presence.documents.pidf import Element, Part
from presence.filters import WatcherFilter
from presence.lists.members import VirtualSubscription
from presence.packages.presence import PresencePackage
from presence.packages.presence_policy import PresencePolicy
from presence.packages.presence_view import PresenceView
from presence.policy.decide import Decision
from presence.policy.model import EVERYTHING_ALLOWED, Handling
from presence.policy.restriction import Restriction
from presence.policy.view import View
from sip.timers import TimerWheel
from sip.usage.notifier import Body, Subscription, SubscriptionView
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
class HeldShown:
    """Why the watcher has not been told of what goes out now."""

    why: Literal["trigger", "window", "answer", "unreachable", "rate", "turn"]
    """No trigger of his filter fires; changes of a list gather; or as of `sip.usage.notifier.HeldBack`."""
    seconds: float | None
    """After which it will be told at the latest, None where that is not known."""


@dataclass(frozen=True, slots=True)
class SubscriptionShown:
    """One subscription of the watcher."""

    id: str
    """Of one through a list that of the subscription to the list."""
    through: str | None
    """URI of the list that he watches by, None if he watches this presentity alone."""
    state: str
    """One through a list may stay though he is refused: `terminated;reason=rejected`."""
    expires_in: float
    created_at: float
    """Epoch seconds."""
    user_agent: str
    content_type: str
    version: int | None
    """Of the last partial document or list notification; None where whole documents are sent."""
    filter: str | None
    """The filter document, None without."""
    document: str | None
    """What goes out, after the filter; None for nothing: a list tells of no document before there is one."""
    rates: str
    """Event parameters of RFC 6446 that are kept, such as `max-rate=0.1`; empty without."""
    told: str | None
    """The document that he has got last, None if that is not known (after a restart, or a failure)."""
    held_back: HeldShown | None
    """Why he has not got `document`, None if he has or if nothing is in the way."""
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
        through_lists: who has him in a list that he is subscribed to.
        wall: the time in epoch seconds.
    """

    presence: PresencePackage
    policy: PresencePolicy
    publications: Callable[[str], Sequence[Publication]]
    subscriptions: Callable[[str], Sequence[Subscription]]
    through_lists: Callable[[str], Sequence[VirtualSubscription]]
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
            subscriptions=(
                *(self._subscription(it, now) for it in self.subscriptions(aor) if it.watcher == watcher),
                *(self._through_list(it, now) for it in self.through_lists(aor) if it.watcher == watcher),
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
            neutral = self.presence.neutral(subscription)
            document = neutral.data if isinstance(neutral, Body) else b""
        else:
            document = self._filtered(subscription, wanted, now)
        partial = view is not None and view.is_partial
        return self._shown(
            subscription,
            state=subscription.state,
            content_type=self.presence.content_types[partial],
            version=subscription.version if partial else None,
            wanted=wanted,
            document=document,
            view=view if subscription.state == "active" else None,
        )

    def _through_list(self, member: VirtualSubscription, now: float) -> SubscriptionShown:
        listed = member.through
        wanted = None
        if member.filter_body:
            wanted = self.presence.tailor.filters.read(member.filter_type, member.filter_body)
        active = member.watches and member.state == "active"
        return self._shown(
            listed,
            through=listed.aor,
            state=member.state if member.watches else "terminated;reason=rejected",
            content_type=RELATED,
            # What the subscription knows is that of the next one.
            version=listed.version - 1 if listed.version else None,
            wanted=wanted,
            document=self._filtered(member, wanted, now) if active else None,
            view=member.view if active and isinstance(member.view, PresenceView) else None,
            gathers=member.gathers,
        )

    def _filtered(self, subscription: SubscriptionView, wanted: WatcherFilter | None, now: float) -> bytes:
        document = self.presence.document(subscription, now).data
        filters = self.presence.tailor.filters
        held = filters.applicable(wanted, subscription.aor, subscription.lists)
        return document if held is None else held.apply(document, subscription.aor)

    def _shown(
        self,
        subscription: Subscription,
        *,
        through: str | None = None,
        state: str,
        content_type: str,
        version: int | None,
        wanted: WatcherFilter | None,
        document: bytes | None,
        view: PresenceView | None,
        gathers: bool = False,
    ) -> SubscriptionShown:
        told = None if view is None or view.told is None else view.told.data
        held = None
        if view is not None and told != document:
            held = self._held(subscription, view, gathers)
        elif gathers and view is None and document is not None:
            # What he has of the member, in the list, is that he may not see him yet.
            held = HeldShown("window", None)
        last = subscription.last_at, subscription.last_status, subscription.last_result
        return SubscriptionShown(
            id=subscription.id,
            through=through,
            state=state,
            expires_in=round(subscription.expires_at - self.timers.now, 1),
            created_at=subscription.created_at,
            user_agent=subscription.user_agent,
            content_type=content_type,
            version=version,
            filter=None if wanted is None else _text(wanted.document()),
            document=None if document is None else _text(document),
            rates=subscription.agreed_rates.lstrip(";"),
            told=None if told is None else _text(told),
            held_back=held,
            last_notify=NotifyShown(*last) if subscription.last_status else None,
        )

    def _held(self, subscription: Subscription, view: PresenceView, gathers: bool) -> HeldShown | None:
        if view.withholds(self.wall()):
            return HeldShown("trigger", None)
        held = subscription.held_back
        if held is not None:
            seconds = None if held.until is None else round(held.until - self.timers.now, 1)
            return HeldShown(held.why, seconds)
        return HeldShown("window", None) if gathers else None


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
