"""CSeq: the order of requests in a dialog and their method (RFC 3261 §20.16)."""

from __future__ import annotations

from typing import Self

from sip.headers.grammar import TOKEN, malformed

METHODS = frozenset(
    (
        "INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "REGISTER",  # RFC 3261
        "PRACK",  # RFC 3262
        "SUBSCRIBE", "NOTIFY",  # RFC 6665
        "UPDATE",  # RFC 3311
        "MESSAGE",  # RFC 3428
        "REFER",  # RFC 3515
        "PUBLISH",  # RFC 3903
        "INFO",  # RFC 6086
    )
)  # fmt: skip
"""Methods of the IANA registry; anything else is an extension that we do not know."""


class CSeq:
    """Sequence number (0 to 2**32-1) and method."""

    __slots__ = ("method", "number")

    def __init__(self, number: int, method: str) -> None:
        self.number = number
        self.method = method

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the value.  Raises BadRequest, also for a number above 2**32-1 (RFC 4475 §3.1.2.4)."""
        digits, _, method = text.partition(" ")
        if method in METHODS and len(digits) < 10 and digits.isascii() and digits.isdigit():
            return cls(int(digits), method)
        parts = text.split()
        if len(parts) != 2:
            raise malformed("CSeq")
        digits, method = parts
        if not (digits.isascii() and digits.isdigit()):
            raise malformed("CSeq", "number expected")
        if len(digits) > 10:
            digits = digits.lstrip("0") or "0"
        if len(digits) > 10 or (number := int(digits)) >= 2**32:
            raise malformed("CSeq", "number too large")
        if TOKEN.fullmatch(method) is None:
            raise malformed("CSeq", "method is not a token")
        return cls(number, method)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, CSeq):
            return NotImplemented
        return self.number == other.number and self.method == other.method

    __hash__ = None  # type: ignore[assignment]

    def __str__(self) -> str:
        return f"{self.number} {self.method}"
