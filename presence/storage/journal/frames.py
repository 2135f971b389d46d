"""Frames between the journal's client and its writer: a length (4 bytes, little endian), then marshal.

Client to writer: first `Settings`, then batches `(number, writes)`; a write is a list of (kind, key, row).
Writer to client: answers `(number, failure, refusals, seconds)`, number 0 for the settings: `failure` is None
or says why the database could not take the batch (then `refusals` is {} if it may have taken it all the same:
its connection was lost within the transaction); `refusals` is None or tells by index which writes were
refused alone, and why; `seconds` is what the transaction took.
"""

from __future__ import annotations

import marshal
from struct import Struct
from typing import Any

from sip.ports import Value

PlainRecord = tuple[str, tuple[Value, ...], tuple[Value, ...] | None]
PlainWrite = list[PlainRecord]
Settings = dict[str, Any]
Batch = tuple[int, list[PlainWrite]]
Answer = tuple[int, str | None, dict[int, str] | None, float]

HEAD = Struct("<I")


def pack(content: Settings | Batch | Answer) -> bytes:
    """A whole frame. Raises ValueError if something in it is not a plain value."""
    payload = marshal.dumps(content)
    return HEAD.pack(len(payload)) + payload


class Unpacker:
    """Cuts a stream of bytes into the contents of its whole frames."""

    __slots__ = ("_buffer",)

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Any]:
        """What became complete with `data`."""
        buffer = self._buffer
        buffer += data
        contents: list[Any] = []
        start = 0
        while len(buffer) - start >= HEAD.size:
            (length,) = HEAD.unpack_from(buffer, start)
            end = start + HEAD.size + length
            if len(buffer) < end:
                break
            # From our own process, over a socket that has no name.
            contents.append(marshal.loads(memoryview(buffer)[start + HEAD.size : end]))  # noqa: S302
            start = end
        if start:
            del buffer[:start]
        return contents
