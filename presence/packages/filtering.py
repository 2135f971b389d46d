"""The filter of one subscription: what its SUBSCRIBE brought and later ones make of it (RFC 4660 §5.2)."""

from __future__ import annotations

from collections.abc import Callable

from presence.documents.simple_filter import CONTENT_TYPE
from presence.documents.xml import DEFAULT_LIMITS
from presence.filters import CompiledFilters, WatcherFilter
from sip.message import Request
from sip.usage.content import decode_body
from sip.usage.notifier import SubscriptionView


class Filtering:
    """Holds the filter, and sees to it that a restart finds it."""

    __slots__ = ("_compiled", "_subscription", "wanted")

    def __init__(self, compiled: CompiledFilters, subscription: SubscriptionView) -> None:
        """Raises what `WatcherFilter.read` does, if there is a body."""
        self._compiled = compiled
        self._subscription = subscription
        self.wanted: WatcherFilter | None = None
        """What is asked for, None for everything."""
        if subscription.filter_body:
            self.wanted = compiled.read(subscription.filter_type, subscription.filter_body)
            if not subscription.lists:
                # The filter of a list was looked at when it came; an alias of later does not end it.
                self._check(self.wanted)

    @property
    def applicable(self) -> WatcherFilter | None:
        """What of it holds for the documents of this subscription, None for everything."""
        if self.wanted is None:
            return None
        return self._compiled.applicable(self.wanted, self._subscription.aor, self._subscription.lists)

    def _check(self, wanted: WatcherFilter) -> None:
        lists = self._subscription.lists
        wanted.check_resources(lists[-1] if lists else self._subscription.aor, self._compiled.means)

    def refresh(self, request: Request) -> Callable[[], None]:
        """Take the filters that a SUBSCRIBE changes (RFC 4660 §5.2.2); raises what `WatcherFilter` does.

        Returns how to take that back.
        """
        body = decode_body(request, DEFAULT_LIMITS.size)
        subscription, before = self._subscription, self.wanted
        kept = subscription.filter_type, subscription.filter_body
        updated = self._compiled.updated(before or self._compiled.nothing, request.content_type, body)
        self._check(updated)
        if updated:
            self.wanted = updated
            subscription.keep_filter(CONTENT_TYPE, updated.document())
        else:
            self.wanted = None
            subscription.keep_filter("", b"")

        def take_back() -> None:
            self.wanted = before
            subscription.keep_filter(*kept)

        return take_back
