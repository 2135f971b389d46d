"""What an event package finds around it: the calls that it may make, and where it may listen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from presence.packages.waiting import WaitingList
from sip.errors import Forbidden
from sip.timers import TimerWheel
from sip.usage.location import Binding
from sip.usage.notifier import Authorization, LiveSubscription, SubscriptionEvent, SubscriptionView
from sip.usage.publication import Publication

Authorizer = Callable[[str, str], Authorization]
"""(watcher, presentity) to what the watcher gets; raises Forbidden."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Handed to each package when a server is put together; AORs are canonical everywhere."""

    changed: Callable[[str, str], None]
    """To be called with package and AOR when watchers of it have to be told something."""
    resolve: Callable[[str], str | None]
    """The canonical AOR of a user of ours, given by AOR or alias."""
    timers: TimerWheel
    waiting: WaitingList
    """Who wants to watch and waits for a decision without a subscription."""
    published: Callable[[str, str], Sequence[Publication]]
    """The live publications of a package and an AOR; what of them somebody is shown, `publications` knows."""
    subscriptions: Callable[[str, str], Sequence[LiveSubscription]]
    """The live subscriptions to a package of an AOR, oldest first, those through lists too."""
    bindings: Callable[[str], Sequence[Binding]]
    """The live bindings of an AOR."""
    may_watch: Authorizer
    """Who may watch whose presence."""
    reauthorize: Callable[[str, str], None]
    """To be called with package and AOR when who may watch it has changed for another reason than a rule."""
    sees: Callable[[str, str], bool] = lambda watcher, aor: True
    """Whether a watcher who may watch is shown what is true: not if he is blocked politely."""
    sees_services: Callable[[str, str], bool] = lambda watcher, aor: True
    """Whether he is shown all services of the user, and more of them than that he can be reached."""
    on_registration: list[Callable[[str, str], None]] = field(default_factory=list)
    """Called with an AOR and "registered", "refreshed", "removed" or "expired"."""
    on_subscription: list[Callable[[LiveSubscription, SubscriptionEvent], None]] = field(default_factory=list)
    """Called when a subscription to any package has come, is in another state or has gone.

    Who subscribes to a list subscribes to each member.
    """
    on_reauthorize: list[Callable[[str, str], None]] = field(default_factory=list)
    """Called with package and AOR when who may watch has changed."""

    def publications(self, subscription: SubscriptionView) -> Sequence[Publication]:
        """The live publications that `subscription` may be told of; none for one who is blocked politely."""
        package, watcher, aor = subscription.package, subscription.watcher, subscription.aor
        if not self.is_himself(watcher, aor) and not self.sees(watcher, aor):
            return ()
        return self.published(package, aor)

    def is_himself(self, watcher: str, aor: str) -> bool:
        """Whether `watcher` is the user `aor`, by any of his addresses."""
        return watcher == aor or self.resolve(watcher) == aor

    def only_himself(self, watcher: str, aor: str) -> Authorization:
        """Nobody else may watch.  Raises Forbidden."""
        if not self.is_himself(watcher, aor):
            raise Forbidden("Only the user himself may watch this")
        return "active"
