"""The decision: which rules match, what they give together, and whom the default is for."""

from __future__ import annotations

import pytest

from presence.documents.xsd import epoch
from presence.policy import cisco, ruleset
from presence.policy.decide import Decision, DefaultHandling, Verdict, decide
from presence.policy.model import EVERYTHING, Handling, Permissions, Rule, Watcher
from presence.policy.reachability import Reachability
from presence.policy.restriction import COMPOSED, Restriction
from presence.policy.view import ALLOW_ALL, BLANK, View
from tests.presence.policy.documents import RFC_5025_6, handling, one, rule
from tests.presence.policy.documents import ruleset as document

ALICE, BOB, CAROL = "sip:alice@example.com", "sip:bob@example.com", "sip:carol@example.com"
NIGHT = epoch("2026-01-01T22:00:00Z") or 0.0
NOON = epoch("2026-01-01T12:00:00Z") or 0.0
DAY = (
    "<cr:validity><cr:from>2026-01-01T08:00:00Z</cr:from><cr:until>2026-01-01T18:00:00Z</cr:until>"
    "</cr:validity>"
)
EVERYBODY = "<cr:identity><cr:many/></cr:identity>"
ALL = (
    "<provide-persons><all-persons/></provide-persons><provide-devices><all-devices/></provide-devices>"
    "<provide-services><all-services/></provide-services><provide-all-attributes/>"
)


def decided(
    *rules: str | Rule,
    watcher: str = BOB,
    now: float = NOON,
    sphere: str | None = None,
    default: Handling = "allow",
    authenticated: bool = True,
) -> Decision:
    """For alice's `rules`, each the text of an element or a rule."""
    texts = [it for it in rules if isinstance(it, str)]
    read = ruleset.parse_ruleset(document(*texts), "rules")
    made = [it for it in rules if isinstance(it, Rule)]
    return decide([*read, *made], Watcher(watcher, authenticated), ALICE, now, sphere, default)


def cisco_rule(
    name: str,
    *acl: str,
    visibility: cisco.Visibility = "all",
    excluded: tuple[str, ...] = (),
    reachability: Reachability | None = None,
) -> Rule:
    return cisco.compile_rule(cisco.CiscoRule(name, visibility, excluded, reachability, acl))


# -- handling ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "view"),
    [("allow", ALLOW_ALL), ("polite-block", BLANK), ("confirm", BLANK), ("block", BLANK)],
)
def test_without_rules_the_default_applies(value: Handling, view: View) -> None:
    assert decided(default=value) == Decision(
        value,
        view,
        (Verdict("default", True, f"no rule names bob@example.com: the default is {value}"),),
    )


def test_a_rule_that_blocks_does_not_outweigh_one_that_allows() -> None:
    found = decided(
        rule("a", conditions=EVERYBODY, actions=handling("allow"), transformations=ALL),
        rule("b", conditions=one(BOB), actions=handling("block")),
    )
    assert (found.handling, found.view) == ("allow", ALLOW_ALL)


@pytest.mark.parametrize("value", ["block", "confirm", "polite-block"])
def test_what_is_not_allowed_shows_nothing_whatever_else_the_rules_provide(value: str) -> None:
    found = decided(rule("a", conditions=one(BOB), actions=handling(value), transformations=ALL))
    assert (found.handling, found.view) == (value, BLANK)


def test_a_rule_that_matches_and_says_nothing_of_handling_blocks() -> None:
    assert decided(rule("a", conditions=one(BOB), transformations=ALL)).handling == "block"


def test_the_presentity_sees_himself_whatever_his_rules_say() -> None:
    found = decided(rule("a", actions=handling("block")), watcher=ALICE, default="block")
    assert found == Decision("allow", ALLOW_ALL, (Verdict("owner", True, "the presentity himself"),))
    assert decided(watcher=ALICE, default="block", authenticated=False).handling == "block"


# -- the default ------------------------------------------------------------------------------------------


def test_the_default_is_for_watchers_whom_no_rule_names() -> None:
    allowed = rule("a", conditions=one(BOB), actions=handling("allow"))
    assert decided(allowed, default="confirm").handling == "allow"
    assert decided(allowed, watcher=CAROL, default="confirm").handling == "confirm"


@pytest.mark.parametrize(
    "conditions",
    [
        one(BOB) + DAY,
        one(BOB) + '<cr:sphere value="work"/>',
        one(BOB) + '<x:moon xmlns:x="urn:x"/>',
        '<cr:sphere value="work"/>',
        EVERYBODY + DAY,
    ],
)
def test_who_is_named_by_a_rule_that_does_not_match_now_is_not_left_to_the_default(conditions: str) -> None:
    at_night = NOON + 12 * 3600
    found = decided(rule("a", conditions=conditions, actions=handling("allow")), now=at_night)
    assert (found.handling, found.view) == ("block", BLANK)
    assert found.verdicts[-1] == Verdict(
        "default", False, "rules/a names bob@example.com, and no rule matches: block"
    )


def test_an_exception_is_not_named_by_the_rule_that_excepts_it() -> None:
    but_bob = f'<cr:identity><cr:many><cr:except id="{BOB}"/></cr:many></cr:identity>'
    found = decided(rule("a", conditions=but_bob, actions=handling("allow")), default="confirm")
    assert found.handling == "confirm"


@pytest.mark.parametrize(
    ("authenticated", "is_local", "value"),
    [(True, True, "allow"), (True, False, "confirm"), (False, True, "confirm"), (False, False, "confirm")],
)
def test_the_default_within_the_own_domains_is_for_those_who_proved_who_they_are(
    authenticated: bool, is_local: bool, value: str
) -> None:
    assert DefaultHandling().of(Watcher(BOB, authenticated), is_local) == value


# -- verdicts ---------------------------------------------------------------------------------------------


def test_each_rule_has_its_verdict_in_words() -> None:
    found = decided(
        rule("a", conditions=one(CAROL)),
        rule("b", conditions=DAY),
        rule("c", conditions='<cr:sphere value="work travel"/>'),
        rule("d", conditions=EVERYBODY, actions=handling("allow")),
        cisco_rule("friends", BOB),
        cisco_rule("family", CAROL),
        now=(epoch("2026-01-01T18:00:00Z") or 0) + 1,
        sphere="home",
    )
    assert found.verdicts == (
        Verdict("rules/a", False, "identity: watcher bob@example.com is not in the list"),
        Verdict("rules/b", False, "validity: ended 2026-01-01T18:00:00Z"),
        Verdict("rules/c", False, "sphere: presentity is 'home', rule wants 'work' or 'travel'"),
        Verdict("rules/d", True, "identity: watcher bob@example.com is one of everybody"),
        Verdict("cisco/friends", True, "identity: watcher bob@example.com is in the list"),
        Verdict("cisco/family", False, "identity: watcher bob@example.com is not in the list"),
        Verdict("default", False, "rules/b names bob@example.com"),
    )


def test_the_example_of_common_policy_combines_as_it_says() -> None:
    """RFC 4745 §10.3 with its permissions X, Y and Z as mood, sub-handling and user-input."""
    periods = {
        "A1 A2": ("2003-12-24T17:00:00+01:00", "2003-12-24T21:00:00+01:00"),
        "A1 A3": ("2003-12-24T17:00:00+01:00", "2003-12-24T23:30:00+01:00"),
        "B1 B2": ("2003-12-22T17:00:00+01:00", "2003-12-23T17:00:00+01:00"),
    }
    table = [
        ("bob", "home", "A1 A2", "true", "polite-block", "thresholds"),
        ("alice", "work", "A1 A2", "false", "confirm", "full"),
        ("bob", "work", "A1 A2", "true", "block", "bare"),
        ("tom", "work", "A1 A2", "true", "confirm", "full"),
        ("bob", "work", "A1 A3", None, "allow", "thresholds"),
        ("bob", "work", "B1 B2", "false", "polite-block", "bare"),
    ]
    rules = []
    for number, (who, sphere, period, x, y, z) in enumerate(table, 1):
        begin, end = periods[period]
        rules.append(
            rule(
                f"r{number}",
                conditions=one(f"sip:{who}@example.com") + f'<cr:sphere value="{sphere}"/>'
                f"<cr:validity><cr:from>{begin}</cr:from><cr:until>{end}</cr:until></cr:validity>",
                actions=handling(y),
                transformations="<provide-persons><all-persons/></provide-persons>"
                + ("" if x is None else f"<provide-mood>{x}</provide-mood>")
                + f"<provide-user-input>{z}</provide-user-input>",
            )
        )
    found = decided(*rules, now=epoch("2003-12-24T17:15:00+01:00") or 0.0, sphere="work")
    assert [verdict.rule for verdict in found.verdicts if verdict.matched] == ["rules/r3", "rules/r5"]
    assert found.handling == "allow"
    assert found.view.permissions == Permissions(
        "allow", persons=EVERYTHING, attributes=frozenset({"mood"}), user_input="thresholds"
    )


# -- Cisco's rules ----------------------------------------------------------------------------------------


def test_who_is_in_no_acl_gets_the_default() -> None:
    friends = cisco_rule("friends", BOB, visibility="reachability-only")
    assert decided(friends, watcher=CAROL).view == ALLOW_ALL
    assert decided(friends, watcher=CAROL, default="block").handling == "block"
    assert decided(cisco_rule("noACL_rule"), default="confirm").handling == "confirm"


def test_who_is_in_an_acl_is_allowed_and_restricted() -> None:
    found = decided(cisco_rule("friends", BOB, excluded=("Cell Phone",)), default="block")
    assert found.handling == "allow"
    assert found.view.restriction == Restriction(excluded=frozenset({"cell phone"}))
    assert decided(cisco_rule("friends", BOB), default="block").view == ALLOW_ALL


def test_who_is_in_two_acls_gets_the_more_restrictive_result() -> None:
    tree = Reachability("desk")
    found = decided(
        cisco_rule("one", BOB, excluded=("Cell Phone",), reachability=tree),
        cisco_rule("two", BOB, CAROL, visibility="reachability-only", excluded=("cupc",)),
    )
    assert found.view.restriction == Restriction(True, frozenset({"cell phone", "cupc"}), COMPOSED | {tree})


def test_a_restriction_stays_where_a_rule_of_another_source_grants_everything() -> None:
    found = decided(
        rule("a", conditions=one(BOB), actions=handling("allow"), transformations=ALL),
        cisco_rule("friends", BOB, visibility="reachability-only"),
    )
    assert found.view.restriction.reachability_only


@pytest.mark.parametrize("value", ["block", "confirm", "polite-block"])
def test_an_acl_lets_nobody_in_whom_a_rule_of_another_source_keeps_out(value: Handling) -> None:
    found = decided(rule("a", conditions=one(BOB), actions=handling(value)), cisco_rule("friends", BOB))
    assert found.handling == value


def test_an_acl_shows_no_more_than_a_rule_of_another_source_does() -> None:
    services = "<provide-services><all-services/></provide-services>"
    some = rule("a", conditions=one(BOB), actions=handling("allow"), transformations=services)
    found = decided(some, cisco_rule("friends", BOB, excluded=("Cell Phone",)))
    assert found.view.permissions == decided(some).view.permissions != ALLOW_ALL.permissions
    assert found.view.restriction.excluded == {"cell phone"}


def test_a_rule_of_another_source_that_does_not_match_leaves_the_acl_as_it_is() -> None:
    others = rule("a", conditions=one(CAROL), actions=handling("block"))
    by_day = rule("b", conditions=one(BOB) + DAY, actions=handling("block"))
    found = decided(others, by_day, cisco_rule("friends", BOB), now=NIGHT, default="block")
    assert (found.handling, found.view) == ("allow", ALLOW_ALL)


# -- equal outcomes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one_way", "another"),
    [
        (ALL, ALL + "<provide-mood>true</provide-mood><provide-user-input>bare</provide-user-input>"),
        (
            ALL,
            ALL + '<provide-unknown-attribute ns="urn:x" name="foo">true</provide-unknown-attribute>',
        ),
        (
            "<provide-persons><all-persons/><class>work</class></provide-persons>",
            "<provide-persons><all-persons/></provide-persons>",
        ),
        ("<provide-mood>true</provide-mood>", ""),
        ("<provide-all-attributes/>", ""),
        (
            "<provide-devices><all-devices/></provide-devices><provide-mood>true</provide-mood>",
            "<provide-devices><all-devices/></provide-devices>",
        ),
    ],
)
def test_what_makes_no_difference_makes_no_other_view(one_way: str, another: str) -> None:
    first, second = (
        decided(rule("a", conditions=one(BOB), actions=handling("allow"), transformations=text)).view
        for text in (one_way, another)
    )
    assert first == second
    assert hash(first) == hash(second)


def test_rules_that_differ_in_whom_they_name_give_one_view() -> None:
    named = document(
        rule("a", conditions=one(BOB), actions=handling("allow"), transformations=ALL),
        rule("b", conditions=one(CAROL), actions=handling("allow"), transformations=ALL),
    )
    rules = ruleset.parse_ruleset(named, "rules")
    views = {decide(rules, Watcher(it), ALICE, NOON, None, "block").view for it in (BOB, CAROL)}
    assert views == {ALLOW_ALL}


def test_other_permissions_are_another_view() -> None:
    (example,) = ruleset.parse_ruleset(RFC_5025_6, "rules")
    found = decide([example], Watcher("sip:user@example.com"), ALICE, NOON, None, "block")
    assert found.handling == "allow"
    assert found.view not in (ALLOW_ALL, BLANK)
