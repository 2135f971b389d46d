"""The members of a list subscription: virtual subscriptions (RFC 4662 §4), and what state they are in.

To the package of the members each is a subscription of the list's watcher like any other: the same rules,
views and filters hold as if he had subscribed to them one by one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from presence.lists.model import GIVEUP, NORESOURCE, REJECTED
from presence.lists.view import ACTIVE, PENDING, TERMINATED
from sip.errors import Forbidden, SipError
from sip.usage.notifier import Authorization, Body, Subscription, SubscriptionEvent, View

if TYPE_CHECKING:
    from presence.lists.subscription import ListSubscriptionView


class State(NamedTuple):
    """Of one member, for one watcher."""

    state: str
    """As of an instance in RLMI; empty as long as nothing is known."""
    reason: str | None = None
    body: Body | None = None
    """There is one when active, and only then (§5.5)."""
    etag: str = ""
    """Of what the document tells, whatever version it has."""

    @property
    def tag(self) -> str:
        """Equal states have equal ones."""
        return f"{self.state} {self.reason or ''} {self.etag}"


_UNKNOWN: Final = State("")
_PENDING: Final = State(PENDING)
_REJECTED: Final = State(TERMINATED, REJECTED)
_NORESOURCE: Final = State(TERMINATED, NORESOURCE)
_GIVEUP: Final = State(TERMINATED, GIVEUP)


class VirtualSubscription:
    """The subscription to one member (`sip.usage.notifier.SubscriptionView` and `LiveSubscription`)."""

    __slots__ = ("_list", "aor", "hidden", "shown", "state", "view", "watches")

    def __init__(self, of: ListSubscriptionView, aor: str) -> None:
        self._list = of
        self.aor = aor
        self.view: View | None = None
        """What the watcher sees of him; None as long as he may not."""
        self.shown = _UNKNOWN
        """What was found when he was looked at last."""
        self.hidden = ""
        """Why there was nothing to see then (`ListService.hides`)."""
        self.state: Authorization = PENDING
        """Whether the watcher may see him, as it was judged last."""
        self.watches = False
        """Whether that is a subscription that the member has to know of: not that of one who is refused."""

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
        # Whole documents only: after changes alone a member's subscriber could miss one without knowing.
        return (self.content_type,)

    @property
    def filter_type(self) -> str:
        return self._list.brought.filter_type

    @property
    def filter_body(self) -> bytes:
        return self._list.brought.filter_body

    @property
    def lists(self) -> tuple[str, ...]:
        return self._list.lists_of(self.aor)

    @property
    def version(self) -> int:
        """That of the notification of the list: it outlives a restart, and each document has a higher one."""
        return self._list.subscription.version

    @version.setter
    def version(self, value: int) -> None:
        """Counted by the list."""

    def keep_filter(self, content_type: str, body: bytes) -> None:
        self._list.keep_filter(content_type, body)

    def notify(self) -> None:
        self._list.changed(self.aor)

    # -- for who asks who watches -------------------------------------------------------------------------

    @property
    def through(self) -> Subscription:
        """That to the list."""
        live = self._list.live
        assert live is not None, "told of and found only after it has come"
        return live

    @property
    def gathers(self) -> bool:
        """Whether what has changed of him waits for others to go with it."""
        return self._list.gathers(self.aor)

    @property
    def remote_uri(self) -> str:
        return self.through.remote_uri

    @property
    def created_at(self) -> float:
        return self.through.created_at

    @property
    def expires_at(self) -> float:
        return self.through.expires_at

    def judge(self, *, is_user: bool) -> SubscriptionEvent | None:
        """What the rules make of the subscription now; what has happened to it by that (RFC 3857 §4.7.1)."""
        found = self._authorized() if is_user else None
        if found is None:
            return self.end(REJECTED if is_user else NORESOURCE)
        if self.watches and found == self.state:
            return None
        approved = self.watches and found == ACTIVE
        self.watches, self.state = True, found
        return "approved" if approved else "subscribe"

    def end(self, reason: SubscriptionEvent) -> SubscriptionEvent | None:
        """He watches no more, for `reason`; None if he did not."""
        if not self.watches:
            return None
        self.watches = False
        return reason

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
            if told is not None and known and not full and told.etag:
                # It says whether there is any news; what goes out is whole, as a body without a tag is.
                told = self.view.render(now_wall, full=True)
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
        self.shown = State(ACTIVE, None, told.body, told.etag or told.body.etag)
        return self.view

    def _refused(self) -> State:
        """The state of one who is not to be seen; `_UNKNOWN` of one who is."""
        found = self._authorized()
        return _REJECTED if found is None else _PENDING if found == PENDING else _UNKNOWN

    def _authorized(self) -> Authorization | None:
        """None for one who refuses."""
        try:
            return self._list.inner.authorize(self.watcher, self.aor)
        except Forbidden:
            return None

    def close(self) -> None:
        """Nobody looks any more."""
        if self.view is not None:
            self.view.close()
            self.view = None
