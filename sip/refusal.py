"""A refusal made from the bytes of a request, without making a message of it.

Under overload what a refusal costs is missing for the work that was taken (RFC 5390 §7), and understanding a
request is most of it.  To answer one that is written as nearly every client writes it, a few lines need only
be found: RFC 3261 §8.2.6.2 has them copied as they are.  Whatever differs in the least (a compact or folded
line, a name in unusual case, several values in a line) is left to those who read everything.
"""

from __future__ import annotations

from typing import Final

from sip.headers.via import DEFAULT_PORT

METHODS: Final = frozenset(
    {"REGISTER", "SUBSCRIBE", "PUBLISH", "MESSAGE", "OPTIONS", "INVITE", "REFER", "NOTIFY"}
)
"""Those that new work is asked for with."""

_COOKIE: Final = "z9hG4bK"
_VIA: Final = "\r\nVia: "


class PlainRequest:
    """What is copied into answers, as it stands in the request, and what tells the request from others.

    Attributes:
        method: one of `METHODS`.
        branch: of the topmost Via, with the magic cookie.
        host: of the sent-by; `port` 0 if it names none.
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
        top: str,
        below: str,
        from_: str,
        to: str,
        call_id: str,
        cseq: str,
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

    def refusal(self, status_line: str, to_tag: str, headers: str, host: str, port: int) -> bytes:
        """The answer to who sent it from `host` and `port`.

        `headers`: further lines, each with its end.
        """
        top = self._top
        if self.wants_port:
            top = top.replace(";rport", f";rport={port};received={host}", 1)
        return (
            f"{status_line}\r\nVia: {top}{self._below}\r\nFrom: {self._from}\r\nTo: {self._to};tag={to_tag}"
            f"\r\nCall-ID: {self._call_id}\r\nCSeq: {self._cseq}{headers}\r\nContent-Length: 0\r\n\r\n"
        ).encode("latin-1")


def read_plain(data: bytes) -> PlainRequest | None:
    """New work as it is usually written; None for all else, which has to be parsed.

    None too for a request within a dialog, and for the refresh of a publication.
    """
    # Byte for byte, so that what is copied stays what it is; up to the end of the last line.
    head = data[: data.find(b"\r\n\r\n") + 2].decode("latin-1")
    method = head[: head.find(" ")]
    if method not in METHODS:
        return None
    breaks = head.count("\r\n")
    lower = head.lower()
    if (
        # As the parser has it: elements must not disagree on what ends a line.
        head.count("\n") != breaks
        or head.count("\r") != breaks
        or "\0" in head
        or "\r\n " in head
        or "\r\n\t" in head
        or "\r\nsip-if-match" in lower
        or head[head.find("\r\n") - 8 : head.find("\r\n")] != " SIP/2.0"
    ):
        return None
    from_ = _only(head, lower, "\r\nFrom: ", "\r\nfrom")
    to = _only(head, lower, "\r\nTo: ", "\r\nto")
    call_id = _only(head, lower, "\r\nCall-ID: ", "\r\ncall-id")
    cseq = _only(head, lower, "\r\nCSeq: ", "\r\ncseq")
    number, _, of = cseq.partition(" ")
    if (
        not from_
        or not call_id
        or of != method
        or not number.isdecimal()
        or not to
        or names_tag(to)
        # Where a tag of ours would become part of something else.
        or ("<" in to) != (">" in to)
        or to.count('"') % 2
    ):
        return None
    at = head.find(_VIA)
    if at < 0:
        return None
    end = head.find("\r\n", at + 2)
    top = head[at + len(_VIA) : end]
    vias = 1
    below = ""
    while (at := head.find(_VIA, end)) >= 0:
        end = head.find("\r\n", at + 2)
        below += head[at:end]
        vias += 1
    if lower.count("\r\nv") != vias:
        return None
    return _along(top, below, method, from_, to, call_id, cseq)


def names_tag(to: str) -> bool:
    """Whether a To might have a tag, however it is written (`;Tag = 1`); True may be wrong, False is not."""
    return "tag=" in to.lower().replace(" ", "").replace("\t", "")


def _only(head: str, lower: str, name: str, any_case: str) -> str:
    """The value of the only line with this name; empty if there is none, or more that could be meant."""
    at = head.find(name)
    if at < 0 or lower.count(any_case) != 1:
        return ""
    at += len(name)
    return head[at : head.find("\r\n", at)]


def _along(
    top: str, below: str, method: str, from_: str, to: str, call_id: str, cseq: str
) -> PlainRequest | None:
    """The request with the way back that its Vias say, if that is seen at a glance."""
    where, _, params = top.partition(";")
    protocol, _, sent_by = where.partition(" ")
    host, colon, digits = sent_by.partition(":")
    branch = top.partition(";branch=")[2].partition(";")[0]
    _, rport, after = top.partition(";rport")
    lower = top.lower()
    if (
        not protocol.startswith("SIP/2.0/")
        or not host.replace(".", "").replace("-", "").isalnum()
        or not (digits.isdecimal() and len(digits) <= 5 if colon else True)
        or not branch.startswith(_COOKIE)
        or branch == _COOKIE
        or not top.isascii()
        or " " in params
        or "," in params
        or '"' in params
        or "received" in lower
        or "maddr" in lower
        # With a value, twice, or in capitals.
        or (after and not after.startswith(";"))
        or lower.count(";rport") != (1 if rport else 0)
    ):
        return None
    port = int(digits) if colon else 0
    if port > 65535:
        return None
    return PlainRequest(method, branch, host, port, bool(rport), top, below, from_, to, call_id, cseq)
