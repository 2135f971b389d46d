"""From bytes to a message (RFC 3261 §7, §18.3, §25.1).

The usual message takes the short way: one decode of the head, one pass over its lines, one dictionary look-up
a line.  Whatever is unusual (folding, whitespace around names, faults) leaves it line by line.  A fault does
not end the reading: a request that can still be answered comes with the error.
"""

from __future__ import annotations

import re

from sip.errors import ParseError
from sip.headers.cseq import METHODS
from sip.headers.grammar import TOKEN
from sip.headers.names import KNOWN, canonical_name
from sip.message.request import Request, build_request
from sip.message.response import Response, build_response

_FOLD = re.compile(r"\r\n[ \t]++")
_VERSION = re.compile(r"SIP/[0-9]++\.[0-9]++", re.IGNORECASE)
_BARE = re.compile(r"\r(?!\n)|(?<!\r)\n")

BARE_LINE_END = "Bare CR or LF in the message head"


def parse(data: bytes) -> Request | Response:
    """The message in a datagram, a frame, or what a `StreamFramer` cut out.

    The body is cut to Content-Length if there is one.  Raises ParseError (400) naming the fault.
    """
    end = data.find(b"\r\n\r\n")
    if end <= 0:
        # RFC 3261 §7.5: empty lines before the start line do not count.
        data = data.lstrip(b"\r\n")
        end = data.find(b"\r\n\r\n")
        if end < 0:
            return parse_head(data.rstrip(b"\r\n"), b"", "Message head without an end")
    return parse_head(data[:end], data[end + 4 :])


def parse_head(head: bytes, body: bytes, fault: str | None = None) -> Request | Response:
    """The message of a head (without its final CRLFs) and all bytes that came after it.

    `fault` is one that the caller found already.  Raises ParseError as `parse` does.
    """
    text = head.decode("utf-8", "surrogateescape")
    lines = text.split("\r\n")
    breaks = len(lines) - 1
    if text.count("\n") != breaks or text.count("\r") != breaks:
        # Elements that disagree on what ends a line can be made to see different messages.
        fault = fault or BARE_LINE_END
        lines = [line for line in lines if _BARE.search(line) is None]
        if not lines:
            raise ParseError(fault)
    names: list[str] = []
    values: list[str] = []
    known = KNOWN
    start = ""
    for index, line in enumerate(lines):
        if not index:
            start = line
            continue
        name, separator, value = line.partition(": ")
        key = known.get(name)
        if key is None or not separator:
            if line.startswith((" ", "\t")):
                return parse_head(_unfolded(head), body, fault or _leading_fold(index))
            name, separator, value = line.partition(":")
            try:
                key = canonical_name(name)
            except ValueError:
                separator = ""
            if key is None or not separator:
                fault = fault or "Malformed header field line"
                continue
            value = value.strip(" \t")
        names.append(key)
        values.append(value)
    if "  " in text or " \r\n" in text or "\t" in text or text.endswith(" "):
        values = [value.strip(" \t") for value in values]
    lengths = names.count("Content-Length")
    if lengths:
        fault, body = _cut(names, values, lengths, body, fault)
    return _message(start, names, values, body, fault)


def _message(
    start: str, names: list[str], values: list[str], body: bytes, fault: str | None
) -> Request | Response:
    if start.endswith(" SIP/2.0"):
        method, _, uri = start[:-8].partition(" ")
        version = "SIP/2.0"
    elif start[:4].upper() == "SIP/":
        return _response(start, names, values, body, fault)
    else:
        method, uri, version = "", "", ""
    if not uri or " " in uri or "\t" in uri:
        # RFC 4475 §3.1.2.9 and §3.1.2.10: more spaces than one are ignored, within the URI (§3.1.2.8) refused.
        parts = start.split()
        if len(parts) < 3 or _VERSION.fullmatch(parts[-1]) is None:
            raise ParseError("Malformed start line")
        method, uri, version = parts[0], " ".join(parts[1:-1]), parts[-1].upper()
        if len(parts) > 3:
            fault = "Whitespace in the Request-URI"
    if method not in METHODS and TOKEN.fullmatch(method) is None:
        raise ParseError("Malformed start line: method is not a token")
    request = build_request(method, uri, version, names, values, body)
    if fault is not None:
        answerable = method != "ACK" and "Via" in names
        raise ParseError(fault, partial=request if answerable else None)
    return request


def _response(
    start: str, names: list[str], values: list[str], body: bytes, fault: str | None
) -> Response:
    version, _, rest = start.partition(" ")
    code, _, reason = rest.partition(" ")
    if _VERSION.fullmatch(version) is None or len(code) != 3 or not (code.isascii() and code.isdigit()):
        raise ParseError("Malformed status line")
    status = int(code)
    if not 100 <= status <= 699:
        raise ParseError("Status code out of range")
    if fault is not None:
        raise ParseError(fault)
    return build_response(status, reason.strip(" \t"), version.upper(), names, values, body)


def _cut(
    names: list[str], values: list[str], lengths: int, body: bytes, fault: str | None
) -> tuple[str | None, bytes]:
    """Cut the body to Content-Length; the fault if that cannot be done (RFC 3261 §18.3)."""
    digits = values[names.index("Content-Length")]
    if lengths > 1:
        stated = {value for name, value in zip(names, values, strict=True) if name == "Content-Length"}
        if len(stated) > 1:
            return fault or "Conflicting Content-Length header fields", body
    if not (digits.isascii() and digits.isdigit()):
        return fault or "Malformed Content-Length header field", body
    digits = digits if len(digits) <= 10 else digits.lstrip("0")[:11] or "0"
    length, available = int(digits), len(body)
    if length == available:
        return fault, body
    if length < available:
        return fault, body[:length]
    return fault or "Content-Length larger than the message", body


def _unfolded(head: bytes) -> bytes:
    """Continuation lines joined to the lines that they continue (RFC 3261 §7.3.1)."""
    return _FOLD.sub(" ", head.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")


def _leading_fold(index: int) -> str | None:
    return "Folded start line" if index == 1 else None
