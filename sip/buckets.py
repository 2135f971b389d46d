"""Token buckets by address, user or whatever else asks for something; their memory is bounded.

Times are seconds of one monotonic clock and come in as arguments.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Hashable
from functools import lru_cache
from typing import Final

MOST_KEYS: Final = 50_000
"""Addresses remembered by one table of buckets."""

_ROUNDING: Final = 1e-6


@lru_cache(maxsize=4096)
def _of_v6(host: str) -> str:
    try:
        address = ipaddress.IPv6Address(host.strip("[]").partition("%")[0])
    except ValueError:
        return host
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.IPv6Network((address, 64), strict=False))


def network_of(host: str) -> str:
    """What counts as one address: `host` itself, of IPv6 the network of 64 bits that it is in.

    An IPv4-mapped address is the IPv4 one; what is no address is left as it is.
    """
    return _of_v6(host) if ":" in host else host


class Buckets:
    """A token bucket for each key, as the time at which it will be full again (GCRA).

    A bucket that is full is not remembered, so there are only those of who asked a moment ago.

    Args:
        rate: tokens a second that flow in.
        burst: tokens that a bucket holds, at least 1.
        most: keys remembered at a time; with more, those go that are nearest to being full.
    """

    __slots__ = ("_full_at", "_interval", "_most", "_room")

    def __init__(self, rate: float, burst: float, most: int = MOST_KEYS) -> None:
        if rate <= 0 or burst < 1:
            raise ValueError("a bucket needs a rate above 0 and a burst of at least 1")
        self._interval = 1.0 / rate
        self._room = burst / rate + _ROUNDING
        self._most = most
        self._full_at: dict[Hashable, float] = {}

    def __len__(self) -> int:
        """Keys that are remembered."""
        return len(self._full_at)

    def take(self, key: Hashable, now: float) -> bool:
        """Take a token of `key`; False if there is none."""
        full_at = self._full_at.get(key)
        if full_at is None:
            if len(self._full_at) >= self._most:
                self._forget(now)
            full_at = now
        elif full_at < now:
            full_at = now
        full_at += self._interval
        if full_at - now > self._room:
            return False
        self._full_at[key] = full_at
        return True

    def has(self, key: Hashable, now: float) -> bool:
        """Whether `take` would be given a token."""
        full_at = self._full_at.get(key)
        return full_at is None or full_at + self._interval - now <= self._room

    def wait(self, key: Hashable, now: float) -> float:
        """Seconds until there is a token of `key` again, 0 if there is one."""
        full_at = self._full_at.get(key)
        return 0.0 if full_at is None else max(0.0, full_at + self._interval - now - self._room)

    def _forget(self, now: float) -> None:
        left = {key: full_at for key, full_at in self._full_at.items() if full_at > now}
        if len(left) > self._most // 2:
            # So many at once: those who asked most are kept, for the others it makes least of a difference.
            owing = sorted(left.items(), key=lambda item: item[1], reverse=True)
            left = dict(owing[: self._most // 2])
        self._full_at = left
