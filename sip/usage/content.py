"""Bodies in a Content-Encoding: read, with a limit, because a small body may unpack to a very large one."""

from __future__ import annotations

import zlib

from sip.errors import BadRequest, EntityTooLarge, UnsupportedMediaType
from sip.message import Message

# The zlib module tells gzip and zlib wrapping apart by these window sizes.
_WINDOW_BITS = {"deflate": zlib.MAX_WBITS, "gzip": zlib.MAX_WBITS | 16, "x-gzip": zlib.MAX_WBITS | 16}
_RAW_DEFLATE = -zlib.MAX_WBITS
_ACCEPTED = (("Accept-Encoding", "deflate, gzip"),)


def decode_body(message: Message, limit: int, setting: str = "") -> bytes:
    """The body of `message` without its Content-Encoding (RFC 3261 §20.12), at most `limit` bytes of it.

    `setting` is the name of the limit.

    Raises:
        UnsupportedMediaType: 415 with Accept-Encoding for a coding other than deflate and gzip.
        EntityTooLarge: 413 when it is, or unpacks to, more than `limit` bytes.
        BadRequest: when it does not unpack.
    """
    body = message.body
    if "Content-Encoding" not in message:
        if len(body) > limit:
            raise EntityTooLarge(f"Body over {limit} bytes", limit=setting)
        return body
    codings = [value.strip().lower() for value in message.values("Content-Encoding")]
    # Codings are named in the order in which they were applied.
    for coding in reversed([coding for coding in codings if coding not in ("", "identity")]):
        bits = _WINDOW_BITS.get(coding)
        if bits is None:
            raise UnsupportedMediaType("Content-Encoding not supported", headers=_ACCEPTED)
        body = _unpack(body, bits, limit, setting)
    if len(body) > limit:
        raise EntityTooLarge(f"Body over {limit} bytes", limit=setting)
    return body


def _unpack(body: bytes, bits: int, limit: int, setting: str) -> bytes:
    unpacker = zlib.decompressobj(bits)
    try:
        plain = unpacker.decompress(body, limit + 1)
    except zlib.error:
        if bits != zlib.MAX_WBITS:
            raise BadRequest("Body is not in its Content-Encoding") from None
        # Many take "deflate" for the bare algorithm without the zlib wrapping.
        return _unpack(body, _RAW_DEFLATE, limit, setting)
    if len(plain) > limit:
        raise EntityTooLarge(f"Body unpacks to over {limit} bytes", limit=setting)
    if not unpacker.eof:
        raise BadRequest("Body ends within its Content-Encoding")
    return plain
