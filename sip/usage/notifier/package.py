"""What an event package is to the notifier (RFC 6665 §5): a name, its documents, and who may see them.

A package opens a `View` for each subscription: what that watcher sees over time.  Most packages have one
document for everybody and get by with `sip.usage.notifier.views.DocumentView`.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from typing import Literal, NamedTuple, Protocol

from sip.message import Request

Authorization = Literal["active", "pending"]

Reason = Literal["deactivated", "probation", "rejected", "timeout", "giveup", "noresource", "invariant"]
"""Why a subscription has ended (RFC 6665 §4.1.3)."""

SubscriptionEvent = Reason | Literal["subscribe", "approved"]
"""What happens to a subscription (RFC 3857 §4.7.1): it comes, is allowed, or ends for a reason."""


class Body:
    """A NOTIFY body; the same object may go to any number of watchers."""

    __slots__ = ("_etag", "content_type", "data")

    def __init__(self, content_type: str, data: bytes) -> None:
        self.content_type = content_type
        self.data = data
        self._etag = ""

    @property
    def etag(self) -> str:
        """The entity-tag of exactly this state (RFC 5839 §6.1): equal states have equal ones."""
        if not self._etag:
            self._etag = blake2b(self.data, digest_size=9, person=b"SIP-ETag").hexdigest()
        return self._etag

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Body):
            return NotImplemented
        return (self.content_type, self.data) == (other.content_type, other.data)

    def __hash__(self) -> int:
        return hash((self.content_type, self.data))

    def __repr__(self) -> str:
        return f"Body({self.content_type!r}, {self.data!r})"


class Notification(NamedTuple):
    """What one NOTIFY tells."""

    body: Body | None
    """None for a NOTIFY without one."""
    headers: tuple[tuple[str, str], ...] = ()
    """Further header fields, as `Require: eventlist`."""
    etag: str = ""
    """Entity-tag of the whole state, where `body` is only a part of it; else that of the body."""


class SubscriptionView(Protocol):
    """The part of a subscription that a package may look at."""

    @property
    def id(self) -> str:
        """Names it while it lives, over restarts too."""

    @property
    def package(self) -> str:
        """Name of the event package."""

    @property
    def aor(self) -> str:
        """Whose state is watched."""

    @property
    def watcher(self) -> str:
        """AOR of who watches."""

    @property
    def content_type(self) -> str:
        """The type agreed on from Accept, one of the package's `content_types`."""

    @property
    def accept(self) -> tuple[str, ...]:
        """The values of Accept as they came."""

    @property
    def filter_type(self) -> str:
        """Content-Type of the body that the SUBSCRIBE brought, empty for none."""

    @property
    def filter_body(self) -> bytes:
        """That body."""

    version: int
    """Of the last document that has one, 0 before the first; outlives a restart, maybe with a gap."""

    def keep_filter(self, content_type: str, body: bytes) -> None:
        """The body to open the view with after a restart, in place of that of the SUBSCRIBE."""

    def notify(self) -> None:
        """What it sees has changed."""


class View(Protocol):
    """What one subscription sees over time; made anew after a restart."""

    def render(self, now_wall: float, *, full: bool) -> Notification | None:
        """What to tell at `now_wall` (epoch seconds).

        With `full` all there is to see: after a SUBSCRIBE, at the end, after a NOTIFY that failed.  Without,
        what has changed, or None if that is nothing for this watcher.
        """

    def delivered(self) -> None:
        """The watcher has got the last one."""

    def failed(self) -> None:
        """He may not have got it; the next one is asked for with `full`."""

    def refresh(self, request: Request) -> Callable[[], None] | None:
        """A SUBSCRIBE with a body within the dialog: take what it says anew; nothing changes by an error.

        Returns how to take it back, should the SUBSCRIBE not become durable; None if nothing has changed.

        Raises:
            SipError: the answer to it.
        """

    def close(self) -> None:
        """The subscription has ended."""


class EventPackage(Protocol):
    """One event package; docs/architecture.md says how one comes in."""

    @property
    def name(self) -> str:
        """The package's name, as in Event."""

    @property
    def content_types(self) -> tuple[str, ...]:
        """What it can send; the first is meant when Accept is absent (RFC 6665 §5.4.5)."""

    def authorize(self, watcher: str, aor: str) -> Authorization:
        """Whether `watcher` may see the state of `aor` now.

        Raises:
            Forbidden: he may not, and may know it.
        """

    def open(self, subscription: SubscriptionView) -> View:
        """What `subscription`, a new one or one from before a restart, sees.

        Raises:
            SipError: the body of the SUBSCRIBE cannot be met (415, 488, 400).
        """

    def neutral(self, subscription: SubscriptionView) -> Body | Notification | None:
        """What a watcher is shown who may not see anything yet (RFC 6665 §5.4.7), or not any more."""


class ListServer(Protocol):
    """Serves subscriptions to lists, as packages of the same name beside the plain ones (RFC 4662)."""

    def enclosed(self, package: str, content_type: str, body: bytes) -> EventPackage | None:
        """What serves a list that a SUBSCRIBE has in its body (RFC 5367); None: it has none."""

    def stored(self, package: str, aor: str) -> EventPackage | None:
        """What serves the list `aor`; None: that is no list."""

    def changed(self, package: str, aor: str) -> None:
        """`aor`, who may be in lists, shows something else or shows it to others."""
