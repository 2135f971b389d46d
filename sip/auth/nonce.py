"""Nonces: signed so that none has to be remembered before it is used, aged, and never used twice.

A nonce carries its time of issue and a MAC (RFC 7616 §5.4).  What is remembered is only the nonce counts of
those that came back with a valid response: the highest count and a bit for each of the counts before it,
so that requests which overtook each other on UDP are accepted and a repeated one is not (RFC 7616 §5.5).
"""

from __future__ import annotations

import base64
import hmac
import os
from hashlib import blake2b, sha256
from typing import Final

WINDOW: Final = 64
"""How far behind the highest nonce count a request may come and still be new to us."""

_MASK: Final = (1 << WINDOW) - 1
_TIME, _RANDOM, _MAC = 6, 6, 9
_SERIAL: Final = _TIME + _RANDOM
_TEXT_LENGTH: Final = (_SERIAL + _MAC) * 4 // 3
_SPENT: Final = -1
_BUCKETS: Final = 8


class Nonces:
    """Issues nonces and says whether one that came back may be used.

    Args:
        secret: key of the signature, at least 16 bytes; a persistent one keeps nonces valid over a restart.
        life: seconds that a nonce may be used.
        fresh: nonces that others issued with this secret are refused: their counts are not known here, and a
            request that was recorded before a restart could be played again.

    Times are seconds of any one clock that does not run backwards.
    """

    __slots__ = ("_buckets", "_key", "_life", "_used", "_width")

    def __init__(self, secret: bytes, life: float, *, fresh: bool = False) -> None:
        if len(secret) < 16:
            raise ValueError("the nonce secret needs at least 16 bytes")
        # Their time alone would not tell: a machine that starts anew may count its seconds from zero.
        self._key = sha256(secret + os.urandom(16) if fresh else secret).digest()
        self._life = life
        # Used nonces lie in buckets by their time of issue; a bucket that is too old is dropped as a whole.
        self._width = max(life / _BUCKETS, 0.001)
        self._buckets: dict[int, list[str]] = {}
        self._used: dict[str, _Use] = {}

    def __len__(self) -> int:
        """Nonces that are remembered because they were used."""
        return len(self._used)

    def issue(self, now: float) -> str:
        """A new nonce: 28 characters of base64url, which need no escape anywhere."""
        serial = int(now * 1000).to_bytes(_TIME, "big", signed=True) + os.urandom(_RANDOM)
        return base64.urlsafe_b64encode(serial + self._mac(serial)).decode("ascii")

    def use(self, nonce: str, count: int | None, now: float, life: float | None = None) -> bool:
        """Mark the use of `nonce` with nonce count `count`; False when it is not ours, too old or spent.

        A response without qop has no count (None): it spends the whole nonce.  `life` (seconds) replaces the
        life given at the start if it is shorter.  To be called only after the response was found valid.
        """
        use = self._used.get(nonce)
        issued = self._issued(nonce) if use is None else use.issued
        if issued is None:
            return False
        age = now - issued
        # Milliseconds are cut off at issue, so a fresh nonce is never younger than zero.
        if age < 0 or age > (self._life if life is None else min(life, self._life)):
            return False
        if use is None:
            self._remember(nonce, _Use(issued, _SPENT if count is None else 1 | (count << WINDOW)), now)
            return True
        if count is None:
            use.state = _SPENT
            return False
        after = None if use.state == _SPENT else _counted(use.state, count)
        if after is None:
            return False
        use.state = after
        return True

    def _mac(self, serial: bytes) -> bytes:
        return blake2b(serial, key=self._key, digest_size=_MAC).digest()

    def _issued(self, nonce: str) -> float | None:
        """When we issued it; None if we did not."""
        if len(nonce) != _TEXT_LENGTH:
            return None
        try:
            raw = base64.urlsafe_b64decode(nonce)
        except ValueError:
            return None
        serial, mac = raw[:_SERIAL], raw[_SERIAL:]
        if not hmac.compare_digest(mac, self._mac(serial)):
            return None
        # Another spelling of the same would be counted anew.
        if base64.urlsafe_b64encode(raw) != nonce.encode():
            return None
        return int.from_bytes(serial[:_TIME], "big", signed=True) / 1000

    def _remember(self, nonce: str, use: _Use, now: float) -> None:
        number = int(use.issued // self._width)
        bucket = self._buckets.get(number)
        if bucket is None:
            self._forget(now)
            bucket = self._buckets[number] = []
        bucket.append(nonce)
        self._used[nonce] = use

    def _forget(self, now: float) -> None:
        oldest = int((now - self._life) // self._width)
        for number in [number for number in self._buckets if number < oldest]:
            for nonce in self._buckets.pop(number):
                del self._used[nonce]


class _Use:
    """What is known of a nonce that was used."""

    __slots__ = ("issued", "state")

    def __init__(self, issued: float, state: int) -> None:
        self.issued = issued
        self.state = state


def _counted(state: int, count: int) -> int | None:
    """`state` (highest count above a bitmap of the window below it) after `count`; None if used before."""
    highest, bitmap = state >> WINDOW, state & _MASK
    ahead = count - highest
    if ahead > 0:
        moved = bitmap << ahead & _MASK if ahead < WINDOW else 0
        return moved | 1 | (count << WINDOW)
    bit = 1 << -ahead if -ahead < WINDOW else 0
    if not bit or bitmap & bit:
        return None
    return state | bit
