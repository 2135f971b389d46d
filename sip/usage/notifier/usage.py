"""SUBSCRIBE answered step by step (RFC 6665 §4.2.1), and all subscriptions of this server.

Independent of any package: what a state looks like and who may see it is the business of an `EventPackage`.
A subscription is durable before it is answered 200, and stays until it expires, is ended by either side, or
its NOTIFY fails in a way that ends it.
"""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from sip.dialog import Dialog
from sip.errors import (
    BadEvent,
    BadRequest,
    Forbidden,
    IntervalTooBrief,
    NoSuchCall,
    NotAcceptable,
    NotFound,
    ServiceUnavailable,
    SipError,
)
from sip.headers import Event
from sip.headers.grammar import TOKEN
from sip.identity import UserDirectory
from sip.message import Request
from sip.ports import Journal, JournalError, KeyedQueue, Record
from sip.request import ServerRequest
from sip.sender import RequestSender
from sip.stats import Stats
from sip.timers import TimerWheel
from sip.transport.flow import Flow
from sip.usage.notifier.index import Subscriptions
from sip.usage.notifier.lists import REQUIRE_EVENTLIST, body_type, check_list, list_package, undo_encoding
from sip.usage.notifier.package import EventPackage, ListServer, Reason, SubscriptionEvent
from sip.usage.notifier.rates import Rates
from sip.usage.notifier.rows import from_row, removal
from sip.usage.notifier.subscription import CSEQ_BLOCK, Subscription

log = logging.getLogger(__name__)

_RATES = ("max-rate", "min-rate", "adaptive-min-rate")
_REFUSED = re.compile(r";q=0(\.0*)?(;|$)")
"""A media range that is accepted with quality 0: not at all (RFC 3261 §20.1)."""


@dataclass(frozen=True, slots=True)
class NotifierSettings:
    """Limits of subscriptions; seconds unless said otherwise."""

    min_expires: int = 60
    default_expires: int = 3600
    max_expires: int = 86400
    max_per_watcher: int = 2000
    """Subscriptions that one watcher may hold; the next is refused 403."""
    least_interval: float = 0.0
    """Between two NOTIFYs of one subscription at least; 0 for nothing.  The last state is never lost."""
    restore_rate: int = 1000
    """NOTIFYs a second with which watchers are brought up to date after a start."""
    max_body: int = 65536
    """Bytes of the body of a SUBSCRIBE, after its Content-Encoding is undone; more is answered 413."""


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
    ) -> None:
        self.packages: Mapping[str, EventPackage] = {package.name: package for package in packages}
        self.journal = journal
        self.sender = sender
        self.timers = timers
        self.stats = stats
        self.wall = wall
        self.queue = KeyedQueue()
        self._directory = directory
        self._token = token
        self._settings = settings or NotifierSettings()
        self._lists = lists
        self._all = Subscriptions()
        self._being_stored: Counter[str] = Counter()
        self.on_subscription: list[Callable[[Subscription, SubscriptionEvent], None]] = []
        """Called when a subscription has come, is in another state or has gone (RFC 3857 §4.7.1)."""
        self.on_reauthorize: list[Callable[[str, str], None]] = []
        """Called with package and AOR when who may watch has changed, after it was applied here."""

    def __len__(self) -> int:
        return len(self._all)

    # -- SUBSCRIBE ----------------------------------------------------------------------------------------

    def handle(self, sr: ServerRequest) -> None:
        """Answer a SUBSCRIBE; errors are raised as `SipError`, success is answered once it is durable."""
        package = self._package(sr)
        undo_encoding(sr.request, self._settings.max_body)
        if sr.request.to.tag is None:
            self._initial(sr, package)
        else:
            self._in_dialog(sr, package)

    def allow_events(self) -> str:
        """Value of Allow-Events: the packages there are."""
        return ", ".join(self.packages)

    def _package(self, sr: ServerRequest) -> EventPackage:
        event = sr.request.event
        package = self.packages.get(event.package) if event is not None else None
        if package is None:
            reason = "Bad Event" if event is not None else "Missing Event header field"
            raise BadEvent(reason, headers=(("Allow-Events", self.allow_events()),))
        return package

    def _initial(self, sr: ServerRequest, package: EventPackage) -> None:
        request = sr.request
        event = request.event
        assert event is not None
        assert sr.identity is not None
        event_id = str(event.id or "")
        if event_id and TOKEN.fullmatch(event_id) is None:
            raise BadRequest("Malformed Event header field: the id is not a token")
        expires = self._expires(sr)
        aor, filter_type = self._directory.resolve(sr.aor), body_type(request)
        listed = list_package(
            self._lists, package.name, sr.aor, filter_type, request.body, is_user=aor is not None
        )
        check_list(request, self._lists, package.name, listed)
        if listed is not None:
            package, aor = listed, sr.aor
        content_type = self._acceptable(sr, package)
        if aor is None:
            raise NotFound(f"No such user: {sr.aor.removeprefix('sip:')}")
        watcher = sr.identity.aor
        if (
            self._all.count_of_watcher(watcher) + self._being_stored[watcher]
            >= self._settings.max_per_watcher
        ):
            raise Forbidden("Too many subscriptions")
        state = package.authorize(watcher, aor)
        local_tag = self._token()
        subscription = Subscription(
            self,
            identifier=local_tag,
            package=package.name,
            event_id=event_id,
            aor=aor,
            watcher=watcher,
            dialog=Dialog.accept(request, local_tag),
            accept=tuple(value.strip() for value in request.values("Accept")),
            content_type=content_type,
            expires_at=sr.now + expires,
            flow=sr.flow,
            flow_key=sr.flow.key,
            state=state,
            user_agent=request.get("User-Agent") or "",
            created_at=self.wall(),
            filter_type=filter_type,
            filter_body=request.body,
        )
        subscription.list_package = listed
        subscription.suppress = self._condition(request)
        subscription.view = package.open(subscription)
        self._set_rates(subscription, event, expires)
        if expires == 0:
            # Fetching state without a subscription that outlives it (RFC 6665 §4.4.3).
            self._accept(sr, subscription, 0)
            subscription.end("timeout")
            if state == "pending":
                # Over before anybody could decide: whoever decides has to hear of it (RFC 3857 §4.7.1).
                self._tell(subscription, "timeout")
            return

        def done(error: JournalError | None) -> None:
            self._being_stored[watcher] -= 1
            if not self._being_stored[watcher]:
                del self._being_stored[watcher]
            if error is not None:
                subscription.closed()
                sr.reject(_not_durable(error))
                return
            self._add(subscription)
            if listed is None and self._directory.resolve(aor) is None:
                # The user was deleted while this was being stored.
                self._forget(subscription, "noresource")
                subscription.closed()
                sr.reject(NotFound(f"No such user: {aor.removeprefix('sip:')}"))
                return
            subscription.cseq_durable = CSEQ_BLOCK
            self._accept(sr, subscription, expires)
            subscription.notify(asked=True)

        self._being_stored[watcher] += 1
        self.journal.write([subscription.record(CSEQ_BLOCK)], done)

    def _in_dialog(self, sr: ServerRequest, package: EventPackage) -> None:
        request = sr.request
        event = request.event
        assert event is not None
        assert sr.identity is not None
        subscription = self._all.in_dialog((request.call_id, request.to.tag or "", request.from_.tag or ""))
        if subscription is None or (subscription.package, subscription.event_id) != (
            package.name,
            event.id or "",
        ):
            raise NoSuchCall("Subscription Does Not Exist")
        if sr.identity.aor != subscription.watcher:
            raise Forbidden("Not your subscription")
        self.queue.run(subscription.id, lambda release: self._refresh(sr, subscription, release))

    def _refresh(self, sr: ServerRequest, subscription: Subscription, release: Callable[[], None]) -> None:
        try:
            if not self.is_live(subscription):
                raise NoSuchCall("Subscription Does Not Exist")
            target = subscription.dialog.check(sr.request)
            expires = self._expires(sr)
            suppress = self._condition(sr.request)
            event = sr.request.event
            assert event is not None
            take_back: Callable[[], None] | None = None
            if subscription.view is not None and sr.request.body:
                take_back = subscription.view.refresh(sr.request)
        except SipError as error:
            release()
            sr.reject(error)
            return
        expires_at = sr.now + expires

        def apply(error: JournalError | None) -> None:
            if error is not None:
                if take_back is not None:
                    take_back()
                sr.reject(_not_durable(error))
                return
            if not self.is_live(subscription):
                # It was ended meanwhile; its removal waits for this turn and follows now.
                sr.reject(NoSuchCall("Subscription Does Not Exist"))
                return
            subscription.dialog.received(sr.request, target)
            subscription.flow, subscription.flow_key = sr.flow, sr.flow.key
            subscription.guessed = False
            subscription.suppress = suppress
            self._set_rates(subscription, event, expires)
            if expires == 0:
                self._remove(subscription, "timeout")
            else:
                subscription.expires_at = expires_at
                self._arm(subscription)
            if subscription.suppress and subscription.suppress in ("*", subscription.current_etag()):
                # He has it already: no NOTIFY (RFC 5839 §6.3).
                self._accept(sr, subscription, expires, status=204)
                subscription.closed() if expires == 0 else None
                return
            self._accept(sr, subscription, expires)
            if expires == 0:
                subscription.end("timeout")
            else:
                subscription.notify(asked=True)

        def done(error: JournalError | None) -> None:
            try:
                apply(error)
            finally:
                # Not before: whoever waits for this turn has to see what it changed.
                release()

        if expires == 0:
            records = [removal(subscription)]
        else:
            records = [
                subscription.record(
                    subscription.cseq_durable,
                    remote_cseq=sr.request.cseq.number,
                    remote_target=target,
                    expires_at=expires_at,
                    flow_key=sr.flow.key,
                )
            ]
        self.journal.write(records, done)

    @staticmethod
    def _condition(request: Request) -> str:
        """The entity-tag of Suppress-If-Match (RFC 5839 §5.2), empty without one."""
        values = request.values("Suppress-If-Match")
        if len(values) > 1:
            raise BadRequest("Suppress-If-Match needs one entity-tag")
        return values[0].strip() if values else ""

    def _set_rates(self, subscription: Subscription, event: Event, expires: int) -> None:
        """What the Event header field says of rates (RFC 6446); without a wish nothing is kept for it."""
        wished = any(name in event.params for name in _RATES)
        if not wished and not self._settings.least_interval:
            subscription.rates = None
            return
        if subscription.rates is None:
            subscription.rates = Rates(self._settings.least_interval)
        subscription.rates.adopt(event.params, expires, self.timers.now)

    def _accept(self, sr: ServerRequest, subscription: Subscription, expires: int, status: int = 200) -> None:
        headers = [("Record-Route", value) for value in sr.request.get_all("Record-Route")]
        headers += [("Contact", f"<{sr.flow.uri()}>"), ("Expires", str(expires))]
        if subscription.list_package is not None:
            headers += REQUIRE_EVENTLIST
        reason = "No Notification" if status == 204 else None
        sr.reply(status, reason, headers=headers, to_tag=subscription.dialog.local_tag)

    def _expires(self, sr: ServerRequest) -> int:
        settings = self._settings
        expires = sr.request.expires
        if expires is None:
            return settings.default_expires
        # Never refused when an hour or more was asked for, whatever the minimum (RFC 6665 §4.2.1.1).
        if 0 < expires < min(settings.min_expires, 3600):
            raise IntervalTooBrief(headers=(("Min-Expires", str(settings.min_expires)),))
        return min(expires, settings.max_expires)

    @staticmethod
    def _acceptable(sr: ServerRequest, package: EventPackage) -> str:
        ranges = [value.replace(" ", "").lower() for value in sr.request.values("Accept")]
        accept = [value.partition(";")[0] for value in ranges if value and not _REFUSED.search(value)]
        if not any(ranges):
            return package.content_types[0]
        for content_type in package.content_types:
            if content_type in accept:
                return content_type
        for content_type in package.content_types:
            if "*/*" in accept or f"{content_type.split('/')[0]}/*" in accept:
                return content_type
        raise NotAcceptable(headers=(("Accept", ", ".join(package.content_types)),))

    # -- changes ------------------------------------------------------------------------------------------

    def changed(self, package: str, aor: str) -> None:
        """The state of `aor` in `package` is another one: tell everybody who watches it."""
        for subscription in self._all.of(package, aor):
            try:
                subscription.notify()
            except Exception:
                # The boundary between watchers: what is wrong with one must not keep the news from others.
                log.exception("notify.impossible", extra={"watcher": subscription.watcher})
                self.drop(subscription, "NOTIFY impossible")
        if self._lists is not None:
            self._lists.changed(package, aor)

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
            host = subscription.flow_key.partition("|")[2].partition("|")[0].rpartition(":")[0].strip("[]")
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
        for subscription in self._all.of(package, aor):
            if self._judge(subscription):
                subscription.notify()
        if self._lists is not None:
            self._lists.changed(package, aor)
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
        self._store(subscription)
        self._tell(subscription, "approved" if state == "active" else "subscribe")
        return True

    def _store(self, subscription: Subscription) -> None:
        """Make durable what has changed without anybody waiting for it."""

        def job(release: Callable[[], None]) -> None:
            if not self.is_live(subscription):
                release()
                return

            def done(error: JournalError | None) -> None:
                release()
                if error is not None:
                    log.warning("subscription.not-stored", extra={"error": str(error)})

            self.journal.write([subscription.record(subscription.cseq_durable)], done)

        self.queue.run(subscription.id, job)

    def terminate(
        self, subscription: Subscription, reason: Reason, *, retry_after: int | None = None
    ) -> None:
        """End a subscription from our side; `retry_after` (seconds) says when to ask again."""
        self._forget(subscription, reason)
        subscription.end(reason, retry_after)

    def drop(self, subscription: Subscription, reason: str) -> None:
        """Remove a subscription without another NOTIFY."""
        if self.is_live(subscription):
            log.info(
                "subscription.dropped",
                extra={"watcher": subscription.watcher, "presentity": subscription.aor, "reason": reason},
            )
            self._forget(subscription, "timeout")
            subscription.closed()

    def package_of(self, subscription: Subscription) -> EventPackage:
        """What serves it: its package, or for a list what serves those."""
        return subscription.list_package or self.packages[subscription.package]

    def is_live(self, subscription: Subscription) -> bool:
        """True while the subscription is stored and may be refreshed."""
        return subscription in self._all

    def subscriptions(self, package: str, aor: str) -> list[Subscription]:
        """Who watches `aor`, oldest first."""
        return self._all.of(package, aor)

    # -- bookkeeping --------------------------------------------------------------------------------------

    def _add(self, subscription: Subscription) -> None:
        self._all.add(subscription)
        self._arm(subscription)
        self._tell(subscription, "subscribe")

    def _tell(self, subscription: Subscription, event: SubscriptionEvent) -> None:
        # Who watches a list watches its members one by one, as far as it concerns them.
        if subscription.list_package is None:
            for listener in self.on_subscription:
                listener(subscription, event)

    def _arm(self, subscription: Subscription) -> None:
        if subscription.timer is not None:
            subscription.timer.cancel()
        subscription.timer = self.timers.at(subscription.expires_at, self._expired, subscription)

    def _expired(self, subscription: Subscription) -> None:
        # In turn: a refresh may be waiting for the journal at this very moment.
        self.queue.run(subscription.id, partial(self._expire, subscription))

    def _expire(self, subscription: Subscription, release: Callable[[], None]) -> None:
        if self.is_live(subscription):
            if subscription.expires_at > self.timers.now:
                self._arm(subscription)
            else:
                self.terminate(subscription, "timeout")
        release()

    def _forget(self, subscription: Subscription, event: SubscriptionEvent) -> None:
        """Remove from memory at once, and from the store when its turn comes."""
        if not self.is_live(subscription):
            return
        self._remove(subscription, event)

        def job(release: Callable[[], None]) -> None:
            def done(error: JournalError | None) -> None:
                release()
                if error is not None:
                    # A restart finds it expired or ends it with its next NOTIFY.
                    log.warning("subscription.not-removed", extra={"error": str(error)})

            self.journal.write([removal(subscription)], done)

        self.queue.run(subscription.id, job)

    def _remove(self, subscription: Subscription, event: SubscriptionEvent) -> None:
        self._all.remove(subscription)
        if subscription.timer is not None:
            subscription.timer.cancel()
            subscription.timer = None
        self._tell(subscription, event)

    # -- start and stop -----------------------------------------------------------------------------------

    def restore(
        self,
        rows: Iterable[tuple[tuple[Any, ...], tuple[Any, ...]]],
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
        for (id_,), row in rows:
            subscription = from_row(self, id_, row, flow, now, wall)
            if subscription.package not in self.packages:
                log.warning("subscription.unknown-package", extra={"package": subscription.package})
                continue
            aor = subscription.aor
            known = self._directory.resolve(aor) is not None
            subscription.list_package = list_package(
                self._lists,
                subscription.package,
                aor,
                subscription.filter_type,
                subscription.filter_body,
                is_user=known,
            )
            try:
                subscription.view = self.package_of(subscription).open(subscription)
            except SipError as error:
                log.warning("subscription.not-restored", extra={"reason": error.reason})
                # He is told nothing but to ask again.
                subscription.state = "pending"
            self._add(subscription)
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
            subscription.record(subscription.dialog.local_cseq)
            for subscription in self._all
            if subscription.cseq_durable != subscription.dialog.local_cseq
        ]


def _not_durable(error: JournalError) -> ServiceUnavailable:
    log.warning("subscription.not-durable", extra={"error": str(error)})
    return ServiceUnavailable("Storage Not Available", headers=(("Retry-After", "10"),))
