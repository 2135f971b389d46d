"""The dialog of a subscription as the notifier's side keeps it (RFC 3261 §12, RFC 6665 §4.4).

A dialog is made from the SUBSCRIBE that it began with; every request within it is built here: route set
(strict routers too), remote target, CSeq.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from sip.errors import BadRequest, ServerInternalError
from sip.headers import NameAddr
from sip.headers.grammar import TOKEN
from sip.message import Request
from sip.message.written import Parts
from sip.routing import next_hop
from sip.uri import Uri, parse_uri

_UNFIT: Final = re.compile(r"[\x00-\x20\x7f-\U0010ffff]")
"""What a Request-URI is not written with at all, or not without a look at it."""


class Dialog:
    """Peer-to-peer relationship of two user agents, identified by Call-ID and the two tags."""

    __slots__ = (
        "call_id",
        "local_cseq",
        "local_tag",
        "local_uri",
        "remote_cseq",
        "remote_tag",
        "remote_target",
        "remote_uri",
        "routes",
        "secure",
    )

    def __init__(
        self,
        *,
        call_id: str,
        local_tag: str,
        remote_tag: str,
        local_uri: str,
        remote_uri: str,
        remote_target: str,
        routes: Sequence[str],
        local_cseq: int,
        remote_cseq: int,
        secure: bool = False,
    ) -> None:
        self.call_id = call_id
        self.local_tag = local_tag
        self.remote_tag = remote_tag
        self.local_uri = local_uri
        """Our From value without its tag: the To of the first request."""
        self.remote_uri = remote_uri
        """Their To value without its tag: the From of the first request."""
        self.remote_target = remote_target
        """URI of their Contact."""
        self.routes = tuple(routes)
        """Route header values in the order in which they are sent."""
        self.local_cseq = local_cseq
        """CSeq number of the last request that we sent; 0 before the first."""
        self.remote_cseq = remote_cseq
        self.secure = secure
        """True if our Contact has to be a SIPS URI (RFC 3261 §12.1.1)."""

    @classmethod
    def accept(cls, request: Request, local_tag: str) -> Dialog:
        """The dialog that a 2xx to `request` creates at our side (RFC 3261 §12.1.1).

        Raises:
            BadRequest: Contact is missing or not one SIP URI, or the route set cannot be read.
        """
        # RFC 2543 peers may send no tag; an empty one stands for that.
        tag = str(request.from_.tag or "")
        if tag and TOKEN.fullmatch(tag) is None:
            raise BadRequest("Malformed From header field: the tag is not a token")
        target, routes = contact_of(request), request.values("Record-Route")
        # What cannot be sent to later is refused now: a 200 promises a NOTIFY (RFC 6665 §4.2.1.2).
        next_hop(target, routes, None)
        return cls(
            call_id=request.call_id,
            local_tag=local_tag,
            remote_tag=tag,
            local_uri=_without_tag(request.to),
            remote_uri=_without_tag(request.from_),
            remote_target=target,
            routes=routes,
            local_cseq=0,
            remote_cseq=request.cseq.number,
            secure=_is_sips(request.uri_text)
            or _is_sips(NameAddr.parse(routes[0]).uri_text if routes else target),
        )

    @property
    def id(self) -> tuple[str, str, str]:
        """Call-ID, local tag, remote tag."""
        return self.call_id, self.local_tag, self.remote_tag

    def check(self, request: Request) -> str:
        """The remote target after a request of the other side, if it is in order (RFC 3261 §12.2.2).

        Nothing changes yet; `received` does that once the request is certain to be accepted.

        Raises:
            ServerInternalError: the request is older than one that was taken before.
            BadRequest: there is more than one Contact.
        """
        if request.cseq.number <= self.remote_cseq:
            raise ServerInternalError("CSeq Out Of Order")
        target = contact_of(request) if request.contacts else self.remote_target
        next_hop(target, self.routes, None)
        return target

    def received(self, request: Request, target: str) -> None:
        """Take the request: its CSeq is the newest, and `target` is where ours go from now on."""
        self.remote_cseq = request.cseq.number
        self.remote_target = target

    def request(self, method: str) -> Request:
        """The next request of ours within the dialog (RFC 3261 §12.2.1.1), without Via and Contact."""
        self.local_cseq += 1
        uri, routes = self.remote_target, self.routes
        if routes and not _is_loose(routes[0]):
            # A strict router wants to find itself in the Request-URI and the target at the end.
            uri = NameAddr.parse(routes[0]).uri_text
            routes = (*routes[1:], f"<{self.remote_target}>")
        headers = [("Route", route) for route in routes]
        headers += [
            ("Max-Forwards", "70"),
            ("From", f"{self.local_uri};tag={self.local_tag}"),
            ("To", f"{self.remote_uri};tag={self.remote_tag}" if self.remote_tag else self.remote_uri),
            ("Call-ID", self.call_id),
            ("CSeq", f"{self.local_cseq} {method}"),
        ]
        return Request(method, uri, headers)

    def written(self, method: str, via: str, branch: str, contact: str) -> Parts:
        """As `request` gives it, but as parts: start line, our `via` and all lines up to `contact`.

        The first of ours that follows ends that line.  Only if `is_usual`; the order of the lines is that of
        `sip.transaction.plain.ECHO`.
        """
        self.local_cseq += 1
        # By turns what is ours and a value.
        parts: Parts = [
            "", method, " ", self.remote_target, " SIP/2.0\r\nVia: ", via, ";branch=", branch,
            ";rport\r\nFrom: ", self.local_uri, ";tag=", self.local_tag,
            "\r\nTo: ", self.remote_uri, ";tag=", self.remote_tag,
            "\r\nCall-ID: ", self.call_id, "\r\nCSeq: ", self.local_cseq, " ", method,
        ]  # fmt: skip
        for route in self.routes:
            parts += ["\r\nRoute: ", route]
        parts.append("\r\nMax-Forwards: 70\r\nContact: <")
        parts.append(contact)
        parts.append(">")
        parts.append("")
        return parts

    @property
    def is_usual(self) -> bool:
        """Whether `written` may be used: the other side has a tag, no router is strict, no URI is odd."""
        if not self.remote_tag or _UNFIT.search(self.remote_target) is not None:
            return False
        return not self.routes or _is_loose(self.routes[0])


def contact_of(request: Request) -> str:
    """URI of the one Contact that a request which forms or refreshes a dialog must have (§8.1.1.8).

    Raises:
        BadRequest: there is none, or more than one.
    """
    contacts = request.contacts
    if not contacts:
        raise BadRequest("Missing Contact header field")
    if len(contacts) > 1:
        raise BadRequest("More Than One Contact")
    return contacts[0].uri_text


def _is_sips(uri: str) -> bool:
    return uri[:5].lower() == "sips:"


def _is_loose(route: str) -> bool:
    uri = parse_uri(NameAddr.parse(route).uri_text)
    return isinstance(uri, Uri) and "lr" in uri.params


def _without_tag(value: NameAddr) -> str:
    # Always in angle brackets, so that the tag that follows is not taken for a parameter of the URI.
    return f"<{value.uri_text}>" if value.display is None else str(NameAddr(value.display, value.uri_text))
