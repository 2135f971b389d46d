"""Content-Type and the media ranges of Accept (RFC 3261 §20.15, §20.1)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from sip.headers.grammar import TOKEN, malformed, parse_params, render_params


class MediaType:
    """Type and subtype in lower case ("*" in ranges), and parameters (values unquoted).

    Never changed once made: those of the same text are one.
    """

    __slots__ = ("full", "params", "subtype", "type")

    def __init__(self, main: str, subtype: str, params: Mapping[str, str | None] | None = None) -> None:
        self.type = main
        self.subtype = subtype
        self.params: Mapping[str, str | None] = {} if params is None else params
        self.full = f"{main}/{subtype}"
        """ "application/pidf+xml", without parameters."""

    @staticmethod
    def parse(text: str, header: str = "Content-Type") -> MediaType:
        """Read one value.  Raises BadRequest naming `header`."""
        return _remembered(text, header) if len(text) <= _WORTH_REMEMBERING else _parse(text, header)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, MediaType):
            return NotImplemented
        return self.full == other.full and self.params == other.params

    __hash__ = None  # type: ignore[assignment]

    def __str__(self) -> str:
        return f"{self.full}{render_params(self.params)}" if self.params else self.full

    def __repr__(self) -> str:
        return f"<MediaType {self}>"


def _parse(text: str, header: str) -> MediaType:
    full, semicolon, rest = text.partition(";")
    main, _, sub = full.partition("/")
    main, sub = main.strip(" \t").lower(), sub.strip(" \t").lower()
    if TOKEN.fullmatch(main) is None or TOKEN.fullmatch(sub) is None:
        raise malformed(header)
    return MediaType(main, sub, parse_params(semicolon + rest, header) if semicolon else {})


_WORTH_REMEMBERING = 96
"""Characters; nearly every request has one of a few texts."""
_remembered = lru_cache(maxsize=256)(_parse)
