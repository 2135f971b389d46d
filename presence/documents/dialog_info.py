"""Dialog information, `application/dialog-info+xml` (RFC 4235 §4): which calls somebody is in.

A published document is taken apart into dialogs, each as bytes with all its children; a notification is the
dialogs joined.  What is put right on the way in: the order that the schema wants, values that are none, and
what RFC 4235's own samples leave out (version, entity).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final, NamedTuple

from lxml import etree

from presence.documents.common import (
    DECLARATION,
    UNSIGNED_INT,
    escaped,
    extensions_of,
    is_full,
    need,
    number,
    optional,
    read_root,
    state_of,
    whole,
    write_element,
)
from presence.documents.layout import Layout, arrange, keep_attributes, leaf_text
from presence.documents.xml import DEFAULT_LIMITS, XmlLimits, one_line
from sip.errors import BadRequest

CONTENT_TYPE: Final = "application/dialog-info+xml"
NAMESPACE: Final = "urn:ietf:params:xml:ns:dialog-info"
TERMINATED: Final = "terminated"
STATES: Final = ("trying", "proceeding", "early", "confirmed", TERMINATED)
EVENTS: Final = ("cancelled", "rejected", "replaced", "local-bye", "remote-bye", "error", "timeout")
DIRECTIONS: Final = ("initiator", "recipient")

_WHAT: Final = "dialog-info"
_OWN: Final = f"{{{NAMESPACE}}}"
_STATE: Final = f"{_OWN}state"
_HOP: Final = f"{_OWN}hop"
_PARAM: Final = f"{_OWN}param"
_URI: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*+:(?:[^\s%#]|%[0-9A-Fa-f]{2})+")
_HEAD: Final = DECLARATION.decode() + f'<dialog-info xmlns="{NAMESPACE}" version="'


def _layout(*names: str) -> Layout:
    places = {_OWN + name: place for place, name in enumerate(names)}
    return Layout(_OWN, places, len(names), (len(names),))


_DIALOG: Final = _layout("state", "duration", "replaces", "referred-by", "route-set", "local", "remote")
_PARTICIPANT: Final = _layout("identity", "target", "session-description", "cseq")
_DIALOG_ATTRIBUTES: Final = ("call-id", "local-tag", "remote-tag", "direction")


class Dialog(NamedTuple):
    """One dialog (RFC 4235 §4.1.1)."""

    id: str
    """Unique at the user agent that it is at."""
    state: str
    """One of `STATES`."""
    call_id: str | None
    local_tag: str | None
    remote_tag: str | None
    direction: str | None
    """One of `DIRECTIONS`."""
    rest: bytes
    """All that follows the id attribute."""

    @property
    def xml(self) -> bytes:
        """The element as it stands in our document."""
        return b'<dialog id="%b"%b' % (escaped(self.id).encode(), self.rest)

    def renamed(self, ident: str) -> Dialog:
        """The same dialog by another id: two publishers may use the same one."""
        return self._replace(id=ident)

    def ended(self, event: str | None = None) -> Dialog:
        """The dialog when it is over; `event`, one of `EVENTS`, says how."""
        rest = (
            f"{optional('call-id', self.call_id)}{optional('local-tag', self.local_tag)}"
            f"{optional('remote-tag', self.remote_tag)}{optional('direction', self.direction)}"
            f"><state{optional('event', event)}>{TERMINATED}</state></dialog>"
        )
        return self._replace(state=TERMINATED, rest=rest.encode())


class DialogInfo(NamedTuple):
    """A whole document."""

    entity: str
    """The observed user; "" when a published document does not say."""
    version: int
    full: bool
    """Whether all dialogs are in it, else those that changed."""
    dialogs: tuple[Dialog, ...] = ()
    extensions: tuple[bytes, ...] = ()


def parse_dialog_info(data: bytes, limits: XmlLimits = DEFAULT_LIMITS) -> DialogInfo:
    """Read a document: a missing version is 0, a missing state full, a missing entity "".

    Raises:
        EntityTooLarge: 413, more bytes than `limits` allow.
        BadRequest: 400, refused XML, a version or state that is none, a dialog without id or state.
    """
    root = read_root(data, _WHAT, f"{_OWN}dialog-info", limits)
    if root.get("state") is None:
        # A sample of RFC 4235 (§4.1) spells the attribute so.
        root.set("state", root.get("notify-state", "full"))
    dialogs = {dialog.id: dialog for dialog in map(_dialog, root.findall(f"{_OWN}dialog"))}
    return DialogInfo(
        root.get("entity", "").strip(),
        number(root, "version", _WHAT, UNSIGNED_INT) or 0,
        is_full(root, _WHAT),
        tuple(dialogs.values()),
        extensions_of(root, NAMESPACE),
    )


def render_dialog_info(
    entity: str, version: int, full: bool, dialogs: Iterable[Dialog], extensions: Iterable[bytes] = ()
) -> bytes:
    """The document about `entity` as bytes; `version` is the subscriber's own count."""
    head = f'{_HEAD}{version}" state="{state_of(full)}" entity="{escaped(entity)}">'
    return b"\n".join([head.encode(), *(dialog.xml for dialog in dialogs), *extensions, b"</dialog-info>\n"])


def merged(held: Mapping[str, Dialog], news: DialogInfo) -> dict[str, Dialog]:
    """The table of dialogs after a document (RFC 4235 §4.3): full state replaces, partial state updates.

    A dialog that has ended stays until the document after, so that everybody hears of its end.
    """
    table = {} if news.full else {key: dialog for key, dialog in held.items() if dialog.state != TERMINATED}
    table.update((dialog.id, dialog) for dialog in news.dialogs)
    return table


def changes(before: Mapping[str, Dialog], after: Mapping[str, Dialog]) -> tuple[Dialog, ...]:
    """What a partial notification says: the dialogs that are new or different, the end of those gone."""
    gone = (
        dialog.ended() for key, dialog in before.items() if key not in after and dialog.state != TERMINATED
    )
    return (*(dialog for key, dialog in after.items() if before.get(key) != dialog), *gone)


def _dialog(element: etree._Element) -> Dialog:
    ident = need(element, "id", _WHAT)
    keep_attributes(element, _DIALOG_ATTRIBUTES)
    _keep_one_of(element, "direction", DIRECTIONS)
    children = arrange(element, _DIALOG)
    if not children or children[0][0] != _STATE:
        raise BadRequest(f"{_WHAT}: dialog {one_line(ident)!r} without state")
    _put_right(element, children)
    return Dialog(
        ident,
        children[0][1].text or "",
        element.get("call-id"),
        element.get("local-tag"),
        element.get("remote-tag"),
        element.get("direction"),
        write_element(element, NAMESPACE).removeprefix(b"<dialog"),
    )


def _put_right(parent: etree._Element, children: Iterable[tuple[str, etree._Element]]) -> None:
    """Remove the children that the schema would refuse, and put right within the others what can be."""
    for tag, child in children:
        check = _CHECKS.get(tag)
        if check is not None and not check(child):
            parent.remove(child)


def _keep_one_of(element: etree._Element, name: str, allowed: Iterable[str]) -> None:
    value = element.get(name)
    if value is not None and value not in allowed:
        del element.attrib[name]


def _state(element: etree._Element) -> bool:
    keep_attributes(element, ("event", "code"))
    _keep_one_of(element, "event", EVENTS)
    code = element.get("code")
    if code is not None and not 100 <= (whole(code) or 0) <= 699:
        del element.attrib["code"]
    state = leaf_text(element).strip().lower()
    if state not in STATES:
        raise BadRequest(f"{_WHAT}: {one_line(state)!r} is no state of a dialog")
    element.text = state
    return True


def _number(element: etree._Element) -> bool:
    keep_attributes(element, ())
    return whole(leaf_text(element)) is not None


def _replaces(element: etree._Element) -> bool:
    return _bare(element, ("call-id", "local-tag", "remote-tag"))


def _address(element: etree._Element) -> bool:
    keep_attributes(element, ("display",))
    element.text = leaf_text(element).strip()
    return _URI.fullmatch(element.text) is not None


def _route_set(element: etree._Element) -> bool:
    keep_attributes(element, ())
    return _keep_children(element, _HOP, _hop) > 0


def _hop(element: etree._Element) -> bool:
    keep_attributes(element, ())
    element.text = leaf_text(element).strip()
    return True


def _participant(element: etree._Element) -> bool:
    keep_attributes(element, ())
    _put_right(element, arrange(element, _PARTICIPANT))
    return True


def _target(element: etree._Element) -> bool:
    keep_attributes(element, ("uri",))
    _keep_children(element, _PARAM, _param)
    return element.get("uri") is not None


def _param(element: etree._Element) -> bool:
    return _bare(element, ("pname", "pval"))


def _session_description(element: etree._Element) -> bool:
    keep_attributes(element, ("type",))
    leaf_text(element)
    return element.get("type") is not None


def _bare(element: etree._Element, attributes: tuple[str, ...]) -> bool:
    """Whether all `attributes` are there; others, and all content, are removed."""
    keep_attributes(element, attributes)
    del element[:]
    element.text = None
    return len(element.attrib) == len(attributes)


def _keep_children(element: etree._Element, tag: str, check: Callable[[etree._Element], bool]) -> int:
    """Keep only the children `tag` that pass `check`; how many there are."""
    element.text = None
    kept = [child for child in element if child.tag == tag and check(child)]
    for child in kept:
        child.tail = None
    element[:] = kept
    return len(kept)


_CHECKS: Final[Mapping[str, Callable[[etree._Element], bool]]] = {
    f"{_OWN}{name}": check
    for name, check in {
        "state": _state,
        "duration": _number,
        "replaces": _replaces,
        "referred-by": _address,
        "route-set": _route_set,
        "local": _participant,
        "remote": _participant,
        "identity": _address,
        "target": _target,
        "session-description": _session_description,
        "cseq": _number,
    }.items()
}
