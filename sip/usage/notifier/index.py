"""All live subscriptions, found by dialog, by what is watched and by who watches."""

from __future__ import annotations

from collections.abc import Iterator

from sip.usage.notifier.subscription import Subscription

Group = Subscription | dict[Subscription, None]
"""Those of one key: nearly always it is one, and a dictionary for it would be larger than all else here."""

DialogId = tuple[str, str, str]
"""Call-ID, our tag, their tag."""


class Subscriptions:
    """Subscriptions that are stored; the order within a list is that of arrival.

    One to a list is not found by what is watched: its address may be that of a user, whose state it is not.
    """

    __slots__ = ("_by_aor", "_by_tag", "_by_watcher")

    def __init__(self) -> None:
        self._by_tag: dict[str, Subscription] = {}
        """By our tag of the dialog, which is never the same twice: it is the key of the row as well."""
        self._by_aor: dict[str, dict[str, Group]] = {}
        """By package, and then by AOR."""
        self._by_watcher: dict[str, Group] = {}

    def __len__(self) -> int:
        return len(self._by_tag)

    def __iter__(self) -> Iterator[Subscription]:
        return iter(self._by_tag.values())

    def __contains__(self, subscription: Subscription) -> bool:
        return subscription.is_kept

    def in_dialog(self, dialog: DialogId) -> Subscription | None:
        """The subscription of a dialog."""
        found = self._by_tag.get(dialog[1])
        return found if found is not None and found.dialog.id == dialog else None

    def subjects(self) -> set[str]:
        """All that is watched, in whatever package; lists are not among it."""
        return {aor for watched in self._by_aor.values() for aor in watched}

    def of(self, package: str, aor: str) -> list[Subscription]:
        """Those that watch `aor` in `package`."""
        watched = self._by_aor.get(package)
        return _members(watched, aor) if watched is not None else []

    def of_watcher(self, watcher: str) -> list[Subscription]:
        """Those of one watcher."""
        return _members(self._by_watcher, watcher)

    def count_of_watcher(self, watcher: str) -> int:
        """How many one watcher has."""
        group = self._by_watcher.get(watcher)
        if group is None:
            return 0
        return 1 if isinstance(group, Subscription) else len(group)

    def add(self, subscription: Subscription) -> None:
        """Take one in."""
        subscription.is_kept = True
        self._by_tag[subscription.dialog.local_tag] = subscription
        if subscription.list_package is None:
            watched = self._by_aor.get(subscription.package)
            if watched is None:
                watched = self._by_aor[subscription.package] = {}
            _join(watched, subscription.aor, subscription)
        _join(self._by_watcher, subscription.watcher, subscription)

    def remove(self, subscription: Subscription) -> None:
        """Take one out; harmless when it is not there."""
        if subscription not in self:
            return
        subscription.is_kept = False
        del self._by_tag[subscription.dialog.local_tag]
        if subscription.list_package is None:
            _discard(self._by_aor[subscription.package], subscription.aor, subscription)
        _discard(self._by_watcher, subscription.watcher, subscription)


def _members(index: dict[str, Group], key: str) -> list[Subscription]:
    group = index.get(key)
    if group is None:
        return []
    return [group] if isinstance(group, Subscription) else list(group)


def _join(index: dict[str, Group], key: str, subscription: Subscription) -> None:
    group = index.get(key)
    if group is None:
        index[key] = subscription
    elif isinstance(group, Subscription):
        index[key] = {group: None, subscription: None}
    else:
        group[subscription] = None


def _discard(index: dict[str, Group], key: str, subscription: Subscription) -> None:
    group = index[key]
    if isinstance(group, Subscription):
        del index[key]
        return
    del group[subscription]
    if len(group) == 1:
        (index[key],) = group
