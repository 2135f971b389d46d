"""Responses (RFC 3261 §7.2) and how to make one from a request (§8.2.6)."""

from __future__ import annotations

import re
from collections.abc import Iterable

from sip.errors import REASONS, BadRequest
from sip.message.message import Fields, Message
from sip.message.request import Request

_COPIED = ("Via", "From", "To", "Call-ID", "CSeq")
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f\ud800-\udbff]")


class Response(Message):
    """Status, reason phrase, header fields, body."""

    __slots__ = ("reason", "status", "version")

    reason: str
    status: int
    version: str

    def __init__(
        self,
        status: int,
        reason: str | None = None,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        fields: Fields | None = None,
    ) -> None:
        """`reason` defaults to the phrase of the status; line breaks in it become spaces.

        `fields`: what the parser has looked at already, status and reason too, in place of `headers`.
        Raises ValueError for a status outside 100..699.
        """
        if fields is not None and reason is not None:
            self.status = status
            self.reason = reason
            self.version = "SIP/2.0"
            super().__init__((), body, fields)
            return
        if not 100 <= status <= 699:
            raise ValueError("status code out of range")
        self.status = status
        self.reason = REASONS.get(status, "Unknown") if reason is None else safe_reason(reason)
        self.version = "SIP/2.0"
        super().__init__(headers, body)

    @classmethod
    def answering(
        cls,
        request: Request,
        status: int,
        reason: str | None = None,
        *,
        to_tag: str | None = None,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
    ) -> Response:
        """The answer to `request`: Via, From, To, Call-ID and CSeq are copied unchanged (RFC 3261 §8.2.6.2).

        `to_tag` goes into To if there is none yet and the status is not 100.  Works for what the parser could
        save of a broken request too: what is missing there is missing here.
        """
        response = Response(status, reason, (), body)
        theirs, ours = request._first, response._first
        for name in _COPIED:
            value = theirs.get(name)
            if value is not None:
                ours[name] = value
        if "Via" in request._more:
            response._more["Via"] = request._more["Via"].copy()
        if status == 100:
            if "Timestamp" in theirs:
                ours["Timestamp"] = theirs["Timestamp"]
        elif to_tag is not None and "To" in ours:
            ours["To"] = _tagged(request, ours["To"], to_tag)
        for name, value in headers:
            response.add(name, value)
        return response

    @property
    def start_line(self) -> str:
        """The line as we send it."""
        return f"SIP/2.0 {self.status} {self.reason}"

    def copy(self) -> Response:
        """An independent copy: what is done to one leaves the other alone."""
        twin = Response(self.status, self.reason, (), self.body, self._copied_fields())
        twin.version = self.version
        return twin

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Response):
            return NotImplemented
        return self.start_line == other.start_line and self._same_content(other)

    __hash__ = None


def safe_reason(reason: str) -> str:
    """`reason` without anything that could end the status line or not be written as UTF-8."""
    return _UNPRINTABLE.sub(" ", reason).strip(" \t")


def build_response(
    status: int, reason: str, version: str, first: dict[str, str], more: dict[str, list[str]], body: bytes
) -> Response:
    """A response from parts that the parser has looked at already."""
    response = Response(status, reason, (), body, (first, more))
    response.version = version
    return response


def _tagged(request: Request, value: str, tag: str) -> str:
    try:
        present = request.to.tag is not None
    except BadRequest:
        # Nobody can tell where a tag would go: the peer gets back what it sent.
        return value
    return value if present else f"{value};tag={tag}"
