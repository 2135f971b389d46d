"""What an event package is to the notifier (RFC 6665 §5): a name, its documents, and who may see them.

A package opens a `View` for each subscription: what that watcher sees over time.  Most packages have one
document for everybody and get by with `sip.usage.notifier.views.DocumentView`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol, runtime_checkable

from sip.message import Request
from sip.usage.notifier.told import Body, Notification

if TYPE_CHECKING:
    from sip.usage.notifier.subscription import Subscription

Authorization = Literal["active", "pending"]

Reason = Literal["deactivated", "probation", "rejected", "timeout", "giveup", "noresource", "invariant"]
"""Why a subscription has ended (RFC 6665 §4.1.3)."""

SubscriptionEvent = Reason | Literal["subscribe", "approved"]
"""What happens to a subscription (RFC 3857 §4.7.1): it comes, is allowed, or ends for a reason."""


class HeldBack(NamedTuple):
    """Why a watcher is not told of a change yet."""

    why: Literal["answer", "unreachable", "rate", "turn"]
    """The NOTIFY before is not answered, could not be sent, the rates do not allow another one yet, or very
    many are told of the change and his turn is still to come."""
    until: float | None = None
    """Monotonic seconds, None where nobody knows."""


class Watch(Protocol):
    """Who watches what."""

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


class SubscriptionView(Watch, Protocol):
    """The part of a subscription that a package may look at."""

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

    @property
    def lists(self) -> tuple[str, ...]:
        """URIs of the lists by which `aor` is watched, the innermost first; the last was subscribed to."""

    version: int
    """Of the last document that has one, 0 before the first; outlives a restart, maybe with a gap."""

    def keep_filter(self, content_type: str, body: bytes) -> None:
        """The body to open the view with after a restart, in place of that of the SUBSCRIBE."""

    def notify(self) -> None:
        """What it sees has changed."""


class LiveSubscription(Watch, Protocol):
    """A subscription as who asks who watches sees it: one of its own, or that to a member of a list."""

    @property
    def remote_uri(self) -> str:
        """How he calls himself: the value of From."""

    @property
    def state(self) -> Authorization:
        """Whether he may; of one that has ended, whether he might."""

    @property
    def created_at(self) -> float:
        """Epoch seconds."""

    @property
    def expires_at(self) -> float:
        """Monotonic seconds."""


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


@runtime_checkable
class DivisibleView(View, Protocol):
    """A view that can tell in several notifications what it would tell in one."""

    def divide(self, most: int, *, unsent: bool) -> bool:
        """From now on make no body of more than `most` bytes; False if that is so already.

        Asked after `failed`; `unsent` if the watcher cannot have got that one, so that its version is free.
        The rest follows by `SubscriptionView.notify`, each notification when the one before has arrived.
        """


class EventPackage(Protocol):
    """One event package; docs/architecture.md says how one comes in.

    One with an attribute `refused_parameters` (names of Event parameters) refuses SUBSCRIBEs that have one of
    these: they ask for a part of the state, which must not be answered with all of it.
    """

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

    def former(self, package: str) -> EventPackage | None:
        """What tells those of a list that is no list any more that it has ended; None: there was none."""

    def serves(self, package: str) -> bool:
        """Whether there are lists for `package` at all."""

    def is_stored(self, aor: str) -> bool:
        """Whether `aor` is a list, for whichever package."""

    def changed(self, package: str, aor: str) -> None:
        """`aor`, who may be in lists, shows something else."""

    def reauthorize(self, package: str, aor: str) -> None:
        """Who may watch `aor`, who may be in lists, has changed."""

    def happened(self, subscription: Subscription, event: SubscriptionEvent) -> None:
        """A subscription to a list has come or gone; a fetch goes without having come."""
