"""Responses (RFC 3261 §7.2) and how to make one from a request (§8.2.6)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Protocol, Self, overload

from sip.errors import REASONS, BadRequest
from sip.headers import NameAddr
from sip.message.message import Message
from sip.message.request import Request

_COPIED = ("Via", "From", "To", "Call-ID", "CSeq")
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f\ud800-\udbff]")


class _Answer(Protocol):
    def __call__(
        self,
        request: Request,
        status: int,
        reason: str | None = None,
        *,
        to_tag: str | None = None,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
    ) -> Response: ...


class _To:
    """On the class the way to answer a request, on a response the value of To."""

    @overload
    def __get__(self, response: None, owner: type[Response]) -> _Answer: ...

    @overload
    def __get__(self, response: Response, owner: type[Response]) -> NameAddr: ...

    def __get__(self, response: Response | None, owner: type[Response]) -> _Answer | NameAddr:
        return answer if response is None else response.to_value()


class Response(Message):
    """Status, reason phrase, header fields, body."""

    __slots__ = ("reason", "status", "version")

    def __init__(
        self,
        status: int,
        reason: str | None = None,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
    ) -> None:
        """`reason` defaults to the phrase of the status; line breaks in it become spaces.

        Raises ValueError for a status outside 100..699.
        """
        if not 100 <= status <= 699:
            raise ValueError("status code out of range")
        self.status = status
        self.reason = REASONS.get(status, "Unknown") if reason is None else safe_reason(reason)
        self.version = "SIP/2.0"
        super().__init__(headers, body)

    to = _To()
    """`Response.to(request, status, ...)` is the answer to a request (see `answer`); of a response that is
    there, `response.to` is its To header field (see `Message.to`)."""

    @property
    def start_line(self) -> str:
        """The line as we send it."""
        return f"SIP/2.0 {self.status} {self.reason}"

    def copy(self) -> Self:
        """An independent copy."""
        twin = super().copy()
        twin.status = self.status
        twin.reason = self.reason
        twin.version = self.version
        return twin

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Response):
            return NotImplemented
        return self.start_line == other.start_line and self._same_content(other)

    __hash__ = None


def answer(
    request: Request,
    status: int,
    reason: str | None = None,
    *,
    to_tag: str | None = None,
    headers: Iterable[tuple[str, str]] = (),
    body: bytes = b"",
) -> Response:
    """The answer to `request`: Via, From, To, Call-ID and CSeq are copied as they are (RFC 3261 §8.2.6.2).

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


def safe_reason(reason: str) -> str:
    """`reason` without anything that could end the status line or not be written as UTF-8."""
    return _UNPRINTABLE.sub(" ", reason).strip(" \t")


def build_response(
    status: int, reason: str, version: str, first: dict[str, str], more: dict[str, list[str]], body: bytes
) -> Response:
    """A response from parts that the parser has looked at already."""
    response = Response.__new__(Response)
    response.status = status
    response.reason = reason
    response.version = version
    response._first = first
    response._more = more
    response._typed = {}
    response.body = body
    return response


def _tagged(request: Request, value: str, tag: str) -> str:
    try:
        present = request.to.tag is not None
    except BadRequest:
        # Nobody can tell where a tag would go: the peer gets back what it sent.
        return value
    return value if present else f"{value};tag={tag}"
