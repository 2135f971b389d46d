"""Names that nobody can guess: tags, branches, entity-tags."""

from __future__ import annotations

import os
from base64 import urlsafe_b64encode

_BYTES = 8
_STOCK = 256
_LONGER_BYTES = 9
_LONGER = 12


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


class LongerTokens:
    """The same of 72 random bits, 12 characters of A-Z, a-z, 0-9, "-" and "_"."""

    __slots__ = ("_at", "_stock")

    def __init__(self) -> None:
        self._stock = ""
        self._at = 0

    def next(self) -> str:
        """A token that nobody has had before."""
        at = self._at
        if at >= len(self._stock):
            self._stock = urlsafe_b64encode(os.urandom(_LONGER_BYTES * _STOCK)).decode("ascii")
            at = 0
        self._at = at + _LONGER
        return self._stock[at : at + _LONGER]
