"""The change notifier: a user's client hears of every change that concerns him, one NOTIFY a change (R43).

Changes come from the outbox of the database, whoever made them.  They wait here until the subscriptions that
they concern have got them: one NOTIFY after the other, in order.  How far a subscription has come is durable
with every answer to a NOTIFY, so after a restart it goes on with the next.  A crash between an answer and its
record tells that one change again; none is ever left out.

The guide has no document for the whole state (Q20): a subscription begins with an empty NOTIFY, and the
client fetches by SOAP what there is, after it has subscribed.
"""

from __future__ import annotations

import logging
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from presence.directory import USER_DELETED, Change
from presence.documents.config_change import NAMESPACE, ConfigChange, Property, render_config_change
from presence.packages.around import Surroundings
from presence.packages.config_news import config_change_of
from presence.policy.identity import domain_of
from presence.provisioning.catalogue import PRESENCE_DOMAIN
from presence.provisioning.news import DEFAULT_PROFILE, PROFILE_CHANGED, SYSTEM, USER_CONFIGURED
from sip.errors import UnsupportedMediaType
from sip.message import Request
from sip.ports import Journal, JournalError, Record
from sip.timers import Timer
from sip.usage.notifier import Authorization, Body, Notification, SubscriptionView
from sip.usage.rows import Row

log = logging.getLogger(__name__)

_NO_DOMAIN: Final = Property(PRESENCE_DOMAIN, "")
"""A proxy profile without a domain means that of each user."""

KIND: Final = "change_position"
MOST: Final = 10_000
"""Entries that are held for one owner; a client that is further behind has to begin anew."""
FORGET_EVERY: Final = 30.0
"""Seconds between two looks for entries that everybody has got: looking is work for all subscriptions."""


@dataclass(frozen=True, slots=True)
class ConfigChangeSettings:
    """Neither name is printed in the guide (Q13)."""

    event: str = "uc-config-change"
    content_type: str = "application/xml"
    namespace: str = NAMESPACE


class _Entry:
    """A change that somebody has not got yet."""

    __slots__ = ("_bodies", "_told", "id", "profile")

    def __init__(self, identifier: int, profile: tuple[str, str] | None, told: ConfigChange) -> None:
        self.id = identifier
        self.profile = profile
        """Family and name of the profile whose users it concerns; None: all."""
        self._told = told
        self._bodies: dict[str, Body] = {}

    def body(self, aor: str, settings: ConfigChangeSettings) -> Body:
        """The document for `aor`; one for all, unless it has the place of a domain to be filled."""
        told = self._told
        domain = domain_of(aor) if _NO_DOMAIN in told.properties else ""
        body = self._bodies.get(domain)
        if body is None:
            if domain:
                filled = Property(PRESENCE_DOMAIN, domain)
                properties = tuple(filled if it == _NO_DOMAIN else it for it in told.properties)
                told = told._replace(properties=properties)
            data = render_config_change(told, settings.namespace)
            body = self._bodies[domain] = Body(settings.content_type, data)
        return body


class ConfigChangePackage:
    """The event package; `ended` is called with a subscription that cannot be served any longer."""

    def __init__(
        self,
        around: Surroundings,
        journal: Journal,
        settings: ConfigChangeSettings | None = None,
        ended: Callable[[SubscriptionView], None] = lambda subscription: None,
    ) -> None:
        self._settings = settings or ConfigChangeSettings()
        self.name = self._settings.event
        self.content_types = (self._settings.content_type,)
        self._around = around
        self._journal = journal
        self._ended = ended
        self._forgetting: Timer | None = None
        self.position = 0
        """The entry of the outbox that was followed last."""
        self._entries: dict[str, list[_Entry]] = {}
        self._profiles: dict[str, dict[str, str]] = {}
        self._views: dict[str, dict[str, ConfigChangeView]] = {}
        self._restored: dict[str, int] = {}

    # -- what changes -------------------------------------------------------------------------------------

    def load(
        self,
        position: int,
        positions: Iterable[Row],
        profiles: Iterable[tuple[str, Mapping[str, str]]],
    ) -> int:
        """Begin after outbox entry `position`; to be called before subscriptions are restored.

        `positions` are the rows of KIND, `profiles` of users who have some of their own, by family.  Returns
        the entry after which changes have to be read again for subscriptions that have not got them yet.
        """
        self.position = position
        self._profiles = {owner: dict(theirs) for owner, theirs in profiles}
        self._restored = {str(key[0]): int(row[0] or 0) for key, row in positions}
        return min(self._restored.values(), default=position)

    def missed(self, changes: Iterable[Change]) -> None:
        """Entries between what `load` returned and its position; to be called after it."""
        for change in changes:
            self._keep(change)

    def restored(self) -> None:
        """All subscriptions are there again: what was kept for others goes."""
        for identifier in self._restored:
            self._write(identifier, None)
        self._restored = {}

    def apply(self, changes: Iterable[Change]) -> None:
        """Follow the outbox."""
        for change in changes:
            self.position = max(self.position, change.id)
            if change.topic == USER_DELETED:
                self._profiles.pop(change.key, None)
            elif change.topic == USER_CONFIGURED and "family" in change.payload:
                theirs = self._profiles.setdefault(change.key, {})
                theirs[str(change.payload["family"])] = str(change.payload["profile"])
            if not self._keep(change):
                continue
            for aor in [change.key] if change.key != SYSTEM else list(self._views):
                self._around.changed(self.name, aor)

    def _keep(self, change: Change) -> bool:
        """Whether somebody is to be told."""
        if change.key != SYSTEM and change.key not in self._views and not self._restored:
            return False
        told = config_change_of(change)
        if told is None or not (self._views or self._restored):
            return False
        profile = None
        if change.topic == PROFILE_CHANGED:
            profile = str(change.payload["family"]), str(change.payload["profile"])
        entries = self._entries.setdefault(change.key, [])
        entries.append(_Entry(change.id, profile, told))
        if len(entries) > MOST:
            self._give_up(change.key, entries.pop(0))
        if self._forgetting is None:
            self._forgetting = self._around.timers.after(FORGET_EVERY, self._forget_told)
        return True

    def _give_up(self, key: str, lost: _Entry) -> None:
        """Those who have not got `lost` yet cannot get it any more: they are to begin anew."""
        for aor in [key] if key != SYSTEM else list(self._views):
            for view in list(self._views.get(aor, {}).values()):
                if view.position < lost.id and self._concerns(lost, aor):
                    log.warning("changes.too-far-behind", extra={"watcher": aor})
                    self._ended(view.subscription)

    def _forget_told(self) -> None:
        """Let go of entries that everybody has got; once more later, while there are any."""
        self._forgetting = None
        for key in list(self._entries):
            views = (
                [view for theirs in self._views.values() for view in theirs.values()]
                if key == SYSTEM
                else self._views.get(key, {}).values()
            )
            least = min((view.position for view in views), default=None)
            entries = self._entries[key]
            if least is None:
                del self._entries[key]
            else:
                del entries[: bisect_right(entries, least, key=_id)]
                if not entries:
                    del self._entries[key]
        if self._entries:
            self._forgetting = self._around.timers.after(FORGET_EVERY, self._forget_told)

    def after(self, aor: str, position: int) -> tuple[int, Body] | None:
        """The first entry after `position` that concerns `aor`; None: he has got them all."""
        found: _Entry | None = None
        for key in (aor, SYSTEM):
            entries = self._entries.get(key, ())
            for index in range(bisect_right(entries, position, key=_id), len(entries)):
                entry = entries[index]
                if self._concerns(entry, aor):
                    if found is None or entry.id < found.id:
                        found = entry
                    break
        return None if found is None else (found.id, found.body(aor, self._settings))

    def _concerns(self, entry: _Entry, aor: str) -> bool:
        if entry.profile is None:
            return True
        family, profile = entry.profile
        return (self._profiles.get(aor, {}).get(family) or DEFAULT_PROFILE) == profile

    # -- who is told --------------------------------------------------------------------------------------

    def authorize(self, watcher: str, aor: str) -> Authorization:
        """Only the user himself.  Raises Forbidden."""
        return self._around.only_himself(watcher, aor)

    def open(self, subscription: SubscriptionView) -> ConfigChangeView:
        """A new subscription hears of what comes from now on; raises UnsupportedMediaType for a body."""
        if subscription.filter_body:
            raise UnsupportedMediaType(f"{subscription.filter_type or 'A body'} is not understood here")
        position = self._restored.pop(subscription.id, None)
        if position is None:
            position = self.position
            # In the journal before the subscription itself: it never is without its position.
            self._write(subscription.id, position)
        view = ConfigChangeView(self, subscription, position)
        self._views.setdefault(subscription.aor, {})[subscription.id] = view
        return view

    def neutral(self, subscription: SubscriptionView) -> None:
        """Nobody waits for permission here."""

    def told(self, view: ConfigChangeView) -> None:
        """A subscription has got another entry."""
        self._write(view.subscription.id, view.position, view.stored)

    def closed(self, view: ConfigChangeView) -> None:
        """A subscription is over."""
        subscription = view.subscription
        theirs = self._views.get(subscription.aor, {})
        if theirs.pop(subscription.id, None) is None:
            return
        if not theirs:
            del self._views[subscription.aor]
        self._write(subscription.id, None)

    def _write(self, identifier: str, position: int | None, then: Callable[[], None] = lambda: None) -> None:
        def done(error: JournalError | None) -> None:
            if error is not None:
                log.warning("changes.not-stored", extra={"subscription": identifier, "error": str(error)})
            then()

        row = None if position is None else (position,)
        self._journal.catch_up([Record(KIND, (identifier,), row)], done)


class ConfigChangeView:
    """One subscription: which entry it has got last, and the next."""

    __slots__ = ("_closed", "_package", "_storing", "_telling", "position", "subscription")

    def __init__(self, package: ConfigChangePackage, subscription: SubscriptionView, position: int) -> None:
        self._package = package
        self._telling = 0
        self._storing = False
        self._closed = False
        self.subscription = subscription
        self.position = position
        """The outbox entry up to which it has been told everything."""

    def render(self, now_wall: float, *, full: bool) -> Notification | None:
        """The next change; when there is none, nothing, or an empty NOTIFY where one is due."""
        # The next one waits until it is durable that this one was told: a crash repeats one at most.
        package = self._package
        found = None if self._storing else package.after(self.subscription.aor, self.position)
        if found is None:
            self._telling = 0
            if not self._storing:
                # What there was concerned others: nobody falls behind by that.
                self.position = package.position
            return Notification(None) if full else None
        self._telling, body = found
        return Notification(body, etag=f"change-{self._telling}")

    def delivered(self) -> None:
        """On to the next one."""
        if not self._telling or self._closed:
            return
        self.position, self._telling = self._telling, 0
        self._storing = True
        self._package.told(self)

    def stored(self) -> None:
        """It is durable how far it has come, or cannot be made so: on in either case."""
        self._storing = False
        if not self._closed and self._package.after(self.subscription.aor, self.position) is not None:
            self.subscription.notify()

    def failed(self) -> None:
        """The same one again."""
        self._telling = 0

    def refresh(self, request: Request) -> None:
        """Nothing that could change."""

    def close(self) -> None:
        """It waits for nothing more."""
        self._closed = True
        self._package.closed(self)


def _id(entry: _Entry) -> int:
    return entry.id
