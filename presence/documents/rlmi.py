"""Resource list meta-information, `application/rlmi+xml`: the root part of a list notification (RFC 4662 §5).

It names the resources of a list and, for each, its instances with their state; the state documents themselves
are other parts of the same multipart body, found by Content-ID.  Resources are rendered one by one, so that a
list need not render again what it has rendered before.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from lxml import etree

from presence.documents.common import (
    DECLARATION,
    UNSIGNED_INT,
    Name,
    choice,
    escaped,
    foreign_attributes,
    name_of,
    named,
    need,
    need_number,
    optional,
    read_root,
    write_element,
)
from presence.documents.xml import DEFAULT_LIMITS, XmlLimits
from presence.documents.xsd import is_uri
from sip.errors import BadRequest

CONTENT_TYPE: Final = "application/rlmi+xml"
NAMESPACE: Final = "urn:ietf:params:xml:ns:rlmi"
ACTIVE: Final = "active"
PENDING: Final = "pending"
TERMINATED: Final = "terminated"

_WHAT: Final = "RLMI"
_LIST: Final = f"{{{NAMESPACE}}}list"
_NAME: Final = f"{{{NAMESPACE}}}name"
_RESOURCE: Final = f"{{{NAMESPACE}}}resource"
_INSTANCE: Final = f"{{{NAMESPACE}}}instance"
_HEAD: Final = DECLARATION + b'<list xmlns="urn:ietf:params:xml:ns:rlmi" uri="'
_BOOLEANS: Final = {"true": True, "1": True, "false": False, "0": False}


class Instance(NamedTuple):
    """One notifier of a resource (§5.5)."""

    id: str
    """Unique within its resource."""
    state: str
    """`active`, `pending` or `terminated`."""
    cid: str | None = None
    """Content-ID of the part with the state, without angle brackets; there must be one when active."""
    reason: str | None = None
    """As in Subscription-State; there must be one when terminated."""
    attributes: bytes = b""
    """Attributes of other namespaces, ready to be written."""
    content: tuple[bytes, ...] = ()
    """Elements within, which are all extensions."""


class Resource(NamedTuple):
    """A member of the list (§5.3)."""

    uri: str
    names: tuple[Name, ...] = ()
    instances: tuple[Instance, ...] = ()
    attributes: bytes = b""


class ListInformation(NamedTuple):
    """A whole document (§5.2)."""

    uri: str
    version: int
    """0 in the first notification of a subscription, then one more in each."""
    full: bool
    """Whether every resource of the list is in it."""
    names: tuple[Name, ...] = ()
    resources: tuple[Resource, ...] = ()
    cid: str | None = None
    attributes: bytes = b""


def parse_rlmi(data: bytes, limits: XmlLimits = DEFAULT_LIMITS) -> ListInformation:
    """Read a document; elements that the schema has no place for are left out.

    Raises:
        EntityTooLarge: 413, more bytes than `limits` allow.
        BadRequest: 400, refused XML, a mandatory attribute missing, a state or version that is none.
    """
    root = read_root(data, _WHAT, _LIST, limits)
    full = need(root, "fullState", _WHAT).strip()
    if full not in _BOOLEANS:
        raise BadRequest(f"{_WHAT}: fullState is neither true nor false")
    return ListInformation(
        _uri(root),
        need_number(root, "version", _WHAT, UNSIGNED_INT),
        _BOOLEANS[full],
        tuple(name_of(child) for child in root if child.tag == _NAME),
        tuple(_resource(child) for child in root if child.tag == _RESOURCE),
        root.get("cid"),
        foreign_attributes(root, NAMESPACE),
    )


def _resource(element: etree._Element) -> Resource:
    return Resource(
        _uri(element),
        tuple(name_of(child) for child in element if child.tag == _NAME),
        tuple(_instance(child) for child in element if child.tag == _INSTANCE),
        foreign_attributes(element, NAMESPACE),
    )


def _instance(element: etree._Element) -> Instance:
    return Instance(
        need(element, "id", _WHAT),
        choice(element, "state", (ACTIVE, PENDING, TERMINATED), _WHAT),
        element.get("cid"),
        element.get("reason"),
        foreign_attributes(element, NAMESPACE),
        tuple(write_element(child, NAMESPACE) for child in element),
    )


def _uri(element: etree._Element) -> str:
    uri = need(element, "uri", _WHAT).strip()
    if not is_uri(uri):
        raise BadRequest(f"{_WHAT}: a uri is no URI")
    return uri


def render_rlmi(document: ListInformation) -> bytes:
    """The document as bytes.  Raises ValueError as `render_resource`."""
    return join_rlmi(
        document.uri,
        document.version,
        document.full,
        map(render_resource, document.resources),
        document.names,
        document.cid,
        document.attributes,
    )


def join_rlmi(
    uri: str,
    version: int,
    full: bool,
    resources: Iterable[bytes],
    names: Iterable[Name] = (),
    cid: str | None = None,
    attributes: bytes = b"",
) -> bytes:
    """The document of the list `uri` with `resources`, each as `render_resource` has made it."""
    start = f'" version="{version}" fullState="{"true" if full else "false"}"{optional("cid", cid)}'
    inner = [named("name", name).encode() for name in names]
    inner += resources
    inner.append(b"</list>\n")
    return b"%b%b%b%b>\n%b" % (_HEAD, escaped(uri).encode(), start.encode(), attributes, b"\n".join(inner))


def render_resource(resource: Resource) -> bytes:
    """One `resource` element.

    Raises ValueError for what must not go out: an active instance without cid, a terminated one without
    reason (§5.5).
    """
    uri, names, instances, attributes = resource
    out = f'<resource uri="{escaped(uri)}"{attributes.decode()}>'
    for name in names:
        out += named("name", name)
    for ident, state, cid, reason, own, content in instances:
        if state == ACTIVE and cid is None:
            raise ValueError(f"RLMI: the active instance {ident} of {uri} has no cid")
        if state == TERMINATED and reason is None:
            raise ValueError(f"RLMI: the terminated instance {ident} of {uri} has no reason")
        out += f'<instance id="{escaped(ident)}" state="{state}"'
        if cid is not None:
            out += f' cid="{escaped(cid)}"'
        if reason is not None:
            out += f' reason="{escaped(reason)}"'
        out += own.decode()
        out += f">{b''.join(content).decode()}</instance>" if content else "/>"
    return f"{out}</resource>".encode()
