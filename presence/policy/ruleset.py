"""`ruleset` documents: common policy (RFC 4745 §7, §13) with presence rules (RFC 5025 §3, §7) to rules.

What nobody here knows grants nothing: a condition of another namespace never holds, an identity, an action or
a transformation of another namespace is left out (RFC 4745 §7, RFC 5025 §8).  What is known and wrong is
refused, so that nobody believes to have said what was not understood.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, cast

from lxml import etree

from presence.documents.xml import DEFAULT_LIMITS, XmlLimits, read_xml
from presence.documents.xsd import epoch, is_uri
from presence.policy.faults import Fault, fault, local_name, text_of
from presence.policy.identity import canonical_domain, canonical_identity
from presence.policy.model import (
    ATTRIBUTES,
    EVERYTHING,
    HANDLING_RANK,
    NOTHING,
    USER_INPUT_RANK,
    Condition,
    Handling,
    Identity,
    Many,
    MemberKind,
    One,
    Permissions,
    Rule,
    Selection,
    Sphere,
    Unknown,
    UserInput,
    Validity,
)

CONTENT_TYPE: Final = "application/auth-policy+xml"
COMMON_POLICY: Final = "urn:ietf:params:xml:ns:common-policy"
PRES_RULES: Final = "urn:ietf:params:xml:ns:pres-rules"

_CP: Final = f"{{{COMMON_POLICY}}}"
_PR: Final = f"{{{PRES_RULES}}}"
_WHAT: Final = "presence rules"
_TRUTH: Final = MappingProxyType({"true": True, "1": True, "false": False, "0": False})


def parse_ruleset(data: bytes, source: str, limits: XmlLimits = DEFAULT_LIMITS) -> tuple[Rule, ...]:
    """The rules of the document `data`; `source` says where it comes from.

    Raises:
        BadRequest, EntityTooLarge: as `read_xml`.
        Fault: 400, it is no rule set; the reason names the place.
    """
    root = read_xml(data, _WHAT, limits)
    if root.tag != f"{_CP}ruleset":
        raise fault(_WHAT, root, f"is not ruleset of {COMMON_POLICY}")
    rules: dict[str, Rule] = {}
    for element in root:
        if element.tag != f"{_CP}rule":
            raise fault(_WHAT, element, "a ruleset holds nothing but rules")
        rule = _rule(element, source)
        if rule.id in rules:
            raise fault(_WHAT, element, f"id {rule.id!r} stands twice")
        rules[rule.id] = rule
    return tuple(rules.values())


def _rule(element: etree._Element, source: str) -> Rule:
    ident = (element.get("id") or "").strip()
    if not ident:
        raise fault(_WHAT, element, "has no id")
    conditions: tuple[Condition, ...] = ()
    granted = Permissions()
    seen: set[str] = set()
    for part in element:
        if part.tag in seen:
            raise fault(_WHAT, part, "stands twice in a rule")
        seen.add(part.tag)
        if part.tag == f"{_CP}conditions":
            conditions = tuple(map(_condition, part))
        elif part.tag in (f"{_CP}actions", f"{_CP}transformations"):
            for permission in part:
                granted |= _permission(permission)
        else:
            raise fault(_WHAT, part, "is not conditions, actions or transformations")
    return Rule(source, ident, conditions, granted)


# -- conditions, RFC 4745 §7 ------------------------------------------------------------------------------


def _condition(element: etree._Element) -> Condition:
    reader = _CONDITIONS.get(element.tag)
    if reader is not None:
        return reader(element)
    if element.tag.startswith(_CP):
        raise fault(_WHAT, element, "is not a condition")
    return Unknown(local_name(element))


def _identity(element: etree._Element) -> Identity:
    members: list[One | Many] = []
    for child in element:
        if child.tag == f"{_CP}one":
            # An element of another namespace within narrows what is matched, and nobody here knows how.
            if not len(child):
                members.append(One(_uri(child)))
        elif child.tag == f"{_CP}many":
            many = _many(child)
            if many is not None:
                members.append(many)
        elif child.tag.startswith(_CP):
            raise fault(_WHAT, child, "is neither one nor many")
    return Identity(tuple(members))


def _many(element: etree._Element) -> Many | None:
    """None: it holds something of another namespace, an exception for all that is known here."""
    ids: set[str] = set()
    domains: set[str] = set()
    for child in element:
        if not child.tag.startswith(_CP):
            return None
        if child.tag != f"{_CP}except":
            raise fault(_WHAT, child, "many holds nothing but except")
        if child.get("id") is None and child.get("domain") is None:
            raise fault(_WHAT, child, "has neither id nor domain")
        if child.get("id") is not None:
            ids.add(_uri(child))
        else:
            domains.add(_domain(child))
    domain = None if element.get("domain") is None else _domain(element)
    return Many(domain, frozenset(ids), frozenset(domains))


def _uri(element: etree._Element) -> str:
    """The identity of a single entity, which has no domain beside it (RFC 4745 §7.2)."""
    if element.get("domain") is not None:
        raise fault(_WHAT, element, "has a domain beside the id")
    try:
        return canonical_identity(element.get("id") or "")
    except ValueError as error:
        raise fault(_WHAT, element, f"id {error}") from None


def _domain(element: etree._Element) -> str:
    try:
        return canonical_domain(element.get("domain") or "")
    except ValueError as error:
        raise fault(_WHAT, element, f"domain {error}") from None


def _sphere(element: etree._Element) -> Sphere:
    # RFC 4745 has the value in an attribute; OMA's clients write it as text.
    value = element.get("value") or text_of(element)
    if not value.split():
        raise fault(_WHAT, element, "has no value")
    return Sphere(tuple(value.lower().split()))


def _validity(element: etree._Element) -> Validity:
    times: list[float] = []
    for number, child in enumerate(element):
        wanted = ("from", "until")[number % 2]
        if child.tag != f"{_CP}{wanted}":
            raise fault(_WHAT, child, f"from and until stand in pairs, here {wanted} is missing")
        moment = epoch(text_of(child))
        if moment is None:
            raise fault(_WHAT, child, f"{text_of(child)!r} is not a date and time (2026-01-31T08:00:00Z)")
        times.append(moment)
    if not times or len(times) % 2:
        raise fault(_WHAT, element, "needs from and until in pairs")
    return Validity(tuple(zip(times[::2], times[1::2], strict=True)))


_CONDITIONS: Final[Mapping[str, Callable[[etree._Element], Condition]]] = MappingProxyType(
    {f"{_CP}identity": _identity, f"{_CP}sphere": _sphere, f"{_CP}validity": _validity}
)

# -- permissions, RFC 5025 §3.2 and §3.3 ------------------------------------------------------------------


def _permission(element: etree._Element) -> Permissions:
    reader = _PERMISSIONS.get(element.tag)
    if reader is not None:
        return reader(element)
    if element.tag.startswith((_PR, _CP)):
        raise fault(_WHAT, element, "is not a permission of RFC 5025")
    return Permissions()


def _sub_handling(element: etree._Element) -> Permissions:
    return Permissions(handling=cast(Handling, _choice(element, HANDLING_RANK)))


def _user_input(element: etree._Element) -> Permissions:
    return Permissions(user_input=cast(UserInput, _choice(element, USER_INPUT_RANK)))


def _choice(element: etree._Element, choices: Mapping[str, int]) -> str:
    text = text_of(element)
    if text not in choices:
        raise fault(_WHAT, element, f"must be one of {', '.join(choices)}, not {text!r}")
    return text


def _truth(element: etree._Element) -> bool:
    text = text_of(element)
    if text not in _TRUTH:
        raise fault(_WHAT, element, f"must be true or false, not {text!r}")
    return _TRUTH[text]


def _boolean(name: str) -> Callable[[etree._Element], Permissions]:
    granted = Permissions(attributes=frozenset({name}))
    return lambda element: granted if _truth(element) else Permissions()


def _unknown(element: etree._Element) -> Permissions:
    name, namespace = element.get("name"), element.get("ns")
    if not name or namespace is None:
        raise fault(_WHAT, element, "needs name and ns")
    if ":" in name:
        raise fault(_WHAT, element, f"name {name!r} must stand without a prefix")
    if not is_uri(namespace):
        raise fault(_WHAT, element, f"ns {namespace!r} is not a URI")
    return Permissions(unknown=frozenset({f"{{{namespace}}}{name}"})) if _truth(element) else Permissions()


def _everything(element: etree._Element) -> Permissions:
    return Permissions(all_attributes=True)


def _selection(element: etree._Element, everything: str, kinds: tuple[MemberKind, ...]) -> Selection:
    members: set[tuple[MemberKind, str]] = set()
    selection = NOTHING
    for child in element:
        name = local_name(child)
        if not child.tag.startswith(_PR):
            continue
        if name == everything:
            selection = EVERYTHING
        elif name not in kinds:
            raise fault(_WHAT, child, f"must be one of {', '.join((everything, *kinds))}")
        elif not text_of(child):
            raise fault(_WHAT, child, "is empty")
        else:
            members.add((name, _member(child, name)))
    return selection | Selection(False, frozenset(members))


def _member(element: etree._Element, kind: str) -> str:
    text = text_of(element)
    if kind in ("deviceID", "service-uri"):
        try:
            canonical_identity(text)
        except ValueError as error:
            raise fault(_WHAT, element, str(error)) from None
    return text


def _persons(element: etree._Element) -> Permissions:
    return Permissions(persons=_selection(element, "all-persons", ("occurrence-id", "class")))


def _devices(element: etree._Element) -> Permissions:
    return Permissions(devices=_selection(element, "all-devices", ("deviceID", "occurrence-id", "class")))


def _services(element: etree._Element) -> Permissions:
    kinds: tuple[MemberKind, ...] = ("service-uri", "service-uri-scheme", "occurrence-id", "class")
    return Permissions(services=_selection(element, "all-services", kinds))


_PERMISSIONS: Final[Mapping[str, Callable[[etree._Element], Permissions]]] = MappingProxyType(
    {
        f"{_PR}sub-handling": _sub_handling,
        f"{_PR}provide-persons": _persons,
        f"{_PR}provide-devices": _devices,
        f"{_PR}provide-services": _services,
        f"{_PR}provide-user-input": _user_input,
        f"{_PR}provide-unknown-attribute": _unknown,
        f"{_PR}provide-all-attributes": _everything,
        **{f"{_PR}provide-{name}": _boolean(name) for name in ATTRIBUTES},
    }
)

__all__ = ["CONTENT_TYPE", "Fault", "parse_ruleset"]
