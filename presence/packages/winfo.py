"""The `winfo` template package (RFC 3857): who watches a presentity, for himself alone.

For "presence" it is `presence.winfo`.  Rows are the live subscriptions to the inner package and those who
wait for a decision without one.  Watcher information about watcher information is not offered (RFC 3857 §4.6
allows it): the package that it would be is unknown here, 489.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from presence.documents.watcherinfo import (
    CONTENT_TYPE,
    EVENTS,
    Watcher,
    WatcherInfo,
    WatcherList,
    render_watcherinfo,
    watcher_ids,
)
from presence.packages.around import Authorizer, Surroundings
from presence.packages.filtered_table import FilteredTablePackage
from presence.packages.tables import token_of
from presence.packages.waiting import Waiting
from sip.errors import BadRequest, Forbidden
from sip.headers import NameAddr
from sip.usage.notifier import Authorization, Body, LiveSubscription, SubscriptionEvent, SubscriptionView

TERMINATED: Final = "terminated"


class WatcherRow(NamedTuple):
    """A watcher without what changes by the second."""

    id: str
    status: str
    event: str
    uri: str
    display: str
    since: float
    """Epoch seconds of the SUBSCRIBE."""


class WinfoPackage(FilteredTablePackage[WatcherRow]):
    """Watcher information about the package `inner`; `authorizer` says who may watch in that one."""

    content_types = (CONTENT_TYPE,)

    def __init__(self, around: Surroundings, inner: str, authorizer: Authorizer) -> None:
        self.name = f"{inner}.winfo"
        super().__init__(lambda aor: around.resolve(aor) or aor)
        self._inner = inner
        self._around = around
        self._authorizer = authorizer
        self._approved: set[str] = set()
        """Ids of the live subscriptions that were pending once."""
        around.on_subscription.append(self._subscription_changed)
        around.on_reauthorize.append(self._reauthorized)
        around.waiting.on_end.append(self._waited)

    def authorize(self, watcher: str, aor: str) -> Authorization:
        """Only the presentity himself.  Raises Forbidden."""
        return self._around.only_himself(watcher, aor)

    def rows(self, subscription: SubscriptionView) -> Mapping[str, WatcherRow]:
        """Who watches, oldest first, then who waits."""
        aor = subscription.aor
        live = (self._row(one) for one in self._around.subscriptions(self._inner, aor))
        waiting = (_waiting_row(one) for one in self._around.waiting.of(self._inner, aor))
        return {row.id: row for rows in (live, waiting) for row in rows}

    def over(self, row: WatcherRow, event: str) -> WatcherRow | None:
        """The end of a subscription, or of the time of waiting."""
        return row._replace(status=TERMINATED, event=event if event in EVENTS else "timeout")

    def body(
        self, subscription: SubscriptionView, full: bool, rows: Iterable[WatcherRow], now_wall: float
    ) -> Body:
        """Each watcher, with how long he has been there and will be."""
        aor = subscription.aor
        now = self._around.timers.now
        expires = {
            token_of(one.id): one.expires_at - now for one in self._around.subscriptions(self._inner, aor)
        }
        expires |= {one.id: one.expires - now_wall for one in self._around.waiting.of(self._inner, aor)}

        def watcher(row: WatcherRow) -> Watcher:
            left = expires.get(row.id) if row.status != TERMINATED else None
            return Watcher(
                row.id,
                row.status,
                row.event,
                row.uri,
                row.display or None,
                expiration=None if left is None else max(0, round(left)),
                duration_subscribed=max(0, round(now_wall - row.since)),
            )

        watchers = WatcherList(aor, self._inner, tuple(map(watcher, rows)))
        return Body(CONTENT_TYPE, render_watcherinfo(WatcherInfo(subscription.version, full, (watchers,))))

    def ids(self, document: bytes) -> set[str]:
        """The watchers in it."""
        return watcher_ids(document)

    def _row(self, subscription: LiveSubscription) -> WatcherRow:
        return WatcherRow(
            token_of(subscription.id),
            subscription.state,
            "approved" if subscription.id in self._approved else "subscribe",
            subscription.watcher,
            _display_of(subscription),
            subscription.created_at,
        )

    # -- what happens to subscriptions of the inner package, RFC 3857 §4.7.1 -------------------------------

    def _subscription_changed(self, subscription: LiveSubscription, event: SubscriptionEvent) -> None:
        if subscription.package != self._inner:
            return
        aor, watcher = subscription.aor, subscription.watcher
        if event == "approved":
            self._approved.add(subscription.id)
        elif event == "subscribe":
            self._approved.discard(subscription.id)
            # Whoever asks again waits in that subscription now.
            self._around.waiting.end(self._inner, aor, watcher, "giveup")
        else:
            self._approved.discard(subscription.id)
            self._ended(subscription, event)
        self._around.changed(self.name, aor)

    def _ended(self, subscription: LiveSubscription, event: SubscriptionEvent) -> None:
        aor, watcher = subscription.aor, subscription.watcher
        told: str = "noresource" if event == "invariant" else event
        if subscription.state == "pending" and event == "timeout":
            # Nobody has decided on it.  Where he has another subscription, that one asks for a decision.
            others = self._around.subscriptions(self._inner, aor)
            told = "giveup"
            if all(other.watcher != watcher for other in others):
                display, since = _display_of(subscription), subscription.created_at
                self._around.waiting.add(self._inner, aor, watcher, token_of(subscription.id), display, since)
        for view in self.views(aor):
            view.ended(token_of(subscription.id), told)

    def _waited(self, entry: Waiting, event: str) -> None:
        if entry.package != self._inner:
            return
        for view in self.views(entry.aor):
            view.ended(entry.id, event)
        self._around.changed(self.name, entry.aor)

    def _reauthorized(self, package: str, aor: str) -> None:
        """A rule may have decided on who waits: then he waits no more (RFC 3857 §4.7.1)."""
        if package != self._inner:
            return
        for entry in self._around.waiting.of(package, aor):
            try:
                if self._authorizer(entry.watcher, aor) == "active":
                    self._around.waiting.end(*entry.key, "approved")
            except Forbidden:
                self._around.waiting.end(*entry.key, "rejected")


def _waiting_row(entry: Waiting) -> WatcherRow:
    return WatcherRow(entry.id, "waiting", "timeout", entry.watcher, entry.display, entry.since)


def _display_of(subscription: LiveSubscription) -> str:
    """The name that the watcher shows in From."""
    try:
        return NameAddr.parse(subscription.remote_uri).display or ""
    except BadRequest:
        return ""


def presence_winfo(around: Surroundings) -> WinfoPackage:
    """Package `presence.winfo`."""
    return WinfoPackage(around, "presence", around.may_watch)
