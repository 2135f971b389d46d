"""One list subscription: its members judged one by one, and one NOTIFY for what has changed of them all."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING, Final

from presence.lists.body import Brought, read_body, write_body
from presence.lists.members import VirtualSubscription
from presence.lists.model import NONE_WITHIN, Member, ResourceList
from presence.lists.view import PENDING, ListNotification, ListView
from sip.errors import SipError, UnsupportedMediaType
from sip.message import Request
from sip.timers import Timer
from sip.usage.notifier import (
    Body,
    EventPackage,
    Notification,
    Subscription,
    SubscriptionEvent,
    SubscriptionView,
    View,
    unordered,
)
from sip.usage.notifier.lists import REQUIRE_EVENTLIST, body_type

if TYPE_CHECKING:
    from presence.lists.service import ListPackage, ListService

RETRY: Final = 30.0
"""Seconds after which a list of which a part was refused is told from the beginning."""


class ListSubscriptionView:
    """What the subscriber of a list sees over time (`sip.usage.notifier.View`)."""

    __slots__ = (
        "_list",
        "_listed",
        "_members",
        "_rendered",
        "_retry",
        "_service",
        "_stale",
        "_timer",
        "_unsent",
        "_watches",
        "_within",
        "brought",
        "live",
        "subscription",
    )

    def __init__(self, service: ListService, listed: ListPackage, subscription: SubscriptionView) -> None:
        """Raises SipError as `ListPackage.open`."""
        self.subscription = subscription
        self.brought = read_body(subscription.filter_type, subscription.filter_body)
        self._service = service
        self._listed = listed
        self._members: dict[str, VirtualSubscription] = {}
        self._stale: dict[str, None] = {}
        """Members whose state may be another one than was told."""
        self._timer: Timer | None = None
        self._retry: Timer | None = None
        """Until all is told again after a part that failed."""
        self._unsent: int | None = None
        """Version of a notification of which it is not known whether it was sent."""
        self._rendered: list[View] = []
        """Views whose documents are in it."""
        self.live: Subscription | None = None
        """The subscription as the notifier has it; None before it has come."""
        self._watches = False
        """Whether its members are told that they are watched: from its coming to its end."""
        self._within = NONE_WITHIN
        resource_list = listed.list_of(subscription, self.brought)
        if self.brought.filter_body:
            # Refused now if it cannot be met, whoever will be in the list.
            self.inner.open(VirtualSubscription(self, subscription.aor)).close()
        self._within = resource_list.within
        self._list = ListView(resource_list, token=unordered(subscription.id), version=subscription.version)
        self._came(resource_list.members)

    @property
    def package(self) -> str:
        """Name of the event package."""
        return self._listed.name

    @property
    def inner(self) -> EventPackage:
        """The package of the members."""
        return self._listed.inner

    @property
    def members(self) -> Mapping[str, VirtualSubscription]:
        """The subscriptions to the members, by AOR."""
        return self._members

    def lists_of(self, aor: str) -> tuple[str, ...]:
        """The URIs of the lists in it that the member `aor` is in, the innermost first, and its own."""
        return self._within.get(aor, ())

    def gathers(self, aor: str) -> bool:
        """Whether a change of the member `aor` waits for the window to close."""
        return self._timer is not None and aor in self._stale

    # -- what happens -------------------------------------------------------------------------------------

    def is_hidden(self, aor: str) -> bool:
        """Whether the subscriber was shown nothing of `aor`, and is shown nothing now for the same reason."""
        member = self._members.get(aor)
        return member is not None and member.hidden != "" and member.hidden == self._hides(aor)

    def _hides(self, aor: str) -> str:
        return self._service.hides(self.subscription.watcher, aor)

    def happened(self, subscription: Subscription, event: SubscriptionEvent) -> None:
        """The subscription has come, or gone for `event`; a fetch goes without having come."""
        self.live = subscription
        if event == "subscribe":
            self._watches = True
            for aor in tuple(self._members):
                self.judge(aor)
            return
        came, self._watches = self._watches, False
        # That a list is no more is the doing of its owner, who watches: no member is gone by that.
        reason = "timeout" if event == "noresource" else event
        for member in tuple(self._members.values()):
            if not came:
                member.judge(is_user=self._service.is_user(member.aor))
            ended = member.end(reason)
            if ended is not None and (came or member.state == PENDING):
                self._service.tell(member, ended)

    def judge(self, aor: str) -> None:
        """Who may watch the member `aor` may have changed."""
        member = self._members.get(aor)
        if member is not None and self._watches:
            event = member.judge(is_user=self._service.is_user(aor))
            if event is not None:
                self._service.tell(member, event)

    def changed(self, aor: str) -> None:
        """The member `aor` may be shown otherwise: looked at when the window closes."""
        if aor in self._members:
            self._stale[aor] = None
            self._gather()

    def reload(self) -> None:
        """The list, or who its members are, may be another one."""
        try:
            resource_list = self._listed.list_of(self.subscription, self.brought)
        except SipError:
            # The group was deleted, or the list is nobody's any more.
            self._service.gone(self.subscription)
            return
        self._replace(resource_list)
        self._gather()

    def _replace(self, resource_list: ResourceList) -> None:
        before, self._within = self._within, resource_list.within
        if self.brought.filter_body:
            # Another filter may hold for who is in other lists.
            for aor in self._members:
                if before.get(aor) != self._within.get(aor):
                    self._stale[aor] = None
        came, went = self._list.replace(resource_list)
        for aor in (*went, *(member.aor for member in came)):
            self._forget(aor)
        self._came(came)

    def _came(self, members: Sequence[Member]) -> None:
        for member in members:
            if member.refused is None:
                self._members[member.aor] = VirtualSubscription(self, member.aor)
                self._stale[member.aor] = None
            # Also one whom nobody can subscribe to: an address may become that of a user.
            self._service.add_member(self, member.aor)
            if self._watches:
                self.judge(member.aor)

    def _forget(self, aor: str) -> None:
        member = self._members.pop(aor, None)
        if member is not None:
            ended = member.end("timeout")
            if ended is not None:
                # Taken out of the list: he who has it watches him no more, as by a SUBSCRIBE that ends it.
                self._service.tell(member, ended)
            member.close()
        self._stale.pop(aor, None)
        self._service.remove_member(self, aor)

    def _gather(self) -> None:
        # Before the first NOTIFY, which tells everything, nothing is to be said.
        if self._timer is None and self.subscription.version:
            self._timer = self._service.timers.after(self._service.window, self._window_closed)

    def _window_closed(self) -> None:
        self._timer = None
        if self._stale or self._list.due:
            self.subscription.notify()

    # -- View ---------------------------------------------------------------------------------------------

    def render(self, now_wall: float, *, full: bool) -> Notification | None:
        """RLMI and documents: of everybody, or of those who changed; None if nobody did."""
        self._begin()
        for aor in self._members if full else tuple(self._stale):
            self._look(self._members[aor], now_wall, full=full)
        self._stale.clear()
        told = self._list.take(full)
        return self._notification(told) if told is not None else None

    def emptied(self) -> Notification:
        """The last notification of a list that is no more: nobody is in it."""
        self._begin()
        self._replace(ResourceList(self._list.uri, ()))
        told = self._list.take(full=True)
        assert told is not None
        return self._notification(told)

    def delivered(self) -> None:
        """It has arrived."""
        self._unsent = None
        self._list.delivered()
        for view in self._rendered:
            view.delivered()
        self._rendered.clear()
        if self._timer is None and self._list.due:
            # What had no place in it; not from within the answer to it.
            self._timer = self._service.timers.after(0.0, self._window_closed)

    def divide(self, most: int, *, unsent: bool) -> bool:
        """Tell no more than `most` bytes at once (`sip.usage.notifier.DivisibleView`)."""
        if self._list.room is not None and self._list.room <= most:
            return False
        self._list.room = most
        if unsent:
            # The first that is sent has to be 0 (RFC 4662 §5.2).
            self.subscription.version -= 1
        return True

    def failed(self) -> None:
        """It may not have arrived: the next one tells everything.

        One who is told in parts may lack members of whom nothing was ever told: for him it comes by itself.
        """
        self._failed()
        if self._list.room is not None and self._retry is None:
            self._retry = self._service.timers.after(RETRY, self._tell_again)

    def _tell_again(self) -> None:
        self._retry = None
        self.subscription.notify()

    def _failed(self) -> None:
        self._unsent = None
        self._list.failed()
        for view in self._rendered:
            view.failed()
        self._rendered.clear()

    def refresh(self, request: Request) -> Callable[[], None] | None:
        """A SUBSCRIBE within the dialog with a body: a filter, for every member.

        RFC 5367 §5.1 has no place for a list in it; one that is the same as before does no harm (there are
        phones that send it again each time).

        Raises:
            UnsupportedMediaType: 415, another list.
            SipError: as the package of the members says of a filter.
        """
        brought = read_body(body_type(request), request.body)
        if brought.resource_lists is not None:
            if brought.resource_lists != self.brought.resource_lists:
                raise UnsupportedMediaType("The list of a subscription cannot be changed")
            if not brought.filter_body:
                return None
        if not brought.filter_body:
            return None
        return self._refilter(_with_body(request, brought))

    def close(self) -> None:
        """The subscription has ended."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._retry_no_more()
        for member in self._list.members:
            self._forget(member.aor)
        self._service.close(self)

    def _retry_no_more(self) -> None:
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None

    # -- members ------------------------------------------------------------------------------------------

    def _look(self, member: VirtualSubscription, now_wall: float, *, full: bool) -> None:
        """What the watcher sees of a member now."""
        member.hidden = self._hides(member.aor)
        view = member.look(now_wall, full=full, is_user=self._service.is_user(member.aor))
        if view is not None:
            self._rendered.append(view)
        state, reason, body, _ = member.shown
        if body is None:
            self._list.changed(member.aor, state, reason=reason)
        else:
            self._list.changed(member.aor, state, body.data, content_type=body.content_type)

    def _refilter(self, request: Request) -> Callable[[], None]:
        undo: list[Callable[[], None]] = []

        def take_back() -> None:
            for one in reversed(undo):
                one()

        before, kept = self.brought, (self.subscription.filter_type, self.subscription.filter_body)

        def restore() -> None:
            self.brought = before
            self.subscription.keep_filter(*kept)

        undo.append(restore)
        # One more, for a list in which nobody can be seen now.
        probe = self.inner.open(VirtualSubscription(self, self.subscription.aor))
        views = [member.view for member in self._members.values() if member.view is not None]
        try:
            for view in (probe, *views):
                back = view.refresh(request)
                if back is not None:
                    undo.append(back)
        except SipError:
            take_back()
            raise
        finally:
            probe.close()
        return take_back

    def keep_filter(self, content_type: str, body: bytes) -> None:
        """The filter of all members from now on, over a restart too."""
        self.brought = self.brought._replace(filter_type=content_type, filter_body=body)
        self.subscription.keep_filter(*write_body(self.brought))

    # -- versions -----------------------------------------------------------------------------------------

    def _begin(self) -> None:
        self._retry_no_more()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._unsent is not None:
            # The last one was looked at and not sent, so its version is still free.
            self.subscription.version = self._unsent
            self._failed()
        self._list.version = self.subscription.version

    def _notification(self, told: ListNotification) -> Notification:
        self._unsent = told.version
        # In the subscription, so that it goes on after a restart.
        self.subscription.version = told.version + 1
        return Notification(Body(*told.render()), REQUIRE_EVENTLIST, self._etag(), self._list.due)

    def _etag(self) -> str:
        """Of the state of all members: equal states have equal ones, whatever the version (RFC 5839)."""
        states = []
        virtuals = self._members
        for uri, aor, name, refused in self._list.members:
            virtual = virtuals.get(aor)
            states.append(f"{uri} {name or ''} {virtual.shown.tag if virtual is not None else refused}\n")
        whole = "".join(states).encode("utf-8", "replace")
        return blake2b(whole, digest_size=9, person=b"SIP-ETag").hexdigest()


def _with_body(request: Request, brought: Brought) -> Request:
    """The request as if the filter were all that it brings."""
    if brought.resource_lists is None and not body_type(request).startswith("multipart/"):
        return request
    alone = request.copy()
    alone.set("Content-Type", brought.filter_type)
    alone.body = brought.filter_body
    return alone
