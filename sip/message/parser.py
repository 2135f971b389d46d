"""From bytes to a message (RFC 3261 §7, §18.3, §25.1).

The usual message takes the short way (`sip.message.heads`).  Whatever is unusual (folding, whitespace around
names, faults) is read line by line.  A fault does not end the reading: a request that can still be answered
comes with the error.
"""

from __future__ import annotations

import re

from sip.errors import ParseError
from sip.headers.cseq import METHODS
from sip.headers.grammar import TOKEN
from sip.headers.names import KNOWN, canonical_name
from sip.message.heads import read_head
from sip.message.request import Request, build_request
from sip.message.response import Response, build_response

_FOLD = re.compile(r"\r\n[ \t]++")
_VERSION = re.compile(r"SIP/[0-9]++\.[0-9]++", re.IGNORECASE)
_NUL = re.compile(r"(?<!\\)\0")
"""RFC 3261 §25.1 has NUL in quoted pairs only."""
_BARE = re.compile(r"\r(?!\n)|(?<!\r)\n")


def parse(data: bytes, most: int = 0) -> Request | Response:
    """The message in a datagram, a frame, or what a `StreamFramer` cut out.

    The body is cut to Content-Length if there is one.  Raises ParseError (400) naming the fault, also where
    the head has more than `most` header fields and values in them (0: as many as there are).
    """
    head = read_head(data, most)
    if head is None:
        return _unusual(data, most)
    method, uri, first, more, end = head
    body, fault = _cut(first, more, data[end:], None)
    if method:
        return _request(method, uri, "SIP/2.0", first, more, body, fault)
    return _message(uri, first, more, body, fault)


def _unusual(data: bytes, most: int) -> Request | Response:
    end = data.find(b"\r\n\r\n")
    if most and data.count(b"\n", 0, end) + data.count(b",", 0, end) > most:
        return _overfull(data, end, most)
    if end <= 0:
        # RFC 3261 §7.5: empty lines before the start line do not count.
        data = data.lstrip(b"\r\n")
        end = data.find(b"\r\n\r\n")
        if end < 0:
            return parse_head(data.rstrip(b"\r\n"), b"", "Message head without an end")
    return parse_head(data[:end], data[end + 4 :])


def _overfull(data: bytes, end: int, most: int) -> Request | Response:
    """Too much to be looked at one by one: what answering takes is in the first lines that there may be."""
    head = data if end < 0 else data[:end]
    lines = head.lstrip(b"\r\n").split(b"\r\n", most)[:most]
    complaint = f"More than {most} header fields and values"
    try:
        return parse_head(b"\r\n".join(lines), b"", complaint)
    except ParseError as error:
        raise ParseError(complaint, partial=error.partial, limit="max_header_values") from None


def parse_head(head: bytes, body: bytes, fault: str | None = None) -> Request | Response:
    """The message of a head (without its final CRLFs) and all bytes that came after it.

    `fault` is one that the caller found already.  Raises ParseError as `parse` does.
    """
    text = head.decode("utf-8", "surrogateescape")
    lines = text.split("\r\n")
    joined = "".join(lines)
    if "\n" in joined or "\r" in joined:
        # Elements that disagree on what ends a line can be made to see different messages.
        fault = fault or "Bare CR or LF in the message head"
        lines = [line for line in lines if _BARE.search(line) is None] or [""]
    if "\0" in text and _NUL.search(text):
        # Nobody means it, and what is copied from here into our own messages must not hold it.
        fault = fault or "NUL in the message head"
        lines = [line for line in lines if not _NUL.search(line)] or [""]
    start = lines.pop(0)
    if any(line.startswith((" ", "\t")) for line in lines):
        return parse_head(_unfolded(text), body, fault or _folded_start(lines))
    first, more, complaint = _fields(lines)
    fault = fault or complaint
    body, fault = _cut(first, more, body, fault)
    return _message(start, first, more, body, fault)


def _fields(lines: list[str]) -> tuple[dict[str, str], dict[str, list[str]], str | None]:
    """First lines and further lines by name, and what is wrong with one of them."""
    first: dict[str, str] = {}
    more: dict[str, list[str]] = {}
    fault = None
    for line in lines:
        name, colon, value = line.partition(":")
        try:
            key = KNOWN.get(name) or canonical_name(name)
        except ValueError:
            colon = ""
        value = value.strip(" \t")
        if not colon:
            fault = "Malformed header field line"
        elif key in first:
            more.setdefault(key, []).append(value)
        else:
            first[key] = value
    return first, more, fault


def _folded_start(lines: list[str]) -> str | None:
    return "Folded start line" if lines[0].startswith((" ", "\t")) else None


def _message(
    start: str, first: dict[str, str], more: dict[str, list[str]], body: bytes, fault: str | None
) -> Request | Response:
    if start[:4].upper() == "SIP/":
        return _response(start, first, more, body, fault)
    if start.endswith(" SIP/2.0"):
        method, _, uri = start[:-8].partition(" ")
        version = "SIP/2.0"
    else:
        method, uri, version = "", "", ""
    if not uri or " " in uri or "\t" in uri:
        # RFC 4475 §3.1.2.9 and §3.1.2.10: extra spaces are ignored, within the URI (§3.1.2.8) refused.
        parts = start.split()
        if len(parts) < 3 or _VERSION.fullmatch(parts[-1]) is None:
            raise ParseError("Malformed start line")
        method, uri, version = parts[0], " ".join(parts[1:-1]), parts[-1].upper()
        if len(parts) > 3:
            fault = "Whitespace in the Request-URI"
    if method not in METHODS and TOKEN.fullmatch(method) is None:
        raise ParseError("Malformed start line: method is not a token")
    return _request(method, uri, version, first, more, body, fault)


def _request(
    method: str,
    uri: str,
    version: str,
    first: dict[str, str],
    more: dict[str, list[str]],
    body: bytes,
    fault: str | None,
) -> Request:
    request = build_request(method, uri, version, first, more, body)
    if fault:
        answerable = method != "ACK" and "Via" in first
        raise ParseError(fault, partial=request if answerable else None)
    return request


def _response(
    start: str, first: dict[str, str], more: dict[str, list[str]], body: bytes, fault: str | None
) -> Response:
    version, _, rest = start.partition(" ")
    code, _, reason = rest.partition(" ")
    if _VERSION.fullmatch(version) is None or len(code) != 3 or not (code.isascii() and code.isdigit()):
        raise ParseError("Malformed status line")
    status = int(code)
    if not 100 <= status <= 699:
        raise ParseError("Status code out of range")
    if fault:
        raise ParseError(fault)
    return build_response(status, reason.strip(" \t"), version.upper(), first, more, body)


def _cut(
    first: dict[str, str], more: dict[str, list[str]], body: bytes, fault: str | None
) -> tuple[bytes, str | None]:
    """The body cut to Content-Length, and the fault if that cannot be done (RFC 3261 §18.3)."""
    line = first.get("Content-Length")
    if line is None or ("Content-Length" not in more and line == str(len(body))):
        return body, fault
    stated = [line, *more.get("Content-Length", ())]
    digits = line.strip(" \t")
    if any(value.strip(" \t") != digits for value in stated):
        return body, fault or "Conflicting Content-Length header fields"
    if not (digits.isascii() and digits.isdigit()):
        return body, fault or "Malformed Content-Length header field"
    digits = digits if len(digits) <= 10 else digits.lstrip("0")[:11] or "0"
    length, available = int(digits), len(body)
    if length == available:
        return body, fault
    if length < available:
        return body[:length], fault
    return body, fault or "Content-Length larger than the message"


def _unfolded(text: str) -> bytes:
    """Continuation lines joined to the lines that they continue (RFC 3261 §7.3.1)."""
    return _FOLD.sub(" ", text).encode("utf-8", "surrogateescape")
