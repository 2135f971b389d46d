"""Event: the event package of a subscription or publication (RFC 6665 §8.2.1)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from sip.headers.grammar import TOKEN, malformed, parse_params, render_params


class Event:
    """Package with its templates ("presence.winfo"), compared byte by byte; `id`; other parameters.

    Never changed once made: those of the same text are one.
    """

    __slots__ = ("id", "package", "params")

    def __init__(
        self, package: str, identifier: str | None = None, params: Mapping[str, str | None] | None = None
    ) -> None:
        self.package = package
        self.id = identifier
        self.params: Mapping[str, str | None] = {} if params is None else params

    @staticmethod
    def parse(text: str) -> Event:
        """Read the value.  Raises BadRequest."""
        return _remembered(text) if len(text) <= _WORTH_REMEMBERING else _parse(text)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Event):
            return NotImplemented
        return (self.package, self.id, self.params) == (other.package, other.id, other.params)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<Event {self}>"

    def __str__(self) -> str:
        identifier = "" if self.id is None else render_params({"id": self.id})
        return f"{self.package}{identifier}{render_params(self.params)}"


def _parse(text: str) -> Event:
    package, semicolon, rest = text.partition(";")
    package = package.strip(" \t")
    if TOKEN.fullmatch(package) is None:
        raise malformed("Event")
    params = parse_params(semicolon + rest, "Event") if semicolon else {}
    return Event(package, params.pop("id", None), params)


_WORTH_REMEMBERING = 64
"""Characters; nearly every request has one of a few texts."""
_remembered = lru_cache(maxsize=256)(_parse)
