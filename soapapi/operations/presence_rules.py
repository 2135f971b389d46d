"""get-presence-rules, set-presence-rules, delete-presence-rules (SPEC R84 to R91; Examples 40 to 46)."""

from __future__ import annotations

from collections.abc import Mapping, Set
from types import MappingProxyType
from typing import ClassVar, Final

from lxml import etree

from presence.policy.cisco import CiscoRule, Fault, presence_rule_element, read_presence_rule
from presence.provisioning.news import PRIVACY_LOCAL
from presence.provisioning.presence_rules import Outcome, Status
from presence.provisioning.privacy import default_handling
from soapapi.messages import Attribute, Empty, Markup, Message, Text, Value, many
from soapapi.names import RULES
from soapapi.operation import Call, Service, operation

INVALID_NAME: Final = "Invalid Policy name"
_TEXTS: Final[Mapping[Status, str]] = MappingProxyType(
    {Status.DONE: "succeeded", Status.FAILED: "failed", Status.NO_RULE: INVALID_NAME}
)
_ALLOW_ALL: Final = "Allow All"


class Selectors(Message):
    """The parts of rules that are asked for; none is all (R85)."""

    visibility = Empty
    reachability = Empty
    filter = Empty


class RuleParts(Message):
    """The parts of a rule in the order of Example 42 (Q40)."""

    visibility = Text
    reachability = Markup
    filter = Markup


class PresenceRule(Message):
    """A rule by its name."""

    name = Attribute
    rule = RuleParts

    _unprefixed: ClassVar[frozenset[str]] = frozenset({"rule"})


class PresenceRules(Message):
    """All rules of the user."""

    presence_rule = many(PresenceRule)

    _unprefixed: ClassVar[frozenset[str]] = frozenset({"presence_rule"})


class AllPresenceRules(Message):
    """As get-all-config has them: what Example 19 shows of a user without rules, or the rules (Q39)."""

    visibility = Text
    reachability = Text
    privacy_policy = Text
    acl = Text
    presence_rule = many(PresenceRule)

    _rules: ClassVar[frozenset[str]] = frozenset({"reachability"})
    _unprefixed: ClassVar[frozenset[str]] = frozenset({"presence_rule"})


class RulesToSet(Message):
    """Rules as they are, which `presence.policy.cisco` reads."""

    presence_rule = many(Markup)


class NamedRule(Message):
    """A rule by its name."""

    name = Attribute


class RulesByName(Message):
    """Any number."""

    rule = many(NamedRule)


class RuleStatus(Message):
    """What became of a rule."""

    name = Attribute
    text = Value


class RuleStatuses(Message):
    """One a rule, in their order."""

    status = many(RuleStatus)


def status_text(outcome: Outcome) -> str:
    """As it is printed (R91, R93)."""
    return _TEXTS[outcome.status]


def all_presence_rules(call: Call) -> AllPresenceRules:
    """The part of get-all-config (R87, Q39)."""
    rules = call.services.presence_rules.rules(call.owner)
    if rules:
        return AllPresenceRules(presence_rule=[_rule(it) for it in rules])
    # Only one policy has a printed name; of the others the word is told by which it is set.
    given = [(PRIVACY_LOCAL, call.services.configuration.get(PRIVACY_LOCAL))]
    policy = default_handling(given, call.services.defaults).local
    return AllPresenceRules(
        visibility="all",
        reachability="",
        privacy_policy=_ALLOW_ALL if policy == "allow" else policy,
        acl="",
    )


class PresenceRuleSets(Service):
    """What watchers see."""

    @operation("get-presence-rules", Selectors, PresenceRules)
    def get_presence_rules(call: Call, request: Selectors) -> PresenceRules:
        """The rules, or the chosen parts of them (R85, Q38; Examples 41 and 42)."""
        wanted = {it for it in ("visibility", "reachability", "filter") if getattr(request, it) is not None}
        return PresenceRules(
            presence_rule=[_rule(it, wanted) for it in call.services.presence_rules.rules(call.owner)]
        )

    @operation("set-presence-rules", RulesToSet, RuleStatuses)
    def set_presence_rules(call: Call, request: RulesToSet) -> RuleStatuses:
        """Add or replace rules; what is none fails alone (R88 to R90, Q40, Q41; Examples 43 and 44)."""
        items = [(it.get("name"), _read(it)) for it in request.presence_rule or ()]
        outcomes = iter(
            call.services.presence_rules.set(call.owner, [rule for _, rule in items if rule is not None])
        )
        return RuleStatuses(
            status=[
                RuleStatus(name=name, text="failed" if rule is None else status_text(next(outcomes)))
                for name, rule in items
            ]
        )

    @operation("delete-presence-rules", RulesByName, RuleStatuses)
    def delete_presence_rules(call: Call, request: RulesByName) -> RuleStatuses:
        """Delete rules with their ACLs (R91, Q48; Examples 45 and 46)."""
        items = request.rule or []
        outcomes = call.services.presence_rules.delete(call.owner, [it.name or "" for it in items])
        return RuleStatuses(
            status=[
                RuleStatus(name=it.name, text=status_text(outcome))
                for it, outcome in zip(items, outcomes, strict=True)
            ]
        )


def _read(element: etree._Element) -> CiscoRule | None:
    if all(etree.QName(it).localname == "acl" for it in element):
        # It stands in `rule` (R88), and ACLs do not count here (Q48): nothing is not everything.
        return None
    try:
        return read_presence_rule(element)
    except Fault:
        return None


def _rule(rule: CiscoRule, wanted: Set[str] = frozenset()) -> PresenceRule:
    element = presence_rule_element(rule)
    parts = {
        "visibility": rule.visibility,
        "reachability": element.find(f".//{{{RULES}}}reachability"),
        "filter": element.find(f".//{{{RULES}}}filter"),
    }
    return PresenceRule(
        name=rule.name,
        rule=RuleParts(**{name: part for name, part in parts.items() if not wanted or name in wanted}),
    )
