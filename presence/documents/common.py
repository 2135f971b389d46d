"""What the XML formats beside PIDF share: checked reading of attributes, escaping, and extensions as bytes.

Each of these formats has one namespace of its own, which is the default namespace of what we write.  What
belongs to another namespace is kept as bytes that declare by themselves what they need: they can stand
anywhere inside a document of their format.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Final, NamedTuple

from lxml import etree

from presence.documents.xml import XmlLimits, one_line, read_xml
from presence.documents.xsd import is_language
from sip.errors import BadRequest

DECLARATION: Final = b'<?xml version="1.0" encoding="UTF-8"?>\n'
UNSIGNED_INT: Final = 2**32 - 1
UNSIGNED_LONG: Final = 2**64 - 1
LANG: Final = "{http://www.w3.org/XML/1998/namespace}lang"

# What XML has no place for at all (XML 1.0 §2.2) becomes U+FFFD: a display name may hold anything.
_UNSAFE: Final = re.compile('[&<>"\x00-\x1f\ud800-\udfff\ufffe\uffff]')
_ESCAPES: Final = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
    "\t": "&#9;",
    "\n": "&#10;",
    "\r": "&#13;",
}
_XML: Final = "http://www.w3.org/XML/1998/namespace"
_NUMBER: Final = re.compile(r"\+?0*([0-9]{1,20})")
_QNAME: Final = re.compile(r"\s*([A-Za-z_][\w.-]*):[A-Za-z_][\w.-]*\s*")


class Name(NamedTuple):
    """A text for people, and its language (xml:lang) if that is said."""

    text: str
    lang: str | None = None


def escaped(text: str) -> str:
    """`text` as it can stand in an attribute or in an element."""
    return text if _UNSAFE.search(text) is None else _UNSAFE.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    return _ESCAPES.get(match[0], "\ufffd")


def optional(name: str, value: str | int | None) -> str:
    """` name="value"`, or nothing for None."""
    return "" if value is None else f' {name}="{escaped(str(value))}"'


def named(tag: str, name: Name) -> str:
    """`name` as the element `tag`."""
    return f"<{tag}{optional('xml:lang', name.lang)}>{escaped(name.text)}</{tag}>"


def read_root(data: bytes, what: str, tag: str, limits: XmlLimits) -> etree._Element:
    """The root element of a document of the format `what`, which must be `tag` (a Clark name).

    Raises:
        EntityTooLarge: 413, as `read_xml`.
        BadRequest: 400, as `read_xml`, and for another root element.
    """
    root = read_xml(data, what, limits)
    if root.tag != tag:
        uri, _, local = tag[1:].partition("}")
        raise BadRequest(f"{what}: the root element is {one_line(root.tag)}, not {local} of {uri}")
    return root


def need(element: etree._Element, name: str, what: str) -> str:
    """The attribute `name`.  Raises BadRequest when it is missing."""
    value = element.get(name)
    if value is None:
        raise BadRequest(f"{what}: {_local(element)} without {_local_name(name)}")
    return value


def choice(element: etree._Element, name: str, allowed: Collection[str], what: str) -> str:
    """The attribute `name`, one of `allowed`.  Raises BadRequest."""
    value = need(element, name, what).strip()
    if value not in allowed:
        raise BadRequest(f"{what}: {_local(element)} with the unknown {name} {one_line(value)!r}")
    return value


def number(element: etree._Element, name: str, what: str, most: int = UNSIGNED_LONG) -> int | None:
    """The attribute `name`, a number from 0 to `most`; None when it is not there.  Raises BadRequest."""
    value = element.get(name)
    if value is None:
        return None
    read = whole(value, most)
    if read is None:
        raise BadRequest(
            f"{what}: {name} of {_local(element)} is {one_line(value)!r}, no number up to {most}"
        )
    return read


def need_number(element: etree._Element, name: str, what: str, most: int = UNSIGNED_LONG) -> int:
    """As `number`, and BadRequest when it is missing."""
    need(element, name, what)
    read = number(element, name, what, most)
    assert read is not None
    return read


def whole(text: str, most: int = UNSIGNED_LONG) -> int | None:
    """The number from 0 to `most` that `text` is; None for anything else."""
    match = _NUMBER.fullmatch(text.strip())
    if match is None or not text.isascii():
        return None
    value = int(match[1])
    return value if value <= most else None


def is_full(element: etree._Element, what: str) -> bool:
    """What `state` says in watcherinfo, dialog-info and reginfo: full or partial."""
    return choice(element, "state", ("full", "partial"), what) == "full"


def state_of(full: bool) -> str:
    return "full" if full else "partial"


def text_of(element: etree._Element) -> str:
    """All text within, without white space around it."""
    return "".join(map(str, element.itertext())).strip() if len(element) else (element.text or "").strip()


def name_of(element: etree._Element) -> Name:
    """A `Name` from an element; a language that is no language is left out."""
    lang = element.get(LANG)
    return Name(text_of(element), lang if lang and is_language(lang) else None)


def is_foreign(element: etree._Element, own: str) -> bool:
    """Whether `element` may stand as an extension: it has a namespace, and not the one of the format."""
    uri, _ = _split(element.tag)
    return bool(uri) and uri != own


def extensions_of(element: etree._Element, own: str) -> tuple[bytes, ...]:
    """The children that belong to other namespaces, each as bytes."""
    return tuple(write_element(child, own) for child in element if is_foreign(child, own))


def foreign_attributes(element: etree._Element, own: str) -> bytes:
    """The attributes that belong to other namespaces, with declarations, ready to follow a tag's name."""
    found = [pair for pair in _attributes_of(element) if _split(pair[0])[0] not in ("", own)]
    if not found:
        return b""
    declared: dict[str, str] = {}
    out: list[str] = []
    scope = {"": own, "xml": _XML}
    for key, value in found:
        out.append(f' {_attribute_name(key, element, scope, declared)}="{escaped(value)}"')
        _declare_mentioned(value, element, scope, declared)
    return ("".join(_declarations(declared)) + "".join(out)).encode()


def write_element(element: etree._Element, own: str) -> bytes:
    """The UTF-8 text of `element` (its tail left out) as it can stand where `own` is the default namespace.

    Elements of `own` get no prefix; others keep theirs, declared where they are used, also where only a
    value mentions a prefix (a QName).  White space between elements of `own` is left out.
    """
    out: list[str] = []
    _write(out, element, own, {"": own, "xml": _XML})
    return "".join(out).encode()


def _write(out: list[str], element: etree._Element, own: str, scope: Mapping[str, str]) -> None:
    declared: dict[str, str] = {}
    uri, local = _split(element.tag)
    prefix = "" if uri in ("", own) else element.prefix or ""
    if scope.get(prefix, "") != uri:
        declared[prefix] = uri
    name = f"{prefix}:{local}" if prefix else local
    attributes: list[str] = []
    values = [element.text or ""]
    for key, value in _attributes_of(element):
        attributes.append(f' {_attribute_name(key, element, scope, declared)}="{escaped(value)}"')
        values.append(value)
    for value in values:
        _declare_mentioned(value, element, scope, declared)
    if declared:
        scope = {**scope, **declared}
    out.append(f"<{name}")
    out += _declarations(declared)
    out += attributes
    text = element.text or ""
    layout_only = uri == own and len(element) > 0
    if layout_only and text.isspace():
        text = ""
    if not len(element) and not text:
        out.append("/>")
        return
    out.append(f">{_content(text)}")
    for child in element:
        _write(out, child, own, scope)
        tail = child.tail or ""
        if tail and not (layout_only and tail.isspace()):
            out.append(_content(tail))
    out.append(f"</{name}>")


def _content(text: str) -> str:
    """Text between tags, where line ends and tabs need no escaping."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\r", "&#13;")


def _declarations(declared: Mapping[str, str]) -> list[str]:
    return [f' xmlns{":" if key else ""}{key}="{escaped(uri)}"' for key, uri in declared.items()]


def _attribute_name(
    key: str, element: etree._Element, scope: Mapping[str, str], declared: dict[str, str]
) -> str:
    """The name of an attribute with its prefix: the default namespace does not apply to attributes."""
    uri, local = _split(key)
    if not uri:
        return local
    if uri == _XML:
        return f"xml:{local}"
    # An attribute in a namespace was read with a prefix, so there is one.
    prefix = next(prefix for prefix, bound in element.nsmap.items() if prefix and bound == uri)
    if {**scope, **declared}.get(prefix) != uri:
        declared[prefix] = uri
    return f"{prefix}:{local}"


def _declare_mentioned(
    value: str, element: etree._Element, scope: Mapping[str, str], declared: dict[str, str]
) -> None:
    """Declare the prefix of a value that may be a qualified name."""
    if ":" not in value or (match := _QNAME.fullmatch(value)) is None:
        return
    uri = element.nsmap.get(match[1])
    if uri is not None and {**scope, **declared}.get(match[1]) != uri:
        declared[match[1]] = uri


def _attributes_of(element: etree._Element) -> list[tuple[str, str]]:
    """Names and values; the stubs of lxml know that names may be bytes, which none that were read are."""
    return [(str(name), str(value)) for name, value in element.items()]


def _split(name: str) -> tuple[str, str]:
    if name[0] != "{":
        return "", name
    uri, _, local = name[1:].partition("}")
    return uri, local


def _local(element: etree._Element) -> str:
    return _local_name(element.tag)


def _local_name(name: str) -> str:
    return one_line(_split(name)[1])
