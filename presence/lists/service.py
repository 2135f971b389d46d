"""The list service: subscriptions to lists of contacts (RFC 4662) and to lists in a SUBSCRIBE (RFC 5367).

It tells the notifier what is a list and for whom, and every list subscription what may have changed for it:
a member's state costs only those who have him in a list.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from presence.directory import Change
from presence.documents.multipart import RELATED
from presence.documents.rlmi import CONTENT_TYPE as RLMI
from presence.lists.body import Brought, read_body
from presence.lists.directory import ListDirectory, Users
from presence.lists.members import VirtualSubscription
from presence.lists.model import ResourceList
from presence.lists.subscription import ListSubscriptionView
from presence.lists.view import ListView
from sip.errors import Forbidden
from sip.timers import TimerWheel
from sip.usage.notifier import (
    Authorization,
    Body,
    EventPackage,
    LiveSubscription,
    Notification,
    Subscription,
    SubscriptionEvent,
    SubscriptionView,
    unordered,
)
from sip.usage.notifier.lists import REQUIRE_EVENTLIST

K = TypeVar("K")
Key = tuple[str, str]
"""Event package and AOR."""


class ListPackage:
    """An event package for lists: those of contacts, or those in the SUBSCRIBE."""

    __slots__ = ("_enclosed", "_service", "content_types", "inner")

    def __init__(self, service: ListService, inner: EventPackage, *, enclosed: bool) -> None:
        self.inner = inner
        """The package of the members."""
        # Some who know lists name the types of the parts only.
        self.content_types = (RELATED, RLMI, *inner.content_types)
        self._service = service
        self._enclosed = enclosed

    @property
    def name(self) -> str:
        """As in Event: that of the members' package."""
        return self.inner.name

    def authorize(self, watcher: str, aor: str) -> Authorization:
        """A list of contacts is for its owner, one in the SUBSCRIBE for everybody; members come later."""
        if not self._enclosed and not self._service.is_owner(watcher, aor):
            raise Forbidden("A contact list is for its owner only")
        return "active"

    def open(self, subscription: SubscriptionView) -> ListSubscriptionView:
        """Raises SipError: no such list (404), unreadable (400), too long (413), a filter not understood."""
        return self._service.open(self, subscription)

    def neutral(self, subscription: SubscriptionView) -> Notification:
        """At the end, when the list or its owner is gone: nobody is in it."""
        view = self._service.view(subscription)
        return view.emptied() if view is not None else _nobody(subscription)

    def list_of(self, subscription: SubscriptionView, brought: Brought) -> ResourceList:
        """The list of a subscription as it is now."""
        lists = self._service.lists
        if brought.resource_lists is not None and self._enclosed:
            return lists.enclosed(subscription.aor, brought.resource_lists, subscription.watcher)
        return lists.resolve(subscription.aor, subscription.watcher)


class ListService:
    """All list subscriptions, by who is in them.

    Args:
        packages: whose state can be subscribed to by lists.
        lists: which lists there are.
        users: who is a user.
        timers: for changes that gather.
        window: seconds that changes gather for.
        gone: called with a subscription whose list is no more.
        hides: why a watcher is shown nothing of an AOR whatever happens there, in one word; empty if he is.
    """

    __slots__ = (
        "_enclosed",
        "_members",
        "_owned",
        "_stored",
        "_views",
        "gone",
        "hides",
        "lists",
        "on_subscription",
        "timers",
        "users",
        "window",
    )

    def __init__(
        self,
        packages: Iterable[EventPackage],
        lists: ListDirectory,
        users: Users,
        timers: TimerWheel,
        window: float,
        gone: Callable[[SubscriptionView], None],
        hides: Callable[[str, str], str] = lambda watcher, aor: "",
    ) -> None:
        packages = tuple(packages)
        self._enclosed: Mapping[str, ListPackage] = {
            it.name: ListPackage(self, it, enclosed=True) for it in packages
        }
        self._stored: Mapping[str, ListPackage] = {
            it.name: ListPackage(self, it, enclosed=False) for it in packages
        }
        self.lists = lists
        self.users = users
        self.timers = timers
        self.window = window
        self.gone = gone
        self.hides = hides
        self._views: dict[str, ListSubscriptionView] = {}
        self._members: dict[Key, dict[ListSubscriptionView, None]] = {}
        self._owned: dict[str, dict[ListSubscriptionView, None]] = {}
        self.on_subscription: list[Callable[[LiveSubscription, SubscriptionEvent], None]] = []
        """Called when somebody begins to watch a member through a list, in another state, or no more."""

    def __len__(self) -> int:
        return len(self._views)

    # -- what the notifier asks (ListServer) --------------------------------------------------------------

    def enclosed(self, package: str, content_type: str, body: bytes) -> ListPackage | None:
        """What serves a list in the body of a SUBSCRIBE; None: it has none."""
        found = self._enclosed.get(package)
        if found is None or read_body(content_type, body).resource_lists is None:
            return None
        return found

    def stored(self, package: str, aor: str) -> ListPackage | None:
        """What serves the list `aor`; None: that is no list."""
        return self._stored.get(package) if self.lists.find(aor) is not None else None

    def former(self, package: str) -> ListPackage | None:
        """What tells those of a list that is no list any more that it has ended; None: there was none."""
        return self._stored.get(package)

    def serves(self, package: str) -> bool:
        """Whether there are lists for `package` at all."""
        return package in self._stored

    def is_stored(self, aor: str) -> bool:
        """Whether `aor` is a contact list."""
        return self.lists.find(aor) is not None

    def changed(self, package: str, aor: str) -> None:
        """`aor` shows something else."""
        for view in tuple(self._members.get((package, aor), ())):
            _look_again(view, aor)

    def reauthorize(self, package: str, aor: str) -> None:
        """`aor` shows what he shows to others than before."""
        for view in tuple(self._members.get((package, aor), ())):
            view.judge(aor)
            _look_again(view, aor)

    def happened(self, subscription: Subscription, event: SubscriptionEvent) -> None:
        """A subscription to a list has come or gone."""
        view = self._views.get(subscription.id)
        if view is not None:
            view.happened(subscription, event)

    def subjects(self) -> set[str]:
        """The AORs that are watched as members of lists."""
        return {aor for _, aor in self._members}

    def is_owner(self, watcher: str, aor: str) -> bool:
        """Whether `watcher` may subscribe to the contact list `aor`; whether there is one is asked later."""
        reference = self.lists.find(aor)
        return reference is None or reference.owner == (self.users.resolve(watcher) or watcher)

    # -- what changes lists -------------------------------------------------------------------------------

    def contacts_changed(self, owner: str) -> None:
        """The contacts of `owner` are others: lists within lists may be his, so all of his are looked at."""
        for view in tuple(self._owned.get(owner, ())):
            view.reload()

    def apply(self, changes: Iterable[Change]) -> None:
        """Follow the outbox: users who came, went, or go by other names (the directory knows it already)."""
        for change in changes:
            if change.topic.startswith("user."):
                gone = change.payload.get("aliases")
                aliases = gone if isinstance(gone, (list, tuple)) else ()
                self._user_changed(change.key, (*aliases, *(change.user.aliases if change.user else ())))

    def _user_changed(self, aor: str, aliases: Iterable[str]) -> None:
        views: dict[ListSubscriptionView, None] = {}
        for package in self._stored:
            for name in (aor, *aliases):
                views |= self._members.get((package, name), {})
        for view in views:
            view.reload()
            # Somebody who was nobody may be a user now, or the reverse.
            view.judge(aor)
            view.changed(aor)

    # -- subscriptions ------------------------------------------------------------------------------------

    def open(self, package: ListPackage, subscription: SubscriptionView) -> ListSubscriptionView:
        """The view of a list subscription; raises SipError."""
        view = ListSubscriptionView(self, package, subscription)
        self._views[subscription.id] = view
        self._owned.setdefault(subscription.watcher, {})[view] = None
        return view

    def view(self, subscription: SubscriptionView) -> ListSubscriptionView | None:
        """That of an open subscription."""
        return self._views.get(subscription.id)

    def add_member(self, view: ListSubscriptionView, aor: str) -> None:
        """`view` wants to hear of `aor`."""
        key = (view.package, aor)
        views = self._members.get(key)
        if views is None:
            self._members[key] = {view: None}
        else:
            views[view] = None

    def remove_member(self, view: ListSubscriptionView, aor: str) -> None:
        """`view` does not want to hear of `aor` any more."""
        _discard(self._members, (view.package, aor), view)

    def close(self, view: ListSubscriptionView) -> None:
        """The subscription has ended."""
        self._views.pop(view.subscription.id, None)
        _discard(self._owned, view.subscription.watcher, view)

    # -- who watches whom through a list ------------------------------------------------------------------

    def is_user(self, aor: str) -> bool:
        """Whether there is such a user here."""
        return self.users.resolve(aor) is not None

    def tell(self, member: VirtualSubscription, event: SubscriptionEvent) -> None:
        """Tell who listens what has happened to the subscription to a member."""
        for listener in self.on_subscription:
            listener(member, event)

    def through(self, package: str, aor: str) -> list[VirtualSubscription]:
        """The subscriptions to `aor` through lists that have come, those that he refuses too."""
        views = self._members.get((package, aor), ())
        return [view.members[aor] for view in views if view.live is not None and aor in view.members]

    def watching(self, package: str, aor: str) -> list[VirtualSubscription]:
        """Those of them that watch him, or wait for his permission."""
        return [member for member in self.through(package, aor) if member.watches]


def _look_again(view: ListSubscriptionView, aor: str) -> None:
    # A window that opens for nothing would show in the moment at which others are told of.
    if not view.is_hidden(aor):
        view.changed(aor)


def _nobody(subscription: SubscriptionView) -> Notification:
    """An empty list, for who had one before a restart: each NOTIFY has RLMI if one had (RFC 4662 §4.5)."""
    token = unordered(subscription.id)
    empty = ListView(ResourceList(subscription.aor, ()), token=token, version=subscription.version)
    told = empty.take(full=True)
    assert told is not None
    return Notification(Body(*told.render()), REQUIRE_EVENTLIST)


def _discard(index: dict[K, dict[ListSubscriptionView, None]], key: K, view: ListSubscriptionView) -> None:
    views = index.get(key)
    if views is not None:
        views.pop(view, None)
        if not views:
            del index[key]
