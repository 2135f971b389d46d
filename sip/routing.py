"""Where the next message of a dialog or to a binding goes: a connection that is there, or a URI to resolve.

RFC 3261 §12.2.1.1 and §16.6 name the URI; this module knows when the way a client came by is the better
answer: connections are reused (RFC 5923, RFC 7118 §5), and a client behind an address translator is only
reached where its packets came from (RFC 3581).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from sip.errors import BadRequest
from sip.headers import NameAddr
from sip.transport.flow import Flow
from sip.uri import OtherUri, TelUri, Uri, parse_uri

INNER_NETWORKS = tuple(
    ipaddress.ip_network(text)
    for text in (
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "100.64.0.0/10",
        "169.254.0.0/16",
        "127.0.0.0/8",
        "fc00::/7",
        "fe80::/10",
        "::1/128",
    )
)
"""Addresses that mean something only where they are used (RFC 1918, 3927, 6598, 4193, 4291)."""

DEFAULT_PORTS = {"UDP": 5060, "TCP": 5060, "TLS": 5061, "WS": 80, "WSS": 443}


def next_hop(target: str, routes: Sequence[str], flow: Flow | None) -> Flow | Uri:
    """The way to `target` (a URI) along `routes` (Route header values) for a client last seen on `flow`.

    Raises:
        BadRequest: a URI among them cannot be read, or is of a scheme that SIP cannot be sent to.
    """
    if routes:
        uri = sip_uri(NameAddr.parse(routes[0]).uri_text)
        return flow if flow is not None and flow.alive and _is_peer(uri, flow) else uri
    uri = sip_uri(target)
    if flow is None or not flow.alive:
        return uri
    if flow.reliable or _is_peer(uri, flow) or _is_translated(uri, flow):
        return flow
    return uri


def sip_uri(text: str) -> Uri:
    """`text` as a SIP or SIPS URI.

    Raises:
        BadRequest: it is something else.
    """
    uri = parse_uri(text)
    if isinstance(uri, TelUri | OtherUri):
        raise BadRequest(f"Cannot send to a {uri.scheme} URI")
    return uri


def _is_peer(uri: Uri, flow: Flow) -> bool:
    host, port = flow.remote[0], flow.remote[1]
    return uri.host.lower() == host and (uri.port or DEFAULT_PORTS[flow.transport]) == port


def _is_translated(uri: Uri, flow: Flow) -> bool:
    """True if `uri` names an address of somebody's inner network that its packets do not come from."""
    try:
        address = ipaddress.ip_address(uri.host)
    except ValueError:
        return False
    if address == ipaddress.ip_address(flow.remote[0]):
        return False
    return any(address in network for network in INNER_NETWORKS)
