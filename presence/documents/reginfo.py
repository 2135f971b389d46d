"""Registration information, `application/reginfo+xml` (RFC 3680 §5): the contacts of addresses-of-record."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from lxml import etree

from presence.documents.common import (
    DECLARATION,
    UNSIGNED_INT,
    Name,
    choice,
    escaped,
    extensions_of,
    is_full,
    name_of,
    named,
    need,
    need_number,
    number,
    optional,
    read_root,
    state_of,
    text_of,
)
from presence.documents.xml import DEFAULT_LIMITS, XmlLimits, one_line
from presence.documents.xsd import is_uri
from sip.errors import BadRequest

CONTENT_TYPE: Final = "application/reginfo+xml"
NAMESPACE: Final = "urn:ietf:params:xml:ns:reginfo"
STATES: Final = ("init", "active", "terminated")
CONTACT_STATES: Final = ("active", "terminated")
EVENTS: Final = (
    "registered",
    "created",
    "refreshed",
    "shortened",
    "expired",
    "deactivated",
    "probation",
    "unregistered",
    "rejected",
)

_WHAT: Final = "reginfo"
_OWN: Final = f"{{{NAMESPACE}}}"
_HEAD: Final = DECLARATION.decode() + f'<reginfo xmlns="{NAMESPACE}" version="'
_Q: Final = re.compile(r"0(?:\.([0-9]{0,3}))?|1(?:\.0{0,3})?")


class Contact(NamedTuple):
    """A binding."""

    id: str
    """Unique among all contacts of the subscription, the same for the same URI."""
    state: str
    """One of `CONTACT_STATES`."""
    event: str
    """One of `EVENTS`: what led to the state."""
    uri: str
    display_name: Name | None = None
    unknown_params: tuple[tuple[str, str], ...] = ()
    """Parameters of the Contact header field that RFC 3261 does not know; "" for one without a value."""
    expires: int | None = None
    """Seconds until the binding expires; there must be some when shortened."""
    retry_after: int | None = None
    """Seconds; there must be some in probation."""
    duration_registered: int | None = None
    """Seconds since the contact was bound."""
    q: int | None = None
    """Thousandths."""
    call_id: str | None = None
    cseq: int | None = None
    extensions: tuple[bytes, ...] = ()


class Registration(NamedTuple):
    """The contacts of one address-of-record."""

    aor: str
    id: str
    """The same in all notifications of the subscription."""
    state: str
    """One of `STATES`."""
    contacts: tuple[Contact, ...] = ()
    extensions: tuple[bytes, ...] = ()


class RegInfo(NamedTuple):
    """A whole document."""

    version: int
    """0 in the first notification of a subscription, then one more in each."""
    full: bool
    """Whether all registrations are in it, else those that changed."""
    registrations: tuple[Registration, ...] = ()
    extensions: tuple[bytes, ...] = ()


def parse_reginfo(data: bytes, limits: XmlLimits = DEFAULT_LIMITS) -> RegInfo:
    """Read a document.

    Raises:
        EntityTooLarge: 413, more bytes than `limits` allow.
        BadRequest: 400, refused XML, a mandatory attribute or element missing, a state, event or number that
            is none.
    """
    root = read_root(data, _WHAT, f"{_OWN}reginfo", limits)
    return RegInfo(
        need_number(root, "version", _WHAT, UNSIGNED_INT),
        is_full(root, _WHAT),
        tuple(map(_registration, root.findall(f"{_OWN}registration"))),
        extensions_of(root, NAMESPACE),
    )


def _registration(element: etree._Element) -> Registration:
    return Registration(
        _uri(need(element, "aor", _WHAT), "aor"),
        need(element, "id", _WHAT),
        choice(element, "state", STATES, _WHAT),
        tuple(map(_contact, element.findall(f"{_OWN}contact"))),
        extensions_of(element, NAMESPACE),
    )


def _contact(element: etree._Element) -> Contact:
    uri = element.find(f"{_OWN}uri")
    if uri is None:
        raise BadRequest(f"{_WHAT}: contact without uri")
    display_name = element.find(f"{_OWN}display-name")
    return Contact(
        need(element, "id", _WHAT),
        choice(element, "state", CONTACT_STATES, _WHAT),
        choice(element, "event", EVENTS, _WHAT),
        _uri(text_of(uri), "uri of a contact"),
        None if display_name is None else name_of(display_name),
        tuple(
            (need(param, "name", _WHAT), text_of(param)) for param in element.findall(f"{_OWN}unknown-param")
        ),
        number(element, "expires", _WHAT),
        number(element, "retry-after", _WHAT),
        number(element, "duration-registered", _WHAT),
        _thousandths(element.get("q", "")),
        element.get("callid"),
        number(element, "cseq", _WHAT),
        extensions_of(element, NAMESPACE),
    )


def _uri(text: str, name: str) -> str:
    text = text.strip()
    if not is_uri(text):
        raise BadRequest(f"{_WHAT}: {name} {one_line(text)!r} is no URI")
    return text


def _thousandths(text: str) -> int | None:
    """The value of a q parameter; None for anything else, it is only information."""
    match = _Q.fullmatch(text.strip())
    if match is None:
        return None
    return 1000 if match[0][0] == "1" else int((match[1] or "").ljust(3, "0"))


def render_reginfo(document: RegInfo) -> bytes:
    """The document as bytes.

    Raises ValueError for what must not go out: a shortened contact without expires, one in probation without
    retry-after (RFC 3680 §5.1).
    """
    out = [f'{_HEAD}{document.version}" state="{state_of(document.full)}">\n'.encode()]
    for item in document.registrations:
        head = f'<registration aor="{escaped(item.aor)}" id="{escaped(item.id)}" state="{item.state}">\n'
        out += (head.encode(), *map(_element, item.contacts), *item.extensions, b"</registration>\n")
    out += (*document.extensions, b"</reginfo>\n")
    return b"".join(out)


def _element(contact: Contact) -> bytes:
    if contact.event == "shortened" and contact.expires is None:
        raise ValueError(f"reginfo: the shortened contact {contact.id} has no expires")
    if contact.event == "probation" and contact.retry_after is None:
        raise ValueError(f"reginfo: the contact {contact.id} in probation has no retry-after")
    q = None if contact.q is None else f"{contact.q / 1000:.3f}".rstrip("0").rstrip(".")
    start = (
        f'<contact id="{escaped(contact.id)}" state="{contact.state}" event="{contact.event}"'
        f"{optional('duration-registered', contact.duration_registered)}"
        f"{optional('expires', contact.expires)}{optional('retry-after', contact.retry_after)}"
        f"{optional('q', q)}{optional('callid', contact.call_id)}{optional('cseq', contact.cseq)}"
        f"><uri>{escaped(contact.uri)}</uri>"
    )
    if contact.display_name is not None:
        start += named("display-name", contact.display_name)
    for name, value in contact.unknown_params:
        start += f"<unknown-param{optional('name', name)}>{escaped(value)}</unknown-param>"
    return b"".join([start.encode(), *contact.extensions, b"</contact>\n"])
