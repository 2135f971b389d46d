"""Event: the event package of a subscription or publication (RFC 6665 §8.2.1)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

from sip.headers.grammar import TOKEN, malformed, parse_params, render_params


@dataclass(slots=True)
class Event:
    """Package with its templates ("presence.winfo"), compared byte by byte; `id`; other parameters."""

    package: str
    id: str | None = None
    params: dict[str, str | None] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the value.  Raises BadRequest."""
        package, semicolon, rest = text.partition(";")
        package = package.strip(" \t")
        if TOKEN.fullmatch(package) is None:
            raise malformed("Event")
        params = parse_params(semicolon + rest, "Event") if semicolon else {}
        return cls(package, params.pop("id", None), params)

    def __str__(self) -> str:
        identifier = "" if self.id is None else render_params({"id": self.id})
        return f"{self.package}{identifier}{render_params(self.params)}"
