"""Writing an element so that it stands on its own inside our `presence`, whatever prefixes it came with.

PIDF is the default namespace, the data model and RPID have the prefixes `dm` and `rpid`, other namespaces
keep their prefixes and are declared where they are used: also where only a value mentions the prefix (a
QName).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from lxml import etree

from presence.documents.namespaces import PREFIXES, standard_uri

_XML: Final = "http://www.w3.org/XML/1998/namespace"
_FIXED: Final = {uri: prefix or "" for prefix, uri in PREFIXES.items()}
_RESERVED: Final = frozenset({"dm", "rpid", "xml", "xmlns"})
_SCOPE: Final[Mapping[str, str]] = {**{prefix: uri for uri, prefix in _FIXED.items()}, "xml": _XML}
_QNAME: Final = re.compile(r"\s*([A-Za-z_][\w.-]*):[A-Za-z_][\w.-]*\s*")
_TEXT: Final = {ord("&"): "&amp;", ord("<"): "&lt;", ord(">"): "&gt;", ord("\r"): "&#13;"}
_VALUE: Final = _TEXT | {ord('"'): "&quot;", ord("\t"): "&#9;", ord("\n"): "&#10;"}


def write_element(element: etree._Element) -> bytes:
    """The UTF-8 text of `element` (its tail left out) as it can stand in our root element."""
    out: list[str] = []
    _write(out, element, _SCOPE)
    return "".join(out).encode()


def _write(out: list[str], element: etree._Element, scope: Mapping[str, str]) -> None:
    declared: dict[str, str] = {}
    uri, local = _split(element.tag)
    prefix = _prefix(uri, element.prefix or "", scope, declared)
    name = f"{prefix}:{local}" if prefix else local
    attributes: list[str] = []
    values = [element.text or ""]
    for key, value in _attributes_of(element):
        key_uri, key_local = _split(key)
        if key_uri:
            key_prefix = _attribute_prefix(key_uri, element, scope, declared)
            key_local = f"{key_prefix}:{key_local}"
        attributes.append(f' {key_local}="{value.translate(_VALUE)}"')
        values.append(value)
    for value in values:
        _declare_mentioned(value, element, scope, declared)
    if declared:
        scope = {**scope, **declared}
    out.append(f"<{name}")
    for key, value in declared.items():
        out.append(f' xmlns{":" if key else ""}{key}="{value.translate(_VALUE)}"')
    out += attributes
    if not len(element) and not element.text:
        out.append("/>")
        return
    out.append(">")
    out.append((element.text or "").translate(_TEXT))
    for child in element:
        _write(out, child, scope)
        out.append((child.tail or "").translate(_TEXT))
    out.append(f"</{name}>")


def _attributes_of(element: etree._Element) -> list[tuple[str, str]]:
    """Names and values; the stubs of lxml know that names may be bytes, which none that were read are."""
    return [(str(name), str(value)) for name, value in element.items()]


def _split(name: str) -> tuple[str, str]:
    if name[0] != "{":
        return "", name
    uri, _, local = name[1:].partition("}")
    return standard_uri(uri), local


def _prefix(uri: str, wanted: str, scope: Mapping[str, str], declared: dict[str, str]) -> str:
    """The prefix of an element in the namespace `uri`, which was written with `wanted`."""
    fixed = "" if not uri else _FIXED.get(uri)
    if fixed is not None:
        if scope.get(fixed) != uri:
            declared[fixed] = uri
        return fixed
    if scope.get(wanted) != uri:
        if wanted in _RESERVED:
            wanted = _unused(scope, declared)
        declared[wanted] = uri
    return wanted


def _attribute_prefix(
    uri: str, element: etree._Element, scope: Mapping[str, str], declared: dict[str, str]
) -> str:
    """The prefix of an attribute: the default namespace does not apply to attributes."""
    here = {**scope, **declared}
    for prefix, bound in here.items():
        if prefix and bound == uri:
            return prefix
    wanted = next((key for key, value in element.nsmap.items() if key and standard_uri(value) == uri), "")
    if not wanted or wanted in _RESERVED or wanted in declared:
        wanted = _unused(scope, declared)
    declared[wanted] = uri
    return wanted


def _declare_mentioned(
    value: str, element: etree._Element, scope: Mapping[str, str], declared: dict[str, str]
) -> None:
    """Declare the prefix of a value that may be a qualified name."""
    if ":" not in value or (match := _QNAME.fullmatch(value)) is None:
        return
    prefix = match[1]
    uri = element.nsmap.get(prefix)
    if uri is None or prefix in _RESERVED or prefix in declared:
        return
    if scope.get(prefix) != standard_uri(uri):
        declared[prefix] = standard_uri(uri)


def _unused(scope: Mapping[str, str], declared: Mapping[str, str]) -> str:
    number = 1
    while f"ns{number}" in scope or f"ns{number}" in declared:
        number += 1
    return f"ns{number}"
