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
    r'[ \t]*+(?:"((?:[^"\\]++|\\.)*)"|([^\s",=][^\s",]*+))[ \t]*+(?:,|$)'
    r"|(.)",
    re.DOTALL,
)
"""A parameter (name, what is within quotes, what has none), or one character of something else."""


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
        params = value.params
        # One after the other, since the first that is none ends it: `findall` would go on looking.
        for match in _AUTH_PARAM.finditer(rest):
            name, quoted, plain, other = match.groups()
            if other is not None:
                if not params and scheme.lower() != "digest" and " " not in rest:
                    value.token68 = rest
                    return value
                raise malformed(cls.header)
            name = name.lower()
            if name in params:
                raise malformed(cls.header, "repeated parameter")
            params[name] = plain or (unescape(quoted) if "\\" in quoted else quoted)
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
