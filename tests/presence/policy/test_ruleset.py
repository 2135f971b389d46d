"""Reading rule documents: examples of RFC 4745 and RFC 5025, every condition, every permission, faults."""

from __future__ import annotations

from pathlib import Path

import pytest

from presence.documents.xsd import epoch
from presence.policy.model import (
    ATTRIBUTES,
    EVERYTHING,
    NOTHING,
    Finding,
    Identity,
    Moment,
    One,
    Permissions,
    Rule,
    Selection,
    Watcher,
)
from presence.policy.ruleset import parse_ruleset
from sip.errors import BadRequest, EntityTooLarge
from tests.presence.policy import documents
from tests.presence.policy.documents import handling, one, rule, ruleset

FROM = "<cr:from>2026-01-01T00:00:00Z</cr:from>"
UNKNOWN = '<provide-unknown-attribute name="{}" ns="{}">true</provide-unknown-attribute>'
BOTH = 'id="sip:bob@a.example" domain="b.example"'
CHRISTMAS = "2003-12-24T17:15:00+01:00"


def at(text: str) -> float:
    seconds = epoch(text)
    assert seconds is not None
    return seconds


def looked(
    document: bytes,
    watcher: str,
    *,
    now: str = CHRISTMAS,
    sphere: str | None = None,
    authenticated: bool = True,
) -> dict[str, Finding]:
    """What each rule says of the watcher."""
    moment = Moment(Watcher(watcher, authenticated), at(now), sphere)
    return {it.id: it.look(moment) for it in parse_ruleset(document, "rules")}


def matching(document: bytes, watcher: str, **given: str | bool | None) -> list[str]:
    return [ident for ident, finding in looked(document, watcher, **given).items() if finding.holds]  # type: ignore[arg-type]


def permissions(transformations: str, actions: str = "") -> Permissions:
    (it,) = parse_ruleset(ruleset(rule("a", actions=actions, transformations=transformations)), "rules")
    return it.permissions


# -- the examples -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", documents.EXAMPLES)
def test_the_examples_of_the_rfcs_are_valid_and_read(shared: Path, name: str) -> None:
    documents.check(shared, documents.EXAMPLES[name])
    assert parse_ruleset(documents.EXAMPLES[name], "rules")


def test_the_example_of_rfc_5025_means_what_the_rfc_says_of_it() -> None:
    assert parse_ruleset(documents.RFC_5025_6, "rules") == (
        Rule(
            "rules",
            "a",
            (Identity((One("sip:user@example.com"),)),),
            Permissions(
                "allow",
                persons=EVERYTHING,
                services=Selection(
                    False, frozenset({("service-uri-scheme", "sip"), ("service-uri-scheme", "mailto")})
                ),
                attributes=frozenset({"activities"}),
                user_input="bare",
                unknown=frozenset({"{urn:vendor-specific:foo-namespace}foo"}),
            ),
        ),
    )


@pytest.mark.parametrize(
    ("watcher", "holds"),
    [
        ("sip:alice@example.com", True),
        ("tel:+12125551234", True),
        ("mailto:bob@example.net", True),
        ("sip:bob@example.net", False),
        ("sip:+12125551234@example.com", False),
    ],
)
def test_one_is_the_identity_itself_and_never_one_of_another_scheme(watcher: str, holds: bool) -> None:
    assert bool(matching(documents.RFC_4745_7_1_2, watcher)) is holds


def test_many_without_anything_is_everybody_who_is_authenticated() -> None:
    assert matching(documents.RFC_4745_7_1_3_1, "sip:who@anywhere.example") == ["f3g44r5"]
    assert looked(documents.RFC_4745_7_1_3_1, "sip:who@anywhere.example", authenticated=False) == {
        "f3g44r5": Finding(False, "identity: watcher who@anywhere.example is not authenticated")
    }


@pytest.mark.parametrize(
    ("watcher", "why"),
    [
        ("sip:carol@example.net", None),
        ("sip:dave@sub.example.com", None),
        ("sip:x@example.com", "identity: domain example.com is excepted"),
        ("sip:x@EXAMPLE.org", "identity: domain example.org is excepted"),
        ("sip:alice@bad.example.net", "identity: watcher alice@bad.example.net is excepted"),
        ("tel:+12125551234", "identity: watcher tel:+12125551234 is excepted"),
    ],
)
def test_everybody_but_exceptions_by_identity_and_by_domain(watcher: str, why: str | None) -> None:
    found = looked(documents.RFC_4745_7_1_3_2, watcher, sphere="work")["f3g44r1"]
    assert found.holds is (why is None)
    if why is not None:
        assert found.why == why


@pytest.mark.parametrize(
    ("watcher", "holds"),
    [("carol@example.com", True), ("alice@example.com", False), ("carol@example.net", False)],
)
def test_everybody_of_a_domain_but_exceptions(watcher: str, holds: bool) -> None:
    assert bool(matching(documents.RFC_4745_7_1_3_3, f"sip:{watcher}")) is holds


@pytest.mark.parametrize(
    ("watcher", "sphere", "ids"),
    [
        ("sip:andrew@example.com", "work", ["f3g44r2"]),
        ("sip:andrew@example.com", "WORK", ["f3g44r2"]),
        ("sip:andrew@example.com", "home", []),
        ("sip:andrew@example.com", None, []),
        ("sip:allison@example.com", "home", ["y6y55r2"]),
        ("sip:john@doe.example.com", "home", ["z6y55r2"]),
        ("sip:john@doe.example.com", "work", ["z6y55r2"]),
        ("sip:john@doe.example.com", "travel", []),
    ],
)
def test_a_sphere_is_one_of_its_tokens_whatever_their_case(
    watcher: str, sphere: str | None, ids: list[str]
) -> None:
    assert matching(documents.RFC_4745_7_3, watcher, sphere=sphere) == ids


@pytest.mark.parametrize("sphere", ["work", "HOME"])
def test_the_tokens_of_a_rule_may_be_in_any_case_too(sphere: str) -> None:
    document = ruleset(rule("a", conditions='<cr:sphere value="Work Home"/>'))
    assert matching(document, "sip:x@a.example", sphere=sphere) == ["a"]


@pytest.mark.parametrize(
    ("now", "finding"),
    [
        ("2003-08-15T15:19:59Z", Finding(False, "validity: begins 2003-08-15T15:20:00Z")),
        ("2003-08-15T15:20:00Z", Finding(True, "validity: until 2003-09-15T15:20:00Z")),
        ("2003-09-15T15:19:59Z", Finding(True, "validity: until 2003-09-15T15:20:00Z")),
        ("2003-09-15T15:20:00Z", Finding(False, "validity: ended 2003-09-15T15:20:00Z")),
    ],
)
def test_validity_is_from_its_beginning_until_before_its_end(now: str, finding: Finding) -> None:
    assert looked(documents.RFC_4745_7_4, "sip:x@example.com", now=now) == {"f3g44r3": finding}


def test_all_conditions_must_hold_and_each_that_does_not_is_told() -> None:
    assert looked(documents.RFC_4745_12, "sip:bob@example.com", sphere="work")["f3g44r1"].holds
    assert looked(
        documents.RFC_4745_12, "sip:carol@example.com", sphere="home", now="2026-01-01T00:00:00Z"
    ) == {
        "f3g44r1": Finding(
            False,
            "identity: watcher carol@example.com is not in the list; "
            "sphere: presentity is 'home', rule wants 'work'; "
            "validity: ended 2003-12-24T18:00:00Z",
        )
    }


# -- conditions -------------------------------------------------------------------------------------------


def test_a_rule_without_conditions_matches_everybody_authenticated_or_not() -> None:
    found = looked(ruleset(rule("a")), "sip:x@example.com", authenticated=False)
    assert found == {"a": Finding(True, "it has no conditions")}


def test_a_condition_that_nobody_knows_never_holds() -> None:
    strange = '<x:moon xmlns:x="urn:x" phase="full"/>'
    found = looked(ruleset(rule("a", conditions=one("sip:bob@a.example") + strange)), "sip:bob@a.example")
    assert found == {"a": Finding(False, "moon: this condition is not supported, so it does not hold")}


@pytest.mark.parametrize(
    "identity",
    [
        "<cr:identity><x:group xmlns:x='urn:x'/></cr:identity>",
        "<cr:identity><cr:one id='sip:bob@a.example'><x:on xmlns:x='urn:x'/></cr:one></cr:identity>",
        "<cr:identity><cr:many><x:except xmlns:x='urn:x'/></cr:many></cr:identity>",
        "<cr:identity/>",
    ],
)
def test_an_identity_of_which_something_is_not_known_is_nobody(identity: str) -> None:
    assert matching(ruleset(rule("a", conditions=identity)), "sip:bob@a.example") == []


@pytest.mark.parametrize(
    ("written", "watcher"),
    [
        ("sip:bob@EXAMPLE.com", "sip:bob@example.com"),
        ("sips:bob@example.com", "sip:bob@example.com"),
        ("sip:%62ob@example.com;transport=tcp", "sip:bob@example.com"),
        ("tel:+49-30.(123)", "tel:+4930123"),
        ("PRES:bob@example.com", "pres:bob@example.com"),
    ],
)
def test_identities_are_compared_in_their_canonical_form(written: str, watcher: str) -> None:
    assert matching(ruleset(rule("a", conditions=one(written))), watcher) == ["a"]


@pytest.mark.parametrize(
    ("written", "watcher"),
    [
        ("EXAMPLE.com", "sip:x@example.com"),
        ("ex%61mple.com", "sip:x@example.com"),
        ("bücher.example", "sip:x@xn--bcher-kva.example"),
    ],
)
def test_domains_are_compared_as_toascii_makes_them(written: str, watcher: str) -> None:
    identity = f'<cr:identity><cr:many domain="{written}"/></cr:identity>'
    assert matching(ruleset(rule("a", conditions=identity)), watcher) == ["a"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_rule_set_is_read_in_utf_8_and_utf_16(encoding: str) -> None:
    identity = '<cr:identity><cr:many domain="bücher.example"/></cr:identity>'
    text = ruleset(rule("a", conditions=identity)).decode().partition("?>")[2]
    document = f'<?xml version="1.0" encoding="{encoding}"?>{text}'.encode(encoding)
    assert matching(document, "sip:x@xn--bcher-kva.example") == ["a"]


def test_several_periods_are_several_chances() -> None:
    validity = (
        "<cr:validity><cr:from>2026-01-01T00:00:00Z</cr:from><cr:until>2026-01-02T00:00:00Z</cr:until>"
        "<cr:from>2026-02-01T00:00:00Z</cr:from><cr:until>2026-02-02T00:00:00Z</cr:until></cr:validity>"
    )
    document = ruleset(rule("a", conditions=validity))
    days = {"2026-01-01": True, "2026-01-15": False, "2026-02-01": True, "2026-03-01": False}
    for day, holds in days.items():
        assert looked(document, "sip:x@a.example", now=f"{day}T12:00:00Z")["a"].holds is holds
    (it,) = parse_ruleset(document, "rules")
    assert it.changes_after(at("2026-01-15T00:00:00Z")) == at("2026-02-01T00:00:00Z")
    assert it.changes_after(at("2026-02-02T00:00:00Z")) is None


# -- permissions ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["block", "confirm", "polite-block", "allow"])
def test_every_subscription_handling_is_read(value: str) -> None:
    assert permissions("", handling(value)).handling == value


@pytest.mark.parametrize("name", ATTRIBUTES)
@pytest.mark.parametrize(("text", "granted"), [("true", True), ("1", True), ("false", False), (" 0 ", False)])
def test_every_boolean_permission_is_read(name: str, text: str, granted: bool) -> None:
    found = permissions(f"<provide-{name}>{text}</provide-{name}>")
    assert found.attributes == (frozenset({name}) if granted else frozenset())


def test_the_boolean_permissions_are_those_of_the_schema(shared: Path) -> None:
    schema = (shared / "schemas" / "pres-rules.xsd").read_text()
    assert all(f'name="provide-{name}" type="pr:booleanPermission"' in schema for name in ATTRIBUTES)
    assert schema.count('type="pr:booleanPermission"') == len(ATTRIBUTES)


@pytest.mark.parametrize("value", ["false", "bare", "thresholds", "full"])
def test_every_user_input_is_read(value: str) -> None:
    assert permissions(f"<provide-user-input>{value}</provide-user-input>").user_input == value


@pytest.mark.parametrize(
    ("element", "members"),
    [
        ("persons", ["occurrence-id", "class"]),
        ("devices", ["deviceID", "occurrence-id", "class"]),
        ("services", ["service-uri", "service-uri-scheme", "occurrence-id", "class"]),
    ],
)
def test_elements_are_provided_all_or_by_each_kind_of_member(
    shared: Path, element: str, members: list[str]
) -> None:
    inner = "".join(f"<{kind}>urn:{kind}</{kind}>" for kind in members)
    some = f"<provide-{element}>{inner}<x:other xmlns:x='urn:x'>1</x:other></provide-{element}>"
    every = f"<provide-{element}><all-{element}/></provide-{element}>"
    for text in (some, every):
        documents.check(shared, ruleset(rule("a", transformations=text)))
    expected = Selection(False, frozenset((kind, f"urn:{kind}") for kind in members))
    assert getattr(permissions(some), element) == expected
    assert getattr(permissions(every), element) == EVERYTHING
    assert getattr(permissions(f"<provide-{element}/>"), element) == NOTHING


def test_all_attributes_and_an_unknown_one() -> None:
    assert permissions("<provide-all-attributes/>").all_attributes
    unknown = '<provide-unknown-attribute ns="urn:x" name="foo">{}</provide-unknown-attribute>'
    assert permissions(unknown.format("true")).unknown == frozenset({"{urn:x}foo"})
    assert permissions(unknown.format("false")).unknown == frozenset()


def test_a_permission_of_another_namespace_grants_nothing() -> None:
    assert permissions('<x:provide-soul xmlns:x="urn:x">true</x:provide-soul>') == Permissions()


# -- what is refused --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("document", "why"),
    [
        (b"", "presence rules: the body is empty or not XML"),
        (
            b"<ruleset/>",
            "presence rules: ruleset: is not ruleset of urn:ietf:params:xml:ns:common-policy, line 1",
        ),
        (b"<!DOCTYPE x><ruleset/>", "presence rules: a DTD is not accepted"),
        (ruleset("<rule/>"), "presence rules: rule: a ruleset holds nothing but rules, line 4"),
        (ruleset("<cr:rule/>"), "presence rules: rule: has no id, line 4"),
        (ruleset(rule("a"), rule("a")), "presence rules: rule: id 'a' stands twice, line 5"),
        (
            ruleset(rule("a", actions=handling("maybe"))),
            "presence rules: sub-handling: must be one of block, confirm, polite-block, allow, not 'maybe',"
            " line 4",
        ),
        (
            ruleset(rule("a", conditions=one("bob@example.com"))),
            "presence rules: one: id 'bob@example.com' is not a URI such as sip:bob@example.com, line 4",
        ),
        (
            ruleset(rule("a", conditions="<cr:sphere/>")),
            "presence rules: sphere: has no value, line 4",
        ),
        (
            ruleset(rule("a", conditions=f"<cr:validity>{FROM}</cr:validity>")),
            "presence rules: validity: needs from and until in pairs, line 4",
        ),
        (
            ruleset(rule("a", conditions="<cr:validity><cr:from>tomorrow</cr:from></cr:validity>")),
            "presence rules: from: 'tomorrow' is not a date and time (2026-01-31T08:00:00Z), line 4",
        ),
        (
            ruleset(rule("a", conditions="<cr:weather/>")),
            "presence rules: weather: is not a condition, line 4",
        ),
        (
            ruleset(rule("a", conditions='<cr:identity><cr:many domain="a b"/></cr:identity>')),
            "presence rules: many: domain 'a b' is not a domain, line 4",
        ),
        (
            ruleset(rule("a", conditions="<cr:identity><cr:many><cr:except/></cr:many></cr:identity>")),
            "presence rules: except: has neither id nor domain, line 4",
        ),
        (
            ruleset(rule("a", transformations="<provide-mood>yes</provide-mood>")),
            "presence rules: provide-mood: must be true or false, not 'yes', line 4",
        ),
        (
            ruleset(rule("a", transformations="<provide-everything/>")),
            "presence rules: provide-everything: is not a permission of RFC 5025, line 4",
        ),
        (
            ruleset(rule("a", transformations="<provide-persons><deviceID>x</deviceID></provide-persons>")),
            "presence rules: deviceID: must be one of all-persons, occurrence-id, class, line 4",
        ),
        (
            ruleset(rule("a", transformations='<provide-unknown-attribute name="x"/>')),
            "presence rules: provide-unknown-attribute: needs name and ns, line 4",
        ),
        (
            ruleset(rule("a", transformations=UNKNOWN.format("x:foo", "urn:x"))),
            "presence rules: provide-unknown-attribute: name 'x:foo' must stand without a prefix, line 4",
        ),
        (
            ruleset(rule("a", transformations=UNKNOWN.format("foo", "not a namespace"))),
            "presence rules: provide-unknown-attribute: ns 'not a namespace' is not a URI, line 4",
        ),
        (
            ruleset(rule("a", transformations=UNKNOWN.format("foo", ""))),
            "presence rules: provide-unknown-attribute: ns '' is not a URI, line 4",
        ),
        (
            ruleset(rule("a", conditions=f"<cr:identity><cr:one {BOTH}/></cr:identity>")),
            "presence rules: one: has a domain beside the id, line 4",
        ),
        (
            ruleset(
                rule("a", conditions=f"<cr:identity><cr:many><cr:except {BOTH}/></cr:many></cr:identity>")
            ),
            "presence rules: except: has a domain beside the id, line 4",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_understood_is_refused_with_the_fault_and_its_line(document: bytes, why: str) -> None:
    with pytest.raises(BadRequest) as caught:
        parse_ruleset(document, "rules")
    assert caught.value.reason == why


def test_a_document_that_is_too_large_is_refused() -> None:
    with pytest.raises(EntityTooLarge):
        parse_ruleset(ruleset("x" * 70_000), "rules")
