"""Filters that are understood once, however many have them.

All members of a list have the filter of their subscription, and phones of one make send the same one: while
any of them has it, it is the same object.
"""

from __future__ import annotations

from collections.abc import Sequence
from weakref import WeakValueDictionary, ref

from presence.filters.watcher_filter import Means, WatcherFilter, itself
from sip.headers import MediaType


class CompiledFilters:
    """The filters of one event package that somebody has now; nothing is kept beyond those."""

    __slots__ = ("_all", "_last", "_package", "means", "nothing")

    def __init__(self, package: str, means: Means = itself) -> None:
        self._package = package
        self.means = means
        """Whom the URIs in filters stand for."""
        self.nothing = WatcherFilter(package)
        """What asks for everything: an update begins with it where there was no filter."""
        self._all: WeakValueDictionary[tuple[str, bytes], WatcherFilter] = WeakValueDictionary()
        self._last: tuple[ref[WatcherFilter], str, bytes, ref[WatcherFilter]] | None = None
        """The update that was made last: from what, by what, to what."""

    def read(self, content_type: str, body: bytes) -> WatcherFilter:
        """As `WatcherFilter.read`, which raises its errors."""
        key = (content_type, body)
        found = self._all.get(key)
        if found is None:
            found = WatcherFilter.read(content_type or None, body, self._package)
            self._all[key] = found
        return found

    def updated(self, before: WatcherFilter, content_type: MediaType | None, body: bytes) -> WatcherFilter:
        """As `before.updated`, which raises its errors."""
        given = str(content_type)
        if self._last is not None:
            was, its_type, its_body, made = self._last
            found = made()
            if found is not None and (was(), its_type, its_body) == (before, given, body):
                return found
        found = before.updated(content_type, body)
        self._last = (ref(before), given, body, ref(found))
        return found

    def applicable(
        self, wanted: WatcherFilter | None, aor: str, lists: Sequence[str]
    ) -> WatcherFilter | None:
        """The one of the filters `wanted` that holds for the documents of `aor`, as `for_resource` has it."""
        return None if wanted is None else wanted.for_resource(aor, lists, self.means)
