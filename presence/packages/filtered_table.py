"""Tables whose subscriber says which rows he wants to hear of, and when (RFC 4660, RFC 4661).

A filter is held against whole documents; what it leaves of them decides which rows the subscriber has.  Three
things keep full and partial documents consistent under it:

- What changed is the difference to the table that was told last; the filter delivers what it selects of that.
- A row that he has and that the filter does not select any more (a watcher who was pending and is active)
  cannot be told as a change, and must not stay with him: then the document is a full one, without it.
- Where the filter selects nothing of what changed, and he has nothing of it, there is no NOTIFY.

Triggers are held against what was there at the last look, told or not: a row that comes untold, and goes
as a trigger says, is told then (the example of RFC 4660 §7.2.3).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping
from typing import Generic, TypeVar

from presence.filters import CompiledFilters, Means, WatcherFilter, itself
from presence.packages.filtering import Filtering
from presence.packages.tables import TablePackage, TableView, table_etag
from sip.message import Request
from sip.usage.notifier import Body, Notification, SubscriptionView

R = TypeVar("R")


class FilteredTablePackage(TablePackage[R]):
    """A package whose documents can be filtered: it has a `Shape` in `presence.filters.packages`."""

    def __init__(self, means: Means = itself) -> None:
        """`means`: whom the URIs in filters stand for."""
        super().__init__()
        self._filters = CompiledFilters(self.name, means)

    @abstractmethod
    def ids(self, document: bytes) -> set[str]:
        """Which rows are in a document."""

    def view(self, subscription: SubscriptionView) -> TableView[R]:
        """Raises what `WatcherFilter.read` does for a SUBSCRIBE with a body."""
        return FilteredTableView(self, subscription, Filtering(self._filters, subscription))


class FilteredTableView(TableView[R], Generic[R]):
    """What one subscription has been told of a table, by its filter."""

    __slots__ = ("_filtered", "_filtering", "_has", "_looked", "_offered")

    def __init__(
        self, package: FilteredTablePackage[R], subscription: SubscriptionView, filtering: Filtering
    ) -> None:
        super().__init__(package, subscription)
        self._filtered = package
        self._filtering = filtering
        self._has: frozenset[str] = frozenset()
        """Ids of the rows that the subscriber has, if `_told` is known."""
        self._offered: frozenset[str] = frozenset()
        """Those that he has as soon as the document that was made last is with him."""
        self._looked: Mapping[str, R] = {}
        """The table at the last look."""

    @property
    def filter(self) -> WatcherFilter | None:
        """What he asks for, None for everything."""
        return self._filtering.wanted

    def render(self, now_wall: float, *, full: bool) -> Notification | None:
        """What the filter leaves of the table, or of what has changed in it."""
        wanted = self._filtering.applicable
        table = dict(self._package.rows(self._subscription))
        before, self._looked = self._looked, table
        if wanted is None:
            self._offered = frozenset(table)
            return super().render(now_wall, full=full)
        told = None if full else self._told
        if told is not None:
            changes = self._changes({**before, **told}, told, table)
            if not changes or not self._triggered(wanted, before, table, now_wall):
                return None
            body, selected = self._cut(wanted, changes.values(), now_wall, full=False)
            if not self._has & changes.keys() - selected:
                if not selected:
                    return None
                self._shown, self._offered = table, (self._has | selected) & table.keys()
                return Notification(body, etag=self._etag(wanted, table))
        body, selected = self._cut(wanted, table.values(), now_wall, full=True)
        self._shown, self._offered = table, selected
        return Notification(body, etag=self._etag(wanted, table))

    def _cut(
        self, wanted: WatcherFilter, rows: Iterable[R], now_wall: float, *, full: bool
    ) -> tuple[Body, frozenset[str]]:
        """The document of `rows` after the filter, and the ids of those that are in it."""
        subscription = self._subscription
        whole = self._package.body(subscription, full, rows, now_wall)
        data = wanted.apply(whole.data, subscription.aor)
        return Body(whole.content_type, data), frozenset(self._filtered.ids(data))

    def _triggered(
        self, wanted: WatcherFilter, before: Mapping[str, R], table: Mapping[str, R], now_wall: float
    ) -> bool:
        """Whether what has happened since the last look is worth a NOTIFY.

        The end of a row happens in two steps: it is over, and it is not there.
        """
        subscription = self._subscription
        if not wanted.has_triggers(subscription.aor):
            return True
        ends = {key: row for key, row in self._changes(before, before, table).items() if key not in table}
        steps = [
            self._package.body(subscription, True, rows, now_wall).data
            for rows in (before.values(), [*table.values(), *ends.values()], table.values())
        ]
        aor = subscription.aor
        return wanted.triggered(steps[0], steps[1], aor) or wanted.triggered(steps[1], steps[2], aor)

    def _etag(self, wanted: WatcherFilter, table: Mapping[str, R]) -> str:
        rows: dict[str, object] = {key: table[key] for key in self._offered}
        return table_etag({**rows, "": wanted.document()})

    def delivered(self) -> None:
        """The next document tells what has changed since this one."""
        self._has = self._offered
        super().delivered()

    def _remembered(self) -> set[str]:
        return super()._remembered() | self._looked.keys()

    def refresh(self, request: Request) -> Callable[[], None] | None:
        """Take the filters that a SUBSCRIBE changes (RFC 4660 §5.2.2); raises what `WatcherFilter` does."""
        return self._filtering.refresh(request)
