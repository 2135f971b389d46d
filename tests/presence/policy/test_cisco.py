"""Cisco's rules: the printed examples, the condition tree, what is refused, and writing them again."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest
from lxml import etree

from presence.policy.cisco import (
    CiscoRule,
    compile_rule,
    parse_cisco_rule,
    read_presence_rule,
    render_cisco_rule,
)
from presence.policy.model import EVERYTHING_ALLOWED, Moment, Watcher
from presence.policy.reachability import (
    AllOf,
    AnyOf,
    EpasStatus,
    Not,
    Reachability,
    Status,
    Test,
    When,
    least_reachable,
)
from presence.policy.restriction import COMPOSED, Restriction
from sip.errors import BadRequest

RULE = b"""<presence-rule name="test rule" xmlns="urn:cisco:epas:soap"
  xmlns:pr="urn:cisco:epas:presence:rules">
  <rule>
    <visibility>reachability-only</visibility>
    <pr:filter>
      <pr:excludedsource>Cell Phone</pr:excludedsource>
      <pr:excludedsource>cupc</pr:excludedsource>
    </pr:filter>
    <pr:reachability>
      <pr:cond>
        <pr:epas-reachability source="desk"/>
        <pr:when reachability-status="away">
          <pr:epas-status source="cupc" status="away"/>
          <pr:or>
            <pr:epas-status source="desk" status="dnd"/>
            <pr:not><pr:epas-status source="Cell Phone" status="busy"/></pr:not>
          </pr:or>
        </pr:when>
      </pr:cond>
    </pr:reachability>
  </rule>
  <acl>sip:bob@Example.com</acl>
</presence-rule>"""

TREE = Reachability(
    "desk",
    (
        When(
            "away",
            (
                EpasStatus("cupc", "away"),
                AnyOf((EpasStatus("desk", "dnd"), Not(EpasStatus("Cell Phone", "busy")))),
            ),
        ),
    ),
)


def inner(*parts: str, name: str = "r") -> bytes:
    return f'<presence-rule name="{name}"><rule>{"".join(parts)}</rule></presence-rule>'.encode()


def rules_of(file: Path) -> list[CiscoRule]:
    root = etree.parse(file).getroot()
    return [read_presence_rule(it) for it in root.iter("{*}presence-rule")]


def test_a_rule_is_read_with_all_that_it_holds() -> None:
    assert parse_cisco_rule(RULE) == CiscoRule(
        "test rule", "reachability-only", ("Cell Phone", "cupc"), TREE, ("sip:bob@example.com",)
    )


def test_the_printed_requests_are_read(shared: Path) -> None:
    soap = shared / "reference" / "cup" / "soap"
    (printed,) = rules_of(soap / "43-set-presence-rules.request.xml")
    assert (printed.name, printed.visibility) == ("test rule", "reachability-only")
    assert printed.excluded == ("Cell Phone", "cupc")
    assert printed.reachability is not None
    assert printed.reachability.source == "String"
    assert [when.status for when in printed.reachability.whens] == ["away"] * 4
    leaf = EpasStatus("String", "away")
    assert printed.reachability.whens[0].parts == (
        leaf,
        AnyOf((leaf, AllOf((leaf, Not(leaf))), Not(leaf))),
        AllOf((leaf, AnyOf((leaf, Not(leaf))), Not(leaf))),
    )
    first, second = rules_of(soap / "reconstructed" / "43-set-presence-rules.request.xml")
    assert first == CiscoRule("noACL_rule")
    assert second == printed


def test_the_printed_answer_is_read_though_its_elements_have_no_namespace(shared: Path) -> None:
    assert rules_of(shared / "reference" / "cup" / "soap" / "42-get-presence-rules.response.xml") == [
        CiscoRule("noACL_rule")
    ]


def test_what_is_written_is_read_as_the_same_rule() -> None:
    for rule in (parse_cisco_rule(RULE), CiscoRule("noACL_rule"), CiscoRule("a & <b>", acl=("sip:b@c.d",))):
        assert parse_cisco_rule(render_cisco_rule(rule)) == rule


def test_the_children_are_written_in_the_printed_order() -> None:
    root = etree.fromstring(render_cisco_rule(parse_cisco_rule(RULE)))
    assert [etree.QName(it).localname for it in root[0]] == ["visibility", "reachability", "filter"]


def test_a_rule_allows_its_acl_everything_and_restricts_it() -> None:
    rule = compile_rule(parse_cisco_rule(RULE))
    assert (rule.label, rule.permissions) == ("cisco/test rule", EVERYTHING_ALLOWED)
    assert rule.restriction == Restriction(True, frozenset({"cell phone", "cupc"}), frozenset({TREE}))
    assert rule.look(Moment(Watcher("sip:bob@example.com"), 0.0, None)).holds
    assert not rule.look(Moment(Watcher("sip:carol@example.com"), 0.0, None)).holds


def test_a_rule_without_acl_names_nobody_and_without_anything_restricts_nothing() -> None:
    rule = compile_rule(CiscoRule("noACL_rule"))
    assert not rule.names(Moment(Watcher("sip:bob@example.com"), 0.0, None))
    assert rule.restriction == Restriction(False, frozenset(), COMPOSED)


@pytest.mark.parametrize(
    ("document", "why"),
    [
        (b"<rule/>", "presence rule: rule: is not presence-rule, line 1"),
        (b"<presence-rule/>", "presence rule: presence-rule: has no name, line 1"),
        (
            inner("<visibility>none</visibility>"),
            "presence rule: visibility: must be all or reachability-only, not 'none', line 1",
        ),
        (inner("<visibility/>", "<visibility/>"), "presence rule: visibility: stands twice, line 1"),
        (inner("<mood/>"), "presence rule: mood: is not known, line 1"),
        (inner("<filter><source/></filter>"), "presence rule: source: is not excludedsource, line 1"),
        (
            inner("<filter><excludedsource> </excludedsource></filter>"),
            "presence rule: excludedsource: names no source, line 1",
        ),
        (
            inner("<reachability><cond/><cond/></reachability>"),
            "presence rule: reachability: holds something else than one cond, line 1",
        ),
        (
            inner("<reachability><cond><else/></cond></reachability>"),
            "presence rule: else: is neither epas-reachability nor when, line 1",
        ),
        (
            inner("<reachability><cond><when><epas-status/></when></cond></reachability>"),
            "presence rule: when: has no reachability-status, line 1",
        ),
        (
            inner('<reachability><cond><when reachability-status="away"/></cond></reachability>'),
            "presence rule: when: holds no condition, line 1",
        ),
        (
            inner('<reachability><cond><when reachability-status="away"><xor/></when></cond></reachability>'),
            "presence rule: xor: is not one of epas-status, and, or, not, line 1",
        ),
        (
            inner(
                '<reachability><cond><when reachability-status="away"><epas-status source="a"/></when>'
                "</cond></reachability>"
            ),
            "presence rule: epas-status: has no status, line 1",
        ),
        (
            b"<presence-rule name='r'><rule/><acl>bob</acl></presence-rule>",
            "presence rule: acl: 'bob' is not a URI such as sip:bob@example.com, line 1",
        ),
    ],
)
def test_what_is_no_rule_is_refused_with_the_fault_and_its_line(document: bytes, why: str) -> None:
    with pytest.raises(BadRequest) as caught:
        parse_cisco_rule(document)
    assert caught.value.reason == why


# -- the condition tree -----------------------------------------------------------------------------------

YES, NO = EpasStatus("phone", "busy"), EpasStatus("phone", "away")


def phone(source: str) -> Status | None:
    """There is a phone, and it is busy."""
    return Status("busy", frozenset({"busy", "on-the-phone"})) if source == "phone" else None


@pytest.mark.parametrize(
    ("test", "holds"),
    [
        (YES, True),
        (NO, False),
        (EpasStatus("Phone ", "On the phone"), True),
        (EpasStatus("nothing", "busy"), False),
        (Not(EpasStatus("nothing", "busy")), True),
        (Not(YES), False),
        (Not(NO), True),
        *((AllOf((a, b)), a is YES and b is YES) for a, b in product((YES, NO), repeat=2)),
        *((AnyOf((a, b)), a is YES or b is YES) for a, b in product((YES, NO), repeat=2)),
        (AnyOf((NO, AllOf((YES, Not(NO))))), True),
    ],
)
def test_a_condition_holds_as_its_words_say(test: Test, holds: bool) -> None:
    assert test.holds(phone) is holds


@pytest.mark.parametrize(
    ("tree", "outcome"),
    [
        (Reachability("", (When("away", (YES,)), When("busy", (YES,)))), "away"),
        (Reachability("", (When("away", (NO,)), When("DND", (YES,)))), "do-not-disturb"),
        (Reachability("", (When("away", (YES, NO)),)), None),
        (Reachability("phone", (When("away", (NO,)),)), "busy"),
        (Reachability("nothing", (When("away", (NO,)),)), None),
        (Reachability("phone"), "busy"),
        (Reachability(), None),
    ],
)
def test_the_first_true_when_wins_else_the_source_else_the_composed_status(
    tree: Reachability, outcome: str | None
) -> None:
    assert tree.outcome(phone) == outcome


def test_statuses_are_ordered_from_available_to_unavailable() -> None:
    order = ["available", "unknown", "away", "busy", "do-not-disturb", "unavailable"]
    for index, status in enumerate(order):
        assert least_reachable(order[: index + 1]) == status
    assert least_reachable(["vacation", "available"]) == "vacation"
