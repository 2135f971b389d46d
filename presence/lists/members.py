"""The members of a list subscription: virtual subscriptions (RFC 4662 §4), and what state they are in.

To the package of the members each is a subscription of the list's watcher like any other: the same rules,
views and filters hold as if he had subscribed to them one by one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from presence.lists.model import NORESOURCE, REJECTED
from presence.lists.view import ACTIVE, PENDING, TERMINATED
from sip.errors import Forbidden, SipError
from sip.usage.notifier import Body, View

if TYPE_CHECKING:
    from presence.lists.subscription import ListSubscriptionView

GIVEUP: Final = "giveup"
"""What was asked for cannot be done for this member (RFC 6665 §4.1.3)."""


class State(NamedTuple):
    """Of one member, for one watcher."""

    state: str
    """As of an instance in RLMI; empty as long as nothing is known."""
    reason: str | None = None
    body: Body | None = None
    """There is one when active, and only then (§5.5)."""

    @property
    def etag(self) -> str:
        """Equal states have equal ones."""
        return f"{self.state} {self.reason or ''} {self.body.etag if self.body is not None else ''}"


_UNKNOWN: Final = State("")
_PENDING: Final = State(PENDING)
_REJECTED: Final = State(TERMINATED, REJECTED)
_NORESOURCE: Final = State(TERMINATED, NORESOURCE)
_GIVEUP: Final = State(TERMINATED, GIVEUP)


class VirtualSubscription:
    """The subscription to one member (`sip.usage.notifier.SubscriptionView`)."""

    __slots__ = ("_list", "aor", "shown", "version", "view")

    def __init__(self, of: ListSubscriptionView, aor: str) -> None:
        self._list = of
        self.aor = aor
        self.version = 0
        self.view: View | None = None
        """What the watcher sees of him; None as long as he may not."""
        self.shown = _UNKNOWN
        """What was found when he was looked at last."""

    # -- for the package ----------------------------------------------------------------------------------

    @property
    def id(self) -> str:
        return f"{self._list.subscription.id}:{self.aor}"

    @property
    def package(self) -> str:
        return self._list.package

    @property
    def watcher(self) -> str:
        return self._list.subscription.watcher

    @property
    def content_type(self) -> str:
        return self._list.inner.content_types[0]

    @property
    def accept(self) -> tuple[str, ...]:
        # Whole documents only: changes alone would need a version that outlives a restart, for each member.
        return (self.content_type,)

    @property
    def filter_type(self) -> str:
        return self._list.brought.filter_type

    @property
    def filter_body(self) -> bytes:
        return self._list.brought.filter_body

    def keep_filter(self, content_type: str, body: bytes) -> None:
        self._list.keep_filter(content_type, body)

    def notify(self) -> None:
        self._list.changed(self.aor)

    # -- for the list -------------------------------------------------------------------------------------

    def look(self, now_wall: float, *, full: bool, is_user: bool) -> View | None:
        """Find out what the watcher sees of him now; the view that has made a document of it, if one has."""
        before, self.shown = self.shown, (self._refused() if is_user else _NORESOURCE)
        if self.shown is not _UNKNOWN:
            self.close()
            return None
        known = before.state == ACTIVE
        try:
            if self.view is None:
                self.view = self._list.inner.open(self)
            told = self.view.render(now_wall, full=full or not known)
        except SipError:
            self.shown = _GIVEUP
            self.close()
            return None
        if told is None and known:
            # Nothing that the filter wants.
            self.shown = before
            return None
        if told is None or told.body is None:
            self.shown = _PENDING
            self.close()
            return None
        self.shown = State(ACTIVE, None, told.body)
        return self.view

    def _refused(self) -> State:
        """The state of one who is not to be seen; `_UNKNOWN` of one who is."""
        try:
            pending = self._list.inner.authorize(self.watcher, self.aor) == PENDING
        except Forbidden:
            return _REJECTED
        return _PENDING if pending else _UNKNOWN

    def close(self) -> None:
        """Nobody looks any more."""
        if self.view is not None:
            self.view.close()
            self.view = None
