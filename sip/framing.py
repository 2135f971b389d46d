"""Cutting messages out of a byte stream: TCP and TLS (RFC 3261 §18.3, §7.5; RFC 5626 §3.5.1 keep-alives).

The framer knows no socket.  Each byte is looked at a bounded number of times, however it is dripped in.
"""

from __future__ import annotations

import re
from typing import Final

from sip.errors import MessageTooLarge, ParseError
from sip.message import Request, parse_head

_LENGTH = re.compile(
    rb"\n(?:[Cc][Oo][Nn][Tt][Ee][Nn][Tt]-[Ll][Ee][Nn][Gg][Tt][Hh]|[Ll])[ \t]*+:"
    rb"(?:\r\n(?=[ \t])|[ \t])*([^\r\n]*+(?:\r\n[ \t][^\r\n]*+)*)"
)

_BEGUN_ENDS: Final = (b"\r", b"\r\n", b"\r\n\r")
"""What the end of a head may have come as, by its length."""


class FramingError(ParseError):
    """The stream cannot be cut into messages any more: answer 400 if there is a `partial`, then close."""


class Ping:
    """A keep-alive of RFC 5626 §3.5.1; answer with `reply`."""

    __slots__ = ()

    reply: Final = b"\r\n"

    def __repr__(self) -> str:
        return "Ping()"


PING: Final = Ping()


class StreamFramer:
    """Whole messages out of a stream.

    `max_message` limits head and body together, `max_head` the head alone, both in bytes.
    """

    __slots__ = ("_buffer", "_head_end", "_needed", "_scanned", "error", "max_head", "max_message")

    def __init__(self, max_message: int = 65536, max_head: int = 32768) -> None:
        self.max_message = max_message
        self.max_head = min(max_head, max_message)
        self.error: FramingError | MessageTooLarge | None = None
        """Set once the stream is beyond saving; every later `feed` raises it."""
        self._buffer = bytearray()
        self._scanned = 0
        self._head_end = -1
        self._needed = 0

    @property
    def pending(self) -> int:
        """Bytes of an unfinished message; 0 between messages."""
        return len(self._buffer)

    def feed(self, data: bytes) -> list[bytes | Ping]:
        """Take bytes in; whole messages and keep-alives come out, in order.

        Raises FramingError or MessageTooLarge, with `partial` if the request can be answered.  What was whole
        before the fault is returned first; the error is then in `error` and is raised by the next call.
        """
        if self.error is not None:
            raise self.error
        self._buffer += data
        found: list[bytes | Ping] = []
        try:
            while self._next(found):
                pass
        except (FramingError, MessageTooLarge) as error:
            self.error = error
            self._buffer.clear()
            if not found:
                raise
        return found

    def _next(self, found: list[bytes | Ping]) -> bool:
        buffer = self._buffer
        if self._head_end < 0:
            if buffer.startswith((b"\r", b"\n")):
                return self._skip_line_end(found)
            if not self._read_head():
                return False
        if len(buffer) < self._needed:
            return False
        found.append(bytes(buffer[: self._needed]))
        del buffer[: self._needed]
        self._head_end = -1
        self._scanned = 0
        return bool(buffer)

    def _skip_line_end(self, found: list[bytes | Ping]) -> bool:
        """Between messages: CRLF CRLF is a ping, one CRLF is a pong or noise (RFC 5626 §3.5.1)."""
        buffer = self._buffer
        if buffer.startswith(b"\r\n\r\n"):
            found.append(PING)
            del buffer[:4]
        elif len(buffer) < 4 and b"\r\n\r\n".startswith(bytes(buffer)):
            return False  # the second half may be on its way
        elif buffer.startswith(b"\r\n"):
            del buffer[:2]
        else:
            raise FramingError("Bare CR or LF between messages")
        return bool(buffer)

    def _read_head(self) -> bool:
        buffer = self._buffer
        end = buffer.find(b"\r\n\r\n", self._scanned)
        if end < 0:
            self._scanned = max(0, len(buffer) - 3)
            over = len(buffer) - self.max_head
            # What is over may be the begin of its end: in pieces it is no larger than at once.
            if over > 0 and not buffer.endswith(_BEGUN_ENDS[over - 1 :]):
                raise self._too_large(bytes(buffer[: buffer.rfind(b"\r\n") if b"\r\n" in buffer else 0]))
            return False
        head = bytes(buffer[:end])
        if end > self.max_head:
            raise self._too_large(head)
        length = self._content_length(head)
        if end + 4 + length > self.max_message:
            raise self._too_large(head)
        self._head_end = end
        self._needed = end + 4 + length
        return True

    def _content_length(self, head: bytes) -> int:
        stated = {value.strip() for value in _LENGTH.findall(head)}
        if not stated:
            raise FramingError("Missing Content-Length header field", partial=_partial(head))
        if len(stated) > 1:
            raise FramingError("Conflicting Content-Length header fields", partial=_partial(head))
        digits = stated.pop()
        if not digits.isdigit():
            raise FramingError("Malformed Content-Length header field", partial=_partial(head))
        digits = digits.lstrip(b"0") or b"0"
        if len(digits) > 10:
            raise self._too_large(head)
        return int(digits)

    def _too_large(self, head: bytes) -> MessageTooLarge:
        error = MessageTooLarge(limit="max_message")
        error.partial = _partial(head)
        return error


def _partial(head: bytes) -> Request | None:
    """What the head tells of a request that will never be whole."""
    try:
        parse_head(head, b"", "Framing")
    except ParseError as error:
        return error.partial
    return None
