"""Heads of messages as nearly all come, read at one go; and written (RFC 3261 §7).

What is unusual in the least (a folded line, no space behind a colon, a bare line end) is None, and
`sip.message.parser` reads it step by step.  Where it was compiled the same is done in C (decision 0022).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from sip.headers.cseq import METHODS
from sip.headers.names import KNOWN, canonical_name
from sip.native import native

First = dict[str, str]
More = dict[str, list[str]]
Head = tuple[str, str, First, More, int]
"""Method and Request-URI ("" and the start line, where it is not that of a known method); the first line of
each name in order of appearance and the further lines of some; where the body begins."""

_VERSION = " SIP/2.0"


def head_in_python(data: bytes, most: int) -> Head | None:
    """The head of `data`, which has at most `most` header fields and values in them (0: any number)."""
    end = data.find(b"\r\n\r\n")
    if end <= 0 or (most and data.count(b"\n", 0, end) + data.count(b",", 0, end) > most):
        return None
    text = data[:end].decode("utf-8", "surrogateescape")
    start, *lines = text.split("\r\n")
    joined = "".join(lines)
    if "\n" in joined or "\r" in joined or "\n" in start or "\r" in start or "\0" in text or not start:
        # Elements that disagree on what ends a line can be made to see different messages.
        return None
    first: First = {}
    more: More = {}
    known = KNOWN
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or value[:1] != " " or line[0] in " \t":
            return None
        value = value.strip(" \t")
        try:
            key = known.get(name) or canonical_name(name)
        except ValueError:
            return None
        if key in first:
            # Not rare: Via in whatever passes through.
            more.setdefault(key, []).append(value)
        else:
            first[key] = value
    method, _, rest = start.partition(" ")
    uri = rest.removesuffix(_VERSION)
    if method in METHODS and uri and uri != rest and " " not in uri and "\t" not in uri:
        return method, uri, first, more, end + 4
    return "", start, first, more, end + 4


def rendered_in_python(start: str, first: First, more: More, body: bytes) -> bytes:
    """The bytes of a message: its start line, its lines, those of one name side by side, and its body."""
    lines = [start]
    for name, value in first.items():
        lines.append(f"{name}: {value}")
        if name in more:
            lines += [f"{name}: {further}" for further in more[name]]
    lines.append("\r\n")
    return "\r\n".join(lines).encode("utf-8", "surrogateescape") + body


_NATIVE: Final = native("sip._heads")
read_head: Final[Callable[[bytes, int], Head | None]] = (
    head_in_python if _NATIVE is None else _NATIVE.Reader(KNOWN, METHODS, canonical_name).read
)
_rendered: Final[Callable[[str, First, More, bytes], bytes | None]] = getattr(
    _NATIVE, "rendered", rendered_in_python
)


def rendered(start: str, first: First, more: More, body: bytes) -> bytes:
    """As `rendered_in_python`.  Raises UnicodeEncodeError for what is no text."""
    data = _rendered(start, first, more, body)
    return rendered_in_python(start, first, more, body) if data is None else data
