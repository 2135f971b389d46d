"""Resource lists, `application/resource-lists+xml` (RFC 4826 §3), stored or in a SUBSCRIBE (RFC 5367).

A document is a tree of lists; `members` makes of it the flat list of URIs that a subscription needs.  What
RFC 5364 adds to entries (copyControl, anonymize) means nothing to a subscription and is only passed on.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from lxml import etree

from presence.documents.common import (
    DECLARATION,
    Name,
    extensions_of,
    foreign_attributes,
    name_of,
    named,
    need,
    optional,
    read_root,
)
from presence.documents.xml import DEFAULT_LIMITS, XmlLimits, one_line
from presence.documents.xsd import is_uri
from sip.errors import BadRequest, EntityTooLarge
from sip.uri import Uri, parse_uri

CONTENT_TYPE: Final = "application/resource-lists+xml"
NAMESPACE: Final = "urn:ietf:params:xml:ns:resource-lists"

_WHAT: Final = "resource-lists"
_ROOT: Final = f"{{{NAMESPACE}}}resource-lists"
_LIST: Final = f"{{{NAMESPACE}}}list"
_DISPLAY_NAME: Final = f"{{{NAMESPACE}}}display-name"
_HEAD: Final = DECLARATION + b'<resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists">\n'


class Reference(NamedTuple):
    """An `entry`, `entry-ref` or `external`: they differ in what their URI means."""

    kind: str
    """`entry` (a resource), `entry-ref` (an entry elsewhere) or `external` (a list elsewhere)."""
    uri: str
    display_name: Name | None = None
    attributes: bytes = b""
    """Attributes of other namespaces, ready to be written."""
    extensions: tuple[bytes, ...] = ()


class ResourceList(NamedTuple):
    """A `list`: entries and lists within, in order."""

    name: str | None = None
    display_name: Name | None = None
    items: tuple[Reference | ResourceList, ...] = ()
    attributes: bytes = b""
    extensions: tuple[bytes, ...] = ()


_URI_ATTRIBUTE: Final = {"entry": "uri", "entry-ref": "ref", "external": "anchor"}
_KINDS: Final = {f"{{{NAMESPACE}}}{kind}": kind for kind in _URI_ATTRIBUTE}


def entry(uri: str, display_name: str | None = None) -> Reference:
    """An `entry` in short."""
    return Reference("entry", uri, None if display_name is None else Name(display_name))


def parse_resource_lists(data: bytes, limits: XmlLimits = DEFAULT_LIMITS) -> tuple[ResourceList, ...]:
    """The lists of a document; elements that the schema has no place for are left out.

    Raises:
        EntityTooLarge: 413, more bytes than `limits` allow.
        BadRequest: 400, refused XML, or an entry or reference without a URI.
    """
    root = read_root(data, _WHAT, _ROOT, limits)
    return tuple(_list(child) for child in root if child.tag == _LIST)


def _list(element: etree._Element) -> ResourceList:
    items: list[Reference | ResourceList] = []
    for child in element:
        kind = _KINDS.get(child.tag)
        if kind is not None:
            items.append(_reference(child, kind))
        elif child.tag == _LIST:
            items.append(_list(child))
    return ResourceList(
        element.get("name"),
        _display_name(element),
        tuple(items),
        foreign_attributes(element, NAMESPACE),
        extensions_of(element, NAMESPACE),
    )


def _reference(element: etree._Element, kind: str) -> Reference:
    attribute = _URI_ATTRIBUTE[kind]
    uri = need(element, attribute, _WHAT).strip()
    if not is_uri(uri):
        raise BadRequest(f"{_WHAT}: {attribute} {one_line(uri)!r} of {kind} is no URI")
    return Reference(
        kind,
        uri,
        _display_name(element),
        foreign_attributes(element, NAMESPACE),
        extensions_of(element, NAMESPACE),
    )


def _display_name(element: etree._Element) -> Name | None:
    found = element.find(_DISPLAY_NAME)
    return None if found is None else name_of(found)


def members(lists: tuple[ResourceList, ...], most: int = 1000) -> tuple[Reference, ...]:
    """The entries of `lists` and of the lists within, in document order, each presentity once.

    The first entry of a presentity stays (its URI is how the subscriber knows it); SIP URIs with the same
    AOR are the same presentity.  References to lists and entries elsewhere are left out (RFC 5367 §4 allows
    that).

    Raises:
        EntityTooLarge: 413, more than `most` members.
    """
    found: dict[str, Reference] = {}
    for reference in _entries(lists):
        if found.setdefault(_identity(reference.uri), reference) is reference and len(found) > most:
            raise EntityTooLarge(f"{_WHAT}: more than {most} members")
    return tuple(found.values())


def _entries(lists: tuple[Reference | ResourceList, ...]) -> Iterator[Reference]:
    for item in lists:
        if isinstance(item, ResourceList):
            yield from _entries(item.items)
        elif item.kind == "entry":
            yield item


def _identity(uri: str) -> str:
    try:
        parsed = parse_uri(uri)
    except BadRequest:
        return uri
    return parsed.aor if isinstance(parsed, Uri) else uri


def render_resource_lists(lists: tuple[ResourceList, ...]) -> bytes:
    """The document as bytes."""
    out = [_HEAD]
    for item in lists:
        _render(out, item)
    out.append(b"</resource-lists>\n")
    return b"".join(out)


def _render(out: list[bytes], item: Reference | ResourceList) -> None:
    if isinstance(item, ResourceList):
        tag, start = "list", optional("name", item.name)
    else:
        tag, start = item.kind, optional(_URI_ATTRIBUTE[item.kind], item.uri)
    out += (f"<{tag}{start}".encode(), item.attributes)
    inner: list[bytes] = []
    if item.display_name is not None:
        inner.append(named("display-name", item.display_name).encode())
    if isinstance(item, ResourceList):
        inner.append(b"\n")
        for child in item.items:
            _render(inner, child)
    inner += item.extensions
    if inner:
        out += (b">", *inner, f"</{tag}>\n".encode())
    else:
        out.append(b"/>\n")
