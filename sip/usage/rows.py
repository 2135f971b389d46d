"""Text from the wire on its way into a journal row: UTF-8 without NUL, or it cannot be stored.

Header values may hold bytes that are no UTF-8 (they travel as surrogate escapes); a database refuses them,
and would refuse the changes of others that are committed in the same transaction.
"""

from __future__ import annotations

from functools import lru_cache

from sip.errors import BadRequest
from sip.ports import Value

Row = tuple[tuple[Value, ...], tuple[Value, ...]]
"""Key and values of a stored row, as they come back at a restart."""


def storable(text: str, header: str) -> str:
    """`text` if a row can hold it, for values that must come back as they were.

    Raises:
        BadRequest: it cannot; the reason names `header`.
    """
    if (not text.isascii() and not _is_utf8(text)) or "\0" in text:
        raise BadRequest(f"Malformed {header} header field: not UTF-8")
    return text


def readable(text: str | None, limit: int = 200) -> str:
    """`text` for people to read, at most `limit` characters, what is no text replaced; "" for None."""
    if not text:
        return ""
    text = text[:limit]
    if text.isascii() and "\0" not in text:
        return text
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace").replace("\0", "\ufffd")


@lru_cache(maxsize=1024)
def shared(text: str) -> str:
    """`text`, the same object for all who have it: of media types and phones there are few.

    Not interned: what strangers write would stay for ever with some releases of Python.
    """
    return text


def _is_utf8(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
