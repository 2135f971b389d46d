"""What a view leaves of a presentity (RFC 5025 §3.3): all, nothing, which elements, which attributes."""

from __future__ import annotations

from pathlib import Path

import pytest

from presence.composition import Component, render
from presence.composition.devices import device_name
from presence.composition.persons import PERSON_ID
from presence.documents.pidf_reader import parse_pidf
from presence.policy.model import ATTRIBUTES, EVERYTHING, MemberKind, Permissions, Selection
from presence.policy.restriction import Restriction
from presence.policy.ruleset import parse_ruleset
from presence.policy.view import ALLOW_ALL, BLANK, View
from tests.presence.policy.documents import RFC_5025_6, handling, rule, ruleset
from tests.presence.policy.seeing import (
    AOR,
    FULL,
    NAMESPACES,
    NOW,
    Seen,
    component,
    composer,
    document,
    of_rule,
)
from tests.presence.schemas import as_published

PC = device_name("urn:device:1")
EVERY_ELEMENT = Permissions("allow", EVERYTHING, EVERYTHING, EVERYTHING)


def granting(*names: str, **more: object) -> View:
    return View.of(
        Permissions("allow", EVERYTHING, EVERYTHING, EVERYTHING, frozenset(names), **more)  # type: ignore[arg-type]
    )


# -- the two ends -----------------------------------------------------------------------------------------


def test_everything_is_the_document_as_it_was_composed() -> None:
    components = [component(FULL), component('<tuple id="b"><status/></tuple>', "b")]
    assert document(ALLOW_ALL, *components) == render(AOR, composer(components, NOW))


def test_a_polite_block_shows_what_is_shown_of_somebody_who_published_nothing(shared: Path) -> None:
    assert document(BLANK, component(FULL)) == document(ALLOW_ALL)
    seen = Seen(shared, BLANK, component(FULL))
    assert seen("//p:basic") == ["closed"]
    assert seen.names("/p:presence") == ["tuple"]


def test_a_polite_block_never_changes_by_itself() -> None:
    timed = component(
        '<dm:person id="p"><rpid:activities until="2026-01-01T13:00:00Z"><rpid:away/></rpid:activities>'
        "</dm:person>"
    )
    assert ALLOW_ALL.apply([timed], NOW, composer).changes_at is not None
    assert BLANK.apply([timed], NOW, composer).changes_at is None


def test_what_is_granted_without_elements_is_nothing(shared: Path) -> None:
    seen = Seen(shared, View.of(Permissions("allow", all_attributes=True)), component(FULL))
    assert seen.names("/p:presence") == []


# -- which elements, RFC 5025 §3.3.1 ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "selection", "ids"),
    [
        ("services", EVERYTHING, ["sip", "mail"]),
        ("services", Selection(), []),
        ("services", Selection(False, frozenset({("class", "biz")})), ["sip"]),
        ("services", Selection(False, frozenset({("class", "BIZ")})), []),
        ("services", Selection(False, frozenset({("occurrence-id", "mail")})), ["mail"]),
        ("services", Selection(False, frozenset({("service-uri", "sip:alice@EXAMPLE.com")})), ["sip"]),
        ("services", Selection(False, frozenset({("service-uri", "sip:alice@example.com:5060")})), []),
        ("services", Selection(False, frozenset({("service-uri-scheme", "mailto")})), ["mail"]),
        (
            "services",
            Selection(False, frozenset({("class", "biz"), ("service-uri-scheme", "mailto")})),
            ["sip", "mail"],
        ),
        ("persons", EVERYTHING, [PERSON_ID]),
        ("persons", Selection(), []),
        ("persons", Selection(False, frozenset({("class", "biz")})), [PERSON_ID]),
        ("persons", Selection(False, frozenset({("class", "home")})), []),
        ("persons", Selection(False, frozenset({("occurrence-id", "alice")})), [PERSON_ID]),
        ("devices", EVERYTHING, [PC]),
        ("devices", Selection(), []),
        ("devices", Selection(False, frozenset({("class", "biz")})), [PC]),
        ("devices", Selection(False, frozenset({("deviceID", "URN:Device:1")})), [PC]),
        ("devices", Selection(False, frozenset({("deviceID", "urn:device:2")})), []),
        ("devices", Selection(False, frozenset({("occurrence-id", "pc")})), [PC]),
    ],
)
def test_elements_are_seen_all_or_by_what_identifies_them(
    shared: Path, kind: str, selection: Selection, ids: list[str]
) -> None:
    view = View.of(Permissions("allow", **{kind: selection}))
    seen = Seen(shared, view, component(FULL))
    assert seen("/p:presence/*/@id") == ids


PRIVATE = component(
    '<tuple id="t"><status><basic>open</basic></status><contact>sip:private@example.com</contact></tuple>'
    '<dm:person id="me"><rpid:mood><rpid:sad/></rpid:mood><rpid:class>private</rpid:class></dm:person>'
    '<dm:device id="pc"><rpid:user-input last-input="2030-01-01T00:00:00Z">active</rpid:user-input>'
    "<rpid:class>private</rpid:class><dm:deviceID>urn:device:1</dm:deviceID></dm:device>",
    "home",
)
WORK = component(
    '<tuple id="t"><status><basic>closed</basic></status><contact>sip:work@example.com</contact></tuple>'
    '<dm:person id="worker"><rpid:activities><rpid:busy/></rpid:activities><rpid:class>work</rpid:class>'
    '</dm:person><dm:device id="desk"><rpid:class>work</rpid:class><dm:deviceID>urn:device:1</dm:deviceID>'
    "</dm:device>",
    "office",
    NOW + 1,
)


@pytest.mark.parametrize(
    ("kind", "selection", "names"),
    [
        ("persons", ("class", "work"), ["activities", "class"]),
        ("persons", ("class", "private"), ["class", "mood"]),
        ("persons", ("class", "neither"), []),
        ("persons", ("occurrence-id", "worker"), ["activities", "class"]),
        ("persons", ("occurrence-id", "me"), ["class", "mood"]),
        ("devices", ("class", "work"), ["class", "deviceID"]),
        ("devices", ("class", "private"), ["class", "deviceID", "user-input"]),
        ("devices", ("occurrence-id", "desk"), ["class", "deviceID"]),
        ("devices", ("deviceID", "urn:device:1"), ["class", "deviceID", "user-input"]),
    ],
)
def test_of_many_sources_only_what_is_chosen_makes_the_person_and_the_device(
    shared: Path, kind: str, selection: tuple[MemberKind, str], names: list[str]
) -> None:
    wanted = {kind: Selection(False, frozenset({selection}))}
    view = View.of(Permissions("allow", all_attributes=True, **wanted))  # type: ignore[arg-type]
    seen = Seen(shared, view, PRIVATE, WORK)
    assert sorted(seen.names("/p:presence/*")) == names


def test_of_persons_in_one_document_only_the_chosen_is_seen(shared: Path) -> None:
    both = component(
        '<dm:person id="a"><rpid:mood><rpid:sad/></rpid:mood><rpid:class>private</rpid:class></dm:person>'
        '<dm:person id="b"><rpid:activities><rpid:busy/></rpid:activities><rpid:class>work</rpid:class>'
        "</dm:person>"
    )
    for value, names in (("work", ["activities", "class"]), ("private", ["class", "mood"])):
        wanted = Selection(False, frozenset({("class", value)}))
        seen = Seen(shared, View.of(Permissions("allow", persons=wanted, all_attributes=True)), both)
        assert sorted(seen.names("//dm:person")) == names


def test_services_of_equal_ids_are_chosen_by_the_id_that_was_published(shared: Path) -> None:
    wanted = Selection(False, frozenset({("occurrence-id", "t")}))
    view = View.of(Permissions("allow", services=wanted, all_attributes=True))
    assert sorted(Seen(shared, view, PRIVATE, WORK)("//p:contact")) == [
        "sip:private@example.com",
        "sip:work@example.com",
    ]


def test_the_reachability_is_that_of_what_is_chosen(shared: Path) -> None:
    """Somebody who is told of the open service only does not hear that the other source says unavailable."""
    wanted = Selection(False, frozenset({("service-uri", "sip:private@example.com")}))
    gone = component(
        '<dm:person id="p"><rpid:class>work</rpid:class>'
        "<rpid:activities><ce:unavailable/></rpid:activities></dm:person>",
        "office",
        NOW + 1,
    )
    chosen = Selection(False, frozenset({("class", "private")}))
    view = View.of(
        Permissions("allow", services=wanted, persons=chosen, all_attributes=True), Restriction(True)
    )
    assert Seen(shared, view, PRIVATE, gone)("//p:basic") == ["open"]


# -- which of their children, §3.3.2 ----------------------------------------------------------------------

ALWAYS = {
    "tuple": ["status", "service-class", "contact", "timestamp"],
    "person": ["timestamp"],
    "device": ["deviceID", "timestamp"],
}


def test_without_permissions_only_what_is_always_reported_is_seen(shared: Path) -> None:
    seen = Seen(shared, View.of(EVERY_ELEMENT), component(FULL))
    assert seen.names("//p:tuple[@id='sip']") == ALWAYS["tuple"]
    assert seen.names("//dm:person") == ALWAYS["person"]
    assert seen.names("//dm:device") == ALWAYS["device"]
    assert seen.names("//p:status") == ["basic", "basic"]
    assert seen("/p:presence/p:note | /p:presence/foo:foo") == []


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("activities", {"person": ["activities"]}),
        ("class", {"tuple": ["class"], "person": ["class"], "device": ["class"]}),
        ("deviceID", {"tuple": ["deviceID"]}),
        ("mood", {"person": ["mood"]}),
        ("note", {"tuple": ["note"], "person": ["note"], "device": ["note"], "presence": ["note"]}),
        ("place-is", {"person": ["place-is"]}),
        ("place-type", {"person": ["place-type"]}),
        ("privacy", {"tuple": ["privacy"], "person": ["privacy"]}),
        ("relationship", {"tuple": ["relationship"]}),
        ("sphere", {"person": ["sphere"]}),
        ("status-icon", {"tuple": ["status-icon"], "person": ["status-icon"]}),
        ("time-offset", {"person": ["time-offset"]}),
    ],
)
def test_each_permission_adds_its_attribute_and_nothing_else(
    shared: Path, name: str, more: dict[str, list[str]]
) -> None:
    seen = Seen(shared, granting(name), component(FULL))
    for kind, path in (
        ("tuple", "//p:tuple[@id='sip']"), ("person", "//dm:person"), ("device", "//dm:device")
    ):  # fmt: skip
        assert sorted(seen.names(path)) == sorted(ALWAYS[kind] + more.get(kind, []))
    root = [it for it in seen.names("/p:presence") if it not in ("tuple", "person", "device")]
    assert root == more.get("presence", [])


def test_every_boolean_permission_is_in_the_table_above() -> None:
    (mark,) = [
        it
        for it in test_each_permission_adds_its_attribute_and_nothing_else.pytestmark  # type: ignore[attr-defined]
        if it.name == "parametrize"
    ]
    assert sorted(name for name, _ in mark.args[1]) == sorted(ATTRIBUTES)


def test_the_note_of_an_attribute_goes_with_the_attribute(shared: Path) -> None:
    assert Seen(shared, granting("activities"), component(FULL))("//rpid:activities/rpid:note") == [
        "with Bob"
    ]
    assert Seen(shared, granting("note"), component(FULL))("//rpid:note") == []


@pytest.mark.parametrize(
    ("value", "attributes"),
    [
        ("bare", []),
        ("thresholds", ["idle-threshold"]),
        ("full", ["idle-threshold", "last-input"]),
    ],
)
def test_user_input_is_seen_with_as_many_attributes_as_allowed(
    shared: Path, value: str, attributes: list[str]
) -> None:
    seen = Seen(shared, granting(user_input=value), component(FULL))
    assert seen("//rpid:user-input") == ["idle", "active", "active"]
    (first, *_) = seen.root.iter(f"{{{NAMESPACES['rpid']}}}user-input")
    assert sorted(first.keys()) == attributes


def test_an_unknown_attribute_is_seen_by_its_name(shared: Path) -> None:
    seen = Seen(shared, granting(unknown=frozenset({f"{{{NAMESPACES['foo']}}}foo"})), component(FULL))
    assert sorted(seen("//foo:*")) == ["of the device", "of the person", "of the phone", "of the whole"]
    seen = Seen(shared, granting(unknown=frozenset({f"{{{NAMESPACES['foo']}}}bar"})), component(FULL))
    assert seen("//foo:*") == ["in the status"]


def test_what_there_is_a_permission_for_is_not_unknown(shared: Path) -> None:
    seen = Seen(shared, granting(unknown=frozenset({f"{{{NAMESPACES['rpid']}}}mood"})), component(FULL))
    assert seen("//rpid:mood") == []


def test_all_attributes_are_all_of_the_elements_that_are_seen(shared: Path) -> None:
    persons = View.of(Permissions("allow", persons=EVERYTHING, all_attributes=True))
    seen = Seen(shared, persons, component(FULL))
    whole = Seen(shared, ALLOW_ALL, component(FULL))
    assert seen.names("//dm:person") == whole.names("//dm:person")
    assert seen("//p:tuple | //dm:device") == []


def test_the_example_of_rfc_5025_shows_what_the_rfc_says(shared: Path) -> None:
    (example,) = parse_ruleset(RFC_5025_6, "rules")
    seen = Seen(shared, of_rule(example), component(FULL))
    assert seen("//p:tuple/@id") == ["sip", "mail"]
    assert seen.names("//p:tuple[@id='sip']") == [
        "status", "foo", "service-class", "user-input", "contact", "timestamp",
    ]  # fmt: skip
    assert seen.names("//dm:person") == ["foo", "activities", "user-input", "timestamp"]
    assert seen("//dm:device") == []
    assert seen("//rpid:user-input/@idle-threshold | //rpid:user-input/@last-input") == []


def test_a_view_applied_to_its_own_outcome_changes_nothing(shared: Path) -> None:
    """RFC 5025 §4: D = F(D)."""
    (example,) = parse_ruleset(RFC_5025_6, "rules")
    for view in (of_rule(example), granting("note", "mood"), BLANK, ALLOW_ALL, View.of(EVERY_ELEMENT)):
        once = document(view, component(FULL))
        again = Component("phone", "phone", 0.0, NOW, parse_pidf(once))
        assert as_published(document(view, again)) == as_published(once)


def test_equal_views_are_one_key_for_one_document() -> None:
    text = rule("a", actions=handling("allow"), transformations="<provide-mood>true</provide-mood>")
    (first,), (second,) = (parse_ruleset(ruleset(text), "rules") for _ in range(2))
    assert {of_rule(first): 1} == {of_rule(second): 1}
