"""The simplest view: one document, always whole."""

from __future__ import annotations

from typing import Protocol

from sip.errors import UnsupportedMediaType
from sip.message import Request
from sip.usage.notifier.package import Body, Notification, SubscriptionView


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

    def render(self, now_wall: float, *, full: bool) -> Notification:
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
