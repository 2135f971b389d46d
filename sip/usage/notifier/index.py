"""All live subscriptions, found by dialog, by what is watched and by who watches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

from sip.usage.notifier.subscription import Subscription

K = TypeVar("K")

DialogId = tuple[str, str, str]
"""Call-ID, our tag, their tag."""


class Subscriptions:
    """Subscriptions that are stored; the order within a list is that of arrival.

    One to a list is not found by what is watched: its address may be that of a user, whose state it is not.
    """

    __slots__ = ("_by_aor", "_by_dialog", "_by_watcher")

    def __init__(self) -> None:
        self._by_dialog: dict[DialogId, Subscription] = {}
        self._by_aor: dict[tuple[str, str], dict[Subscription, None]] = {}
        self._by_watcher: dict[str, dict[Subscription, None]] = {}

    def __len__(self) -> int:
        return len(self._by_dialog)

    def __iter__(self) -> Iterator[Subscription]:
        return iter(self._by_dialog.values())

    def __contains__(self, subscription: Subscription) -> bool:
        return self._by_dialog.get(subscription.dialog.id) is subscription

    def in_dialog(self, dialog: DialogId) -> Subscription | None:
        """The subscription of a dialog."""
        return self._by_dialog.get(dialog)

    def of(self, package: str, aor: str) -> list[Subscription]:
        """Those that watch `aor` in `package`."""
        return list(self._by_aor.get((package, aor), ()))

    def of_watcher(self, watcher: str) -> list[Subscription]:
        """Those of one watcher."""
        return list(self._by_watcher.get(watcher, ()))

    def count_of_watcher(self, watcher: str) -> int:
        """How many one watcher has."""
        return len(self._by_watcher.get(watcher, ()))

    def add(self, subscription: Subscription) -> None:
        """Take one in."""
        self._by_dialog[subscription.dialog.id] = subscription
        if subscription.list_package is None:
            self._by_aor.setdefault((subscription.package, subscription.aor), {})[subscription] = None
        self._by_watcher.setdefault(subscription.watcher, {})[subscription] = None

    def remove(self, subscription: Subscription) -> None:
        """Take one out; harmless when it is not there."""
        if subscription not in self:
            return
        del self._by_dialog[subscription.dialog.id]
        if subscription.list_package is None:
            _discard(self._by_aor, (subscription.package, subscription.aor), subscription)
        _discard(self._by_watcher, subscription.watcher, subscription)


def _discard(index: dict[K, dict[Subscription, None]], key: K, subscription: Subscription) -> None:
    members = index[key]
    del members[subscription]
    if not members:
        del index[key]
