"""The small grammar that header values share: tokens, quoted strings, lists and parameters.

RFC 3261 §7.3.1 and §25.1.  All of it runs in linear time: quantifiers are possessive, so that nothing is
tried twice.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from sip.errors import BadRequest
from sip.headers.plain import plain_params
from sip.headers.quoted import Quoted

TOKEN = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]++")
"""token of RFC 3261 §25.1."""

_ELEMENT = re.compile(r'(?:[^",<]++|"(?:[^"\\]++|\\.)*"|<[^>]*+>)*', re.DOTALL)
_QUOTED = re.compile(r'"((?:[^"\\]++|\\.)*)"', re.DOTALL)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_NEEDS_ESCAPE = re.compile(r'(["\\\x00-\x08\x0b\x0c\x0e-\x1f\x7f])')
_PARAM = re.compile(
    r';[ \t]*+([^\s;=",<>\\]++)[ \t]*+(?:=[ \t]*+(?:"((?:[^"\\]++|\\.)*)"|([^\s;",<>\\]*+))[ \t]*+)?',
    re.DOTALL,
)
_PLAIN_VALUE = re.compile(r"[A-Za-z0-9\-.!%*_+`'~:\[\]]++")
"""gen-value without quotes: token or host."""


def malformed(header: str, why: str = "") -> BadRequest:
    """The 400 that names the header field at fault."""
    return BadRequest(f"Malformed {header} header field{': ' + why if why else ''}")


def quote(text: str) -> str:
    """`text` as a quoted string."""
    return f'"{_NEEDS_ESCAPE.sub(_BACKSLASH, text)}"'


_BACKSLASH = r"\\\1"


def unquote(text: str) -> str:
    """The content of a quoted string; any other text comes back as it is."""
    match = _QUOTED.fullmatch(text)
    return text if match is None else unescape(match.group(1))


def unescape(inner: str) -> str:
    """Resolve the quoted-pairs of what stood between the quotes."""
    return _ESCAPE.sub(r"\1", inner) if "\\" in inner else inner


def leading_quoted(text: str) -> tuple[str, int] | None:
    """Content and end position of the quoted string that `text` begins with; None if it does not end."""
    match = _QUOTED.match(text)
    return None if match is None else (unescape(match.group(1)), match.end())


def split_commas(text: str) -> list[str]:
    """The stripped, non-empty elements of a comma-separated list; quotes and <> protect commas.

    Raises BadRequest when a quoted string or an angle bracket is not closed.
    """
    if '"' not in text and "<" not in text:
        return [part for raw in text.split(",") if (part := raw.strip(" \t"))]
    parts: list[str] = []
    position, end = 0, len(text)
    while position <= end:
        match = _ELEMENT.match(text, position)
        stop = position if match is None else match.end()
        if stop < end and text[stop] != ",":
            raise BadRequest(
                "Unterminated quoted string" if text[stop] == '"' else "Unterminated angle bracket"
            )
        part = text[position:stop].strip(" \t")
        if part:
            parts.append(part)
        position = stop + 1
    return parts


def parse_params(text: str, header: str = "parameterised") -> dict[str, str | None]:
    """Parameters of a header value: `;name`, `;name=value`, `;name="quoted"`; the first `;` may be missing.

    Names come back in lower case, values as they are (a `Quoted` for quoted strings), None without a value.
    Raises BadRequest naming `header` for anything else, and for a name that is given two values.
    """
    usual = plain_params(text)
    if usual is not None:
        return usual
    params: dict[str, str | None] = {}
    if not text:
        return params
    if text[0] != ";":
        text = text.strip(" \t")
        if not text:
            return params
        if text[0] != ";":
            text = ";" + text
    if not ('"' in text or " " in text or "," in text or "<" in text or "\t" in text):
        for part in text[1:].split(";"):
            name, equals, value = part.partition("=")
            name = name.lower()
            if name in params:
                _repeated(params, name, value if equals else None, header)
            params[name] = value if equals else None
        if "" in params:
            raise malformed(header, "bad parameter")
        return params
    position, end = 0, len(text)
    while position < end:
        match = _PARAM.match(text, position)
        if match is None:
            raise malformed(header, "bad parameter")
        written, quoted, plain = match.groups()
        name = written.lower()
        held = plain if quoted is None else Quoted(unescape(quoted))
        if name in params:
            _repeated(params, name, held, header)
        params[name] = held
        position = match.end()
    return params


def _repeated(params: dict[str, str | None], name: str, value: str | None, header: str) -> None:
    """RFC 3261 §7.3.1: a parameter appears once.  Saying the same twice harms nobody."""
    if params[name] != value:
        raise malformed(header, "repeated parameter")


def render_params(params: Mapping[str, str | None]) -> str:
    """`;name=value...` with quotes where the value needs or had them."""
    parts: list[str] = []
    for name, value in params.items():
        if value is None:
            parts.append(f";{name}")
        elif isinstance(value, Quoted) or _PLAIN_VALUE.fullmatch(value) is None:
            parts.append(f";{name}={quote(value)}")
        else:
            parts.append(f";{name}={value}")
    return "".join(parts)


def delta_seconds(text: str, header: str) -> int | None:
    """Seconds of a delta-seconds value; None when above 2**32-1, which means the default (RFC 4475 §3.1.2.4).

    Raises BadRequest when it is not a number.
    """
    if not (text.isascii() and text.isdigit()):
        raise malformed(header)
    digits = text.lstrip("0") or "0"
    if len(digits) > 10:
        return None
    value = int(digits)
    return value if value < 2**32 else None
