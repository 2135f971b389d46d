"""Names that nobody can guess: tags, branches, entity-tags."""

from __future__ import annotations

import os
from base64 import urlsafe_b64encode
from collections.abc import Callable
from typing import Final

_STOCK: Final = 256


def _hexadecimal() -> str:
    return os.urandom(8 * _STOCK).hex()


def _base64() -> str:
    return urlsafe_b64encode(os.urandom(9 * _STOCK)).decode("ascii")


class Tokens:
    """Makes tokens of 64 random bits, 16 hex digits (see `longer_tokens` for others).

    The system is asked for many at once; each is given out once, as random as if it had been asked for alone.
    """

    __slots__ = ("_at", "_length", "_more", "_stock")

    def __init__(self, length: int = 16, more: Callable[[], str] = _hexadecimal) -> None:
        self._length = length
        self._more = more
        self._stock = ""
        self._at = 0

    def next(self) -> str:
        """A token that nobody has had before."""
        at = self._at
        if at >= len(self._stock):
            self._stock = self._more()
            at = 0
        end = self._at = at + self._length
        return self._stock[at:end]


def longer_tokens() -> Tokens:
    """Those of 72 random bits, 12 characters of A-Z, a-z, 0-9, "-" and "_"."""
    return Tokens(12, _base64)
