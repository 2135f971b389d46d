"""Patches of XML documents (RFC 5261): `add`, `replace` and `remove`, one after the other.

White space is content like any other; the prefixes of what is added are those of the document (§4.2.3).  One
kindness: white space around the node that replaces an element, a comment or an instruction is left out, where
§4.4 would refuse it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final
from xml.sax.saxutils import quoteattr

from presence.documents.xml import DEFAULT_LIMITS, XmlLimits, one_line
from presence.documents.xml_nodes import (
    XML_NAMESPACE,
    Comment,
    Document,
    Element,
    Instruction,
    Node,
    Text,
    read_document,
    write_node,
)
from presence.documents.xml_patch_selector import (
    Budget,
    Located,
    PatchError,
    QName,
    locate,
    parse_selector,
    parse_type,
)
from sip.errors import BadRequest

__all__ = ["PatchError", "apply_operations", "apply_patch", "error_document"]

ERROR_NAMESPACE: Final = "urn:ietf:params:xml:ns:patch-ops-error"
ERROR_TYPE: Final = "application/patch-ops-error+xml"
XML_ID: Final[QName] = (XML_NAMESPACE, "id")

_MOST_NODES: Final = 200_000
_MOST_OPERATIONS: Final = 1000
_DEEPEST: Final = 64


def apply_patch(target: bytes, patch: bytes, limits: XmlLimits = DEFAULT_LIMITS) -> bytes:
    """The document `target` after all operations in the document `patch`, whatever its root is called.

    Raises:
        PatchError: 400, with the name of RFC 5261 §5.1.
        BadRequest, EntityTooLarge: `target` cannot be read.
    """
    document = read_document(target, "patched document", limits)
    try:
        diff = read_document(patch, "patch", limits)
    except BadRequest as error:
        raise PatchError("invalid-diff-format", error.reason) from None
    apply_operations(document, diff.root)
    return document.write()


def apply_operations(
    document: Document,
    diff: Element,
    roots: Mapping[QName, QName] | None = None,
    ids: Collection[QName] = (XML_ID,),
) -> None:
    """Apply the operations in `diff` to `document`, which is of no use any more if one fails.

    `roots` are names that selectors may use for the root: each to the name that it has.  `ids` are the
    attributes that are IDs.

    Raises:
        PatchError: 400, with the name of RFC 5261 §5.1 and the operation.
    """
    budget = Budget(_MOST_NODES)
    scope = diff.scope()
    operations = list(diff.elements())
    if len(operations) > _MOST_OPERATIONS:
        raise PatchError("invalid-patch-directive", f"more than {_MOST_OPERATIONS} operations")
    for operation in operations:
        try:
            if operation.uri != diff.uri or operation.local not in _OPERATIONS:
                raise PatchError("invalid-diff-format", f"{operation.local} is no operation")
            selector = operation.attributes.get(("", "sel"))
            if selector is None:
                raise PatchError("invalid-diff-format", f"{operation.local} without sel")
            here = {**scope, **operation.declared}
            located = locate(document, parse_selector(selector[1], here), budget, roots or {}, ids)
            for each in (located.node, located.parent):
                if isinstance(each, Element):
                    budget.spend(len(each.children))
            _OPERATIONS[operation.local](document, located, operation, here)
        except PatchError as error:
            out: list[str] = []
            for prefix, uri in scope.items():
                operation.declared.setdefault(prefix, uri)
            write_node(out, operation)
            error.operation = "".join(out).encode()
            raise


def error_document(error: PatchError) -> bytes:
    """The body of type `ERROR_TYPE` that tells of `error` (RFC 5261 §5.1)."""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<e:patch-ops-error xmlns:e="{ERROR_NAMESPACE}">'
        f"<e:{error.name} phrase={quoteattr(one_line(error.phrase))}>"
        f"{error.operation.decode()}</e:{error.name}>"
        "</e:patch-ops-error>\n"
    ).encode()


def _add(document: Document, located: Located, operation: Element, scope: Mapping[str, str]) -> None:
    kind = _option(operation, "type")
    position = _option(operation, "pos")
    if located.kind in ("attribute", "namespace"):
        raise PatchError("invalid-attribute-value", "nothing can be added to an attribute or a declaration")
    if kind is not None:
        _add_to_element(located, operation, kind, scope)
        return
    if position not in (None, "prepend", "before", "after"):
        raise PatchError("invalid-attribute-value", f"pos is {position}")
    if position in ("before", "after"):
        _add_beside(document, located, operation, position)
        return
    node = located.node
    if not isinstance(node, Element):
        raise PatchError("invalid-patch-directive", "only an element can take children")
    added = _adopted(operation.children, node, node)
    node.children[:0] = added if position == "prepend" else []
    node.children += added if position is None else []
    node.join_texts()


def _add_to_element(located: Located, operation: Element, kind: str, scope: Mapping[str, str]) -> None:
    element = located.node
    if not isinstance(element, Element):
        raise PatchError("invalid-patch-directive", "only an element has attributes and declarations")
    what = parse_type(kind, scope)
    assert what.name is not None
    value = _only_text(operation)
    uri, local = what.name
    if what.kind == "namespace":
        if not value or element.declared.get(local, value) != value or local in ("xml", "xmlns"):
            raise PatchError("invalid-namespace-uri", f"{local} cannot be declared so")
        if element.scope().get(local, value) != value and _uses(element, local):
            raise PatchError("invalid-namespace-prefix", f"{local} is in use with another namespace")
        element.declared[local] = value
        return
    if what.name in element.attributes:
        raise PatchError("invalid-patch-directive", f"there is an attribute {local} already")
    wanted = kind.strip()[1:].rpartition(":")[0]
    prefix = _attribute_prefix(element, uri, wanted, element.scope(), element) if uri else ""
    element.attributes[what.name] = (prefix, value)


def _add_beside(document: Document, located: Located, operation: Element, position: str) -> None:
    node, parent = located.node, located.parent
    if parent is None:
        if any(isinstance(child, Element) for child in operation.children):
            raise PatchError("invalid-root-element-operation", "a document has one root")
        added = [child for child in operation.children if not (isinstance(child, Text) and child.is_space)]
        if any(isinstance(child, Text) for child in added):
            raise PatchError("invalid-root-element-operation", "text cannot stand beside the root")
        if node is document.root:
            if position == "before":
                document.before += added
            else:
                document.after[:0] = added
        else:
            siblings = _aside(document, node)
            at = siblings.index(node) + (position == "after")
            siblings[at:at] = added
        return
    at = parent.children.index(node) + (position == "after")
    parent.children[at:at] = _adopted(operation.children, parent, parent)
    parent.join_texts()


def _replace(document: Document, located: Located, operation: Element, scope: Mapping[str, str]) -> None:
    node = located.node
    if located.kind == "attribute":
        assert isinstance(node, Element)
        node.attributes[located.name] = (node.attributes[located.name][0], _only_text(operation))
        return
    if located.kind == "namespace":
        assert isinstance(node, Element)
        uri = _only_text(operation)
        if not uri:
            raise PatchError("invalid-namespace-uri", "a prefix cannot be bound to nothing")
        _rebind(node, located.name[1], uri)
        return
    parent = located.parent
    if isinstance(node, Text):
        assert parent is not None
        node.text = _only_text(operation)
        parent.join_texts()
        return
    new = [child for child in operation.children if not (isinstance(child, Text) and child.is_space)]
    if len(new) != 1 or type(new[0]) is not type(node):
        raise PatchError("invalid-node-types", f"it takes one {located.kind} to replace it")
    if parent is None:
        if isinstance(node, Element):
            (document.root,) = (each for each in _adopted(new, None, None) if isinstance(each, Element))
        else:
            siblings = _aside(document, node)
            siblings[siblings.index(node)] = new[0]
        return
    parent.children[parent.children.index(node)] = _adopted(new, parent, parent)[0]


def _remove(document: Document, located: Located, operation: Element, scope: Mapping[str, str]) -> None:
    node = located.node
    space = _option(operation, "ws")
    if space not in (None, "before", "after", "both"):
        raise PatchError("invalid-attribute-value", f"ws is {space}")
    if space is not None and located.kind in ("attribute", "namespace", "text"):
        raise PatchError("invalid-attribute-value", f"ws has no meaning for {located.kind}")
    if located.kind == "attribute":
        assert isinstance(node, Element)
        del node.attributes[located.name]
        return
    if located.kind == "namespace":
        assert isinstance(node, Element)
        prefix = located.name[1]
        if _uses(node, prefix):
            raise PatchError("invalid-namespace-prefix", f"{prefix} is in use")
        del node.declared[prefix]
        return
    parent = located.parent
    if parent is None:
        if node is document.root:
            raise PatchError("invalid-root-element-operation", "the root cannot be removed")
        _aside(document, node).remove(node)
        return
    at = parent.children.index(node)
    first, last = at, at + 1
    if space in ("before", "both"):
        first -= 1
    if space in ("after", "both"):
        last += 1
    for index in (first, last - 1):
        sibling = parent.children[index] if 0 <= index < len(parent.children) else None
        if index != at and not (isinstance(sibling, Text) and sibling.is_space):
            raise PatchError("invalid-whitespace-directive", f"there is no white space {space}")
    del parent.children[first:last]
    parent.join_texts()


_OPERATIONS: Final = {"add": _add, "replace": _replace, "remove": _remove}


def _option(operation: Element, name: str) -> str | None:
    found = operation.attributes.get(("", name))
    return None if found is None else found[1]


def _only_text(operation: Element) -> str:
    if any(not isinstance(child, Text) for child in operation.children):
        raise PatchError("invalid-node-types", "only text can stand here")
    return operation.string_value()


def _aside(document: Document, node: Node) -> list[Node]:
    return document.before if any(node is each for each in document.before) else document.after


def _uses(element: Element, prefix: str) -> bool:
    """Whether a name in `element` relies on what its declaration of `prefix` says."""
    if element.prefix == prefix or any(given == prefix for given, _ in element.attributes.values()):
        return True
    return any(prefix not in child.declared and _uses(child, prefix) for child in element.elements())


def _rebind(element: Element, prefix: str, uri: str) -> None:
    """Let `prefix` mean `uri` in `element`: all names with it get another namespace."""
    if prefix in element.declared:
        element.declared[prefix] = uri
    if element.prefix == prefix:
        element.uri = uri
    element.attributes = {
        (uri, name[1]) if given == prefix else name: (given, value)
        for name, (given, value) in element.attributes.items()
    }
    for child in element.elements():
        if prefix not in child.declared:
            _rebind(child, prefix, uri)


def _adopted(nodes: list[Node], parent: Element | None, context: Element | None) -> list[Node]:
    """Copies of `nodes` of a patch, as children of `parent`, with the prefixes of §4.2.3."""
    above = 0
    each = parent
    while each is not None:
        above, each = above + 1, each.parent
    if above + max((_height(node) for node in nodes), default=0) > _DEEPEST:
        raise PatchError("invalid-patch-directive", f"the document gets deeper than {_DEEPEST} elements")
    scope = {} if parent is None else parent.scope()
    copies = [_copy(node, scope, {}, context) for node in nodes]
    for copy in copies:
        if isinstance(copy, Element):
            copy.parent = parent
    return copies


def _height(node: Node) -> int:
    """How many elements are within each other in `node`."""
    return 1 + max(map(_height, node.children), default=0) if isinstance(node, Element) else 0


def _copy(node: Node, scope: Mapping[str, str], brought: Mapping[str, str], context: Element | None) -> Node:
    """`scope` is what is declared where the copy goes, `brought` what the content itself declares."""
    if isinstance(node, Text):
        return Text(node.text)
    if isinstance(node, Comment):
        return Comment(node.text)
    if isinstance(node, Instruction):
        return Instruction(node.target, node.text)
    new = Element(node.uri, node.prefix, node.local)
    new.declared = dict(node.declared)
    scope = {**scope, **node.declared}
    brought = {**brought, **node.declared}
    if node.uri and brought.get(node.prefix) != node.uri:
        new.prefix = _prefix(node.uri, node.prefix, scope, context, new)
    elif not node.uri and scope.get(""):
        new.declared[""] = ""
    scope = {**scope, **new.declared}
    for name, (given, value) in node.attributes.items():
        prefix = given
        if name[0] and given != "xml" and brought.get(given) != name[0]:
            prefix = _attribute_prefix(new, name[0], given, scope, context)
            scope = {**scope, **new.declared}
        new.attributes[name] = (prefix, value)
    for child in node.children:
        copy = _copy(child, scope, brought, context)
        if isinstance(copy, Element):
            copy.parent = new
        new.children.append(copy)
    return new


def _prefix(
    uri: str, wanted: str, scope: Mapping[str, str], context: Element | None, element: Element
) -> str:
    """The prefix of `element` in the patched document (§4.2.3); it is declared on it if there is none."""
    prefixes = sorted(prefix for prefix, bound in scope.items() if bound == uri)
    if prefixes:
        return _chosen(prefixes, uri, wanted, context)
    element.declared[wanted] = uri
    return wanted


def _attribute_prefix(
    element: Element, uri: str, wanted: str, scope: Mapping[str, str], context: Element | None
) -> str:
    """As `_prefix`; the default namespace does not apply to attributes."""
    if uri == XML_NAMESPACE:
        return "xml"
    prefixes = sorted(prefix for prefix, bound in scope.items() if bound == uri and prefix)
    if prefixes:
        return _chosen(prefixes, uri, wanted, context)
    number = 1
    while not wanted or wanted in scope or wanted in element.declared:
        wanted = f"ns{number}"
        number += 1
    element.declared[wanted] = uri
    return wanted


def _chosen(prefixes: list[str], uri: str, wanted: str, context: Element | None) -> str:
    if wanted in prefixes:
        return wanted
    if context is not None and context.uri == uri and context.prefix in prefixes:
        return context.prefix
    before = [prefix for prefix in prefixes if prefix < wanted]
    return before[-1] if before else prefixes[0]
