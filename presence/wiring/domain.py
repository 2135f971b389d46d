"""The storey of presence: the packages, who may see what, what is published, and who is told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from presence.composition.model import PRIORITIES
from presence.documents.config_change import NAMESPACE, PRINTED_NAMESPACE
from presence.lists.book import ContactBook
from presence.lists.directory import ListDirectory
from presence.lists.naming import ListNames
from presence.lists.service import ListService
from presence.packages.around import Surroundings
from presence.packages.config_change import ConfigChangePackage, ConfigChangeSettings
from presence.packages.presence import PresencePackage, PresenceSettings
from presence.packages.presence_policy import PresencePolicy
from presence.packages.registry import IN_LISTS, opened, published
from presence.packages.waiting import WaitingList
from presence.policy.book import PolicyBook
from presence.policy.decide import DefaultHandling
from presence.policy.sphere import sphere_of
from presence.wiring.given import Given
from presence.wiring.stack import Stack
from sip.usage.notifier import (
    LiveSubscription,
    NotifierSettings,
    NotifierUsage,
    Subscription,
    SubscriptionView,
)
from sip.usage.publication import Publication, PublicationSettings, PublicationUsage

PRESENCE_CHANGED: Final = "presence"
"""Topic of the bus: the state of an AOR is another one."""


class Domain:
    """What is known of presentities, and who is told of it.

    The parts are made in the order of `__init__`; what one says to a later one it says when that is there.
    """

    def __init__(self, given: Given, stack: Stack) -> None:
        settings = given.settings
        self._given = given
        self._stack = stack
        self.defaults = DefaultHandling(settings.default_policy_local, settings.default_policy_foreign)
        self.policy = self._make_policy()
        self.presence = self._make_presence()
        self.waiting = WaitingList(given.journal, given.timers, given.wall, lifetime=settings.waiting_expires)
        self.around = self._make_around()
        self.beside = opened(self.around)
        """The packages beside presence that a user's rules are for."""
        self.can_be_published = published([self.presence, *self.beside])
        self.publications = self._make_publications()
        self.contacts = ContactBook()
        self.lists = self._make_lists()
        self.contacts.on_change.append(self.lists.contacts_changed)
        self.config_changes = self._make_config_changes()
        self.notifier = self._make_notifier()

    def _make_policy(self) -> PresencePolicy:
        given = self._given
        return PresencePolicy(
            PolicyBook(),
            directory=given.directory,
            defaults=self.defaults,
            sphere=lambda aor, now_wall: sphere_of(self.presence.known(aor), now_wall),
            timers=given.timers,
            wall=given.wall,
            on_change=self._rules_changed,
        )

    def _make_presence(self) -> PresencePackage:
        given = self._given
        return PresencePackage(
            publications=lambda aor: self.publications.publications("presence", aor),
            is_registered=lambda aor: bool(self._stack.location.current(aor)),
            on_change=lambda aor: given.bus.publish(PRESENCE_CHANGED, aor),
            timers=given.timers,
            wall=given.wall,
            settings=PresenceSettings(
                empty_document=given.settings.empty_document,
                registration_is_open=given.settings.registration_is_open,
                priorities={
                    **PRIORITIES,
                    **{entry.name: entry.priority for entry in given.settings.source_priorities},
                },
                max_document=given.settings.max_document,
                max_depth=given.settings.max_document_depth,
            ),
            authorizer=self.policy.authorize,
            view_of=self.policy.view_of,
            follows_state=self.policy.follows_state,
            means=self._meaning,
        )

    def _make_around(self) -> Surroundings:
        given = self._given
        return Surroundings(
            changed=given.bus.publish,
            reauthorize=self._reauthorize,
            resolve=given.directory.resolve,
            timers=given.timers,
            waiting=self.waiting,
            published=self._published_for,
            subscriptions=self._watching,
            bindings=self._stack.location.of,
            may_watch=self.policy.authorize,
            sees=lambda watcher, aor: self.policy.decision(watcher, aor).handling == "allow",
            sees_services=self.policy.sees_services,
        )

    def _make_publications(self) -> PublicationUsage:
        given = self._given
        least, default, largest = given.settings.publication_lifetimes
        return PublicationUsage(
            self.can_be_published,
            given.directory,
            given.journal,
            given.timers,
            PublicationSettings(
                min_expires=least,
                default_expires=default,
                max_expires=largest,
                max_publications=given.settings.max_publications,
                max_body=given.settings.max_document,
                elements=frozenset(given.settings.publishers),
            ),
            given.wall,
        )

    def _make_lists(self) -> ListService:
        given = self._given
        return ListService(
            [self.presence, *(package for package in self.beside if package.name in IN_LISTS)],
            ListDirectory(
                self.contacts,
                given.directory,
                ListNames(given.settings.list_uri, given.settings.group_list_uri),
                given.settings.max_list_members,
            ),
            given.directory,
            given.timers,
            given.settings.list_window,
            gone=self._list_gone,
            hides=self.policy.hides,
        )

    def _make_config_changes(self) -> ConfigChangePackage:
        given = self._given
        return ConfigChangePackage(
            self.around,
            given.journal,
            ConfigChangeSettings(
                given.settings.uccn_event,
                given.settings.uccn_content_type,
                NAMESPACE if given.settings.uccn_namespace == "consistent" else PRINTED_NAMESPACE,
            ),
            self._too_far_behind,
        )

    def _make_notifier(self) -> NotifierUsage:
        given = self._given
        least, default, largest = given.settings.subscription_lifetimes
        return NotifierUsage(
            [self.presence, *self.beside, self.config_changes],
            given.directory,
            given.journal,
            self._stack.sender,
            given.timers,
            given.stats,
            given.token,
            given.wall,
            NotifierSettings(
                min_expires=least,
                default_expires=default,
                max_expires=largest,
                max_per_watcher=given.settings.max_subscriptions,
                max_body=given.settings.max_subscribe_body,
                least_interval=given.settings.min_notify_interval,
            ),
            lists=self.lists,
            trusts=self._stack.trusted.contains,
        )

    # -- what the parts say to each other ---------------------------------------------------------

    def _rules_changed(self, aor: str) -> None:
        self.notifier.reauthorize("presence", aor)
        self._given.bus.publish(PRESENCE_CHANGED, aor)

    def _reauthorize(self, name: str, aor: str) -> None:
        self.notifier.reauthorize(name, aor)

    def _meaning(self, aor: str) -> str:
        return self.lists.lists.meaning(aor)

    def _published_for(self, name: str, aor: str) -> Sequence[Publication]:
        return self.publications.publications(name, aor)

    def _watching(self, name: str, aor: str) -> Sequence[LiveSubscription]:
        real, virtual = self.notifier.subscriptions(name, aor), self.lists.watching(name, aor)
        both: list[LiveSubscription] = [*real, *virtual]
        return sorted(both, key=lambda one: one.created_at)

    def _list_gone(self, subscription: SubscriptionView) -> None:
        assert isinstance(subscription, Subscription)
        self.notifier.terminate(subscription, "noresource")

    def _too_far_behind(self, subscription: SubscriptionView) -> None:
        assert isinstance(subscription, Subscription)
        self.notifier.terminate(subscription, "deactivated")
