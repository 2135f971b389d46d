"""What a view leaves of a presentity: documents in, the document of one watcher out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from lxml import etree

from presence.composition import Component, Composed, CompositionSettings, compose, render
from presence.composition.devices import device_name
from presence.composition.persons import PERSON_ID
from presence.documents.pidf_reader import parse_pidf
from presence.documents.xsd import epoch
from presence.policy.cisco import CiscoRule, compile_rule
from presence.policy.model import (
    ATTRIBUTES,
    EVERYTHING,
    EVERYTHING_ALLOWED,
    MemberKind,
    Permissions,
    Rule,
    Selection,
)
from presence.policy.parts import activities_part
from presence.policy.reachability import EpasStatus, Not, Reachability, When
from presence.policy.restriction import UNRESTRICTED, Restriction
from presence.policy.ruleset import parse_ruleset
from presence.policy.sphere import sphere_of
from presence.policy.view import ALLOW_ALL, BLANK, View
from tests.presence.policy.documents import RFC_5025_6, handling, rule, ruleset
from tests.presence.schemas import as_published, check

AOR = "sip:alice@example.com"
NOW = epoch("2026-01-01T12:00:00Z") or 0.0
SETTINGS = CompositionSettings()

NAMESPACES = {
    "p": "urn:ietf:params:xml:ns:pidf",
    "dm": "urn:ietf:params:xml:ns:pidf:data-model",
    "rpid": "urn:ietf:params:xml:ns:pidf:rpid",
    "ce": "urn:cisco:params:xml:ns:pidf:rpid",
    "foo": "urn:vendor-specific:foo-namespace",
}
_DECLARED = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in NAMESPACES.items() if prefix != "p")

FULL = """
<tuple id="sip">
  <status><basic>open</basic><foo:bar>in the status</foo:bar></status>
  <foo:foo>of the phone</foo:foo>
  <dm:deviceID>urn:device:1</dm:deviceID>
  <rpid:class>biz</rpid:class>
  <rpid:mood><rpid:happy/></rpid:mood>
  <rpid:privacy><rpid:audio/></rpid:privacy>
  <rpid:relationship><rpid:self/></rpid:relationship>
  <rpid:service-class><rpid:electronic/></rpid:service-class>
  <rpid:status-icon>http://example.com/phone.gif</rpid:status-icon>
  <rpid:user-input idle-threshold="600" last-input="2026-01-01T10:00:00Z">idle</rpid:user-input>
  <contact priority="0.8">sip:alice@example.com</contact>
  <note>at the desk</note>
  <timestamp>2026-01-01T11:00:00Z</timestamp>
</tuple>
<tuple id="mail"><status><basic>closed</basic></status><rpid:class>home</rpid:class>
  <contact>mailto:alice@example.com</contact></tuple>
<note>of the whole</note>
<dm:person id="alice">
  <foo:foo>of the person</foo:foo>
  <rpid:activities><rpid:meeting/><rpid:note>with Bob</rpid:note></rpid:activities>
  <rpid:class>biz</rpid:class>
  <rpid:mood><rpid:sad/></rpid:mood>
  <rpid:place-is><rpid:audio><rpid:noisy/></rpid:audio></rpid:place-is>
  <rpid:place-type><rpid:other>office</rpid:other></rpid:place-type>
  <rpid:privacy><rpid:text/></rpid:privacy>
  <rpid:sphere><rpid:work/></rpid:sphere>
  <rpid:status-icon>http://example.com/alice.gif</rpid:status-icon>
  <rpid:time-offset>60</rpid:time-offset>
  <rpid:user-input>active</rpid:user-input>
  <dm:note>of the person</dm:note>
  <dm:timestamp>2026-01-01T11:00:00Z</dm:timestamp>
</dm:person>
<dm:device id="pc">
  <rpid:class>biz</rpid:class>
  <rpid:user-input idle-threshold="600">active</rpid:user-input>
  <foo:foo>of the device</foo:foo>
  <dm:deviceID>urn:device:1</dm:deviceID>
  <dm:note>of the device</dm:note>
  <dm:timestamp>2026-01-01T11:00:00Z</dm:timestamp>
</dm:device>
<foo:foo>of the whole</foo:foo>
"""


def component(body: str, source: str = "phone", at: float = NOW) -> Component:
    document = f'<presence entity="{AOR}" xmlns="{NAMESPACES["p"]}" {_DECLARED}>{body}</presence>'
    return Component(source, source, 0.0, at, parse_pidf(document.encode()))


def composer(components: Sequence[Component], now_wall: float) -> Composed:
    return compose(components, now_wall, SETTINGS)


def document(view: View, *components: Component) -> bytes:
    return render(AOR, view.apply(components, NOW, composer))


class Seen:
    """The document that a view leaves, checked against the schemas."""

    def __init__(self, shared: Path, view: View, *components: Component) -> None:
        check(shared, document(view, *components))
        self.root = etree.fromstring(as_published(document(view, *components)))

    def __call__(self, path: str) -> list[str]:
        """Texts of attributes, or of elements with all that is within."""
        found = self.root.xpath(path, namespaces=NAMESPACES)
        return [it if isinstance(it, str) else "".join(it.itertext()).strip() for it in found]

    def names(self, path: str) -> list[str]:
        """Local names of the children of elements."""
        return [
            etree.QName(child).localname
            for it in self.root.xpath(path, namespaces=NAMESPACES)
            for child in it
        ]


PC = device_name("urn:device:1")
EVERY_ELEMENT = Permissions("allow", EVERYTHING, EVERYTHING, EVERYTHING)


def granting(*names: str, **more: object) -> View:
    return View.of(
        Permissions("allow", EVERYTHING, EVERYTHING, EVERYTHING, frozenset(names), **more)  # type: ignore[arg-type]
    )


def of_rule(it: Rule) -> View:
    return View.of(it.permissions, it.restriction or UNRESTRICTED)


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


# -- Cisco: hidden sources --------------------------------------------------------------------------------

DESK = component(
    '<tuple id="d"><status><basic>open</basic></status><contact>sip:desk@example.com</contact></tuple>'
    '<dm:person id="p"><rpid:activities><ce:available/></rpid:activities></dm:person>',
    "desk",
    NOW - 60,
)
CELL = component(
    '<tuple id="c"><status><basic>open</basic></status><contact>sip:cell@example.com</contact></tuple>'
    '<dm:person id="p"><rpid:activities><rpid:meeting/></rpid:activities></dm:person>',
    "Cell Phone",
    NOW,
)


def cisco(**given: object) -> View:
    return of_rule(compile_rule(CiscoRule("r", acl=("sip:bob@example.com",), **given)))  # type: ignore[arg-type]


def test_a_hidden_source_is_hidden_and_the_person_is_composed_without_it(shared: Path) -> None:
    everything = Seen(shared, ALLOW_ALL, DESK, CELL)
    assert sorted(everything("//p:contact")) == ["sip:cell@example.com", "sip:desk@example.com"]
    assert everything.names("//rpid:activities") == ["meeting"]
    seen = Seen(shared, cisco(excluded=("cell  phone",)), DESK, CELL)
    assert seen("//p:contact") == ["sip:desk@example.com"]
    assert seen.names("//rpid:activities") == ["available"]


def test_a_tuple_that_names_its_source_is_hidden_by_that_name(shared: Path) -> None:
    mixed = component(
        '<tuple id="a"><status><basic>open</basic></status>'
        '<so:source xmlns:so="urn:cisco:params:xml:ns:pidf:source"> cupc </so:source></tuple>'
        '<tuple id="b"><status><basic>open</basic></status></tuple>',
        "persona",
    )
    assert Seen(shared, cisco(excluded=("cupc",)), mixed)("//p:tuple/@id") == ["b"]
    assert Seen(shared, cisco(excluded=("persona",)), mixed)("//p:tuple/@id") == ["a"]


def test_a_component_whose_tuples_are_all_hidden_is_hidden_with_its_person(shared: Path) -> None:
    whole = component(
        '<tuple id="a"><status><basic>open</basic></status>'
        '<so:source xmlns:so="urn:cisco:params:xml:ns:pidf:source">cupc</so:source></tuple>'
        '<dm:person id="p"><rpid:activities><rpid:meeting/></rpid:activities></dm:person>',
        "another name",
    )
    assert document(cisco(excluded=("cupc",)), whole) == document(BLANK)


def test_who_has_nothing_but_hidden_sources_looks_as_if_he_had_published_nothing() -> None:
    hidden = cisco(excluded=("desk", "cell phone"))
    assert document(hidden, DESK, CELL) == document(ALLOW_ALL)
    assert document(cisco(excluded=("desk",), visibility="reachability-only"), DESK) == document(ALLOW_ALL)


# -- Cisco: reachability ----------------------------------------------------------------------------------


def test_reachability_only_shows_a_person_with_one_activity_and_a_tuple_with_the_basic_status(
    shared: Path,
) -> None:
    seen = Seen(shared, cisco(visibility="reachability-only"), component(FULL))
    assert seen.names("/p:presence") == ["tuple", "person"]
    assert seen.names("//p:tuple") == ["status"]
    assert seen.names("//p:status") == ["basic"]
    assert seen("//p:basic") == ["open"]
    assert seen.names("//dm:person") == ["activities"]
    assert seen.names("//rpid:activities") == ["meeting"]


def test_reachability_only_is_the_same_document_for_the_same_status() -> None:
    view = cisco(visibility="reachability-only")
    busy = '<dm:person id="{0}"><rpid:activities><rpid:busy/></rpid:activities>{1}</dm:person>'
    first = component('<tuple id="x"><status><basic>open</basic></status></tuple>' + busy.format("a", ""))
    second = component(
        '<tuple id="y"><status><basic>open</basic></status></tuple>'
        '<tuple id="z"><status><basic>closed</basic></status></tuple>'
        + busy.format("b", "<dm:note>secret</dm:note>"),
        "elsewhere",
    )
    assert document(view, first) == document(view, second)


@pytest.mark.parametrize(
    ("basics", "activity", "basic"),
    [
        (["open"], "available", "open"),
        (["closed", "open"], "available", "open"),
        (["closed"], "unavailable", "closed"),
    ],
)
def test_without_a_person_the_basic_status_tells_the_reachability(
    shared: Path, basics: list[str], activity: str, basic: str
) -> None:
    tuples = "".join(
        f'<tuple id="t{number}"><status><basic>{it}</basic></status></tuple>'
        for number, it in enumerate(basics)
    )
    seen = Seen(shared, cisco(visibility="reachability-only"), component(tuples))
    assert seen.names("//rpid:activities") == [activity]
    assert seen("//p:basic") == [basic]


AWAY_IF_DESK_IS_FREE = Reachability("", (When("away", (EpasStatus("desk", "available"),)),))
OFFLINE = Reachability("", (When("unavailable", (Not(EpasStatus("desk", "busy")),)),))


@pytest.mark.parametrize("visibility", ["all", "reachability-only"])
def test_a_condition_tree_decides_what_the_person_does(shared: Path, visibility: str) -> None:
    seen = Seen(shared, cisco(visibility=visibility, reachability=AWAY_IF_DESK_IS_FREE), DESK, CELL)
    assert seen.names("//rpid:activities") == ["away"]
    assert len(seen("//p:tuple")) == (2 if visibility == "all" else 1)


def test_a_tree_of_which_nothing_is_true_leaves_the_composed_status(shared: Path) -> None:
    seen = Seen(shared, cisco(reachability=Reachability("", (When("away", (EpasStatus("x", "y"),)),))), CELL)
    assert seen.names("//rpid:activities") == ["meeting"]
    assert document(cisco(reachability=Reachability()), CELL) == document(ALLOW_ALL, CELL)


def test_a_tree_without_a_true_condition_takes_the_status_of_its_source(shared: Path) -> None:
    seen = Seen(shared, cisco(reachability=Reachability("desk")), DESK, CELL)
    assert seen.names("//rpid:activities") == ["available"]


def test_a_tree_does_not_see_hidden_sources(shared: Path) -> None:
    seen = Seen(shared, cisco(reachability=AWAY_IF_DESK_IS_FREE, excluded=("desk",)), DESK, CELL)
    assert seen.names("//rpid:activities") == ["meeting"]


def test_of_two_trees_the_less_reachable_outcome_counts(shared: Path) -> None:
    both = View.of(
        EVERYTHING_ALLOWED, Restriction(True, reachability=frozenset({AWAY_IF_DESK_IS_FREE, OFFLINE, None}))
    )
    seen = Seen(shared, both, DESK)
    assert seen.names("//rpid:activities") == ["unavailable"]
    assert seen("//p:basic") == ["closed"]


def test_reachability_tells_nothing_that_rfc_5025_does_not_grant(shared: Path) -> None:
    only_reachability = Restriction(True)
    services = View.of(Permissions("allow", services=EVERYTHING), only_reachability)
    assert Seen(shared, services, CELL).names("/p:presence") == ["tuple"]
    persons = View.of(Permissions("allow", persons=EVERYTHING), only_reachability)
    assert Seen(shared, persons, CELL).names("/p:presence") == []


@pytest.mark.parametrize(
    ("status", "xml"),
    [
        ("away", "<rpid:activities><rpid:away/></rpid:activities>"),
        (
            "do-not-disturb",
            '<rpid:activities><ce:do-not-disturb xmlns:ce="urn:cisco:params:xml:ns:pidf:rpid"/>'
            "</rpid:activities>",
        ),
        ("2<3", "<rpid:activities><rpid:other>2&lt;3</rpid:other></rpid:activities>"),
    ],
)  # fmt: skip
def test_a_status_becomes_rpids_word_or_ciscos_or_another(status: str, xml: str) -> None:
    assert activities_part(status).xml.decode() == xml


# -- the sphere, RFC 5025 §3.1.2 --------------------------------------------------------------------------


def person(sphere: str) -> Component:
    return component(f'<dm:person id="p">{sphere}</dm:person>')


@pytest.mark.parametrize(
    ("spheres", "value"),
    [
        ([], None),
        ([""], None),
        (["<rpid:sphere><rpid:work/></rpid:sphere>"], "work"),
        (["<rpid:sphere><foo:travel/></rpid:sphere>", ""], "travel"),
        (["<rpid:sphere><rpid:work/></rpid:sphere>"] * 2, "work"),
        (["<rpid:sphere><rpid:work/></rpid:sphere>", "<rpid:sphere><rpid:home/></rpid:sphere>"], None),
        (
            [
                '<rpid:sphere until="2026-01-01T11:00:00Z"><rpid:home/></rpid:sphere>',
                "<rpid:sphere><rpid:work/></rpid:sphere>",
            ],
            "work",
        ),
    ],
)
def test_the_sphere_is_what_all_who_name_one_agree_on(spheres: list[str], value: str | None) -> None:
    assert sphere_of([person(it) for it in spheres], NOW) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [(" Work ", "work"), ("unknown", "unknown"), (" bowling\n league ", "bowling league"), ("", None)],
)
def test_a_sphere_that_is_written_as_text_is_one_all_the_same(
    shared: Path, text: str, value: str | None
) -> None:
    """As the example of RFC 4480 §5 has it."""
    said = component(f'<dm:person id="p"><rpid:sphere>{text}</rpid:sphere></dm:person>')
    assert sphere_of([said], NOW) == value
    seen = Seen(shared, ALLOW_ALL, said)
    words = [value] if value == "bowling league" else [""] * (value is not None)
    assert seen("//rpid:sphere/*") == words


def test_equal_views_are_one_key_for_one_document() -> None:
    text = rule("a", actions=handling("allow"), transformations="<provide-mood>true</provide-mood>")
    (first,), (second,) = (parse_ruleset(ruleset(text), "rules") for _ in range(2))
    assert {of_rule(first): 1} == {of_rule(second): 1}
