"""What packages share whose state is a table: whole after a SUBSCRIBE, then only the rows that changed.

Watcher information (RFC 3858 §4), dialog information (RFC 4235 §4.3) and registration information (RFC 3680
§5.2) are told alike: rows with ids, a version that rises by one with each document of a subscription, and the
end of a row as a row of its own.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from typing import Generic, TypeVar
from weakref import WeakSet

from sip.errors import UnsupportedMediaType
from sip.message import Request
from sip.usage.notifier import Authorization, Body, Notification, SubscriptionView

R = TypeVar("R")


class TablePackage(ABC, Generic[R]):
    """An event package with a table for each AOR; rows that say the same are equal, whatever the time."""

    name: str
    content_types: tuple[str, ...]

    def __init__(self) -> None:
        self._open: dict[str, WeakSet[TableView[R]]] = {}

    @abstractmethod
    def authorize(self, watcher: str, aor: str) -> Authorization:
        """As `EventPackage.authorize`."""

    @abstractmethod
    def rows(self, subscription: SubscriptionView) -> Mapping[str, R]:
        """What `subscription` sees now, by id, in the order in which it is told."""

    @abstractmethod
    def over(self, row: R, event: str) -> R | None:
        """What is told of `row` when it is gone; `event` is what `TableView.ended` said, "" without it."""

    def existing(self, rows: Mapping[str, R]) -> Mapping[str, R]:
        """Those of all rows that a whole document has."""
        return rows

    def changed_row(self, row: R) -> R:
        """What is told of a row that was another one before."""
        return row

    @abstractmethod
    def body(self, subscription: SubscriptionView, full: bool, rows: Iterable[R], now_wall: float) -> Body:
        """The document number `subscription.version`: of all rows if `full`, else of those that changed."""

    def open(self, subscription: SubscriptionView) -> TableView[R]:
        """Raises UnsupportedMediaType for a SUBSCRIBE with a body, if documents cannot be filtered."""
        view = self.view(subscription)
        self._open.setdefault(subscription.aor, WeakSet()).add(view)
        return view

    def view(self, subscription: SubscriptionView) -> TableView[R]:
        """A new view; raises UnsupportedMediaType for a SUBSCRIBE with a body."""
        if subscription.filter_body:
            raise _not_understood(subscription.filter_type)
        return TableView(self, subscription)

    def neutral(self, subscription: SubscriptionView) -> Notification:
        """A NOTIFY without a body: even an empty document would take a version."""
        # Every state has an entity-tag (RFC 5839 §6.1), also that of telling nothing.
        return Notification(None, etag=token_of("neutral", self.name))

    def views(self, aor: str) -> tuple[TableView[R], ...]:
        """The views of `aor` that are open."""
        return tuple(self._open.get(aor, ()))

    def closed(self, view: TableView[R], aor: str) -> None:
        """A view is no more."""
        views = self._open.get(aor)
        if views is not None:
            views.discard(view)
            if not views:
                del self._open[aor]


class TableView(Generic[R]):
    """What one subscription has been told of a table.

    The version of the subscription counts the documents that went out.  It outlives a restart: a subscriber
    throws away what has a lower version than what he has seen.
    """

    __slots__ = ("__weakref__", "_ends", "_package", "_shown", "_subscription", "_told")

    def __init__(self, package: TablePackage[R], subscription: SubscriptionView) -> None:
        self._package = package
        self._subscription = subscription
        self._told: Mapping[str, R] | None = None
        """What the subscriber has; None while that is not known."""
        self._shown: Mapping[str, R] = {}
        """What he has as soon as the document that was made last is with him."""
        self._ends: dict[str, str] = {}

    def known(self) -> set[str]:
        """Ids of rows that the subscriber has heard of or is just hearing of."""
        return {*(self._told or ()), *self._shown}

    def ended(self, key: str, event: str) -> None:
        """Remember why a row is gone, for when that is told."""
        self._ends[key] = event

    def render(self, now_wall: float, *, full: bool) -> Notification | None:
        """The whole table, or what has changed in it."""
        package, subscription = self._package, self._subscription
        table = dict(package.rows(subscription))
        told = None if full else self._told
        existing = package.existing(table)
        rows = existing if told is None else self._changes(told, told, table)
        if told is not None and not rows:
            return None
        self._shown = table
        body = package.body(subscription, told is None, rows.values(), now_wall)
        # Versions and lifetimes are others each time: the tag is of what does not depend on the moment.
        return Notification(body, etag=table_etag(existing))

    def _changes(
        self, before: Mapping[str, R], told: Mapping[str, R], table: Mapping[str, R]
    ) -> dict[str, R]:
        """Rows of `table` that are others than he was `told`, and the ends of those there were before."""
        rows: dict[str, R] = {}
        for key, row in table.items():
            had = told.get(key)
            if had != row:
                rows[key] = row if had is None else self._package.changed_row(row)
        for key, row in before.items():
            if key not in table:
                over = self._package.over(row, self._ends.get(key, ""))
                if over is not None:
                    rows[key] = over
        return rows

    def delivered(self) -> None:
        """The next document tells what has changed since this one."""
        self._told = self._shown
        self._sent()

    def failed(self) -> None:
        """The next document is whole; it may be that this one has come through all the same."""
        self._told = None
        self._sent()

    def _sent(self) -> None:
        self._subscription.version += 1
        self._shown = {}
        known = self._remembered()
        self._ends = {key: event for key, event in self._ends.items() if key in known}

    def _remembered(self) -> set[str]:
        """Ids of rows whose end may have to be told."""
        return set(self._told or ())

    def refresh(self, request: Request) -> Callable[[], None] | None:
        """Raises UnsupportedMediaType for a body."""
        if request.body:
            raise _not_understood(request.content_type.full if request.content_type else "")
        return None

    def close(self) -> None:
        """Nothing is remembered for it any more."""
        self._package.closed(self, self._subscription.aor)


def _not_understood(content_type: str) -> UnsupportedMediaType:
    return UnsupportedMediaType(f"{content_type or 'A body'} is not understood here")


def table_etag(table: Mapping[str, object]) -> str:
    """The entity-tag of a state: equal tables have equal ones (RFC 5839 §6.1)."""
    return hashlib.blake2b(repr(sorted(table.items())).encode(), digest_size=9).hexdigest()


def token_of(*parts: str) -> str:
    """A token that is always the same for the same `parts` and tells nothing of them."""
    return hashlib.blake2b("\0".join(parts).encode("utf-8", "surrogateescape"), digest_size=9).hexdigest()
