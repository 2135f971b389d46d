"""The notifier: all subscriptions of this server, and what becomes of them once they are there.

Independent of any package: what a state looks like and who may see it is the business of an `EventPackage`.
A subscription is durable before it is answered 200 (`sip.usage.notifier.subscribe`), and stays until it
expires, is ended by either side, or its NOTIFY fails in a way that ends it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from functools import partial

from sip.errors import Forbidden
from sip.identity import UserDirectory
from sip.ports import Journal, JournalError, KeyedQueue, Record
from sip.request import ServerRequest
from sip.sender import RequestSender
from sip.stats import Stats
from sip.timers import TimerWheel
from sip.transport.flow import Flow
from sip.usage.notifier.fanout import FanOut
from sip.usage.notifier.index import DialogId, Subscriptions
from sip.usage.notifier.package import EventPackage, ListServer, Reason, SubscriptionEvent
from sip.usage.notifier.restore import Rows, restored
from sip.usage.notifier.rows import record, removal
from sip.usage.notifier.sending import host_of
from sip.usage.notifier.settings import NotifierSettings
from sip.usage.notifier.subscribe import SubscribeRequests
from sip.usage.notifier.subscription import Subscription

log = logging.getLogger(__name__)


class NotifierUsage:
    """Answers SUBSCRIBE and sends NOTIFY for the packages given."""

    def __init__(
        self,
        packages: Iterable[EventPackage],
        directory: UserDirectory,
        journal: Journal,
        sender: RequestSender,
        timers: TimerWheel,
        stats: Stats,
        token: Callable[[], str],
        wall: Callable[[], float],
        settings: NotifierSettings | None = None,
        lists: ListServer | None = None,
        trusts: Callable[[str], bool] = lambda _: False,
    ) -> None:
        self.packages: Mapping[str, EventPackage] = {package.name: package for package in packages}
        self.journal = journal
        self.sender = sender
        self.timers = timers
        self.stats = stats
        self.wall = wall
        self.trusts = trusts
        """Whether the peer at an address may name another one that NOTIFYs go to."""
        self.queue = KeyedQueue()
        self.fan_out = FanOut(timers, self._tell_news)
        # One object for all timers.
        self._on_expiry = self._expired
        self._directory = directory
        self._settings = settings or NotifierSettings()
        self._lists = lists
        self._all = Subscriptions()
        self._requests = SubscribeRequests(self, directory, token, self._settings, lists)
        self.on_subscription: list[Callable[[Subscription, SubscriptionEvent], None]] = []
        """Called when a subscription has come, is in another state or has gone (RFC 3857 §4.7.1).

        Those to lists are not among them: the list server tells of each member.
        """
        self.on_reauthorize: list[Callable[[str, str], None]] = []
        """Called with package and AOR when who may watch has changed, after it was applied here."""

    def __len__(self) -> int:
        return len(self._all)

    def handle(self, sr: ServerRequest) -> None:
        """Answer a SUBSCRIBE; errors are raised as `SipError`, success is answered once it is durable."""
        self._requests.handle(sr)

    def allow_events(self) -> str:
        """Value of Allow-Events: the packages there are."""
        return ", ".join(self.packages)

    # -- changes ------------------------------------------------------------------------------------------

    def changed(self, package: str, aor: str) -> None:
        """The state of `aor` in `package` is another one: tell everybody who watches it."""
        self.fan_out.tell(self._all.of(package, aor))
        if self._lists is not None:
            self._lists.changed(package, aor)

    def _tell_news(self, subscription: Subscription) -> None:
        if not self.is_live(subscription):
            # It has ended while it waited for its turn.
            return
        try:
            subscription.notify()
        except Exception:
            # The boundary between watchers: what is wrong with one must not keep the news from others.
            log.exception("notify.impossible", extra={"watcher": subscription.watcher})
            self.drop(subscription, "NOTIFY impossible")

    def watcher_seen(self, watcher: str, flow: Flow, user_agent: str) -> None:
        """A watcher has registered over `flow`: reach him there where his old connection is gone.

        A connection does not outlive a restart, and a phone that opens another one registers by it long
        before it refreshes what it watches.  It is taken for the same phone when address and User-Agent are
        the same; if it was another one after all, it answers 481 and nothing has changed.
        """
        for subscription in self._all.of_watcher(watcher):
            before = subscription.flow
            if before is not None and before.alive:
                continue
            host = host_of(subscription.flow_key)
            if host == flow.remote[0] and subscription.user_agent == user_agent:
                subscription.flow, subscription.guessed = flow, True
                if subscription.undelivered or before is None:
                    subscription.notify()

    def remove_user(self, aor: str) -> None:
        """A user is gone: whoever watched him is told so, and his own subscriptions end."""
        for package in self.packages:
            for subscription in self._all.of(package, aor):
                self.terminate(subscription, "noresource")
        for subscription in self._all.of_watcher(aor):
            self.terminate(subscription, "rejected")

    def reauthorize(self, package: str, aor: str) -> None:
        """Who may watch `aor` has changed: what is pending becomes active or is rejected, or the reverse."""
        self.fan_out.tell([it for it in self._all.of(package, aor) if self._judge(it)])
        if self._lists is not None:
            self._lists.reauthorize(package, aor)
        for listener in self.on_reauthorize:
            listener(package, aor)

    def _judge(self, subscription: Subscription) -> bool:
        """Whether who may watch has changed for this one; who may not any more is told so."""
        package = self.package_of(subscription)
        try:
            state = package.authorize(subscription.watcher, subscription.aor)
        except Forbidden:
            self.terminate(subscription, "rejected")
            return False
        if state == subscription.state:
            return False
        subscription.state = state
        self.store(subscription)
        self.tell(subscription, "approved" if state == "active" else "subscribe")
        return True

    def store(self, subscription: Subscription) -> None:
        """Make durable what has changed without anybody waiting for it."""

        def job(release: Callable[[], None]) -> None:
            if not self.is_live(subscription):
                release()
                return

            def done(error: JournalError | None) -> None:
                release()
                if error is not None:
                    log.warning("subscription.not-stored", extra={"error": str(error)})

            self.journal.catch_up([record(subscription, subscription.cseq_durable)], done)

        self.queue.run(subscription.id, job)

    def terminate(
        self, subscription: Subscription, reason: Reason, *, retry_after: int | None = None
    ) -> None:
        """End a subscription from our side; `retry_after` (seconds) says when to ask again."""
        self.forget(subscription, reason)
        subscription.end(reason, retry_after)

    def drop(self, subscription: Subscription, reason: str) -> None:
        """Remove a subscription without another NOTIFY."""
        if self.is_live(subscription):
            log.info(
                "subscription.dropped",
                extra={"watcher": subscription.watcher, "presentity": subscription.aor, "reason": reason},
            )
            self.forget(subscription, "timeout")
            subscription.closed()

    def package_of(self, subscription: Subscription) -> EventPackage:
        """What serves it: its package, or for a list what serves those."""
        return subscription.list_package or self.packages[subscription.package]

    def is_live(self, subscription: Subscription) -> bool:
        """True while the subscription is stored and may be refreshed."""
        return subscription in self._all

    def subjects(self) -> set[str]:
        """The AORs that somebody watches in any package, members of lists left out."""
        return self._all.subjects()

    def subscriptions(self, package: str, aor: str) -> list[Subscription]:
        """Who watches `aor`, oldest first."""
        return self._all.of(package, aor)

    def count_of_watcher(self, watcher: str) -> int:
        """How many subscriptions one watcher has."""
        return self._all.count_of_watcher(watcher)

    def in_dialog(self, dialog: DialogId) -> Subscription | None:
        """The subscription of a dialog."""
        return self._all.in_dialog(dialog)

    # -- bookkeeping --------------------------------------------------------------------------------------

    def add(self, subscription: Subscription) -> None:
        """Keep one that is durable."""
        self._all.add(subscription)
        self.arm(subscription)
        self.tell(subscription, "subscribe")

    def tell(self, subscription: Subscription, event: SubscriptionEvent) -> None:
        """Tell who listens what has happened to it."""
        if subscription.list_package is None:
            for listener in self.on_subscription:
                listener(subscription, event)
        elif self._lists is not None:
            # Who watches a list watches its members one by one.
            self._lists.happened(subscription, event)

    def arm(self, subscription: Subscription) -> None:
        """End it when its `expires_at` has come, and not before."""
        if subscription.timer is not None:
            subscription.timer.cancel()
        subscription.timer = self.timers.at(subscription.expires_at, self._on_expiry, subscription)

    def _expired(self, subscription: Subscription) -> None:
        # In turn: a refresh may be waiting for the journal at this very moment.
        self.queue.run(subscription.id, partial(self._expire, subscription))

    def _expire(self, subscription: Subscription, release: Callable[[], None]) -> None:
        if self.is_live(subscription):
            if subscription.expires_at > self.timers.now:
                self.arm(subscription)
            else:
                self.terminate(subscription, "timeout")
        release()

    def forget(self, subscription: Subscription, event: SubscriptionEvent) -> None:
        """Remove from memory at once, and from the store when its turn comes."""
        if not self.is_live(subscription):
            return
        self.remove(subscription, event)

        def job(release: Callable[[], None]) -> None:
            def done(error: JournalError | None) -> None:
                release()
                if error is not None:
                    # Stored later; a restart before that finds it expired or ends it with its next NOTIFY.
                    log.warning("subscription.not-removed", extra={"error": str(error)})

            self.journal.catch_up([removal(subscription)], done)

        self.queue.run(subscription.id, job)

    def remove(self, subscription: Subscription, event: SubscriptionEvent) -> None:
        """Remove from memory alone: the record that removes it is on its way already."""
        self._all.remove(subscription)
        if subscription.timer is not None:
            subscription.timer.cancel()
            subscription.timer = None
        self.tell(subscription, event)

    # -- start and stop -----------------------------------------------------------------------------------

    def restore(
        self,
        rows: Rows,
        *,
        flow: Callable[[str], Flow | None],
        now: float,
        wall: float,
    ) -> None:
        """Go on where the last run stopped.

        Every watcher who can be reached gets a NOTIFY, spread over time: what changed just before the stop
        may not have reached him.  Subscriptions that ended while the server was down are ended now.
        """
        count = 0
        least = self._settings.least_interval
        for subscription, known in restored(self, rows, self._directory, self._lists, flow, now, wall, least):
            # Nothing was given for longer: if it seems so, the system's time was set back.
            subscription.expires_at = min(subscription.expires_at, now + self._settings.max_expires)
            self.add(subscription)
            if subscription.view is None:
                self.timers.after(0.0, self.terminate, subscription, "deactivated")
            elif subscription.list_package is None and not known:
                # Deleted while the server was down.
                self.timers.after(0.0, self.terminate, subscription, "noresource")
            elif subscription.expires_at > now:
                count += 1
                self.timers.after(count / self._settings.restore_rate, self._catch_up, subscription)

    def _catch_up(self, subscription: Subscription) -> None:
        # Rules may have changed while the server was down.
        if self.is_live(subscription):
            self._judge(subscription)
        # A connection that went with the restart comes back with the watcher, who then asks by himself.
        if self.is_live(subscription) and (subscription.flow is not None or subscription.dialog.routes):
            subscription.notify()

    def settle(self) -> list[Record]:
        """What a clean stop writes last: the exact CSeq of every dialog, so that no number is skipped."""
        return [
            record(subscription, subscription.dialog.local_cseq)
            for subscription in self._all
            if subscription.cseq_durable != subscription.dialog.local_cseq
        ]
