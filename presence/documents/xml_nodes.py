"""Documents as nodes (XPath 1.0 §5): texts, comments and declarations of namespaces are nodes too.

lxml hides the declarations and hangs texts on elements; patching (RFC 5261) needs both as they stand in the
document.  What is written is equivalent as RFC 5261 §3 means it: no prefix is changed, no white space lost.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from lxml import etree

from presence.documents.xml import DEFAULT_LIMITS, XmlLimits, closed, read_xml

XML_NAMESPACE: Final = "http://www.w3.org/XML/1998/namespace"

# As the parser of `presence.documents.xml`, which has refused all that is dangerous before this one is used,
# but for comments and processing instructions: they can be patched, and they separate texts.
_PARSER: Final = etree.XMLParser(
    resolve_entities=False,
    load_dtd=False,
    dtd_validation=False,
    attribute_defaults=False,
    no_network=True,
    huge_tree=False,
    recover=False,
    collect_ids=False,
)
closed(_PARSER)
_TEXT: Final = {ord("&"): "&amp;", ord("<"): "&lt;", ord(">"): "&gt;", ord("\r"): "&#13;"}
_VALUE: Final = _TEXT | {ord('"'): "&quot;", ord("\t"): "&#9;", ord("\n"): "&#10;"}


class Text:
    """A text node; never empty, never beside another one (`Element.join_texts`)."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    @property
    def is_space(self) -> bool:
        """Whether it is a white space text node (RFC 5261 §2)."""
        return not self.text.strip(" \t\r\n")


class Comment:
    """A comment."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


class Instruction:
    """A processing instruction."""

    __slots__ = ("target", "text")

    def __init__(self, target: str, text: str) -> None:
        self.target = target
        self.text = text


class Element:
    """An element; `uri` and `prefix` are "" for none."""

    __slots__ = ("attributes", "children", "declared", "local", "parent", "prefix", "uri")

    def __init__(self, uri: str, prefix: str, local: str) -> None:
        self.uri = uri
        self.prefix = prefix
        self.local = local
        self.declared: dict[str, str] = {}
        """Prefix to namespace, of the declarations on this element."""
        self.attributes: dict[tuple[str, str], tuple[str, str]] = {}
        """(namespace, name) to (prefix, value)."""
        self.children: list[Node] = []
        self.parent: Element | None = None

    def scope(self) -> dict[str, str]:
        """The declarations in scope, prefix to namespace."""
        found = {} if self.parent is None else self.parent.scope()
        found.update(self.declared)
        return found

    def elements(self) -> Iterator[Element]:
        """The child elements."""
        return (child for child in self.children if isinstance(child, Element))

    def walk(self) -> Iterator[Element]:
        """The element and all below, in document order."""
        yield self
        for child in self.children:
            if isinstance(child, Element):
                yield from child.walk()

    def string_value(self) -> str:
        """XPath 1.0 §5.2."""
        return "".join(
            child.string_value() if isinstance(child, Element) else child.text
            for child in self.children
            if isinstance(child, (Element, Text))
        )

    def join_texts(self) -> None:
        """Make one text of texts that stand beside each other; drop empty ones."""
        joined: list[Node] = []
        for child in self.children:
            if isinstance(child, Text):
                if not child.text:
                    continue
                last = joined[-1] if joined else None
                if isinstance(last, Text):
                    joined[-1] = Text(last.text + child.text)
                    continue
            joined.append(child)
        self.children = joined


Node = Element | Text | Comment | Instruction


class Document:
    """A document: its root element, and the comments and instructions beside it."""

    __slots__ = ("after", "before", "root")

    def __init__(self, root: Element) -> None:
        self.root = root
        self.before: list[Node] = []
        self.after: list[Node] = []

    def write(self) -> bytes:
        """The document in UTF-8."""
        out = ['<?xml version="1.0" encoding="UTF-8"?>\n']
        for node in self.before:
            write_node(out, node)
            out.append("\n")
        write_node(out, self.root)
        out.append("\n")
        for node in self.after:
            write_node(out, node)
            out.append("\n")
        return "".join(out).encode()


def read_document(data: bytes, what: str = "XML", limits: XmlLimits = DEFAULT_LIMITS) -> Document:
    """The nodes of `data`, which is nested no deeper than `limits.depth`.

    Raises:
        BadRequest, EntityTooLarge: as `presence.documents.xml.read_xml`.
    """
    plain = read_xml(data, what, limits)
    if b"<!--" in data or data.count(b"<?") > 1 or b"\0" in data:
        plain = etree.fromstring(data if data[:1] == b"<" else data.lstrip(b"\r\n\t "), _PARSER)
    # Asking lxml what is in scope costs most of the time; usually only the root declares.
    only_root = b"\0" not in data and data.count(b"xmlns") == len(plain.nsmap)
    document = Document(_element(plain, {}, only_root))
    document.before = [_aside(node) for node in plain.itersiblings(preceding=True)][::-1]
    document.after = [_aside(node) for node in plain.itersiblings()]
    return document


def _aside(node: Any) -> Node:
    if isinstance(node, etree._Comment):
        return Comment(node.text or "")
    return Instruction(str(node.target), node.text or "")


def _element(source: etree._Element, above: Mapping[str | None, str], only_root: bool) -> Element:
    name = str(source.tag)
    uri, local = _split(name)
    element = Element(uri, source.prefix or "", local)
    scope = above
    if not above or not only_root:
        scope = source.nsmap
        if scope == above:
            scope = above
    if scope is not above:
        element.declared = {prefix or "": at for prefix, at in scope.items() if above.get(prefix) != at}
    if not uri and above.get(None):
        # xmlns="": lxml does not say.
        element.declared[""] = ""
        scope = {prefix: at for prefix, at in scope.items() if prefix is not None}
    for key, value in source.items():
        key_uri, key_local = _split(str(key))
        prefix = ""
        if key_uri == XML_NAMESPACE:
            prefix = "xml"
        elif key_uri:
            prefix = next(name for name, at in scope.items() if name and at == key_uri)
        element.attributes[key_uri, key_local] = (prefix, str(value))
    children = element.children
    if source.text:
        children.append(Text(source.text))
    child: Any  # the stubs of lxml know no comments among the children
    for child in source:
        if isinstance(child.tag, str):
            below = _element(child, scope, only_root)
            below.parent = element
            children.append(below)
        else:
            children.append(_aside(child))
        if child.tail:
            if children and isinstance(children[-1], Text):
                children[-1] = Text(children[-1].text + child.tail)
            else:
                children.append(Text(child.tail))
    return element


def _split(name: str) -> tuple[str, str]:
    if name[0] != "{":
        return "", name
    uri, _, local = name[1:].rpartition("}")
    return uri, local


def write_node(out: list[str], node: Node) -> None:
    """Append the text of `node` to `out`."""
    if isinstance(node, Text):
        out.append(node.text.translate(_TEXT))
        return
    if isinstance(node, Comment):
        out.append(f"<!--{node.text}-->")
        return
    if isinstance(node, Instruction):
        out.append(f"<?{node.target} {node.text}?>" if node.text else f"<?{node.target}?>")
        return
    name = f"{node.prefix}:{node.local}" if node.prefix else node.local
    out.append(f"<{name}")
    for prefix, uri in node.declared.items():
        out.append(f' xmlns{":" if prefix else ""}{prefix}="{uri.translate(_VALUE)}"')
    for (_, local), (prefix, value) in node.attributes.items():
        out.append(f' {prefix}{":" if prefix else ""}{local}="{value.translate(_VALUE)}"')
    if not node.children:
        out.append("/>")
        return
    out.append(">")
    for child in node.children:
        write_node(out, child)
    out.append(f"</{name}>")
