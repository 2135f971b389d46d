"""Where new work is turned away while there is too much of it: 503 before anything is spent on a request.

RFC 3261 §8.2.7 (answers without a transaction), §21.5.4 and RFC 5390 (why a refusal has to be cheap: what it
costs is missing for the work that was taken).
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Final

from sip.errors import SipError, TransportError
from sip.headers import Via
from sip.load import Load
from sip.message import Request, Response, parse
from sip.message.response import safe_reason
from sip.refusal import PlainRequest, names_tag, read_plain
from sip.stats import Stats
from sip.transport.flow import Flow

ALWAYS_IN: Final = frozenset({"ACK", "BYE", "CANCEL"})
"""They end what there is."""

_KEPT: Final = (b"SIP/2.0 ", b"ACK ", b"BYE ", b"CANCEL ")


class Door:
    """`sip.transport.ingress.Gate` of a server.

    Args:
        load: says whether anything is turned away.
        note_source: `SipCore.note_source`, the way of answers.
        knows: `TransactionLayer.knows`.
        knows_branch: `TransactionLayer.knows_branch`.
        stats: counts what was turned away.
        keeps_out: `SipCore.keeps_out`, whether an address has used up what it may ask: it is not even told.
        counts: `SipCore.turned_away`, that an address asked something and is told that there is too much.
    """

    __slots__ = (
        "_counts",
        "_keeps_out",
        "_knows",
        "_knows_branch",
        "_note_source",
        "_said",
        "_stats",
        "_status_line",
        "load",
    )

    def __init__(
        self,
        load: Load,
        note_source: Callable[[Request, Via, Flow], Flow],
        knows: Callable[[Request, Via], bool],
        knows_branch: Callable[[str, str, int, str], bool],
        stats: Stats,
        keeps_out: Callable[[Flow], bool] = lambda flow: False,
        counts: Callable[[Flow], None] = lambda flow: None,
    ) -> None:
        self._counts = counts
        self._keeps_out = keeps_out
        self.load = load
        self._note_source = note_source
        self._knows = knows
        self._knows_branch = knows_branch
        self._stats = stats
        self._said = ""
        self._status_line = ""

    @property
    def closed(self) -> bool:
        """Whether new work is refused at present."""
        return self.load.reason is not None

    def waited(self, seconds: float, now: float) -> None:
        """Messages wait so long now; 0: none waits."""
        self.load.queued(seconds, now)

    def drop(self, data: bytes) -> bool:
        """Whether `data` is new work, by a look at the bytes alone; then it is counted and dropped.

        What is spelled unusually is let in.  One that was let in before loses a repetition, and will be
        repeated.
        """
        if data.startswith(_KEPT):
            return False
        if not self.load.everything:
            # What a body holds says nothing of the request.
            end = data.find(b"\r\n\r\n")
            at = data.find(b"\r\nTo: ", 0, end)
            if at < 0:
                at = data.find(b"\r\nt: ", 0, end)
            if at < 0 or names_tag(_value_at(data, at + 2)):
                return False
            if b"\r\nsip-if-match" in data.lower():
                return False
        self._stats.shed += 1
        return True

    def turn_away(self, data: bytes, flow: Flow) -> bool:
        """Answer 503 to `data` if it is new work; False: it is to be handled.

        Handled are responses, ACK, BYE and CANCEL, what is within a dialog, refreshes and changes of a
        publication that is there (RFC 3903), and what was let in before and is only sent again: it must not
        be told another answer than the one that its transaction will give.
        """
        load = self.load
        reason = load.reason
        if reason is None or data.startswith(_KEPT):
            # Whether its address asks too much is looked at where it is read.
            return False
        if self._keeps_out(flow):
            # Or a flood would cost most when there is least to spend, and be answered message by message.
            return True
        plain = read_plain(data)
        if plain is not None and plain.answers_to(flow.remote[0], flow.remote[1], flow.reliable):
            return self._turn_away_plain(plain, flow, reason)
        try:
            request = parse(data)
            if isinstance(request, Response) or request.method in ALWAYS_IN:
                return False
            if not load.everything and (request.to.tag is not None or "SIP-If-Match" in request):
                return False
            via = request.via
            if self._knows(request, via):
                return False
            key = via.branch or request.call_id
            answers = self._note_source(request, via, flow)
            refusal = Response.answering(request, 503, reason, to_tag=_tag(key), headers=load.retry(key))
        except SipError:
            # What is wrong with it is said where it is read.
            return False
        self._counts(flow)
        self._refused(request.method, answers, refusal.render())
        return True

    def _turn_away_plain(self, request: PlainRequest, flow: Flow, reason: str) -> bool:
        key = request.branch
        if self._knows_branch(key, request.host, request.port, request.method):
            return False
        if reason != self._said:
            self._said, self._status_line = reason, f"SIP/2.0 503 {safe_reason(reason)}"
        lines = "".join([f"\r\n{name}: {value}" for name, value in self.load.retry(key)])
        refusal = request.refusal(self._status_line, _tag(key), lines, flow.remote[0], flow.remote[1])
        self._counts(flow)
        self._refused(request.method, flow, refusal)
        return True

    def _refused(self, method: str, answers: Flow, refusal: bytes) -> None:
        self._stats.shed += 1
        self._stats.count(method, 503)
        try:
            answers.send(refusal)
        except TransportError:
            # Nobody is there any more to be told.
            return


def _value_at(data: bytes, at: int) -> str:
    """The header field that begins at `at`, with the lines that it is folded into (RFC 3261 §7.3.1)."""
    end = data.find(b"\r\n", at)
    if data[end + 2 : end + 3] not in (b" ", b"\t"):
        return data[at:end].decode("latin-1")
    folded = data[at : data.find(b"\r\n\r\n", at)].decode("latin-1").split("\r\n")
    value = folded[0]
    for line in folded[1:]:
        if not line.startswith((" ", "\t")):
            break
        value += line
    return value


def _tag(key: str) -> str:
    """The tag in To of a refusal without a state: the same whenever the request comes (RFC 3261 §8.2.7)."""
    return f"{zlib.crc32(key.encode('utf-8', 'surrogateescape')):x}"
