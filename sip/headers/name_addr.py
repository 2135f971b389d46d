"""name-addr and addr-spec with header parameters: From, To, Route, Record-Route, Path and their like.

RFC 3261 §20.10 (when the brackets may be left out), §25.1.
"""

from __future__ import annotations

import re
from typing import Self

from sip.errors import BadRequest
from sip.headers.grammar import TOKEN, leading_quoted, malformed, parse_params, quote, render_params
from sip.headers.plain import plain_address
from sip.uri import AnyUri, parse_uri

_UNQUOTED_DISPLAY = re.compile(r'[^",;<>\\\x00-\x08\x0a-\x1f\x7f]*+')


class NameAddr:
    """A display name, a URI and parameters.

    `uri_text` is the URI as it was written; `uri` reads it when asked and raises BadRequest if it cannot.
    """

    __slots__ = ("_header", "_uri", "display", "params", "uri_text")

    def __init__(
        self,
        display: str | None,
        uri: AnyUri | str,
        params: dict[str, str | None] | None = None,
        header: str = "address",
    ) -> None:
        """`header` is named when `uri` turns out to be malformed."""
        self.display = display
        self.params: dict[str, str | None] = {} if params is None else params
        self._header = header
        self._uri: AnyUri | None
        if isinstance(uri, str):
            self.uri_text = uri
            self._uri = None
        else:
            self.uri_text = str(uri)
            self._uri = uri

    @classmethod
    def parse(cls, text: str, header: str = "address") -> Self:
        """Read one value.  Raises BadRequest naming `header`."""
        plain = plain_address(text)
        if plain is not None:
            display, uri_text, params = plain
            return cls(display, uri_text, params, header)
        left = text.find("<")
        display = None
        if left:
            display, left = _read_display(text, left, header)
        if left < 0:
            uri_text, semicolon, rest = text.partition(";")
            if "?" in uri_text or "," in uri_text:
                # RFC 3261 §20.10: such a URI must stand in angle brackets.
                raise malformed(header, "URI needs angle brackets")
            rest = semicolon + rest
        else:
            right = text.find(">", left)
            if right < 0:
                raise malformed(header, "unterminated angle bracket")
            uri_text = text[left + 1 : right]
            rest = text[right + 1 :]
            if rest and rest[0] != ";":
                rest = rest.lstrip(" \t")
                if rest and rest[0] != ";":
                    raise malformed(header, "text after the URI")
        uri_text = uri_text.strip(" \t")
        params = parse_params(rest, header) if rest else {}
        if not uri_text:
            raise malformed(header, "no URI")
        return cls(display, uri_text, params, header)

    @property
    def uri(self) -> AnyUri:
        """The URI.  Raises BadRequest naming the header field when malformed."""
        uri = self._uri
        if uri is None:
            try:
                uri = self._uri = parse_uri(self.uri_text)
            except BadRequest as error:
                raise malformed(self._header, error.reason) from None
        return uri

    @property
    def tag(self) -> str | None:
        """The tag parameter; None without one."""
        return self.params.get("tag")

    def __str__(self) -> str:
        return f"{_render_display(self.display)}<{self.uri_text}>{render_params(self.params)}"

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, NameAddr):
            return NotImplemented
        return (self.display, self.uri_text, self.params) == (other.display, other.uri_text, other.params)

    __hash__ = None  # type: ignore[assignment]


def _read_display(text: str, left: int, header: str) -> tuple[str | None, int]:
    """The display name before the "<" at `left` (-1: none), and where the "<" of the URI really is."""
    quoted_at = text.find('"')
    semicolon = text.find(";")
    if semicolon >= 0 and (left < 0 or semicolon < left) and (quoted_at < 0 or semicolon < quoted_at):
        # No display name has a bare semicolon: an addr-spec, whose parameters may hold quotes and brackets.
        return None, -1
    if quoted_at < 0 or (0 <= left < quoted_at):
        display = text[:left].strip(" \t") if left > 0 else ""
        if display and _UNQUOTED_DISPLAY.fullmatch(display) is None:
            raise malformed(header, "display name needs quotes")
        return display or None, left
    if text[:quoted_at].strip(" \t"):
        raise malformed(header, "bad display name")
    quoted = leading_quoted(text[quoted_at:])
    if quoted is None:
        raise malformed(header, "unterminated quoted string")
    end = quoted[1] + quoted_at
    left = text.find("<", end)
    if left < 0 or text[end:left].strip(" \t"):
        raise malformed(header, "bad display name")
    return quoted[0], left


def _render_display(display: str | None) -> str:
    if display is None:
        return ""
    if display and all(TOKEN.fullmatch(word) for word in display.split(" ")):
        return f"{display} "
    return f"{quote(display)} "
