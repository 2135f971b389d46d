"""The copy of a request that goes to one target: RFC 3261 §16.6 steps 1 to 7.

Via and transaction (steps 8 to 10) are the sender's, timer C (step 11) is the response context's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from sip.dialog_mark import PARAMETER
from sip.errors import BadRequest
from sip.uri import Uri

if TYPE_CHECKING:
    from sip.message import Request
    from sip.transport.flow import Flow
    from sip.usage.proxy.interface import Target

DIALOG_FORMING: Final = frozenset({"INVITE", "SUBSCRIBE", "REFER"})


class Forwarded(NamedTuple):
    """A copy and where it goes."""

    request: Request
    hop: Flow | Uri


def forward_copy(request: Request, target: Target, *, forwards: int, breadth: int | None = None) -> Forwarded:
    """`request` as it goes to `target`, without Record-Route (see `add_record_route`) and Via.

    Raises:
        BadRequest: a Route or Path value cannot be read, or does not name a SIP URI.
    """
    copy = request.copy()
    if target.uri is not None:
        copy.retarget(request_uri(target.uri))
    copy.set("Max-Forwards", str(forwards))
    if breadth is not None:
        copy.set("Max-Breadth", str(breadth))
    for value in reversed(target.routes):
        copy.prepend("Route", value)
    hop = target.hop
    routes = copy.routes
    if routes:
        first = routes[0].uri
        if not isinstance(first, Uri):
            raise BadRequest("Route does not name a SIP URI")
        if not target.routes:
            # The way that the client laid comes before the way to the contact (step 7).
            hop = first
        if "lr" not in first.params:
            # Step 6: a strict router expects itself in the Request-URI, what was there at the end of Route.
            copy.add("Route", f"<{copy.uri_text}>")
            copy.remove_first("Route")
            copy.retarget(first)
    return Forwarded(copy, _secured(hop, copy.uri_text))


def request_uri(uri: Uri) -> str:
    """`uri` without what a Request-URI must not have: header fields and method (RFC 3261 §19.1.1)."""
    if not uri.headers and "method" not in uri.params:
        return str(uri)
    params = {name: value for name, value in uri.params.items() if name != "method"}
    return str(Uri(uri.scheme, uri.user, uri.password, uri.host, uri.port, params))


def add_record_route(copy: Request, inbound: Flow, outbound: Flow, mark: str) -> None:
    """Stay on the path of the dialog that `copy` forms, which leaves by `outbound` (§16.6 step 4).

    When that is another address or transport than the request came by, each side gets a URI that it can use:
    two values, the one for downstream on top (RFC 5658 §6).  `mark` is that of `sip.dialog_mark`.
    """
    sips = copy.uri_text[:5].lower() == "sips:"
    near = record_route_value(inbound, sips=sips, mark=mark)
    far = record_route_value(outbound, sips=sips, mark=mark)
    copy.prepend("Record-Route", near)
    if far != near:
        copy.prepend("Record-Route", far)


def record_route_value(flow: Flow, *, sips: bool, mark: str) -> str:
    """Our own URI for whoever is at the other end of `flow`, as a Route value for a loose router."""
    text = flow.uri()
    if sips and flow.secure:
        # A SIPS Request-URI demands a SIPS URI here (§16.6 step 4), where ;transport=tls has no meaning.
        text = f"sips:{text.partition(':')[2].replace(';transport=tls', '')}"
    return f"<{text};lr;{PARAMETER}={mark}>"


def _secured(hop: Flow | Uri, uri_text: str) -> Flow | Uri:
    """With a SIPS Request-URI the next hop is looked up as if it were one too (§16.6 step 7)."""
    if not isinstance(hop, Uri) or hop.scheme == "sips" or uri_text[:5].lower() != "sips:":
        return hop
    return Uri("sips", hop.user, hop.password, hop.host, hop.port, hop.params, hop.headers)
