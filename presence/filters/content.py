"""What of a document is delivered: include, then exclude, and what keeps the rest valid (RFC 4661 §3.5).

An element that an expression includes comes with all that is in it.  Its ancestors come with their attributes
and text, and with those children that the schema demands (RFC 4660 §5.3.2).  What `exclude` names goes, but
for what the schema demands: that stays, with its value.
"""

from __future__ import annotations

from typing import NamedTuple

from lxml import etree

from presence.documents.simple_filter import Rule, What
from presence.filters.evaluate import select
from presence.filters.expression import Path, parse_selection
from presence.filters.limits import FilterLimits
from presence.filters.packages import Shape


class Namespace(NamedTuple):
    """All elements of a namespace."""

    uri: str


Selector = Path | Namespace


class Content(NamedTuple):
    """A `what`, understood."""

    include: tuple[Selector, ...]
    exclude: tuple[Selector, ...]


def understand(what: What, bindings: dict[str, str], limits: FilterLimits) -> Content:
    """Raises ExpressionError."""

    def selector(rule: Rule) -> Selector:
        return Namespace(rule.text) if rule.namespace else parse_selection(rule.text, bindings, limits)

    return Content(tuple(map(selector, what.include)), tuple(map(selector, what.exclude)))


def keep_content(root: etree._Element, content: Content, shape: Shape) -> None:
    """Take out of the document of `root` what `content` does not deliver."""
    if content.include:
        _include(root, content.include, shape)
    for selector in content.exclude:
        _exclude(root, selector, shape)


def _include(root: etree._Element, selectors: tuple[Selector, ...], shape: Shape) -> None:
    whole: dict[etree._Element, None] = {}
    kept: dict[etree._Element, None] = {root: None}
    attributes: dict[etree._Element, set[str]] = {}
    named: dict[etree._Element, None] = {}
    for selector in selectors:
        if isinstance(selector, Namespace):
            named.update(dict.fromkeys(_of_namespace(root, selector.uri)))
            continue
        for element, attribute in select(selector, root, shape.namespace):
            if attribute is None:
                whole[element] = None
            else:
                attributes.setdefault(element, set()).add(attribute)
    for element in (*whole, *attributes, *named):
        above = element
        while above not in kept:
            kept[above] = None
            parent = above.getparent()
            assert parent is not None, "the root is kept"
            above = parent
    # Elements that are there for nothing but their attributes keep only these; ancestors keep all of theirs.
    inner = {parent for element in kept if (parent := element.getparent()) is not None}
    for element, names in attributes.items():
        if element not in inner and element not in whole and element not in named:
            _keep_attributes(element, names | _demanded_attributes(element, shape))
    _prune(root, whole, kept, shape)


def _prune(
    element: etree._Element,
    whole: dict[etree._Element, None],
    kept: dict[etree._Element, None],
    shape: Shape,
) -> None:
    if element in whole:
        return
    demanded = shape.children.get(element.tag, frozenset())
    drop: list[etree._Element] = []
    stays: list[etree._Element] = []
    for child in element:
        if child in kept:
            stays.append(child)
            _prune(child, whole, kept, shape)
        elif child.tag in demanded:
            stays.append(child)
            _prune_demanded(child, shape)
        else:
            drop.append(child)
    if (ignored := shape.filled.get(element.tag)) is not None and all(c.tag in ignored for c in stays):
        drop = _all_but_the_first(drop, ignored)
    for child in drop:
        remove(child)


def _prune_demanded(element: etree._Element, shape: Shape) -> None:
    """Keep of an element that is there only for the schema what the schema wants."""
    demanded = shape.children.get(element.tag)
    ignored = shape.filled.get(element.tag)
    if demanded is None and ignored is None:
        return
    drop = [child for child in element if demanded is None or child.tag not in demanded]
    if ignored is not None:
        drop = _all_but_the_first(drop, ignored)
    for child in drop:
        remove(child)


def _all_but_the_first(children: list[etree._Element], ignored: frozenset[str]) -> list[etree._Element]:
    """`children` without the first one that fills its parent (`basic` is the first of a status)."""
    for index, child in enumerate(children):
        if child.tag not in ignored:
            return children[:index] + children[index + 1 :]
    return children


def _exclude(root: etree._Element, selector: Selector, shape: Shape) -> None:
    if isinstance(selector, Namespace):
        for element in _of_namespace(root, selector.uri):
            _take_out(element, root, shape)
        return
    for element, attribute in select(selector, root, shape.namespace):
        if attribute is None:
            _take_out(element, root, shape)
        elif attribute not in _demanded_attributes(element, shape):
            element.attrib.pop(attribute, "")


def _of_namespace(root: etree._Element, uri: str) -> list[etree._Element]:
    return [element for element in root.iter() if element.tag.startswith(f"{{{uri}}}")]


def _take_out(element: etree._Element, root: etree._Element, shape: Shape) -> None:
    """Remove an element, unless the document would not be valid then (§3.5.2: the step is reversed)."""
    parent = element.getparent()
    if parent is None or element is root:
        return
    if element.tag in shape.children.get(parent.tag, ()):
        return
    ignored = shape.filled.get(parent.tag)
    if (
        ignored is not None
        and element.tag not in ignored
        and not any(child is not element and child.tag not in ignored for child in parent)
    ):
        return
    remove(element)


def remove(element: etree._Element) -> None:
    """Take `element` out of its parent; text after it that is more than indenting stays."""
    parent = element.getparent()
    if parent is None:
        return
    tail = element.tail
    if tail and not tail.isspace():
        before = element.getprevious()
        if before is not None:
            before.tail = (before.tail or "") + tail
        else:
            parent.text = (parent.text or "") + tail
    parent.remove(element)


def _demanded_attributes(element: etree._Element, shape: Shape) -> frozenset[str]:
    return shape.attributes.get(element.tag, frozenset())


def _keep_attributes(element: etree._Element, names: set[str] | frozenset[str]) -> None:
    for name in [str(name) for name in element.attrib if str(name) not in names]:
        del element.attrib[name]
