"""The one place where the parts of a server are put together; it opens nothing and starts nothing.

What does I/O (transports, journal) is handed in, so a test builds the whole server around fakes of those.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol

from presence.bus import Bus, LocalBus
from presence.composition.model import PRIORITIES
from presence.directory import USER_DELETED, Change, Directory, shown
from presence.explain import Explainer, Explanation
from presence.lists.book import ContactBook
from presence.lists.directory import ListDirectory
from presence.lists.naming import ListNames
from presence.lists.service import ListService
from presence.messaging import MessageService, MessageSettings
from presence.packages.around import Surroundings
from presence.packages.presence import PresencePackage, PresenceSettings
from presence.packages.presence_policy import PresencePolicy
from presence.packages.registry import PACKAGES, published
from presence.packages.waiting import WaitingList
from presence.policy.book import PolicyBook
from presence.policy.decide import DefaultHandling
from presence.policy.sphere import sphere_of
from presence.policy.stored import PolicyDocument
from presence.provisioning.addresses import canonical_aor
from presence.settings import Settings
from sip import core, sender
from sip.auth.authenticator import Authenticator, DigestSettings
from sip.core import CoreSettings, SipCore
from sip.identity import TrustedPeers
from sip.ports import Journal
from sip.sender import RequestSender, SenderSettings
from sip.stats import Stats
from sip.timers import TimerWheel
from sip.transaction import TransactionLayer, TransactionTimes
from sip.transport.flow import Flow
from sip.usage.location import Binding, Location
from sip.usage.notifier import NotifierSettings, NotifierUsage, Subscription, SubscriptionView
from sip.usage.notifier.lists import OPTION_TAGS
from sip.usage.onward import OnwardToUsers, flow_for, targets
from sip.usage.proxy import Proxy, ProxySettings
from sip.usage.publication import Publication, PublicationSettings, PublicationUsage
from sip.usage.registrar import Registrar, RegistrarSettings

Rows = Iterable[tuple[tuple[Any, ...], tuple[Any, ...]]]

PRESENCE_CHANGED = "presence"
"""Topic of the bus: the state of an AOR is another one."""


class Network(core.Network, sender.Network, Protocol):
    """The transports, as the parts above them call them."""

    def flow(self, key: str) -> Flow | None:
        """The flow that was described by `key`, if it still exists."""


@dataclass(frozen=True, slots=True)
class House:
    """All parts of one server."""

    stats: Stats
    timers: TimerWheel
    directory: Directory
    core: SipCore
    layer: TransactionLayer
    registrar: Registrar
    publications: PublicationUsage
    notifier: NotifierUsage
    messages: MessageService
    contacts: ContactBook
    lists: ListService
    waiting: WaitingList
    bus: Bus
    network: Network
    presence: PresencePackage
    policy: PresencePolicy

    def apply(self, changes: Sequence[Change]) -> None:
        """Follow what other processes changed in the database."""
        for change in changes:
            if change.topic == USER_DELETED:
                # Whoever has that name now, by a later change: what was left of the former one is not his.
                self.directory.remove(change.key)
                self.registrar.remove_user(change.key)
                self.publications.remove_user(change.key)
                self.messages.remove_user(change.key)
                self.notifier.remove_user(change.key)
                self.waiting.remove_user(change.key)
                self.presence.forget(change.key)
                self.policy.forget(change.key)
            self.directory.apply((change,))
            self.lists.apply((change,))
            self.contacts.apply((change,))
            self.policy.book.apply((change,))

    def explain(self, watcher: str, presentity: str) -> Explanation:
        """Why `watcher` sees of `presentity` what he sees; both as "name@domain" or as URI.

        Raises:
            ProvisioningError: one of them is no address.
            LookupError: there is no such presentity here.
        """
        given = canonical_aor(presentity)
        aor = self.directory.resolve(given)
        if aor is None:
            raise LookupError(f"no such user: {shown(given)}")
        who = canonical_aor(watcher)
        return Explainer(
            self.presence,
            self.policy,
            lambda aor: self.publications.publications("presence", aor),
            lambda aor: self.notifier.subscriptions("presence", aor),
            self.timers,
            self.notifier.wall,
        ).explain(self.directory.resolve(who) or who, aor)

    def restore(
        self,
        load: Callable[[str], Rows],
        *,
        now: float,
        wall: float,
        policies: Iterable[PolicyDocument] = (),
    ) -> None:
        """Go on where the last run stopped, with what the journal made durable; `policies` are all rules."""
        self.policy.book.load(policies)
        self.policy.wait_for_all()
        self.registrar.restore(load("binding"), now=now, wall=wall, flow=self.network.flow)
        self.publications.restore(load("publication"), now=now, wall=wall)
        self.messages.restore(load("message"), now=now, wall=wall)
        # Before: who has subscribed again waits no more.
        self.waiting.restore(load("waiting"))
        self.notifier.restore(load("subscription"), flow=self.network.flow, now=now, wall=wall)
        for package, aor in self.waiting.subjects():
            # Rules may have changed while the server was down.
            self.timers.after(0.0, self.notifier.reauthorize, package, aor)


def build(
    settings: Settings,
    network: Network,
    journal: Journal,
    directory: Directory,
    *,
    secret: bytes,
    now: float,
    wall: Callable[[], float],
    token: Callable[[], str] = lambda: secrets.token_hex(8),
    backlog: Callable[[], int] = lambda: 0,
) -> House:
    """Put a server together.

    `secret` signs nonces and loop marks, `now` is the present in monotonic seconds, `wall` tells the epoch
    seconds, `token` makes tags and branches, `backlog` is how many writes wait for the journal.
    """
    timers = TimerWheel(now)
    stats = Stats()
    location = Location()
    bus = LocalBus()
    trusted = TrustedPeers(str(network_) for network_ in settings.trust)

    sip_core = SipCore(
        CoreSettings(domains=settings.domain, supported=("path", *OPTION_TAGS)),
        directory=directory,
        trusted=trusted,
        doorkeeper=Authenticator(
            directory,
            secret,
            DigestSettings(
                algorithms=settings.digest_algorithms,
                nonce_life=settings.nonce_lifetime,
                accept_without_qop=settings.digest_without_qop,
                nonce_life_without_qop=settings.nonce_lifetime_without_qop,
            ),
            is_ours=lambda uri: network.is_local(uri.host, uri.port, None),
            started=now,
        ),
        timers=timers,
        stats=stats,
        token=token,
        dialog_key=secret,
    )
    layer = TransactionLayer(sip_core, timers, stats, TransactionTimes(t1=settings.t1))
    request_sender = RequestSender(
        layer, network, timers, token, SenderSettings(congestion_safe=settings.congestion_safe)
    )

    least, default, largest = settings.binding_lifetimes
    registrar = Registrar(
        location,
        directory,
        journal,
        timers,
        RegistrarSettings(
            min_expires=least,
            default_expires=default,
            max_expires=largest,
            max_bindings=settings.max_bindings,
            service_route=settings.service_route,
            require_path_support=settings.path == "require-supported",
        ),
        wall,
    )

    def rules_changed(aor: str) -> None:
        notifier.reauthorize("presence", aor)
        bus.publish(PRESENCE_CHANGED, aor)

    policy = PresencePolicy(
        PolicyBook(),
        directory=directory,
        defaults=DefaultHandling(settings.default_policy_local, settings.default_policy_foreign),
        sphere=lambda aor, now_wall: sphere_of(presence.known(aor), now_wall),
        timers=timers,
        wall=wall,
        on_change=rules_changed,
    )
    presence = PresencePackage(
        publications=lambda aor: publications.publications("presence", aor),
        is_registered=lambda aor: bool(location.current(aor)),
        on_change=lambda aor: bus.publish(PRESENCE_CHANGED, aor),
        timers=timers,
        wall=wall,
        settings=PresenceSettings(
            empty_document=settings.empty_document,
            registration_is_open=settings.registration_is_open,
            priorities={**PRIORITIES, **{entry.name: entry.priority for entry in settings.source_priorities}},
            max_document=settings.max_document,
            max_depth=settings.max_document_depth,
        ),
        authorizer=policy.authorize,
        view_of=policy.view_of,
        follows_state=policy.follows_state,
    )
    waiting = WaitingList(journal, timers, wall, lifetime=settings.waiting_expires)

    # These two are made below.
    def published_for(name: str, aor: str) -> Sequence[Publication]:
        return publications.publications(name, aor)

    def watching(name: str, aor: str) -> Sequence[Subscription]:
        return notifier.subscriptions(name, aor)

    def reauthorize(name: str, aor: str) -> None:
        notifier.reauthorize(name, aor)

    around = Surroundings(
        changed=bus.publish,
        reauthorize=reauthorize,
        resolve=directory.resolve,
        timers=timers,
        waiting=waiting,
        publications=published_for,
        subscriptions=watching,
        bindings=location.of,
        may_watch=policy.authorize,
        sees=lambda watcher, aor: policy.decision(watcher, aor).handling == "allow",
    )
    beside = [package(around) for package in PACKAGES]
    can_be_published = published([presence, *beside])
    accept = tuple(content_type for package in can_be_published for content_type in package.accept)
    sip_core.settings = replace(sip_core.settings, accept=accept)
    least, default, largest = settings.publication_lifetimes
    publications = PublicationUsage(
        can_be_published,
        directory,
        journal,
        timers,
        PublicationSettings(
            min_expires=least,
            default_expires=default,
            max_expires=largest,
            max_publications=settings.max_publications,
            max_body=settings.max_document,
        ),
        wall,
    )
    contacts = ContactBook()

    def list_gone(subscription: SubscriptionView) -> None:
        assert isinstance(subscription, Subscription)
        notifier.terminate(subscription, "noresource")

    lists = ListService(
        [presence],
        ListDirectory(
            contacts,
            directory,
            ListNames(settings.list_uri, settings.group_list_uri),
            settings.max_list_members,
        ),
        directory,
        timers,
        settings.list_window,
        gone=list_gone,
    )
    contacts.on_change.append(lists.contacts_changed)
    least, default, largest = settings.subscription_lifetimes
    notifier = NotifierUsage(
        [presence, *beside],
        directory,
        journal,
        request_sender,
        timers,
        stats,
        token,
        wall,
        NotifierSettings(
            min_expires=least,
            default_expires=default,
            max_expires=largest,
            max_per_watcher=settings.max_subscriptions,
        ),
        lists=lists,
    )

    proxy = Proxy(
        request_sender,
        timers,
        ProxySettings(loop_key=secret),
        is_local=lambda uri: (
            directory.is_local_domain(uri.host)
            or network.is_local(uri.host, uri.port, uri.params.get("transport"))
        ),
        flow_for=lambda uri: flow_for(location, uri),
    )
    messages = MessageService(
        bindings=lambda aor: targets(location, aor),
        relay=proxy.relay,
        directory=directory,
        journal=journal,
        timers=timers,
        settings=MessageSettings(
            max_body=settings.max_message_body,
            max_stored=settings.max_stored_messages,
            expires=settings.message_expires,
        ),
        wall=wall,
    )

    sip_core.layer = layer
    sip_core.network = network
    sip_core.onward = OnwardToUsers(location, proxy)
    sip_core.services = {
        "REGISTER": registrar,
        "SUBSCRIBE": notifier,
        "PUBLISH": publications,
        "MESSAGE": messages,
    }

    def overload() -> str | None:
        if layer.servers > settings.max_transactions:
            return "Too many transactions"
        return "Too many changes waiting to be stored" if backlog() >= settings.journal_queue else None

    sip_core.overload = overload
    sip_core.allow_events = notifier.allow_events

    # A registration may be what a presentity is known by, and it is the moment for what waits for him.
    def registration_changed(aor: str, kind: str) -> None:
        if kind != "refreshed":
            presence.registration_changed(aor)

    def watcher_seen(aor: str, binding: Binding) -> None:
        if binding.flow is not None and binding.flow.reliable:
            notifier.watcher_seen(aor, binding.flow, binding.user_agent)

    registrar.on_change.append(registration_changed)
    registrar.on_register.append(lambda aor, _: messages.recipient_registered(aor))
    registrar.on_register.append(watcher_seen)

    def presence_changed(aor: str) -> None:
        if policy.follows_state(aor):
            notifier.reauthorize("presence", aor)
        notifier.changed("presence", aor)

    bus.subscribe(PRESENCE_CHANGED, presence_changed)
    for package in beside:
        bus.subscribe(package.name, partial(notifier.changed, package.name))
    registrar.on_change += around.on_registration
    notifier.on_subscription += around.on_subscription
    notifier.on_reauthorize += around.on_reauthorize

    return House(
        stats=stats,
        timers=timers,
        directory=directory,
        core=sip_core,
        layer=layer,
        registrar=registrar,
        publications=publications,
        notifier=notifier,
        messages=messages,
        contacts=contacts,
        lists=lists,
        waiting=waiting,
        bus=bus,
        network=network,
        presence=presence,
        policy=policy,
    )
