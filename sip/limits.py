"""The gate: how much one address may ask of us.

An address counts as its network where its owner has all of it (IPv6: 64 bits).  Over UDP an address can be
forged, so two things keep a stranger from spending what belongs to others: connections are counted apart
from datagrams, and a place (address and port) from which a user has proved himself by digest has an
allowance of that user to fall back on.  Times are monotonic seconds and come in as arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from sip.buckets import Buckets, network_of
from sip.kept import make_room
from sip.stats import Stats
from sip.transport.flow import Flow
from sip.transport.spec import Address

MOST_PLACES: Final = 100_000
"""Places remembered from which somebody proved himself."""


class Verdict(IntEnum):
    """What becomes of a message at the gate."""

    PASS = 0
    REFUSE = 1
    """It is answered 503, if it is a request."""
    DROP = 2
    """Nothing is answered: a flood from a forged address must not become one to it."""


@dataclass(frozen=True, slots=True)
class GateSettings:
    """Rates of one address.

    Attributes:
        requests: messages a second; 0 for no limit.
        unproved: the same of who has not proved himself from there; 0 for no limit but `requests`.
        burst: seconds; so much of either rate may come at once.
        refusals: answers a second that tell of it; the rest is dropped.
    """

    requests: float = 500.0
    unproved: float = 100.0
    burst: float = 10.0
    refusals: float = 10.0


Ask = Callable[[Buckets, Hashable, float], bool]
"""`Buckets.take` or `Buckets.has`."""

RETRY_AFTER: Final = 5
"""Seconds that whoever is refused is told to wait."""

REASONS: Final = {
    "address_requests": "Too many requests from your address",
    "address_unproved": "Too many requests without authentication from your address",
}
"""The answer by the limit."""


class Gate:
    """Says for each message of an address that is not trusted whether it comes in.

    Args:
        settings: the rates.
        stats: counts and logs what was kept out.
    """

    __slots__ = ("_places", "_refusals", "_requests", "_stats", "_unproved", "_users", "limit")

    def __init__(self, settings: GateSettings, stats: Stats) -> None:
        self._stats = stats
        self._requests = _buckets(settings.requests, settings.burst)
        self._unproved = _buckets(settings.unproved, settings.burst)
        self._users = _buckets(settings.requests, settings.burst)
        self._refusals = Buckets(settings.refusals, max(1.0, settings.refusals))
        self._places: dict[Address, str] = {}
        self.limit = ""
        """The setting that the last refusal was for."""

    def judge(self, flow: Flow, now: float, *, response: bool = False) -> Verdict:
        """What becomes of a message that came by `flow`.

        A response that answers something of ours is not counted (`stray` counts the others), but it is not
        looked at either from where too much comes.
        """
        limit = self._kept_out_by(flow, now, Buckets.take, response=response)
        if not limit:
            return Verdict.PASS
        self.limit = limit
        return Verdict.REFUSE if self._refusals.take(_key(flow), now) else Verdict.DROP

    def admits(self, flow: Flow, now: float) -> bool:
        """Whether `judge` would let a request in that came by `flow`; only one that it would not is noted."""
        return not self._kept_out_by(flow, now, Buckets.has)

    def _kept_out_by(self, flow: Flow, now: float, ask: Ask, *, response: bool = False) -> str:
        """The limit that a message is over, which is noted then; empty for none.  `ask` takes or looks."""
        key = _key(flow)
        user = self._places.get(flow.remote)
        requests, unproved = self._requests, self._unproved
        if requests is not None and not (Buckets.has if response else ask)(requests, key, now):
            limit = "address_requests"
        elif user is None and not response and unproved is not None and not ask(unproved, key, now):
            limit = "address_unproved"
        else:
            return ""
        if user is not None and self._users is not None and ask(self._users, user, now):
            # Others at his address, or in its name, send too much.
            return ""
        self._stats.limit_reached(limit, now, flow.remote[0])
        return limit

    def stray(self, flow: Flow, now: float) -> None:
        """A response came by `flow` that belongs to nothing."""
        if self._requests is not None:
            self._requests.take(_key(flow), now)

    def proved(self, flow: Flow, aor: str) -> None:
        """Who sends by `flow` has just proved by digest that he is the user `aor`."""
        remote = flow.remote
        if self._places.get(remote) == aor:
            return
        make_room(self._places, MOST_PLACES)
        self._places[remote] = aor


def _key(flow: Flow) -> tuple[bool, str]:
    # A forged datagram must not use up what an address has whose handshake proves it.
    return flow.transport == "UDP", network_of(flow.remote[0])


def _buckets(rate: float, burst: float) -> Buckets | None:
    return Buckets(rate, max(1.0, rate * burst)) if rate else None


__all__ = ["REASONS", "RETRY_AFTER", "Gate", "GateSettings", "Verdict"]
