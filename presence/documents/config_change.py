"""What the change notifier tells, one `UPCConfigChange` a change (reference R43 to R50; Q13 to Q19).

Everything is in one namespace (Q14); the one of the printed schema is read as well, and written if a setting
says so.  Properties, or what was there before and is there now: a document has one or the other.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final, NamedTuple

from lxml import etree

from presence.documents.common import DECLARATION, escaped, need, optional, text_of
from presence.documents.xml import DEFAULT_LIMITS, XmlLimits, one_line, read_xml
from sip.errors import BadRequest

NAMESPACE: Final = "urn:cisco:epas:uccn"
PRINTED_NAMESPACE: Final = "urn:cisco:CUPS:UCCN"
"""The one of the printed schema, which is on none of the printed payloads."""
NAMESPACES: Final = (NAMESPACE, PRINTED_NAMESPACE)

_WHAT: Final = "UPCConfigChange"
_DECIMAL: Final = re.compile(r"\s*[+-]?(?:[0-9]{1,40}(?:\.[0-9]{0,40})?|\.[0-9]{1,40})\s*")
_RULE_FIELDS: Final = (
    "type",
    "name",
    "description",
    "priority",
    "number-begins-with",
    "number-of-digits",
    "digits-to-be-removed",
    "prefix",
)


class Property(NamedTuple):
    """A property with its value; `is_public` is told of a user's own settings only."""

    name: str
    value: str
    is_public: bool | None = None


class GroupItem(NamedTuple):
    """A group of contacts."""

    name: str
    place: Decimal
    """The attribute `index`."""


class ContactItem(NamedTuple):
    """A contact in a group."""

    group: str
    group_place: Decimal
    persona_id: str
    """Without the domain, where that is the owner's."""
    place: Decimal
    nickname: str
    local: bool
    """Whether he is of this system."""


class DialingRuleItem(NamedTuple):
    """A rule of dialing; all is text."""

    type: str
    name: str
    description: str
    priority: str
    begins_with: str
    number_of_digits: str
    digits_to_remove: str
    prefix: str


class PresenceRuleItem(NamedTuple):
    """A presence rule; `data` is the stored document."""

    name: str
    data: str


class AclItem(NamedTuple):
    """A watcher ("name@domain") that a presence rule is about."""

    rule: str
    watcher: str


Item = GroupItem | ContactItem | DialingRuleItem | PresenceRuleItem | AclItem


class ConfigChange(NamedTuple):
    """One change.  Insert has only `new`, delete only `old`, update both (R44)."""

    action: str
    properties: tuple[Property, ...] = ()
    cti_device: str | None = None
    old: Item | None = None
    new: Item | None = None


def render_config_change(change: ConfigChange, namespace: str = NAMESPACE) -> bytes:
    """The document as bytes, in `namespace`."""
    out = [
        f'<UPCConfigChange xmlns="{namespace}" xmlns:epas="{namespace}"'
        ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
        f' xsi:schemaLocation="{namespace} file:UCCNSchema.xsd">'
        f"<epas:action>{escaped(change.action)}</epas:action>"
    ]
    for name, value, is_public in change.properties:
        public = None if is_public is None else str(is_public).lower()
        out.append(
            f"<epas:property{optional('name', name)}{optional('is-public', public)}>"
            f"{escaped(value)}</epas:property>"
        )
    if change.cti_device is not None:
        out.append(f"<epas:cti-device>{escaped(change.cti_device)}</epas:cti-device>")
    for side, item in (("old", change.old), ("new", change.new)):
        if item is not None:
            out.append(f"<{side}>{_element(item)}</{side}>")
    out.append("</UPCConfigChange>\n")
    return DECLARATION + "".join(out).encode()


def _element(item: Item) -> str:
    match item:
        case GroupItem(name, index):
            return f"<epas:group{optional('name', name)}{optional('index', f'{index:.10f}')}></epas:group>"
        case ContactItem(group, group_index, persona_id, index, nickname, local):
            attributes = f"{optional('index', f'{index:.10f}')}{optional('nickname', nickname)}"
            return (
                f"<epas:group{optional('name', group)}{optional('index', _short(group_index))}>"
                f"<epas:persona-id{attributes}>{escaped(persona_id)}</epas:persona-id>"
                f"<epas:is-cups>{str(local).upper()}</epas:is-cups>"
                f"<epas:is-external>{str(not local).upper()}</epas:is-external></epas:group>"
            )
        case DialingRuleItem():
            fields = "".join(
                f"<epas:{name}>{escaped(value)}</epas:{name}>"
                for name, value in zip(_RULE_FIELDS, item, strict=True)
            )
            return f"<epas:rule>{fields}</epas:rule>"
        case PresenceRuleItem(name, data):
            return f"<epas:rule{optional('name', name)}><epas:data>{escaped(data)}</epas:data></epas:rule>"
        case AclItem(rule, watcher):
            inner = f"<epas:watcher>{escaped(watcher)}</epas:watcher>"
            return f"<epas:rule{optional('name', rule)}>{inner}</epas:rule>"


def _short(value: Decimal) -> str:
    """With one place at least, as the group of a contact prints it: "1.0", "1000.9"."""
    whole, _, places = f"{value:.10f}".partition(".")
    return f"{whole}.{places.rstrip('0') or '0'}"


def parse_config_change(data: bytes, limits: XmlLimits = DEFAULT_LIMITS) -> ConfigChange:
    """Read a document, in either namespace.

    Raises:
        EntityTooLarge: 413, more bytes than `limits` allow.
        BadRequest: 400, refused XML, another root, no action, something unknown in `old` or `new`.
    """
    root = read_xml(data, _WHAT, limits)
    name = etree.QName(root)
    if name.localname != "UPCConfigChange" or name.namespace not in NAMESPACES:
        raise BadRequest(f"{_WHAT}: the root element is {one_line(root.tag)}")
    action = _child(root, "action")
    if action is None:
        raise BadRequest(f"{_WHAT}: no action")
    device = _child(root, "cti-device")
    old, new = _child(root, "old"), _child(root, "new")
    return ConfigChange(
        text_of(action).strip(),
        tuple(_property(it) for it in root if _local(it) == "property"),
        None if device is None else text_of(device),
        None if old is None else _item(old),
        None if new is None else _item(new),
    )


def _local(element: etree._Element) -> str:
    return etree.QName(element).localname


def _child(parent: etree._Element, name: str) -> etree._Element | None:
    return next((child for child in parent if _local(child) == name), None)


def _property(element: etree._Element) -> Property:
    public = element.get("is-public")
    # Either case (Q18).
    said = None if public is None else public.strip().lower() in ("true", "1")
    return Property(need(element, "name", _WHAT), text_of(element), said)


def _item(side: etree._Element) -> Item:
    element = next(iter(side), None)
    kind = "" if element is None else _local(element)
    if element is not None and kind == "group":
        return _group(element)
    if element is not None and kind == "rule":
        return _rule(element)
    raise BadRequest(f"{_WHAT}: {_local(side)} with neither group nor rule")


def _group(element: etree._Element) -> Item:
    name, index = need(element, "name", _WHAT), _decimal(element)
    persona = _child(element, "persona-id")
    if persona is None:
        return GroupItem(name, index)
    local = _child(element, "is-cups")
    return ContactItem(
        name,
        index,
        text_of(persona),
        _decimal(persona),
        persona.get("nickname", ""),
        local is not None and text_of(local).strip().upper() == "TRUE",
    )


def _rule(element: etree._Element) -> Item:
    watcher, data = _child(element, "watcher"), _child(element, "data")
    if watcher is not None:
        return AclItem(need(element, "name", _WHAT), text_of(watcher))
    if data is not None:
        return PresenceRuleItem(need(element, "name", _WHAT), text_of(data))
    fields = (_child(element, name) for name in _RULE_FIELDS)
    return DialingRuleItem(*("" if it is None else text_of(it) for it in fields))


def _decimal(element: etree._Element) -> Decimal:
    text = element.get("index", "0")
    if _DECIMAL.fullmatch(text) is None:
        raise BadRequest(f"{_WHAT}: index {one_line(text)!r} is no number")
    return Decimal(text.strip())
