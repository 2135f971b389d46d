"""A whole server out of what is handed in."""

from __future__ import annotations

from collections.abc import Callable

from presence.bus import LocalBus
from presence.directory import Directory
from presence.settings import Settings
from presence.wiring.domain import Domain
from presence.wiring.given import Given, Network
from presence.wiring.house import House
from presence.wiring.routes import build_messages, route_news, route_registrations, route_requests
from presence.wiring.stack import build_stack
from sip.ports import Journal
from sip.stats import Stats
from sip.timers import TimerWheel
from sip.tokens import Tokens


def build(
    settings: Settings,
    network: Network,
    journal: Journal,
    directory: Directory,
    *,
    secret: bytes,
    now: float,
    wall: Callable[[], float],
    token: Callable[[], str] | None = None,
    backlog: Callable[[], int] = lambda: 0,
) -> House:
    """Put a server together.

    `secret` signs nonces and loop marks, `now` is the present in monotonic seconds, `wall` tells the epoch
    seconds, `token` makes tags and branches, `backlog` is how many writes wait for the journal.
    """
    given = Given(
        settings=settings,
        network=network,
        journal=journal,
        directory=directory,
        secret=secret,
        now=now,
        wall=wall,
        token=token or Tokens().next,
        backlog=backlog,
        timers=TimerWheel(now),
        stats=Stats(),
        bus=LocalBus(),
    )
    stack = build_stack(given)
    domain = Domain(given, stack)
    messages = build_messages(given, stack)
    route_requests(given, stack, domain, messages)
    route_registrations(stack, domain, messages)
    route_news(given, domain)
    return House(
        stats=given.stats,
        timers=given.timers,
        directory=directory,
        core=stack.core,
        door=stack.door,
        layer=stack.layer,
        registrar=stack.registrar,
        publications=domain.publications,
        notifier=domain.notifier,
        messages=messages,
        contacts=domain.contacts,
        lists=domain.lists,
        waiting=domain.waiting,
        bus=given.bus,
        network=network,
        presence=domain.presence,
        policy=domain.policy,
        config_changes=domain.config_changes,
        defaults=domain.defaults,
    )
