"""Selectors of patch operations (RFC 5261 §4.1, patterns of §8), parsed here: no XPath engine sees them.

    (/)? step (/ step)* (/ last)?      or one that begins with id('...')

A step is a name or `*` with predicates [@a='v'], [a='v'], [.='v'], [3]; the last may also be text(),
comment(), processing-instruction('t'), @name or namespace::prefix.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Final, Literal, NamedTuple

from presence.documents.xml_nodes import XML_NAMESPACE, Comment, Document, Element, Instruction, Node, Text
from sip.errors import BadRequest

Kind = Literal["element", "text", "comment", "instruction", "attribute", "namespace", "id"]
QName = tuple[str, str]


class PatchError(BadRequest):
    """A patch cannot be applied; `name` is the error element of RFC 5261 §5.1 that says why."""

    def __init__(self, name: str, phrase: str) -> None:
        super().__init__(f"Patch: {name}: {phrase}")
        self.name = name
        self.phrase = phrase
        self.operation = b""
        """The operation that failed, as XML; empty if the whole document is at fault."""


class Budget:
    """How many nodes may still be looked at: nobody lets us search without end."""

    __slots__ = ("left",)

    def __init__(self, nodes: int) -> None:
        self.left = nodes

    def spend(self, nodes: int) -> None:
        """Raises PatchError when there is no more."""
        self.left -= nodes
        if self.left < 0:
            raise PatchError("invalid-patch-directive", "the operations take too long")


class Predicate(NamedTuple):
    """One pair of brackets; `position` is 0 if it is a comparison."""

    position: int = 0
    of: Literal["self", "child", "attribute"] = "self"
    name: QName = ("", "")
    value: str = ""


class Step(NamedTuple):
    """One step down; `name` is None for `*` (and for every processing instruction)."""

    kind: Kind
    name: QName | None = None
    predicates: tuple[Predicate, ...] = ()


class Located(NamedTuple):
    """What a selector locates: `node`, or the attribute or declaration `name` of the element `node`."""

    kind: Kind
    node: Node
    name: QName = ("", "")
    parent: Element | None = None
    """Of a text, comment or instruction, or of an element; None beside the root, and for the root."""


_LONGEST: Final = 1024
_NCNAME: Final = r"[^\W\d][\w.\-\u00B7]*"
_QNAME: Final = rf"(?:{_NCNAME}:)?{_NCNAME}"
_VALUE: Final = r"""(?:'(?P<v1>[^']*)'|"(?P<v2>[^"]*)")"""
_PREDICATE: Final = re.compile(
    rf"\[\s*(?:(?P<position>\d{{1,9}})|(?:(?P<self>\.)|@(?P<attribute>{_QNAME})|(?P<child>{_QNAME}))"
    rf"\s*=\s*{_VALUE})\s*\]"
)
_STEP: Final = re.compile(
    rf"""\s*(?:(?P<text>text\(\s*\))|(?P<comment>comment\(\s*\))
    |processing-instruction\(\s*(?P<instruction>(?:'{_NCNAME}'|"{_NCNAME}")?)\s*\)
    |namespace::(?P<namespace>{_NCNAME})|@(?P<attribute>{_QNAME})
    |id\(\s*{_VALUE}\s*\)
    |(?P<any>\*)|(?P<name>{_QNAME}))""",
    re.VERBOSE,
)


def parse_selector(text: str, scope: Mapping[str, str]) -> tuple[Step, ...]:
    """The steps of `text`; `scope` are the declarations at the operation, prefix to namespace (§4.2.1).

    Raises:
        PatchError: invalid-attribute-value, invalid-namespace-prefix.
    """
    text = text.strip()
    if len(text) > _LONGEST:
        raise _invalid(f"a selector of more than {_LONGEST} characters")
    at = 1 if text[:1] == "/" else 0
    steps: list[Step] = []
    while True:
        match = _STEP.match(text, at)
        if match is None:
            raise _invalid(f"the selector {_short(text)} cannot be understood")
        at = match.end()
        step, takes = _step(match, scope)
        if step.kind == "id" and steps:
            raise _invalid("id() may only stand first")
        predicates: list[Predicate] = []
        while (found := _PREDICATE.match(text, at)) is not None:
            predicate = _predicate(found, scope)
            if predicate.position < 0 or takes == "none" or (takes == "position" and not predicate.position):
                raise _invalid(f"{found[0]} has no place in {_short(text)}")
            predicates.append(predicate)
            at = found.end()
        steps.append(step._replace(predicates=tuple(predicates)))
        if at == len(text):
            return tuple(steps)
        if text[at] != "/" or step.kind not in ("element", "id"):
            raise _invalid(f"the selector {_short(text)} cannot be understood")
        at += 1


def parse_type(text: str, scope: Mapping[str, str]) -> Step:
    """The `type` of an addition (§4.3): an attribute or a declaration.  Raises PatchError."""
    steps = parse_selector(text, scope)
    if len(steps) != 1 or steps[0].kind not in ("attribute", "namespace") or text.lstrip()[:1] == "/":
        raise _invalid(f"the type {_short(text)} is neither an attribute nor a namespace")
    return steps[0]


def locate(
    document: Document,
    steps: tuple[Step, ...],
    budget: Budget,
    roots: Mapping[QName, QName],
    ids: Collection[QName],
) -> Located:
    """The one node that `steps` lead to.

    `roots` are other names of the root element, each with the one it has.  `ids` are attributes of type ID.

    Raises:
        PatchError: unlocated-node for none or several; unsupported-id-function; invalid-namespace-uri for a
            declaration that is not there.
    """
    context: list[Element] | None = None
    found: list[Located] = []
    for step in steps:
        if step.kind == "id":
            found = _by_id(document, step, budget, ids)
        elif context is None:
            name = None if step.name is None else roots.get(step.name, step.name)
            beside: list[Node] = [*document.before, document.root, *document.after]
            found = _children(beside, None, step._replace(name=name), budget)
        else:
            found = [each for element in context for each in _from(element, step, budget)]
        context = [each.node for each in found if isinstance(each.node, Element)]
    if len(found) != 1:
        if not found and steps[-1].kind == "namespace":
            raise PatchError("invalid-namespace-uri", "there is no such declaration")
        count = "several nodes" if found else "no node"
        raise PatchError("unlocated-node", f"{count} found by the selector")
    return found[0]


def _from(element: Element, step: Step, budget: Budget) -> list[Located]:
    if step.kind == "attribute":
        assert step.name is not None
        return [Located("attribute", element, step.name)] if step.name in element.attributes else []
    if step.kind == "namespace":
        assert step.name is not None
        return [Located("namespace", element, step.name)] if step.name[1] in element.declared else []
    return _children(element.children, element, step, budget)


def _children(nodes: list[Node], parent: Element | None, step: Step, budget: Budget) -> list[Located]:
    budget.spend(len(nodes))
    kept = [node for node in nodes if _is(node, step)]
    for predicate in step.predicates:
        if predicate.position:
            kept = kept[predicate.position - 1 : predicate.position]
        else:
            kept = [node for node in kept if isinstance(node, Element) and _holds(node, predicate, budget)]
    return [Located(step.kind, node, parent=parent) for node in kept]


def _is(node: Node, step: Step) -> bool:
    match step.kind:
        case "element":
            return isinstance(node, Element) and (step.name is None or step.name == (node.uri, node.local))
        case "text":
            return isinstance(node, Text)
        case "comment":
            return isinstance(node, Comment)
        case "instruction":
            return isinstance(node, Instruction) and (step.name is None or step.name[1] == node.target)
        case _:
            return False


def _holds(element: Element, predicate: Predicate, budget: Budget) -> bool:
    if predicate.of == "attribute":
        return element.attributes.get(predicate.name, ("", None))[1] == predicate.value
    candidates = [element]
    if predicate.of == "child":
        budget.spend(len(element.children))
        candidates = [child for child in element.elements() if (child.uri, child.local) == predicate.name]
    for each in candidates:
        budget.spend(sum(1 for _ in each.walk()))
        if each.string_value() == predicate.value:
            return True
    return False


def _by_id(document: Document, step: Step, budget: Budget, ids: Collection[QName]) -> list[Located]:
    if not ids:
        raise PatchError("unsupported-id-function", "which attributes are IDs is not known")
    assert step.name is not None
    found: list[Located] = []
    for element in document.root.walk():
        budget.spend(1)
        if any(element.attributes.get(name, ("", None))[1] == step.name[1] for name in ids):
            found.append(Located("element", element, parent=element.parent))
    return found


def _step(match: re.Match[str], scope: Mapping[str, str]) -> tuple[Step, Literal["none", "position", "all"]]:
    if match["text"]:
        return Step("text"), "position"
    if match["comment"]:
        return Step("comment"), "position"
    if (target := match["instruction"]) is not None:
        return Step("instruction", ("", target[1:-1]) if target else None), "position"
    if match["namespace"]:
        return Step("namespace", ("", match["namespace"])), "none"
    if match["attribute"]:
        return Step("attribute", _name(match["attribute"], scope, default="")), "none"
    if (value := match["v1"] if match["v1"] is not None else match["v2"]) is not None:
        return Step("id", ("", value)), "none"
    if match["any"]:
        return Step("element"), "all"
    return Step("element", _name(match["name"], scope, default=scope.get("", ""))), "all"


def _predicate(match: re.Match[str], scope: Mapping[str, str]) -> Predicate:
    if match["position"]:
        return Predicate(int(match["position"]) or -1)
    value = match["v1"] if match["v1"] is not None else match["v2"]
    if match["self"]:
        return Predicate(0, "self", ("", ""), value)
    if match["attribute"]:
        return Predicate(0, "attribute", _name(match["attribute"], scope, default=""), value)
    return Predicate(0, "child", _name(match["child"], scope, default=scope.get("", "")), value)


def _name(text: str, scope: Mapping[str, str], default: str) -> QName:
    prefix, colon, local = text.rpartition(":")
    if not colon:
        return default, local
    uri = XML_NAMESPACE if prefix == "xml" else scope.get(prefix)
    if uri is None:
        raise PatchError("invalid-namespace-prefix", f"the prefix {prefix} is not declared")
    return uri, local


def _invalid(phrase: str) -> PatchError:
    return PatchError("invalid-attribute-value", phrase)


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."
