"""Evaluating expressions (RFC 4661 §5, semantics of XPath 1.0) over elements, in one pass a step.

Each step looks at each element of a document at most once, so an expression costs at most its number of steps
times the size of the document, whatever a watcher writes.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from lxml import etree

from presence.filters.expression import Comparison, Name, Path, Step


class Selected(NamedTuple):
    """An element, or one attribute of it."""

    element: etree._Element
    attribute: str | None


def select(path: Path, root: etree._Element, default: str) -> list[Selected]:
    """What `path` selects in the document of `root`; names without prefix mean `default` or none."""
    strings: dict[etree._Element, str] = {}
    elements: list[etree._Element] | None = None
    for step in path.steps:
        found = _step(step, root, elements, _names(step.name, default))
        if step.condition:
            found = [element for element in found if _holds(step, element, default, strings)]
        if not found:
            return []
        elements = found
    if path.attribute is None:
        return [Selected(element, None) for element in elements or ()]
    name = _attribute_name(path.attribute)
    if path.deep_attribute:
        elements = list(root.iter()) if elements is None else _with_descendants(elements)
    return [Selected(element, name) for element in elements or () if element.get(name) is not None]


def string_value(element: etree._Element) -> str:
    """The text in `element` and below, without white space around it: indenting is no value."""
    if not len(element):
        return (element.text or "").strip()
    return "".join(map(str, element.itertext())).strip()


def _step(
    step: Step, root: etree._Element, context: list[etree._Element] | None, names: frozenset[str] | None
) -> list[etree._Element]:
    """The elements one step further; `context` is None for the document itself."""
    if context is None:
        candidates = list(root.iter()) if step.deep else [root]
    elif step.deep:
        candidates = _descendants(context)
    else:
        candidates = [child for element in context for child in element]
    if names is None:
        return candidates
    return [element for element in candidates if element.tag in names]


def _descendants(context: list[etree._Element]) -> list[etree._Element]:
    # Ancestors come before their descendants in `context`: who was seen has been gone through.
    seen: dict[etree._Element, None] = {}
    for element in context:
        if element not in seen:
            seen.update(dict.fromkeys(element.iterdescendants()))
    return list(seen)


def _with_descendants(context: list[etree._Element]) -> list[etree._Element]:
    seen: dict[etree._Element, None] = {}
    for element in context:
        if element not in seen:
            seen.update(dict.fromkeys(element.iter()))
    return list(seen)


def _holds(step: Step, element: etree._Element, default: str, strings: dict[etree._Element, str]) -> bool:
    for group in step.condition:
        for comparison in group:
            if not _comparison_holds(comparison, element, default, strings):
                break
        else:
            return True
    return False


def _comparison_holds(
    comparison: Comparison, element: etree._Element, default: str, strings: dict[etree._Element, str]
) -> bool:
    if comparison.parent:
        above = element.getparent()
        elements = [] if above is None else [above]
    else:
        elements = [element]
    for name in comparison.path:
        names = _names(name, default)
        elements = [child for each in elements for child in each if names is None or child.tag in names]
    for each in elements:
        if comparison.attribute is not None:
            value = each.get(_attribute_name(comparison.attribute))
            if value is None:
                continue
        else:
            known = strings.get(each)
            if known is None:
                known = strings[each] = string_value(each)
            value = known
        if _compare(value, comparison):
            return True
    return False


def _compare(value: str, comparison: Comparison) -> bool:
    """As XPath 1.0 §3.4: text is compared as text; numbers, and what is less or more, as numbers."""
    if comparison.op == "=" and not comparison.number:
        return value == comparison.value.strip()
    left, right = number(value), number(comparison.value)
    if left is None or right is None:
        return False
    return left == right if comparison.op == "=" else left < right if comparison.op == "<" else left > right


def number(text: str) -> float | None:
    """The number that `text` is (XPath 1.0 §3.5: digits, one point, a minus); None if it is none."""
    text = text.strip()
    digits = text.removeprefix("-").replace(".", "", 1)
    if not (digits.isascii() and digits.isdigit()) or len(digits) > 64:
        return None
    return float(text)


@lru_cache(maxsize=1024)
def _names(name: Name, default: str) -> frozenset[str] | None:
    """The tags, as lxml writes them, that `name` means; None for all."""
    if name.local is None:
        return None
    if name.uri is not None:
        return frozenset((f"{{{name.uri}}}{name.local}",))
    return frozenset((f"{{{default}}}{name.local}", name.local))


def _attribute_name(name: Name) -> str:
    return name.local or "" if name.uri is None else f"{{{name.uri}}}{name.local}"
