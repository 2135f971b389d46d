"""When a watcher is told: the triggers of RFC 4661 §3.6, judged over two documents.

An element or attribute is the same *instance* in both documents if the elements on the way to it have the
same names and identities (a tuple its id), or else the same place among those of their name.

An instance that was not there had no value: coming with the value of `to` is a change to it, and going with
the value of `from` a change from it.  Otherwise the filter of RFC 4661 §6.3 would not see new watchers.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

from lxml import etree

from presence.documents import simple_filter
from presence.documents.simple_filter import is_decimal
from presence.filters.evaluate import select, string_value
from presence.filters.expression import Path, parse_reference
from presence.filters.limits import FilterLimits
from presence.filters.packages import Shape


class Changed(NamedTuple):
    """A `changed`, understood."""

    path: Path
    old: str | None
    new: str | None
    by: str | None


class Trigger(NamedTuple):
    """A `trigger`, understood: all of it must have happened."""

    changed: tuple[Changed, ...]
    added: tuple[Path, ...]
    removed: tuple[Path, ...]


def understand(trigger: simple_filter.Trigger, bindings: dict[str, str], limits: FilterLimits) -> Trigger:
    """Raises ExpressionError."""

    def path(text: str) -> Path:
        return parse_reference(text, bindings, limits)

    return Trigger(
        tuple(Changed(path(each.reference), each.old, each.new, each.by) for each in trigger.changed),
        tuple(map(path, trigger.added)),
        tuple(map(path, trigger.removed)),
    )


_Instance = tuple[tuple[str, ...], ...]


class _Values(NamedTuple):
    root: etree._Element
    instances: dict[etree._Element, _Instance]


def any_fires(
    triggers: tuple[Trigger, ...], before: etree._Element, after: etree._Element, shape: Shape
) -> bool:
    """Whether one of `triggers` is satisfied by what happened between two documents."""
    old, new = _Values(before, _instances(before, shape)), _Values(after, _instances(after, shape))
    return any(_fires(trigger, old, new, shape) for trigger in triggers)


def _fires(trigger: Trigger, old: _Values, new: _Values, shape: Shape) -> bool:
    for path in trigger.added:
        if not _found(path, new, shape).keys() - _found(path, old, shape).keys():
            return False
    for path in trigger.removed:
        if not _found(path, old, shape).keys() - _found(path, new, shape).keys():
            return False
    return all(_has_changed(change, old, new, shape) for change in trigger.changed)


def _has_changed(change: Changed, old: _Values, new: _Values, shape: Shape) -> bool:
    before, after = _found(change.path, old, shape), _found(change.path, new, shape)
    for instance in {**before, **after}:
        caseless = instance[-1][0] in shape.caseless
        was, now = before.get(instance), after.get(instance)
        if _same(was, now, caseless):
            continue
        if change.old is not None and not _same(was, change.old, caseless):
            continue
        if change.new is not None and not _same(now, change.new, caseless):
            continue
        if change.by is not None and not _moved(was, now, Decimal(change.by)):
            continue
        return True
    return False


def _same(one: str | None, other: str | None, caseless: bool) -> bool:
    """Whether two values are equal, as numbers if both are numbers (§3.6.1); None is no value."""
    if one is None or other is None:
        return one is other
    one, other = one.strip(), other.strip()
    if one == other or (caseless and one.lower() == other.lower()):
        return True
    return is_decimal(one) and is_decimal(other) and Decimal(one) == Decimal(other)


def _moved(was: str | None, now: str | None, by: Decimal) -> bool:
    if was is None or now is None or not (is_decimal(was) and is_decimal(now)):
        return False
    return abs(Decimal(now.strip()) - Decimal(was.strip())) >= by


def _found(path: Path, document: _Values, shape: Shape) -> Mapping[_Instance, str]:
    """What `path` selects, by instance, with the values."""
    found: dict[_Instance, str] = {}
    for element, attribute in select(path, document.root, shape.namespace):
        instance = document.instances[element]
        if attribute is None:
            found[instance] = string_value(element)
        else:
            found[(*instance, (f"@{attribute}",))] = element.get(attribute) or ""
    return found


def _instances(root: etree._Element, shape: Shape) -> dict[etree._Element, _Instance]:
    found: dict[etree._Element, _Instance] = {root: ((root.tag,),)}
    for parent in root.iter():
        seen: dict[tuple[str, ...], int] = {}
        above = found[parent]
        for child in parent:
            attributes = shape.identities.get(child.tag, ())
            key = (child.tag, *(child.get(name) or "" for name in attributes))
            # Two of one identity (RFC 4660 §7.2 has such watchers) are told apart by their order.
            count = seen[key] = seen.get(key, 0) + 1
            found[child] = (*above, (*key, str(count)))
    return found
