"""One list subscription: its members judged one by one, and one NOTIFY for what has changed of them all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING

from presence.lists.body import Brought, read_body, write_body
from presence.lists.members import VirtualSubscription
from presence.lists.model import Member, ResourceList
from presence.lists.view import ListNotification, ListView
from sip.errors import SipError, UnsupportedMediaType
from sip.message import Request
from sip.timers import Timer
from sip.usage.notifier import Body, EventPackage, Notification, SubscriptionView, View
from sip.usage.notifier.lists import REQUIRE_EVENTLIST, body_type

if TYPE_CHECKING:
    from presence.lists.service import ListPackage, ListService


class ListSubscriptionView:
    """What the subscriber of a list sees over time (`sip.usage.notifier.View`)."""

    __slots__ = (
        "_list",
        "_listed",
        "_members",
        "_rendered",
        "_service",
        "_stale",
        "_timer",
        "_unsent",
        "brought",
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
        self._unsent: int | None = None
        """Version of a notification of which it is not known whether it was sent."""
        self._rendered: list[View] = []
        """Views whose documents are in it."""
        resource_list = listed.list_of(subscription, self.brought)
        if self.brought.filter_body:
            # Refused now if it cannot be met, whoever will be in the list.
            self.inner.open(VirtualSubscription(self, subscription.aor)).close()
        self._list = ListView(resource_list, token=subscription.id, version=subscription.version)
        self._came(resource_list.members)

    @property
    def package(self) -> str:
        """Name of the event package."""
        return self._listed.name

    @property
    def inner(self) -> EventPackage:
        """The package of the members."""
        return self._listed.inner

    # -- what happens -------------------------------------------------------------------------------------

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

    def _forget(self, aor: str) -> None:
        member = self._members.pop(aor, None)
        if member is not None:
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
            self._judge(self._members[aor], now_wall, full=full)
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

    def failed(self) -> None:
        """It may not have arrived: the next one tells everything."""
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
        for member in self._list.members:
            self._forget(member.aor)
        self._service.close(self)

    # -- members ------------------------------------------------------------------------------------------

    def _judge(self, member: VirtualSubscription, now_wall: float, *, full: bool) -> None:
        """What the watcher sees of a member now."""
        is_user = self._service.users.resolve(member.aor) is not None
        view = member.look(now_wall, full=full, is_user=is_user)
        if view is not None:
            self._rendered.append(view)
        state, reason, body = member.shown
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
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._unsent is not None:
            # The last one was looked at and not sent, so its version is still free.
            self.subscription.version = self._unsent
            self.failed()
        self._list.version = self.subscription.version

    def _notification(self, told: ListNotification) -> Notification:
        self._unsent = told.version
        # In the subscription, so that it goes on after a restart.
        self.subscription.version = told.version + 1
        return Notification(Body(*told.render()), REQUIRE_EVENTLIST, self._etag())

    def _etag(self) -> str:
        """Of the state of all members: equal states have equal ones, whatever the version (RFC 5839)."""
        etag = blake2b(digest_size=9, person=b"SIP-ETag")
        for member in self._list.members:
            virtual = self._members.get(member.aor)
            state = virtual.shown.etag if virtual is not None else member.refused
            etag.update(f"{member.uri} {member.name or ''} {state}\n".encode("utf-8", "replace"))
        return etag.hexdigest()


def _with_body(request: Request, brought: Brought) -> Request:
    """The request as if the filter were all that it brings."""
    if brought.resource_lists is None and not body_type(request).startswith("multipart/"):
        return request
    alone = request.copy()
    alone.set("Content-Type", brought.filter_type)
    alone.body = brought.filter_body
    return alone
