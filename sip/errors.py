"""One exception tree: every fault of SIP knows the status code and the reason phrase to answer with.

Status codes and default reasons: RFC 3261 §21 and the RFCs named in the table.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from sip.message import Request

REASONS: dict[int, str] = {
    100: "Trying",
    180: "Ringing",
    181: "Call Is Being Forwarded",
    182: "Queued",
    183: "Session Progress",
    199: "Early Dialog Terminated",  # RFC 6228
    200: "OK",
    202: "Accepted",  # RFC 6665 §8.3.1 (deprecated, still seen)
    204: "No Notification",  # RFC 5839
    300: "Multiple Choices",
    301: "Moved Permanently",
    302: "Moved Temporarily",
    305: "Use Proxy",
    380: "Alternative Service",
    400: "Bad Request",
    401: "Unauthorized",
    402: "Payment Required",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    407: "Proxy Authentication Required",
    408: "Request Timeout",
    410: "Gone",
    412: "Conditional Request Failed",  # RFC 3903
    413: "Request Entity Too Large",
    414: "Request-URI Too Long",
    415: "Unsupported Media Type",
    416: "Unsupported URI Scheme",
    417: "Unknown Resource-Priority",  # RFC 4412
    420: "Bad Extension",
    421: "Extension Required",
    422: "Session Interval Too Small",  # RFC 4028
    423: "Interval Too Brief",
    424: "Bad Location Information",  # RFC 6442
    428: "Use Identity Header",  # RFC 8224
    429: "Provide Referrer Identity",  # RFC 3892
    430: "Flow Failed",  # RFC 5626
    433: "Anonymity Disallowed",  # RFC 5079
    436: "Bad Identity Info",  # RFC 8224
    437: "Unsupported Credential",  # RFC 8224
    438: "Invalid Identity Header",  # RFC 8224
    439: "First Hop Lacks Outbound Support",  # RFC 5626
    440: "Max-Breadth Exceeded",  # RFC 5393
    469: "Bad Info Package",  # RFC 6086
    470: "Consent Needed",  # RFC 5360
    480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist",
    482: "Loop Detected",
    483: "Too Many Hops",
    484: "Address Incomplete",
    485: "Ambiguous",
    486: "Busy Here",
    487: "Request Terminated",
    488: "Not Acceptable Here",
    489: "Bad Event",  # RFC 6665
    491: "Request Pending",
    493: "Undecipherable",
    494: "Security Agreement Required",  # RFC 3329
    500: "Server Internal Error",
    501: "Not Implemented",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Server Time-out",
    505: "Version Not Supported",
    513: "Message Too Large",
    555: "Push Notification Service Not Supported",  # RFC 8599
    580: "Precondition Failure",  # RFC 3312
    600: "Busy Everywhere",
    603: "Decline",
    604: "Does Not Exist Anywhere",
    606: "Not Acceptable",
}


class SipError(Exception):
    """A request cannot be served; `status`, `reason`, `headers` and `body` are the answer to give.

    `reason` defaults to the phrase of the status code; a reason that names the fault is better.
    `headers` are extra header fields of the answer, e.g. (("Min-Expires", "60"),).
    `limit` is the name of the setting that was reached, if it is one; such refusals are counted.
    """

    default_status: ClassVar[int] = 500

    status: int
    reason: str
    headers: tuple[tuple[str, str], ...]
    body: bytes = b""
    """For those who can say more of the fault than a phrase; its Content-Type is among the headers."""
    limit: str = ""

    def __init__(
        self,
        reason: str | None = None,
        *,
        status: int | None = None,
        headers: Iterable[tuple[str, str]] = (),
        limit: str = "",
    ) -> None:
        if limit:
            self.limit = limit
        self.status = self.default_status if status is None else status
        self.reason = REASONS.get(self.status, "Error") if reason is None else reason
        self.headers = tuple(headers)
        super().__init__(self.reason)

    def __str__(self) -> str:
        return f"{self.status} {self.reason}"


class BadRequest(SipError):
    """The request is malformed (RFC 3261 §21.4.1); the reason names the fault."""

    default_status = 400


class Unauthorized(SipError):
    """Credentials are missing or wrong; the answer must carry WWW-Authenticate (RFC 3261 §22.2)."""

    default_status = 401


class Forbidden(SipError):
    """Understood and refused; trying again does not help (RFC 3261 §21.4.4)."""

    default_status = 403


class NotFound(SipError):
    """The user does not exist in this domain (RFC 3261 §21.4.5)."""

    default_status = 404


class MethodNotAllowed(SipError):
    """The answer must carry Allow (RFC 3261 §8.2.1)."""

    default_status = 405


class NotAcceptable(SipError):
    """No acceptable body can be made (RFC 3261 §21.4.7)."""

    default_status = 406


class ProxyAuthRequired(SipError):
    """As 401, asked for by a proxy; the answer must carry Proxy-Authenticate (RFC 3261 §22.3)."""

    default_status = 407


class ConditionalRequestFailed(SipError):
    """SIP-If-Match names no publication (RFC 3903 §11.2.1)."""

    default_status = 412


class EntityTooLarge(SipError):
    """The body is larger than we take (RFC 3261 §21.4.11)."""

    default_status = 413


class UnsupportedMediaType(SipError):
    """The answer should carry Accept (RFC 3261 §8.2.3)."""

    default_status = 415


class UnsupportedUriScheme(SipError):
    """The scheme of the Request-URI is unknown here (RFC 3261 §8.2.2.1)."""

    default_status = 416


class BadExtension(SipError):
    """The answer must carry Unsupported (RFC 3261 §8.2.2.3)."""

    default_status = 420


class ExtensionRequired(SipError):
    """The answer must carry Require (RFC 3261 §21.4.16)."""

    default_status = 421


class IntervalTooBrief(SipError):
    """The answer must carry Min-Expires (RFC 3261 §21.4.17)."""

    default_status = 423


class TemporarilyUnavailable(SipError):
    """The user exists but cannot be reached now (RFC 3261 §21.4.18)."""

    default_status = 480


class NoSuchCall(SipError):
    """No dialog or transaction matches (RFC 3261 §21.4.19)."""

    default_status = 481


class LoopDetected(SipError):
    """The request has been here before, unchanged (RFC 3261 §16.3 step 4)."""

    default_status = 482


class TooManyHops(SipError):
    """Max-Forwards has run out (RFC 3261 §16.3 step 3)."""

    default_status = 483


class AddressIncomplete(SipError):
    """The Request-URI is not complete (RFC 3261 §21.4.22)."""

    default_status = 484


class NotAcceptableHere(SipError):
    """What the body asks for is not possible here (RFC 3261 §21.4.26)."""

    default_status = 488


class BadEvent(SipError):
    """The answer must carry Allow-Events (RFC 6665 §8.3.2)."""

    default_status = 489


class ServerInternalError(SipError):
    """Something here went wrong (RFC 3261 §21.5.1)."""

    default_status = 500


class NotImplementedMethod(SipError):
    """The method is unknown here (RFC 3261 §21.5.2)."""

    default_status = 501


class ServiceUnavailable(SipError):
    """Overload or maintenance; the answer may carry Retry-After (RFC 3261 §21.5.4)."""

    default_status = 503


class VersionNotSupported(SipError):
    """The SIP version is not 2.0 (RFC 3261 §21.5.6)."""

    default_status = 505


class MessageTooLarge(SipError):
    """`partial` is what could be read of the request, enough to answer it, or None."""

    default_status = 513
    partial: Request | None = None


class ParseError(BadRequest):
    """Bytes that are no acceptable SIP message.

    `partial` is what could be read when that is enough to answer (`Response.answering(error.partial, ...)`);
    None when nobody can be answered: no request, no Via, an ACK, or a response.
    """

    partial: Request | None = None

    def __init__(self, reason: str | None = None, *, partial: Request | None = None, limit: str = "") -> None:
        super().__init__(reason, limit=limit)
        self.partial = partial


class TransportError(Exception):
    """A message could not be sent: the flow is gone or refused the bytes."""


class DatagramTooLarge(TransportError):
    """A message that no datagram holds (RFC 768), or none that the system would send."""
