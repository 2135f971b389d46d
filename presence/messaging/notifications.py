"""Messages about messages: somebody is typing (RFC 3994), a message was delivered or shown (RFC 5438).

They are of use now or never, so they are forwarded and not stored: typing that is reported days later is
wrong, and nobody may answer a notification with another one (RFC 5438 §12.3).
"""

from __future__ import annotations

import re
from typing import Final

from sip.errors import SipError
from sip.message import Request
from sip.usage.content import decode_body

_TYPES: Final = frozenset({"application/im-iscomposing+xml", "message/imdn+xml"})
_CPIM: Final = "message/cpim"
_LINE_END: Final = re.compile(rb"\r\n|\r|\n")


def is_notification(request: Request, limit: int) -> bool:
    """Whether the body of a MESSAGE is one of these, bare or within message/cpim (RFC 3862).

    `limit`: bytes that are read of a body which has a Content-Encoding.
    """
    content_type = request.content_type
    if content_type is None:
        return False
    if content_type.full != _CPIM:
        return content_type.full in _TYPES
    try:
        return _encapsulated_type(decode_body(request, limit)) in _TYPES
    except SipError:
        # What cannot be read is the recipient's to judge.
        return False


def _encapsulated_type(body: bytes) -> str:
    """The Content-Type of the encapsulated part: in the headers after the first empty line (RFC 3862 §2)."""
    empty_lines = 0
    for line in _LINE_END.split(body):
        if not line:
            empty_lines += 1
            if empty_lines > 1:
                break
        elif empty_lines:
            name, _, value = line.partition(b":")
            if name.strip().lower() == b"content-type":
                return value.partition(b";")[0].strip().lower().decode("ascii", "replace")
    return ""
