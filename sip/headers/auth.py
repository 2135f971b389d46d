"""What challenges and credentials have in common: a scheme and a comma-separated list of parameters.

RFC 3261 §20.7, §20.27, §25.1; RFC 7235 §2.1 (token68 of other schemes).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import ClassVar, Self

from sip.headers.grammar import TOKEN, malformed, quote, unescape

_AUTH_PARAM = re.compile(
    r"[ \t,]*+([A-Za-z0-9\-.!%*_+`'~]++)[ \t]*+="
    r'[ \t]*+(?:"((?:[^"\\]++|\\.)*)"|([^\s",=][^\s",]*+))[ \t]*+(?:,|$)',
    re.DOTALL,
)


class AuthValue:
    """Scheme as written; parameters (names in lower case, values unquoted), or a token68 instead."""

    __slots__ = ("params", "scheme", "token68")

    header: ClassVar[str] = "authentication"
    unquoted: ClassVar[frozenset[str]] = frozenset()

    def __init__(
        self, scheme: str, params: Mapping[str, str] | None = None, token68: str | None = None
    ) -> None:
        self.scheme = scheme
        self.params: dict[str, str] = {name.lower(): value for name, value in (params or {}).items()}
        self.token68 = token68

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read one header field value.  Raises BadRequest."""
        scheme, _, rest = text.strip(" \t").partition(" ")
        if TOKEN.fullmatch(scheme) is None:
            raise malformed(cls.header, "no scheme")
        value = cls(scheme)
        rest = rest.strip(" \t,")
        position, end = 0, len(rest)
        while position < end:
            match = _AUTH_PARAM.match(rest, position)
            if match is None:
                if position == 0 and scheme.lower() != "digest" and " " not in rest:
                    value.token68 = rest
                    return value
                raise malformed(cls.header)
            name, quoted, plain = match.groups()
            name = name.lower()
            if name in value.params:
                raise malformed(cls.header, "repeated parameter")
            value.params[name] = plain if quoted is None else unescape(quoted)
            position = match.end()
        return value

    def get(self, name: str, default: str | None = None) -> str | None:
        """The parameter of this name, in any case."""
        return self.params.get(name.lower(), default)

    def __str__(self) -> str:
        if self.token68 is not None:
            return f"{self.scheme} {self.token68}"
        parts = (
            f"{name}={value}"
            if name in self.unquoted and TOKEN.fullmatch(value)
            else f"{name}={quote(value)}"
            for name, value in self.params.items()
        )
        return f"{self.scheme} {', '.join(parts)}".rstrip(" ")

    def __repr__(self) -> str:
        # Without the parameters: digest responses have no business in logs.
        return f"<{type(self).__name__} {self.scheme}>"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, AuthValue) or type(self) is not type(other):
            return NotImplemented
        return (self.scheme, self.params, self.token68) == (other.scheme, other.params, other.token68)

    __hash__ = None  # type: ignore[assignment]
