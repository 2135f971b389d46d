"""The ways between the storeys: which request goes to which service, and who hears of what."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from presence.messaging import MessageService, MessageSettings
from presence.wiring.domain import PRESENCE_CHANGED, Domain
from presence.wiring.given import Given
from presence.wiring.stack import Stack
from sip.usage.location import Binding
from sip.usage.onward import OnwardToUsers, targets


def build_messages(given: Given, stack: Stack) -> MessageService:
    """The service of MESSAGE."""
    return MessageService(
        bindings=lambda aor: targets(stack.location, aor),
        relay=stack.proxy.relay,
        directory=given.directory,
        journal=given.journal,
        timers=given.timers,
        settings=MessageSettings(
            max_body=given.settings.max_message_body,
            max_stored=given.settings.max_stored_messages,
            expires=given.settings.message_expires,
        ),
        wall=given.wall,
    )


def route_requests(given: Given, stack: Stack, domain: Domain, messages: MessageService) -> None:
    """Tell the core whose business each method is."""
    core = stack.core
    accept = tuple(content_type for package in domain.can_be_published for content_type in package.accept)
    core.settings = replace(core.settings, accept=accept)
    core.layer = stack.layer
    core.network = given.network
    core.onward = OnwardToUsers(stack.location, stack.proxy)
    core.services = {
        "REGISTER": stack.registrar,
        "SUBSCRIBE": domain.notifier,
        "PUBLISH": domain.publications,
        "MESSAGE": messages,
    }

    def overload() -> str | None:
        if stack.layer.servers > given.settings.max_transactions:
            return "Too many transactions"
        if given.backlog() >= given.settings.journal_queue:
            return "Too many changes waiting to be stored"
        return None

    core.overload = overload
    core.allow_events = domain.notifier.allow_events


def route_registrations(stack: Stack, domain: Domain, messages: MessageService) -> None:
    """A registration may be what a presentity is known by, and is the moment for what waits for him."""

    def registration_changed(aor: str, kind: str) -> None:
        if kind != "refreshed":
            domain.presence.registration_changed(aor)

    def watcher_seen(aor: str, binding: Binding) -> None:
        if binding.flow is not None and binding.flow.reliable:
            domain.notifier.watcher_seen(aor, binding.flow, binding.user_agent)

    stack.registrar.on_change.append(registration_changed)
    stack.registrar.on_register.append(lambda aor, _: messages.recipient_registered(aor))
    stack.registrar.on_register.append(watcher_seen)
    stack.registrar.on_change += domain.around.on_registration


def route_news(given: Given, domain: Domain) -> None:
    """Bring changes of state, of subscriptions and of rules to the packages and to watchers."""

    def presence_changed(aor: str) -> None:
        if domain.policy.follows_state(aor):
            domain.notifier.reauthorize("presence", aor)
        domain.notifier.changed("presence", aor)

    given.bus.subscribe(PRESENCE_CHANGED, presence_changed)
    for package in (*domain.beside, domain.config_changes):
        given.bus.subscribe(package.name, partial(domain.notifier.changed, package.name))
    domain.notifier.on_subscription += domain.around.on_subscription
    domain.lists.on_subscription += domain.around.on_subscription

    # Who may watch presence may watch what packages show by the same rules: they need not see to it.
    def rules_changed_beside(package: str, aor: str) -> None:
        if package == "presence":
            for other in domain.beside:
                domain.notifier.reauthorize(other.name, aor)
                given.bus.publish(other.name, aor)

    domain.notifier.on_reauthorize += [*domain.around.on_reauthorize, rules_changed_beside]
