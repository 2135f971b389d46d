"""What every element must refuse in a request or drop as a response, whatever it does with the rest.

RFC 3261 §8.1.1 (what a valid request has), §8.2 (in which order a server looks), outcomes of RFC 4475.
"""

from __future__ import annotations

from sip.errors import (
    BadRequest,
    NotImplementedMethod,
    UnsupportedUriScheme,
    VersionNotSupported,
)
from sip.headers import split_commas
from sip.headers.cseq import METHODS
from sip.message.message import Message
from sip.message.request import Request
from sip.message.response import Response
from sip.uri import OtherUri, Uri

_SINGLE = frozenset(
    ("Call-ID", "CSeq", "From", "To", "Max-Forwards", "Content-Type", "Event", "Expires", "SIP-If-Match")
)
"""Header fields that a message has at most once (RFC 3261 §7.3.1; RFC 4475 §3.3.8)."""

_KEPT_WHOLE = frozenset(("Accept", "Call-ID", "Content-Type", "Event", "From", "To"))
_KEPT_LISTS = frozenset(("Contact", "Path", "Record-Route"))
"""Header fields whose values stay with a binding, a publication, a subscription or a message."""

TOGETHER = 4
"""So many times the longest value may all values of one header field have: a path of some hundred proxies."""

MAGIC_COOKIE = "z9hG4bK"


def check_request(request: Request) -> None:
    """Raises the SipError to answer with: 400 naming the fault, 416, 501, 505.

    Max-Forwards, a From tag and a branch may be missing, as in RFC 2543 (RFC 4475 §3.4.1).
    """
    if request.version != "SIP/2.0":
        raise VersionNotSupported()
    _check_common(request)
    cseq = request.cseq
    if cseq.method != request.method:
        if request.method in METHODS:
            raise BadRequest("CSeq method does not match the Request-Line")
        # RFC 4475 §3.1.2.18: 501 tells an unknown method's sender more.
        raise NotImplementedMethod()
    request.max_forwards  # noqa: B018  (raises when malformed)
    uri = request.uri
    if isinstance(uri, OtherUri):
        raise UnsupportedUriScheme()
    if isinstance(uri, Uri) and uri.headers:
        raise BadRequest("Header fields in the Request-URI")
    if "Contact" in request:
        for contact in request.contacts:
            contact.uri  # noqa: B018  (raises when malformed)


def check_lengths(request: Request, longest: int) -> None:
    """Raises BadRequest if a value that would be kept has more than `longest` characters.

    A list of addresses counts value by value.  All values of one name together may have `TOGETHER` times as
    many; Contacts are bounded by the number of bindings.
    """
    first, more = request._first, request._more
    for name, line in first.items():
        if len(line) > longest:
            _check_length(name, [line], longest)
    for name, lines in more.items():
        _check_length(name, [first[name], *lines], longest)


def _check_length(name: str, lines: list[str], longest: int) -> None:
    if name in _KEPT_LISTS:
        values = [value for line in lines for value in split_commas(line)]
    elif name in _KEPT_WHOLE:
        values = lines
    else:
        return
    if any(len(value) > longest for value in values):
        raise BadRequest(f"{name} over {longest} characters", limit="max_value_length")
    if name != "Contact" and sum(map(len, lines)) > TOGETHER * longest:
        raise BadRequest(f"{name} over {TOGETHER * longest} characters in all", limit="max_value_length")


def check_response(response: Response) -> None:
    """Raises BadRequest, or 505, for a response that nobody can use: drop it (RFC 3261 §18.1.2)."""
    if response.version != "SIP/2.0":
        raise VersionNotSupported()
    _check_common(response)
    response.cseq  # noqa: B018  (raises when malformed)


def _check_common(message: Message) -> None:
    for name in message._more:
        if name in _SINGLE:
            raise BadRequest(f"Multiple {name} header fields")
    if message.via.branch == MAGIC_COOKIE:
        # RFC 4475 §3.2.1
        raise BadRequest("Via branch without an identifier")
    message.from_.uri  # noqa: B018  (raises when malformed)
    message.to.uri  # noqa: B018  (raises when malformed)
    if " " in message.call_id or "\t" in message.call_id:
        raise BadRequest("Malformed Call-ID header field")
