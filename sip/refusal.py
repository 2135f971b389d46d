"""A refusal made from the bytes of a request, without making a message of it.

Under overload what a refusal costs is missing for the work that was taken (RFC 5390 §7), and understanding a
request is most of it.  To answer one that is written as nearly every client writes it, its lines need only be
told apart: RFC 3261 §8.2.6.2 has them copied.  Whatever differs in the least (a folded line, a quoted name,
several values in a line, a fault) is left to those who read everything.
"""

from __future__ import annotations

import re
from typing import Final

from sip.headers.via import DEFAULT_PORT

METHODS: Final = {
    name.encode(): name
    for name in ("REGISTER", "SUBSCRIBE", "PUBLISH", "MESSAGE", "OPTIONS", "INVITE", "REFER", "NOTIFY")
}
"""Those that new work is asked for with."""

_VERSION: Final = b" SIP/2.0"

_VIA: Final = 1
_FROM: Final = 2
_TO: Final = 3
_CALL_ID: Final = 4
_CSEQ: Final = 5
_OTHER: Final = 6

_COPIED: Final = {
    b"Via": _VIA,
    b"v": _VIA,
    b"From": _FROM,
    b"f": _FROM,
    b"To": _TO,
    b"t": _TO,
    b"Call-ID": _CALL_ID,
    b"i": _CALL_ID,
    b"CSeq": _CSEQ,
}
_NAMES: Final = {
    **_COPIED,
    **dict.fromkeys(
        (
            b"Max-Forwards",
            b"Contact",
            b"m",
            b"Content-Type",
            b"c",
            b"Content-Length",
            b"l",
            b"Event",
            b"o",
            b"Expires",
            b"Accept",
            b"User-Agent",
            b"Supported",
            b"k",
            b"Allow",
            b"Allow-Events",
            b"Authorization",
            b"Route",
        ),
        _OTHER,
    ),
}
_ANY_CASE: Final = {name.lower(): kind for name, kind in _NAMES.items()}
_IF_MATCH: Final = b"sip-if-match"

_TOP: Final = re.compile(
    rb"SIP/2\.0/(?:UDP|TCP|TLS|WS|WSS) ([0-9A-Za-z.\-]+)(?::([0-9]{1,5}))?"
    rb"((?:;[a-z\-]+(?:=[A-Za-z0-9\-.!%*_+`'~]+)?)+)"
)
_ADDRESS: Final = re.compile(
    rb"""(?:(?:[A-Za-z0-9\-. ]*|"[ !#-\[\]-~]*" ?)<sips?:[!#-;=?-~]+>|sips?:[!#-+\--:=@-~]+)"""
    rb"(?:;[!#-+\--;=@-~]+)?"
)
_TOKEN: Final = re.compile(rb"[A-Za-z0-9\-.!%*_+`'~]+")
_CSEQ_VALUE: Final = re.compile(rb"[0-9]{1,10} ([A-Z]+)")
_CALL_ID_VALUE: Final = re.compile(rb"[!-~]+")
_COOKIE: Final = b"z9hG4bK"


class PlainRequest:
    """What is copied into answers, as it stands in the request, and what tells the request from others.

    Attributes:
        method: one of `METHODS`.
        branch: of the topmost Via, with the magic cookie.
        host: of the sent-by, in lower case; `port` 0 if it names none.
        wants_port: whether the topmost Via has an empty `rport` (RFC 3581 §3).
    """

    __slots__ = (
        "_below",
        "_call_id",
        "_cseq",
        "_from",
        "_to",
        "_top",
        "branch",
        "host",
        "method",
        "port",
        "wants_port",
    )

    def __init__(
        self,
        method: str,
        branch: str,
        host: str,
        port: int,
        wants_port: bool,
        top: bytes,
        below: list[bytes],
        from_: bytes,
        to: bytes,
        call_id: bytes,
        cseq: bytes,
    ) -> None:
        self.method = method
        self.branch = branch
        self.host = host
        self.port = port
        self.wants_port = wants_port
        self._top = top
        self._below = below
        self._from = from_
        self._to = to
        self._call_id = call_id
        self._cseq = cseq

    def answers_to(self, host: str, port: int, reliable: bool) -> bool:
        """Whether the answer goes back to where the request came from, `host` and `port`, with nothing about
        it to be said but what `rport` asks for (RFC 3261 §18.2.1, §18.2.2, RFC 3581 §4)."""
        if self.wants_port:
            return True
        return self.host == host and (reliable or (self.port or DEFAULT_PORT) == port)

    def refusal(self, status_line: bytes, to_tag: bytes, headers: bytes, host: str, port: int) -> bytes:
        """The answer to who sent it from `host` and `port`.

        `headers`: further lines, each with its end.
        """
        top = self._top
        if self.wants_port:
            top = top.replace(b";rport", b";rport=%d;received=%s" % (port, host.encode()), 1)
        via = b"\r\nVia: ".join([top, *self._below]) if self._below else top
        return b"".join(
            (
                status_line,
                b"\r\nVia: ",
                via,
                b"\r\nFrom: ",
                self._from,
                b"\r\nTo: ",
                self._to,
                b";tag=",
                to_tag,
                b"\r\nCall-ID: ",
                self._call_id,
                b"\r\nCSeq: ",
                self._cseq,
                headers,
                b"\r\nContent-Length: 0\r\n\r\n",
            )
        )


def read_plain(data: bytes) -> PlainRequest | None:
    """New work as it is usually written; None for all else, which has to be parsed.

    None too for a request within a dialog, and for the refresh of a publication.
    """
    head, end, _ = data.partition(b"\r\n\r\n")
    if not end or b"\0" in head:
        return None
    lines = head.split(b"\r\n")
    breaks = len(lines) - 1
    if head.count(b"\n") != breaks or head.count(b"\r") != breaks or not lines[0].endswith(_VERSION):
        return None
    word = lines[0].partition(b" ")[0]
    method = METHODS.get(word)
    if method is None:
        return None
    top = from_ = to = call_id = cseq = b""
    below: list[bytes] = []
    del lines[0]
    for line in lines:
        name, _, value = line.partition(b": ")
        kind = _NAMES.get(name) or _ANY_CASE.get(name.lower())
        if kind is None:
            if line[-1:] == b":" and line[:-1] in _NAMES:
                continue
            # Folded lines and those without a colon have no name that a header field could have.
            if not value or not _TOKEN.fullmatch(name) or name.lower() == _IF_MATCH:
                return None
        elif kind == _OTHER:
            continue
        elif kind == _VIA:
            if top:
                below.append(value)
            else:
                top = value
        elif kind == _FROM:
            if from_:
                return None
            from_ = value
        elif kind == _TO:
            if to:
                return None
            to = value
        elif kind == _CALL_ID:
            if call_id:
                return None
            call_id = value
        else:
            if cseq:
                return None
            cseq = value
    found = _CSEQ_VALUE.fullmatch(cseq)
    if found is None or found[1] != word or b"tag=" in to.lower():
        return None
    if not (_ADDRESS.fullmatch(from_) and _ADDRESS.fullmatch(to) and _CALL_ID_VALUE.fullmatch(call_id)):
        return None
    via = _TOP.fullmatch(top)
    if via is None:
        return None
    params = via[3]
    branch = params.partition(b";branch=")[2].partition(b";")[0]
    if not branch.startswith(_COOKIE) or branch == _COOKIE or params.count(b";branch=") != 1:
        return None
    if b";received" in params or b";maddr" in params:
        return None
    wants_port = b";rport" in params
    if wants_port:
        rest = params.partition(b";rport")[2]
        if b";rport" in rest or not (rest == b"" or rest.startswith(b";")):
            return None
    port = via[2]
    number = 0 if port is None else int(port)
    if number > 65535:
        return None
    return PlainRequest(
        method,
        branch.decode("ascii"),
        via[1].decode("ascii").lower(),
        number,
        wants_port,
        top,
        below,
        from_,
        to,
        call_id,
        cseq,
    )
