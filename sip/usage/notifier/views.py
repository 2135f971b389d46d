"""The simplest views: one document, always whole."""

from __future__ import annotations

from typing import Protocol

from sip.errors import UnsupportedMediaType
from sip.message import Request
from sip.usage.notifier.package import SubscriptionView
from sip.usage.notifier.told import Body, Notification


class Documents(Protocol):
    """A package with one document for a subscription."""

    def document(self, subscription: SubscriptionView, now_wall: float) -> Body | None:
        """The state at `now_wall` (epoch seconds); None for an empty NOTIFY."""


class DocumentView:
    """Tells the whole document, whatever has changed in it."""

    __slots__ = ("_package", "_subscription")

    def __init__(self, package: Documents, subscription: SubscriptionView) -> None:
        """Raises UnsupportedMediaType if the SUBSCRIBE brought a body: there is nothing to filter here."""
        if subscription.filter_body:
            raise UnsupportedMediaType(f"{subscription.filter_type or 'A body'} is not understood here")
        self._package = package
        self._subscription = subscription

    def render(self, now_wall: float, *, full: bool) -> Notification | None:
        """The document."""
        return Notification(self._package.document(self._subscription, now_wall))

    def delivered(self) -> None:
        """Nothing depends on it."""

    def failed(self) -> None:
        """The next one is whole as well."""

    def refresh(self, request: Request) -> None:
        """Nothing that could change."""

    def close(self) -> None:
        """Nothing is held."""


class SteadyView(DocumentView):
    """The same for a state that only changes tell of: what the watcher has already is not sent again.

    So one for whom nothing changes does not hear when something changes for others.
    """

    __slots__ = ("_offered", "_told")

    def __init__(self, package: Documents, subscription: SubscriptionView) -> None:
        """Raises as `DocumentView`."""
        super().__init__(package, subscription)
        self._told: Notification | None = None
        self._offered: Notification | None = None

    def render(self, now_wall: float, *, full: bool) -> Notification | None:
        """The document, or None if it is the one that was told last."""
        told = super().render(now_wall, full=full)
        if told == self._told and not full:
            return None
        self._offered = told
        return told

    def delivered(self) -> None:
        """The same needs not be told again."""
        self._told = self._offered

    def failed(self) -> None:
        """He may not have it."""
        self._told = None
