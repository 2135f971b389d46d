"""A message that is written at once, from text of ours and values of others, without a `Message` of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from sip.native import native

Parts = list[str | int]
"""By turns what is ours and a value: what we write may end lines, a value may not."""


def written_in_python(parts: Parts, body: bytes) -> bytes | None:
    """`parts` and `body` as bytes (UTF-8); None if a value holds what would end a line, or a zero byte.

    Numbers are not negative.
    """
    values = "".join(map(str, parts[1::2]))
    if "\n" in values or "\r" in values or "\0" in values:
        return None
    return "".join(map(str, parts)).encode("utf-8", "surrogateescape") + body


written: Final[Callable[[Parts, bytes], bytes | None]] = getattr(
    native("sip._text"), "written", written_in_python
)
"""The fastest that there is.  The one in C gives None for more than 128 parts too: for a message."""
