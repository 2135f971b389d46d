"""The way to our users: from bindings to targets of the proxy, and whether a request concerns one of them.

RFC 3261 §16.5 (the target set of an AOR), RFC 3327 §5.4 (Path), RFC 5923 (a live connection is the way).
"""

from __future__ import annotations

import logging

from sip.errors import BadRequest, TemporarilyUnavailable
from sip.message import Request
from sip.request import ServerRequest
from sip.routing import next_hop
from sip.transport.flow import Flow
from sip.uri import Uri
from sip.usage.location import Location
from sip.usage.proxy import Proxy, Target

log = logging.getLogger(__name__)


def targets(location: Location, aor: str) -> list[Target]:
    """Where `aor` can be reached now, one target a binding, the highest q first."""
    found = []
    for binding in location.of(aor):
        if not isinstance(binding.uri, Uri):
            continue
        try:
            hop = next_hop(binding.uri_text, binding.path, binding.flow)
        except BadRequest as error:
            log.info("binding.unroutable", extra={"aor": aor, "reason": error.reason})
            continue
        found.append(Target(binding.uri, hop, binding.q, binding.path))
    return found


def flow_for(location: Location, uri: Uri) -> Flow | None:
    """The live connection of the user who registered `uri` as his contact."""
    for binding in location.at_contact(uri):
        flow = binding.flow
        if flow is not None and flow.alive and next_hop(binding.uri_text, (), flow) is flow:
            return flow
    return None


class OnwardToUsers:
    """What the core calls for requests that no service of ours answers."""

    __slots__ = ("_location", "_proxy")

    def __init__(self, location: Location, proxy: Proxy) -> None:
        self._location = location
        self._proxy = proxy

    def to_user(self, sr: ServerRequest, aor: str) -> None:
        """Fork to the bindings of `aor`; 480 when there is none."""
        found = targets(self._location, aor)
        if not found:
            raise TemporarilyUnavailable("User not registered")
        self._proxy.forward(sr, found, record_route=True)

    def onward(self, sr: ServerRequest, *, record_route: bool) -> None:
        """Forward along the request's own route."""
        self._proxy.route(sr, record_route=record_route)

    def ack(self, request: Request) -> None:
        """Forward an ACK to a 2xx."""
        self._proxy.forward_ack(request)
