"""Cisco's presence rules (SPEC section 15): the printed XML in and out, compiled into the one model.

A rule has visibility, filter, reachability and an ACL, the watchers that it is about.  It allows them
everything and then restricts.  Elements are known by their local names: the examples print them in two
namespaces and in none (Q38).  The text kept for a rule is its `presence-rule` element with the ACL as
`acl` elements within, as get-acl prints them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

from lxml import etree

from presence.documents.xml import read_xml
from presence.policy.faults import Fault, fault, local_name, text_of
from presence.policy.identity import canonical_identity
from presence.policy.model import EVERYTHING_ALLOWED, Identity, One, Rule
from presence.policy.reachability import (
    AllOf,
    AnyOf,
    EpasStatus,
    Not,
    Reachability,
    Test,
    When,
    source_name,
)
from presence.policy.restriction import COMPOSED, Restriction
from presence.policy.stored import CISCO

CONTENT_TYPE: Final = "application/vnd.cisco.presence-rule+xml"
RULES: Final = "urn:cisco:epas:presence:rules"
SOAP: Final = "urn:cisco:epas:soap"

Visibility = Literal["all", "reachability-only"]
_VISIBILITIES: Final[Mapping[str, Visibility]] = MappingProxyType(
    {"": "all", "all": "all", "reachability-only": "reachability-only"}
)
_WHAT: Final = "presence rule"


@dataclass(frozen=True, slots=True)
class CiscoRule:
    """One rule as its owner wrote it: names keep their spelling, `acl` are AORs."""

    name: str
    visibility: Visibility = "all"
    excluded: tuple[str, ...] = ()
    reachability: Reachability | None = None
    acl: tuple[str, ...] = ()


def compile_rule(rule: CiscoRule) -> Rule:
    """The rule in the one model.  Nobody is in an empty ACL, so such a rule never matches (Q45)."""
    return Rule(
        CISCO,
        rule.name,
        (Identity(tuple(One(aor) for aor in rule.acl)),),
        EVERYTHING_ALLOWED,
        Restriction(
            rule.visibility == "reachability-only",
            frozenset(map(source_name, rule.excluded)),
            COMPOSED if rule.reachability is None else frozenset({rule.reachability}),
        ),
    )


# -- reading ----------------------------------------------------------------------------------------------


def parse_cisco_rule(data: bytes) -> CiscoRule:
    """The rule of a `presence-rule` document.

    Raises:
        BadRequest, EntityTooLarge: as `read_xml`.
        Fault: 400, it is not such a rule; the reason names the place.
    """
    return read_presence_rule(read_xml(data, _WHAT))


def read_presence_rule(element: etree._Element) -> CiscoRule:
    """The rule of a `presence-rule` element, as set-presence-rules has them. Raises Fault."""
    if local_name(element) != "presence-rule":
        raise fault(_WHAT, element, "is not presence-rule")
    name = " ".join((element.get("name") or "").split())
    if not name:
        raise fault(_WHAT, element, "has no name")
    visibility: Visibility = "all"
    excluded: list[str] = []
    reachability: Reachability | None = None
    acl: list[str] = []
    seen: set[str] = set()
    for child in _children(element, "rule"):
        what = local_name(child)
        if what == "acl":
            acl.append(_watcher(child))
            continue
        if what in seen:
            raise fault(_WHAT, child, "stands twice")
        seen.add(what)
        if what == "visibility":
            visibility = _visibility(child)
        elif what == "filter":
            excluded = [_excluded(source) for source in child]
        elif what == "reachability":
            reachability = _reachability(child)
        else:
            raise fault(_WHAT, child, "is not known")
    return CiscoRule(
        name, visibility, tuple(dict.fromkeys(excluded)), reachability, tuple(dict.fromkeys(acl))
    )


def _children(element: etree._Element, wrapper: str) -> Iterable[etree._Element]:
    """The children of `element`, those of its wrappers in place of these."""
    for child in element:
        if local_name(child) == wrapper:
            yield from child
        else:
            yield child


def _visibility(element: etree._Element) -> Visibility:
    found = _VISIBILITIES.get(text_of(element))
    if found is None:
        raise fault(_WHAT, element, f"must be all or reachability-only, not {text_of(element)!r}")
    return found


def _excluded(element: etree._Element) -> str:
    name = " ".join(text_of(element).split())
    if local_name(element) != "excludedsource":
        raise fault(_WHAT, element, "is not excludedsource")
    if not name:
        raise fault(_WHAT, element, "names no source")
    return name


def _watcher(element: etree._Element) -> str:
    try:
        return canonical_identity(text_of(element))
    except ValueError as error:
        raise fault(_WHAT, element, str(error)) from None


def _reachability(element: etree._Element) -> Reachability | None:
    conditions = list(element)
    if not conditions:
        return None
    if len(conditions) > 1 or local_name(conditions[0]) != "cond":
        raise fault(_WHAT, element, "holds something else than one cond")
    source = ""
    whens: list[When] = []
    for child in conditions[0]:
        what = local_name(child)
        if what == "epas-reachability":
            source = _attribute(child, "source")
        elif what == "when":
            whens.append(When(_attribute(child, "reachability-status"), _tests(child)))
        else:
            raise fault(_WHAT, child, "is neither epas-reachability nor when")
    return Reachability(source, tuple(whens))


def _tests(element: etree._Element) -> tuple[Test, ...]:
    tests = tuple(map(_test, element))
    if not tests:
        raise fault(_WHAT, element, "holds no condition")
    return tests


def _test(element: etree._Element) -> Test:
    reader = _TESTS.get(local_name(element))
    if reader is None:
        raise fault(_WHAT, element, "is not one of epas-status, and, or, not")
    return reader(element)


def _epas_status(element: etree._Element) -> Test:
    return EpasStatus(_attribute(element, "source"), _attribute(element, "status"))


def _not(element: etree._Element) -> Test:
    tests = _tests(element)
    if len(tests) > 1:
        raise fault(_WHAT, element, "holds more than one condition")
    return Not(tests[0])


_TESTS: Final[Mapping[str, Callable[[etree._Element], Test]]] = MappingProxyType(
    {
        "epas-status": _epas_status,
        "and": lambda element: AllOf(_tests(element)),
        "or": lambda element: AnyOf(_tests(element)),
        "not": _not,
    }
)


def _attribute(element: etree._Element, name: str) -> str:
    value = (element.get(name) or "").strip()
    if not value:
        raise fault(_WHAT, element, f"has no {name}")
    return value


# -- writing ----------------------------------------------------------------------------------------------


def render_cisco_rule(rule: CiscoRule) -> bytes:
    """The document that is kept for a rule."""
    return etree.tostring(presence_rule_element(rule), encoding="UTF-8", xml_declaration=True)


def presence_rule_element(rule: CiscoRule) -> etree._Element:
    """The `presence-rule` element of a rule, in the printed order: visibility, reachability, filter (Q40)."""
    root = etree.Element(f"{{{SOAP}}}presence-rule", {"name": rule.name}, nsmap={"epas": SOAP, "pr": RULES})
    body = etree.SubElement(root, f"{{{SOAP}}}rule")
    etree.SubElement(body, f"{{{SOAP}}}visibility").text = rule.visibility
    reachability = etree.SubElement(body, f"{{{RULES}}}reachability")
    if rule.reachability is not None:
        condition = etree.SubElement(reachability, f"{{{RULES}}}cond")
        if rule.reachability.source:
            etree.SubElement(condition, f"{{{RULES}}}epas-reachability", {"source": rule.reachability.source})
        for when in rule.reachability.whens:
            element = etree.SubElement(condition, f"{{{RULES}}}when", {"reachability-status": when.status})
            for test in when.parts:
                _write(element, test)
    sources = etree.SubElement(body, f"{{{RULES}}}filter")
    for name in rule.excluded:
        etree.SubElement(sources, f"{{{RULES}}}excludedsource").text = name
    for aor in rule.acl:
        etree.SubElement(root, f"{{{SOAP}}}acl").text = aor
    return root


def _write(parent: etree._Element, test: Test) -> None:
    if isinstance(test, EpasStatus):
        etree.SubElement(parent, f"{{{RULES}}}epas-status", {"source": test.source, "status": test.status})
    elif isinstance(test, Not):
        _write(etree.SubElement(parent, f"{{{RULES}}}not"), test.part)
    else:
        name = "and" if isinstance(test, AllOf) else "or"
        element = etree.SubElement(parent, f"{{{RULES}}}{name}")
        for part in test.parts:
            _write(element, part)


__all__ = [
    "CONTENT_TYPE",
    "CiscoRule",
    "Fault",
    "compile_rule",
    "parse_cisco_rule",
    "presence_rule_element",
    "read_presence_rule",
    "render_cisco_rule",
]
