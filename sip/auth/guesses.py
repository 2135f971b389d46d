"""Limits of wrong passwords, so that guessing one is hopeless and nobody is locked out by it.

Wrong answers are counted for the place that they come from (address and port), for its address and for the
user.  Whose limit is reached is not looked at for a while, right or wrong: otherwise the answer would tell.
A user who has proved himself from an address does not lose by what strangers try elsewhere: there only what
was tried for him from there counts; and at a place where he has proved himself, only what came from it.  A
phone that goes on with an old password stops at the limit of its place, long before that of its address, so
another one beside it can log in.
Times are seconds of one monotonic clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sip.buckets import Buckets, network_of
from sip.errors import ServiceUnavailable
from sip.kept import make_room
from sip.transport.spec import Address

MOST_KNOWN: Final = 100_000
"""Pairs of a user and where he proved himself that are remembered."""

_LONGEST_NAME: Final = 255


@dataclass(frozen=True, slots=True)
class GuessSettings:
    """Wrong answers within `window` seconds; 0: any number.

    Attributes:
        place: from one address and port.
        address: from one address; where a user has proved himself, his are counted apart.
        user: for one user, from addresses where he has not proved himself.
        window: seconds.
    """

    place: int = 10
    address: int = 50
    user: int = 100
    window: float = 300.0


class Guesses:
    """Counts wrong answers to challenges, and says where no more are looked at."""

    __slots__ = ("_addresses", "_known", "_places", "_users")

    def __init__(self, settings: GuessSettings | None = None) -> None:
        settings = settings or GuessSettings()
        self._places = _buckets(settings.place, settings.window)
        self._addresses = _buckets(settings.address, settings.window)
        self._users = _buckets(settings.user, settings.window)
        self._known: dict[tuple[str, str | Address], None] = {}
        """Users with the addresses and places from which they proved themselves, the longest known first."""

    def check(self, user: str, remote: Address, now: float) -> None:
        """Refuse to look at an answer for `user` (any text that names one) from `remote`.

        Raises:
            ServiceUnavailable: 503, there were too many wrong ones.
        """
        if self._places is not None and not self._places.has(remote, now):
            raise _refusal("place", self._places.wait(remote, now))
        if (user, remote) in self._known:
            return
        network = network_of(remote[0])
        at_home = (user, network) in self._known
        address = (network, user) if at_home else network
        if self._addresses is not None and not self._addresses.has(address, now):
            raise _refusal("address", self._addresses.wait(address, now))
        if not at_home and self._users is not None:
            name = user[:_LONGEST_NAME]
            if not self._users.has(name, now):
                raise _refusal("user", self._users.wait(name, now))

    def failed(self, user: str, remote: Address, now: float) -> None:
        """A wrong answer for `user` came from `remote`."""
        if self._places is not None:
            self._places.take(remote, now)
        if (user, remote) in self._known:
            return
        network = network_of(remote[0])
        at_home = (user, network) in self._known
        if self._addresses is not None:
            # At home his neighbours do not pay for him.
            self._addresses.take((network, user) if at_home else network, now)
        if not at_home and self._users is not None:
            self._users.take(user[:_LONGEST_NAME], now)

    def succeeded(self, user: str, remote: Address) -> None:
        """A right answer for `user` came from `remote`."""
        if (user, remote) in self._known:
            return
        for where in (remote, network_of(remote[0])):
            make_room(self._known, MOST_KNOWN)
            self._known[user, where] = None


_TEXTS: Final = {
    "place": "Too many wrong passwords from here",
    "address": "Too many wrong passwords from your address",
    "user": "Too many wrong passwords for this user",
}


def _refusal(of: str, wait: float) -> ServiceUnavailable:
    return ServiceUnavailable(
        _TEXTS[of], headers=(("Retry-After", str(int(wait) + 1)),), limit=f"auth_failures_{of}"
    )


def _buckets(count: int, window: float) -> Buckets | None:
    return Buckets(count / window, count) if count else None
