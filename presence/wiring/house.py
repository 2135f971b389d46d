"""All parts of one server, and what is done to them together: following changes, explaining, restoring."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from presence.bus import Bus
from presence.directory import USER_DELETED, Change, Directory, shown
from presence.explain import Explainer, Explanation
from presence.lists.book import ContactBook
from presence.lists.service import ListService
from presence.messaging import MessageService
from presence.packages.config_change import ConfigChangePackage
from presence.packages.presence import PresencePackage
from presence.packages.presence_policy import PresencePolicy
from presence.packages.standing import follow_standing
from presence.packages.waiting import WaitingList
from presence.policy.decide import DefaultHandling
from presence.policy.stored import PolicyDocument
from presence.provisioning.addresses import canonical_aor
from presence.provisioning.news import PRIVACY_CHANGED, STANDING_CHANGED
from presence.provisioning.privacy import default_handling
from presence.provisioning.stored import StandingStatus
from presence.wiring.given import Network
from sip.core import SipCore
from sip.door import Door
from sip.stats import Stats
from sip.timers import TimerWheel
from sip.transaction import TransactionLayer
from sip.usage.notifier import NotifierUsage
from sip.usage.publication import PublicationUsage
from sip.usage.registrar import Registrar

Rows = Iterable[tuple[tuple[Any, ...], tuple[Any, ...]]]

JUDGED_A_SECOND: Final = 1000
"""Presentities whose watchers are judged anew, when the default policy is another one."""


@dataclass(frozen=True, slots=True)
class House:
    """All parts of one server."""

    stats: Stats
    timers: TimerWheel
    directory: Directory
    core: SipCore
    door: Door
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
    config_changes: ConfigChangePackage
    defaults: DefaultHandling
    """Of the settings; the operator's word in the database comes before it."""

    def apply(self, changes: Sequence[Change]) -> None:
        """Follow what other processes changed in the database."""
        renamed: dict[str, frozenset[str]] = {}
        for change in changes:
            aliases = self.directory.aliases_of(change.key)
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
            self.config_changes.apply((change,))
            if change.topic == STANDING_CHANGED:
                follow_standing(self.presence, change.key, change.current)
            elif change.topic == PRIVACY_CHANGED:
                self._follow_defaults(change.current)
            others = aliases ^ self.directory.aliases_of(change.key)
            if others:
                renamed[change.key] = renamed.get(change.key, frozenset()) | others
        if renamed:
            self.policy.names_changed(renamed)

    def _follow_defaults(self, properties: Iterable[object]) -> None:
        if not self.policy.set_defaults(default_handling(properties, self.defaults)):
            return
        # Nobody is shown more than he may see from now on; that he hears of it is spread over time.
        waiting = {aor for _, aor in self.waiting.subjects()}
        everybody = self.notifier.subjects() | self.lists.subjects() | waiting
        for number, aor in enumerate(sorted(everybody)):
            self.timers.after(number / JUDGED_A_SECOND, self.policy.judge, aor)

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
            lambda aor: self.lists.through("presence", aor),
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
        profiles: Iterable[tuple[str, Mapping[str, str]]] = (),
        standing: Iterable[StandingStatus] = (),
        privacy: Iterable[tuple[str, str]] = (),
        position: int = 0,
        changes: Callable[[int], Iterable[Change]] = lambda after: (),
    ) -> None:
        """Go on where the last run stopped, with what the journal made durable.

        `policies` are all rules, `profiles` those that users have of their own, `standing` everybody's
        long-term status, `privacy` the properties (name, value) of the default privacy policy.  All is as of
        outbox entry `position`; `changes` reads the entries after another one, up to there.
        """
        missed = self.config_changes.load(position, load("change_position"), profiles)
        self.config_changes.missed(changes(missed))
        self.policy.set_defaults(default_handling(privacy, self.defaults))
        self.policy.book.load(policies)
        self.policy.wait_for_all()
        self.registrar.restore(load("binding"), now=now, wall=wall, flow=self.network.flow)
        self.publications.restore(load("publication"), now=now, wall=wall)
        for status in standing:
            follow_standing(self.presence, status.owner, (status,))
        self.messages.restore(load("message"), now=now, wall=wall)
        # Before: who has subscribed again waits no more.
        self.waiting.restore(load("waiting"))
        self.notifier.restore(load("subscription"), flow=self.network.flow, now=now, wall=wall)
        self.config_changes.restored()
        for package, aor in self.waiting.subjects():
            # Rules may have changed while the server was down.
            self.timers.after(0.0, self.notifier.reauthorize, package, aor)
