"""Filter documents, application/simple-filter+xml (RFC 4661 §3, §7): bytes to plain values and back.

The expressions stay text here; `presence.filters` gives them their meaning.  Elements and attributes of other
namespaces are extensions and left out (RFC 4661 §4).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple
from xml.sax.saxutils import escape, quoteattr

from lxml import etree

from presence.documents.xml import DEFAULT_LIMITS, XmlLimits, one_line, read_xml
from sip.errors import NotAcceptableHere

CONTENT_TYPE: Final = "application/simple-filter+xml"
NAMESPACE: Final = "urn:ietf:params:xml:ns:simple-filter"

# The second is what an example of RFC 4660 (§7.2.3) prints.
_NAMESPACES: Final = frozenset((NAMESPACE, "urn:ietf:params:xml:ns:simple-winfo-filter"))
_BOOLEANS: Final = {"true": True, "1": True, "false": False, "0": False}
_DECIMAL: Final = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)", re.ASCII)
_NOT_URI: Final = re.compile(r"[\s{}<>\"]")
_LONGEST_NUMBER: Final = 40


class Rule(NamedTuple):
    """One `include` or `exclude` (§3.5)."""

    text: str
    """An expression, or the URI of a namespace."""
    namespace: bool = False


class What(NamedTuple):
    """The content to deliver (§3.5)."""

    include: tuple[Rule, ...] = ()
    exclude: tuple[Rule, ...] = ()


class Changed(NamedTuple):
    """One `changed` (§3.6.1): the attributes `from`, `to` and `by`, None where there is none."""

    reference: str
    old: str | None = None
    new: str | None = None
    by: str | None = None
    """An xs:decimal."""


class Trigger(NamedTuple):
    """What must have happened, all of it (§3.6)."""

    changed: tuple[Changed, ...] = ()
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


class Filter(NamedTuple):
    """One `filter` (§3.4)."""

    id: str
    uri: str | None = None
    domain: str | None = None
    remove: bool = False
    enabled: bool = True
    what: What | None = None
    """None: there was no such element."""
    triggers: tuple[Trigger, ...] | None = None
    """None: there was no such element; empty ones are left out (RFC 4660 §5.4)."""
    bindings: Mapping[str, str] = {}
    """Prefix to namespace, for all expressions."""


class FilterSet(NamedTuple):
    """A document (§3.2)."""

    package: str | None
    filters: tuple[Filter, ...]


def refusal(why: str) -> NotAcceptableHere:
    """The answer to a filter that cannot be met: 488, saying why in the Warning as well (RFC 4660 §5.4)."""
    why = one_line(why)
    quoted = why.replace("\\", "\\\\").replace('"', '\\"')
    return NotAcceptableHere(f"Filter: {why}", headers=(("Warning", f'399 presentity "{quoted}"'),))


def read_filter_set(data: bytes, limits: XmlLimits = DEFAULT_LIMITS) -> FilterSet:
    """What `data` says.

    Raises:
        BadRequest: 400, not XML that we read (`presence.documents.xml`).
        EntityTooLarge: 413.
        NotAcceptableHere: 488, well-formed but not as the schema has it (RFC 4660 §5.4).
    """
    root = read_xml(data, "simple-filter", limits)
    if _own(root) != "filter-set":
        raise refusal(f"the root is {_shown(root)}, not filter-set")
    bindings: dict[str, str] | None = None
    filters: list[Filter] = []
    for child in root:
        name = _own(child)
        if name == "ns-bindings":
            if bindings is not None:
                raise refusal("more than one ns-bindings")
            if filters:
                raise refusal("ns-bindings must come before the filters")
            bindings = _bindings(child)
        elif name == "filter":
            filters.append(_filter(child, bindings or {}))
        elif name is not None:
            raise refusal(f"{name} has no place in filter-set")
    if not filters:
        raise refusal("there is no filter")
    ids: set[str] = set()
    for each in filters:
        if each.id in ids:
            raise refusal(f"the id {each.id} is there twice")
        ids.add(each.id)
    return FilterSet(root.get("package"), tuple(filters))


def write_filter_set(package: str, bindings: Mapping[str, str], filters: Sequence[Filter]) -> bytes:
    """The document with these filters, whose expressions use the prefixes of `bindings`."""
    out = [
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<filter-set xmlns={quoteattr(NAMESPACE)} package={quoteattr(package)}>"
    ]
    if bindings:
        out.append("<ns-bindings>")
        out += [f"<ns-binding prefix={quoteattr(k)} urn={quoteattr(v)}/>" for k, v in bindings.items()]
        out.append("</ns-bindings>")
    for each in filters:
        out.append(f"<filter id={quoteattr(each.id)}")
        for name, value in (("uri", each.uri), ("domain", each.domain)):
            if value is not None:
                out.append(f" {name}={quoteattr(value)}")
        out.append(">" if each.enabled else ' enabled="false">')
        if each.what is not None:
            out.append("<what>")
            for name, rules in (("include", each.what.include), ("exclude", each.what.exclude)):
                for rule in rules:
                    kind = ' type="namespace"' if rule.namespace else ""
                    out.append(f"<{name}{kind}>{escape(rule.text)}</{name}>")
            out.append("</what>")
        if each.triggers == ():
            out.append("<trigger/>")
        for trigger in each.triggers or ():
            out.append("<trigger>")
            for change in trigger.changed:
                limits = (("from", change.old), ("to", change.new), ("by", change.by))
                given = "".join(f" {name}={quoteattr(value)}" for name, value in limits if value is not None)
                out.append(f"<changed{given}>{escape(change.reference)}</changed>")
            out += [f"<added>{escape(text)}</added>" for text in trigger.added]
            out += [f"<removed>{escape(text)}</removed>" for text in trigger.removed]
            out.append("</trigger>")
        out.append("</filter>")
    out.append("</filter-set>\n")
    return "".join(out).encode()


def is_decimal(text: str) -> bool:
    """Whether `text` is an xs:decimal of sensible length."""
    text = text.strip()
    return len(text) <= _LONGEST_NUMBER and _DECIMAL.fullmatch(text) is not None


def _bindings(element: etree._Element) -> dict[str, str]:
    found: dict[str, str] = {}
    for child in element:
        if _own(child) != "ns-binding":
            raise refusal(f"{_shown(child)} has no place in ns-bindings")
        prefix, uri = child.get("prefix"), child.get("urn")
        if prefix is None or not uri:
            raise refusal("an ns-binding without prefix or urn")
        prefix = prefix.strip()
        if _NOT_URI.search(uri.strip()):
            raise refusal("an ns-binding whose urn is no URI")
        if found.setdefault(prefix, uri.strip()) != uri.strip():
            raise refusal(f"the prefix {prefix} is bound twice")
    if not found:
        raise refusal("ns-bindings is empty")
    return found


def _filter(element: etree._Element, bound: Mapping[str, str]) -> Filter:
    ident = element.get("id")
    if not ident:
        raise refusal("a filter without an id")
    uri, domain = element.get("uri"), element.get("domain")
    if uri is not None and domain is not None:
        raise refusal(f"the filter {ident} has both uri and domain")
    what: What | None = None
    triggers: list[Trigger] | None = None
    for child in element:
        name = _own(child)
        if name == "what":
            if what is not None:
                raise refusal(f"the filter {ident} has more than one what")
            what = _what(child)
        elif name == "trigger":
            triggers = triggers or []
            if (trigger := _trigger(child)) != Trigger():
                triggers.append(trigger)
        elif name is not None:
            raise refusal(f"{name} has no place in a filter")
    # Some declare the prefixes as XML does instead of binding them.
    in_scope = {prefix: uri for prefix, uri in element.nsmap.items() if prefix}
    return Filter(
        ident,
        uri.strip() if uri is not None else None,
        domain.strip().lower() if domain is not None else None,
        _boolean(element, "remove", default=False),
        _boolean(element, "enabled", default=True),
        what,
        None if triggers is None else tuple(triggers),
        {**in_scope, **bound},
    )


def _what(element: etree._Element) -> What:
    rules: dict[str, list[Rule]] = {"include": [], "exclude": []}
    for child in element:
        name = _own(child)
        if name is None:
            continue
        if name not in rules:
            raise refusal(f"{name} has no place in what")
        kind = child.get("type", "xpath")
        if kind not in ("xpath", "namespace"):
            raise refusal(f"the type of {name} is neither xpath nor namespace")
        text = _text(child, name)
        if kind == "namespace" and _NOT_URI.search(text):
            raise refusal(f"the namespace of {name} is no URI")
        rules[name].append(Rule(text, kind == "namespace"))
    return What(tuple(rules["include"]), tuple(rules["exclude"]))


def _trigger(element: etree._Element) -> Trigger:
    changed: list[Changed] = []
    added: list[str] = []
    removed: list[str] = []
    for child in element:
        match _own(child):
            case None:
                pass
            case "changed":
                changed.append(_changed(child))
            case "added":
                added.append(_text(child, "added"))
            case "removed":
                removed.append(_text(child, "removed"))
            case name:
                raise refusal(f"{name} has no place in a trigger")
    return Trigger(tuple(changed), tuple(added), tuple(removed))


def _changed(element: etree._Element) -> Changed:
    old, new, by = element.get("from"), element.get("to"), element.get("by")
    if by is not None:
        # §3.6.1.4: with `by`, the others are numbers as well.
        for name, value in (("by", by), ("from", old), ("to", new)):
            if value is not None and not is_decimal(value):
                raise refusal(f"{name} of changed must be a decimal number")
        if float(by) < 0:
            raise refusal("by of changed must not be negative")
    return Changed(_text(element, "changed"), old, new, by)


def _text(element: etree._Element, name: str) -> str:
    if len(element):
        raise refusal(f"{name} has elements in it")
    text = (element.text or "").strip()
    if not text:
        raise refusal(f"{name} is empty")
    return text


def _boolean(element: etree._Element, name: str, *, default: bool) -> bool:
    text = element.get(name)
    if text is None:
        return default
    value = _BOOLEANS.get(text.strip())
    if value is None:
        raise refusal(f"{name} is neither true nor false")
    return value


def _own(element: etree._Element) -> str | None:
    """The name of an element of this format; None for an extension."""
    uri, _, local = element.tag[1:].partition("}")
    return local if element.tag[0] == "{" and uri in _NAMESPACES else None


def _shown(element: etree._Element) -> str:
    return etree.QName(element).localname
