"""What an event package is to the notifier (RFC 6665 §5): a name, its documents, and who may see them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

Authorization = Literal["active", "pending"]

Reason = Literal["deactivated", "probation", "rejected", "timeout", "giveup", "noresource", "invariant"]
"""Why a subscription has ended (RFC 6665 §4.1.3)."""


@dataclass(frozen=True, slots=True)
class Body:
    """A NOTIFY body; the same object may go to any number of watchers."""

    content_type: str
    data: bytes


class SubscriptionView(Protocol):
    """The part of a subscription that a package may look at."""

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

    def document(self, subscription: SubscriptionView, now_wall: float) -> Body | None:
        """The state as this subscription sees it at `now_wall` (epoch seconds); None for an empty NOTIFY."""

    def neutral(self, subscription: SubscriptionView) -> Body | None:
        """What a watcher is shown who may not see anything yet (RFC 6665 §5.4.7)."""
