"""Watcher information, `application/watcherinfo+xml` (RFC 3858): who watches, and how that stands."""

from __future__ import annotations

from typing import Final, NamedTuple

from lxml import etree

from presence.documents.common import (
    DECLARATION,
    LANG,
    UNSIGNED_INT,
    choice,
    escaped,
    extensions_of,
    is_full,
    need,
    need_number,
    number,
    optional,
    read_root,
    state_of,
    text_of,
)
from presence.documents.xml import DEFAULT_LIMITS, XmlLimits, one_line, read_xml
from presence.documents.xsd import is_language, is_uri
from sip.errors import BadRequest

CONTENT_TYPE: Final = "application/watcherinfo+xml"
NAMESPACE: Final = "urn:ietf:params:xml:ns:watcherinfo"
STATUSES: Final = ("pending", "active", "waiting", "terminated")
EVENTS: Final = (
    "subscribe",
    "approved",
    "deactivated",
    "probation",
    "rejected",
    "timeout",
    "giveup",
    "noresource",
)

_WHAT: Final = "watcherinfo"
_OURS: Final = XmlLimits(size=16 * 1024 * 1024)
_ROOT: Final = f"{{{NAMESPACE}}}watcherinfo"
_LIST: Final = f"{{{NAMESPACE}}}watcher-list"
_WATCHER: Final = f"{{{NAMESPACE}}}watcher"
_HEAD: Final = DECLARATION.decode() + f'<watcherinfo xmlns="{NAMESPACE}" version="'


class Watcher(NamedTuple):
    """A subscription to the resource (RFC 3858 §3)."""

    id: str
    """A token, unique in the subscription to the watcher information."""
    status: str
    """One of `STATUSES` (RFC 3857 §4.7.1)."""
    event: str
    """One of `EVENTS`: what led to the status."""
    uri: str
    """The authenticated identity of the watcher."""
    display_name: str | None = None
    lang: str | None = None
    """Of the display name."""
    expiration: int | None = None
    """Seconds until the subscription expires."""
    duration_subscribed: int | None = None
    """Seconds since the SUBSCRIBE that created it."""


class WatcherList(NamedTuple):
    """The watchers of one resource in one package."""

    resource: str
    package: str
    watchers: tuple[Watcher, ...] = ()
    extensions: tuple[bytes, ...] = ()


class WatcherInfo(NamedTuple):
    """A whole document."""

    version: int
    """0 in the first notification of a subscription, then one more in each."""
    full: bool
    """Whether all watchers are in it, else those that changed."""
    lists: tuple[WatcherList, ...] = ()
    extensions: tuple[bytes, ...] = ()


def parse_watcherinfo(data: bytes, limits: XmlLimits = DEFAULT_LIMITS) -> WatcherInfo:
    """Read a document.

    Raises:
        EntityTooLarge: 413, more bytes than `limits` allow.
        BadRequest: 400, refused XML, a mandatory attribute missing, a status, event or number that is none.
    """
    root = read_root(data, _WHAT, _ROOT, limits)
    return WatcherInfo(
        need_number(root, "version", _WHAT, UNSIGNED_INT),
        is_full(root, _WHAT),
        tuple(_list(child) for child in root if child.tag == _LIST),
        extensions_of(root, NAMESPACE),
    )


def watcher_ids(data: bytes) -> set[str]:
    """Ids of the watchers in a document of our own making, also one that a filter has cut."""
    root = read_xml(data, _WHAT, _OURS)
    return {watcher.get("id") or "" for watcher in root.iter(_WATCHER)}


def _list(element: etree._Element) -> WatcherList:
    resource = need(element, "resource", _WHAT).strip()
    if not is_uri(resource):
        raise BadRequest(f"{_WHAT}: the resource {one_line(resource)!r} is no URI")
    return WatcherList(
        resource,
        need(element, "package", _WHAT),
        tuple(_watcher(child) for child in element if child.tag == _WATCHER),
        extensions_of(element, NAMESPACE),
    )


def _watcher(element: etree._Element) -> Watcher:
    uri = text_of(element)
    if not is_uri(uri):
        raise BadRequest(f"{_WHAT}: the watcher {one_line(uri)!r} is no URI")
    lang = element.get(LANG)
    return Watcher(
        need(element, "id", _WHAT),
        choice(element, "status", STATUSES, _WHAT),
        choice(element, "event", EVENTS, _WHAT),
        uri,
        element.get("display-name"),
        lang if lang and is_language(lang) else None,
        number(element, "expiration", _WHAT),
        number(element, "duration-subscribed", _WHAT),
    )


def render_watcherinfo(document: WatcherInfo) -> bytes:
    """The document as bytes."""
    out = [f'{_HEAD}{document.version}" state="{state_of(document.full)}">\n'.encode()]
    for part in document.lists:
        head = f'<watcher-list resource="{escaped(part.resource)}" package="{escaped(part.package)}">\n'
        out.append((head + "".join(map(_watcher_line, part.watchers))).encode())
        out += part.extensions
        out.append(b"</watcher-list>\n")
    out += document.extensions
    out.append(b"</watcherinfo>\n")
    return b"".join(out)


def _watcher_line(watcher: Watcher) -> str:
    return (
        f'<watcher id="{escaped(watcher.id)}" status="{watcher.status}" event="{watcher.event}"'
        f"{optional('display-name', watcher.display_name)}{optional('xml:lang', watcher.lang)}"
        f"{optional('expiration', watcher.expiration)}"
        f"{optional('duration-subscribed', watcher.duration_subscribed)}>{escaped(watcher.uri)}</watcher>\n"
    )
