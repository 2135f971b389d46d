"""Content-Type and the media ranges of Accept (RFC 3261 §20.15, §20.1)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

from sip.headers.grammar import TOKEN, malformed, parse_params, render_params


@dataclass(slots=True)
class MediaType:
    """Type and subtype in lower case ("*" in ranges), and parameters (values unquoted)."""

    type: str
    subtype: str
    params: dict[str, str | None] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str, header: str = "Content-Type") -> Self:
        """Read one value.  Raises BadRequest naming `header`."""
        full, semicolon, rest = text.partition(";")
        main, _, sub = full.partition("/")
        main, sub = main.strip(" \t").lower(), sub.strip(" \t").lower()
        if TOKEN.fullmatch(main) is None or TOKEN.fullmatch(sub) is None:
            raise malformed(header)
        return cls(main, sub, parse_params(semicolon + rest, header) if semicolon else {})

    @property
    def full(self) -> str:
        """ "application/pidf+xml", without parameters."""
        return f"{self.type}/{self.subtype}"

    def __str__(self) -> str:
        return f"{self.type}/{self.subtype}{render_params(self.params)}"
