"""Names that nobody can guess: tags, branches, entity-tags."""

from __future__ import annotations

import os

_BYTES = 8
_STOCK = 256


class Tokens:
    """Makes tokens of 64 random bits, 16 hex digits.

    The system is asked for many at once; each is given out once, as random as if it had been asked for alone.
    """

    __slots__ = ("_at", "_stock")

    def __init__(self) -> None:
        self._stock = ""
        self._at = 0

    def next(self) -> str:
        """A token that nobody has had before."""
        at = self._at
        if at >= len(self._stock):
            self._stock = os.urandom(_BYTES * _STOCK).hex()
            at = 0
        self._at = at + 2 * _BYTES
        return self._stock[at : at + 2 * _BYTES]
