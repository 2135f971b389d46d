"""Multipart bodies (RFC 2046 §5.1), and `multipart/related` (RFC 2387) as lists use it (RFC 4662 §5).

What goes out is written so that the simplest parsers of phones find their way: the body begins with the
delimiter and ends with one line end after the last, the boundary is a token without quotes, of one length
everywhere (none begins another), and occurs nowhere else, not even within a line.  What comes in may have the
boundary quoted, a preamble, an epilogue, and lines that end with LF alone.
"""

from __future__ import annotations

import binascii
import hashlib
import quopri
import re
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from presence.documents.xml import one_line
from sip.errors import BadRequest, EntityTooLarge
from sip.headers import MediaType, quote

RELATED: Final = "multipart/related"

_WHAT: Final = "multipart"
_BOUNDARY_BYTES: Final = 12
_LONGEST_BOUNDARY: Final = 70
"""RFC 2046 §5.1.1."""
_END_OF_HEAD: Final = re.compile(rb"\A[ \t]*+\r?\n|\r?\n[ \t]*+\r?\n")
_FOLD: Final = re.compile(r"\r?\n[ \t]+")
_LINE_BREAKS: Final = str.maketrans(dict.fromkeys("\r\n\0", " "))
_ENCODE: Final = ("utf-8", "surrogateescape")


class Part(NamedTuple):
    """One body part."""

    content_type: str
    """With its parameters."""
    body: bytes
    content_id: str | None = None
    """Without angle brackets, as RLMI has it in `cid`."""
    headers: tuple[tuple[str, str], ...] = ()
    """All others, in order."""

    @property
    def is_multipart(self) -> bool:
        return self.content_type[:10].lower() == "multipart/"


class Multipart(NamedTuple):
    """A body taken apart."""

    media_type: MediaType
    parts: tuple[Part, ...]

    @property
    def root(self) -> Part:
        """The part that the others belong to: the one that `start` names, else the first (RFC 2387 §3.2)."""
        start = (self.media_type.params.get("start") or "").strip().strip("<>")
        return (self.part(start) if start else None) or self.parts[0]

    def part(self, content_id: str) -> Part | None:
        """The first part with this Content-ID."""
        return next((part for part in self.parts if part.content_id == content_id), None)


def render_related(parts: Sequence[Part]) -> tuple[str, bytes]:
    """Content-Type and body of a `multipart/related` whose root is the first of `parts`.

    The same parts give the same bytes.  Raises ValueError when there is no part.
    """
    if not parts:
        raise ValueError("multipart: no part")
    root = parts[0]
    heads = [_head(part) for part in parts]
    boundary = _boundary(parts, heads)
    delimiter = b"\r\n--%b\r\n" % boundary
    out: list[bytes] = [delimiter[2:]]
    for head, part in zip(heads, parts, strict=True):
        out += (head, part.body, delimiter)
    out[-1] = b"\r\n--%b--\r\n" % boundary
    content_type = f"{RELATED};type={quote(root.content_type.partition(';')[0].strip())}"
    if root.content_id is not None:
        content_type += f";start={quote(f'<{root.content_id}>')}"
    return f"{content_type};boundary={boundary.decode()}", b"".join(out)


def related_part(parts: Sequence[Part], content_id: str) -> Part:
    """A `multipart/related` as a part of another one: a list within a list (RFC 4662 §5.5)."""
    content_type, body = render_related(parts)
    return Part(content_type, body, content_id)


def parse_multipart(
    content_type: str | MediaType, body: bytes, most_parts: int = 1000, size: int = 1 << 20
) -> Multipart:
    """Take a multipart body of any subtype apart; parts that are multipart again are left as they are.

    Transfer encodings are undone.

    Raises:
        EntityTooLarge: 413, more than `size` bytes or `most_parts` parts.
        BadRequest: 400, no multipart, no boundary, the delimiter not found, not closed, a part unreadable.
    """
    media_type = MediaType.parse(content_type) if isinstance(content_type, str) else content_type
    if media_type.type != "multipart":
        raise BadRequest(f"{_WHAT}: {one_line(media_type.full)} is not multipart")
    if len(body) > size:
        raise EntityTooLarge(f"{_WHAT}: more than {size} bytes")
    boundary = (media_type.params.get("boundary") or "").rstrip()
    if not 0 < len(boundary) <= _LONGEST_BOUNDARY:
        raise BadRequest(f"{_WHAT}: boundary is missing, empty or too long")
    pieces = _split(body, boundary)
    if pieces is None and " " in boundary:
        # Printed examples break the line within the parameter.
        pieces = _split(body, boundary.replace(" ", ""))
    if pieces is None:
        raise BadRequest(f"{_WHAT}: the body has no delimiter --{one_line(boundary)}")
    if len(pieces) > most_parts:
        raise EntityTooLarge(f"{_WHAT}: more than {most_parts} parts")
    return Multipart(media_type, tuple(map(_part, pieces)))


def _head(part: Part) -> bytes:
    if part.content_id is not None and not part.headers:
        # Nearly all are so.
        head = (
            "Content-Transfer-Encoding: binary\r\n"
            f"Content-ID: <{part.content_id}>\r\nContent-Type: {part.content_type}\r\n\r\n"
        )
        if head.count("\n") == 4 and head.count("\r") == 4 and "\0" not in head:
            return head.encode(*_ENCODE)
    lines = ["Content-Transfer-Encoding: binary"]
    if part.content_id is not None:
        lines.append(f"Content-ID: <{part.content_id}>")
    lines.append(f"Content-Type: {part.content_type}")
    lines += (f"{name}: {value}" for name, value in part.headers)
    head = "".join([f"{line}\r\n" for line in lines])
    if head.count("\n") != len(lines) or head.count("\r") != len(lines) or "\0" in head:
        head = "".join([f"{line.translate(_LINE_BREAKS)}\r\n" for line in lines])
    return f"{head}\r\n".encode(*_ENCODE)


def _boundary(parts: Sequence[Part], heads: Sequence[bytes]) -> bytes:
    """A token that occurs in no part: made from the root, and made again should a part have foreseen it."""
    everything = b"\n".join([*heads, *(part.body for part in parts)])
    seed = hashlib.blake2b(heads[0] + parts[0].body, digest_size=_BOUNDARY_BYTES)
    while True:
        boundary = seed.hexdigest().encode()
        if boundary not in everything:
            return boundary
        seed.update(b"again")


def _split(body: bytes, boundary: str) -> list[bytes] | None:
    """What lies between the delimiters; None if there is no delimiter.  Raises BadRequest if none closes."""
    line = re.compile(rb"(?:\A|\r?\n)--%b(--)?[ \t]*+(?:(?=\r?\n)|\Z)" % re.escape(boundary.encode(*_ENCODE)))
    pieces: list[bytes] = []
    begin: int | None = None
    for match in line.finditer(body):
        if begin is not None:
            pieces.append(body[begin : match.start()])
        if match[1]:
            if not pieces:
                raise BadRequest(f"{_WHAT}: no part before the last delimiter")
            return pieces
        # The line end stays, it may be the one that the next delimiter begins with.
        begin = match.end()
    if begin is None:
        return None
    raise BadRequest(f"{_WHAT}: the last delimiter is missing")


def _part(piece: bytes) -> Part:
    # The piece begins with the line end of its delimiter, so the head may be empty.
    piece = piece.removeprefix(b"\r").removeprefix(b"\n")
    match = _END_OF_HEAD.search(piece)
    if match is None:
        raise BadRequest(f"{_WHAT}: a part has no empty line after its header")
    content_type, content_id, encoding = "text/plain", None, ""
    headers: list[tuple[str, str]] = []
    head = piece[: match.start()].decode(*_ENCODE)
    for line in _FOLD.sub(" ", head).splitlines() if head else ():
        name, colon, value = line.partition(":")
        name, value = name.strip(), value.strip()
        if not colon or not name:
            raise BadRequest(f"{_WHAT}: a part with the header line {one_line(line)!r}")
        match name.lower():
            case "content-type":
                content_type = value
            case "content-id":
                content_id = value.strip("<>")
            case "content-transfer-encoding":
                encoding = value.lower()
            case _:
                headers.append((name, value))
    decode = _DECODERS.get(encoding)
    if decode is None:
        raise BadRequest(f"{_WHAT}: unknown Content-Transfer-Encoding {one_line(encoding)!r}")
    return Part(content_type, decode(piece[match.end() :]), content_id, tuple(headers))


def _as_it_is(body: bytes) -> bytes:
    return body


def _base64(body: bytes) -> bytes:
    try:
        return binascii.a2b_base64(body)
    except binascii.Error:
        raise BadRequest(f"{_WHAT}: a part is no base64") from None


_DECODERS: Final[dict[str, Callable[[bytes], bytes]]] = {
    "": _as_it_is,
    "7bit": _as_it_is,
    "8bit": _as_it_is,
    "binary": _as_it_is,
    "base64": _base64,
    "quoted-printable": quopri.decodestring,
}
