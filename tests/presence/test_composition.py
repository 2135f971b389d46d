"""From components to one document: which tuples, in which order, under which ids, and notes."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from pathlib import Path

import pytest
from lxml import etree

from presence.composition import REGISTERED, Component, CompositionSettings, compose, render, source_name
from presence.documents.pidf_reader import parse_pidf
from presence.documents.xsd import date_time
from presence.settings.model import Settings
from presence.settings.values import source_priority
from tests.presence.documents.test_pidf import NS, bodies, pidf
from tests.presence.schemas import as_published, check, pidf_schema

ALICE = "sip:alice@example.com"
AT = 1795392000.0
"""2026-11-23T00:00:00Z: what is published is so many seconds later."""
DEFAULT = CompositionSettings()


def component(key: str, content: str, published_at: float = 0.0, priority: float = 0.0) -> Component:
    return Component(key, "test", priority, AT + published_at, parse_pidf(pidf(content)))


def service(ident: str, basic: str = "open", extra: str = "") -> str:
    return f'<tuple id="{ident}"><status><basic>{basic}</basic></status>{extra}</tuple>'


def composed(*components: Component, settings: CompositionSettings = DEFAULT) -> etree._Element:
    return etree.fromstring(as_published(document(components, settings)))


def document(
    components: Sequence[Component], settings: CompositionSettings = DEFAULT, now: float = 0.0
) -> bytes:
    return render(ALICE, compose(components, now, settings))


def ids(root: etree._Element) -> list[str | None]:
    return [child.get("id") for child in root]


def test_the_whole_document_of_one_publication() -> None:
    assert as_published(document([component("1", service("t1"))])) == (
        b'<?xml version="1.0" encoding="UTF-8"?>\n'
        b'<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model"'
        b' xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid" entity="sip:alice@example.com">\n'
        b'<tuple id="t1"><status><basic>open</basic></status></tuple>\n'
        b"</presence>\n"
    )


def test_nothing_known_is_a_closed_tuple() -> None:
    assert [basic.text for basic in composed().iter(f"{{{NS['p']}}}basic")] == ["closed"]


def test_nothing_known_is_nothing_but_the_entity_by_setting() -> None:
    root = composed(settings=CompositionSettings(empty_document="entity"))
    assert root.get("entity") == ALICE
    assert len(root) == 0


def test_a_registration_is_an_open_tuple() -> None:
    assert [basic.text for basic in composed(REGISTERED).iter(f"{{{NS['p']}}}basic")] == ["open"]


def test_open_comes_before_closed_across_components() -> None:
    root = composed(component("1", service("a", "closed")), component("2", service("b", "open")))
    assert ids(root) == ["b", "a"]


def test_contact_priority_decides_among_the_open() -> None:
    low = service("low", extra='<contact priority="0.2">sip:a@b</contact>')
    high = service("high", extra='<contact priority="0.9">sip:a@b</contact>')
    assert ids(composed(component("1", low), component("2", high))) == ["high", "low"]


def test_what_names_no_time_is_as_old_as_its_publication() -> None:
    older, newer = component("1", service("older"), 100.0), component("2", service("newer"), 200.0)
    assert ids(composed(older, newer)) == ["newer", "older"]


def said_by(root: etree._Element) -> list[str | None]:
    return [note.text for note in root.iter(f"{{{NS['dm']}}}note")]


def test_the_newest_person_is_the_only_one() -> None:
    def person(note: str, time: str) -> str:
        return (
            f'<dm:person id="{note}"><dm:note>{note}</dm:note><dm:timestamp>{time}</dm:timestamp></dm:person>'
        )

    old = component("1", person("old", "2026-11-22T04:00:00Z"), 300.0)
    new = component("2", person("new", "2026-11-22T05:00:00Z"), 200.0)
    assert said_by(composed(old, new)) == ["new"]


FUTURE = "2099-01-01T00:00:00Z"


def test_a_time_that_has_not_come_counts_as_that_of_the_publication() -> None:
    def state(note: str, time: str) -> str:
        stamp = f"<dm:note>{note}</dm:note><dm:timestamp>{time}</dm:timestamp>"
        return (
            f'<tuple id="{note}"><status><basic>open</basic></status><timestamp>{time}</timestamp></tuple>'
            f'<dm:person id="p">{stamp}</dm:person>'
            f'<dm:device id="d"><dm:deviceID>urn:x:1</dm:deviceID>{stamp}</dm:device>'
        )

    ahead = component("1", state("ahead", FUTURE))
    right = component("2", state("right", date_time(AT + 9)), 10.0)
    root = composed(ahead, right)
    assert [it.get("id") for it in root.iter(f"{{{NS['p']}}}tuple")] == ["right", "ahead"]
    assert said_by(root) == ["right", "right"]
    assert {it.text for it in root.iter(f"{{{NS['dm']}}}timestamp")} == {date_time(AT + 9)}


def test_an_input_that_has_not_come_counts_as_that_of_the_publication() -> None:
    def person(time: str, said: str) -> str:
        return f'<dm:person id="p"><rpid:user-input last-input="{time}">{said}</rpid:user-input></dm:person>'

    ahead = component("1", person(FUTURE, "active"))
    right = component("2", person(date_time(AT + 9), "idle"), 10.0)
    assert [it.text for it in composed(ahead, right).iter(f"{{{NS['r']}}}user-input")] == ["idle"]


def test_the_person_of_the_component_of_higher_priority_decides() -> None:
    low = component("1", '<dm:person id="low"><dm:note>low</dm:note></dm:person>', 100.0, priority=1.0)
    high = component("2", '<dm:person id="high"><dm:note>high</dm:note></dm:person>', 100.0, priority=2.0)
    assert said_by(composed(low, high)) == ["high"]


def device(ident: str, urn: str = "urn:x:1") -> str:
    return f'<dm:device id="{ident}"><dm:deviceID>{urn}</dm:deviceID><dm:note>{ident}</dm:note></dm:device>'


def test_of_one_device_the_newest_state_is_shown() -> None:
    both = composed(component("1", device("old"), 100.0), component("2", device("new"), 200.0))
    assert said_by(both) == ["new"]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (
            "urn:uuid:48662E19-5FBF-43fc-a2fd-d23002787599",
            "URN:UUID:48662e19-5fbf-43FC-a2fd-d23002787599",
            True,
        ),
        ("urn:x:A", "URN:X:A", True),
        ("urn:x:A", "urn:x:a", False),
        ("mac:8asd7d7d70", "MAC:8asd7d7d70", True),
        ("sip:a@b", "sip:A@b", False),
    ],
)
def test_a_device_is_the_same_however_its_urn_is_written(one: str, other: str, same: bool) -> None:
    both = composed(component("1", device("a", one)), component("2", device("b", other)))
    assert len(ids(both)) == (1 if same else 2)


def shown_ids(*components: Component) -> list[str | None]:
    """The ids as they go out."""
    return ids(etree.fromstring(document(components)))


ONE = component("1", service("t", "open"), 100.0)
OTHER = component("2", service("t", "closed"), 100.0)


def test_equal_ids_of_different_components_are_made_distinct() -> None:
    one, other = shown_ids(ONE, OTHER)
    assert one != other


def test_an_id_is_the_same_whoever_else_is_there_and_goes() -> None:
    assert shown_ids(ONE, OTHER) == [*shown_ids(ONE), *shown_ids(OTHER)]


def test_an_id_stays_while_the_states_and_the_order_change() -> None:
    again = OTHER._replace(document=component("2", service("t", "open"), 200.0).document, priority=1.0)
    assert shown_ids(ONE, again) == [*shown_ids(OTHER), *shown_ids(ONE)]


def test_persons_and_devices_keep_their_ids_whoever_speaks_of_them() -> None:
    one = component("1", '<dm:person id="p"/>' + device("d"), 100.0)
    other = component("2", '<dm:person id="q"/>' + device("e"), 200.0)
    assert shown_ids(one) == shown_ids(other) == shown_ids(one, other)


def test_ids_within_elements_do_no_harm(shared: Path) -> None:
    person = '<dm:person id="p"><rpid:mood id="m"><rpid:happy/></rpid:mood></dm:person>'
    extra = '<rpid:user-input id="m">idle</rpid:user-input>'
    check(shared, document([component("1", service("t", extra=extra)), component("2", person)]))


def test_the_order_of_the_components_does_not_matter() -> None:
    parts = [component(str(number), service("t"), float(number)) for number in range(4)]
    assert document(parts) == document(parts[::-1])


def test_equal_notes_are_shown_once() -> None:
    root = composed(component("1", "<note>hi</note>"), component("2", "<note>hi</note><note>ho</note>"))
    assert [note.text for note in root] == ["hi", "ho"]


def test_all_captured_publications_together_are_a_valid_document(shared: Path) -> None:
    parts = [Component(name, "test", 0.0, 0.0, parse_pidf(body)) for name, body in bodies(shared)]
    root = check(shared, document(parts))
    assert len(root.findall("p:tuple", NS)) == len(parts)


@pytest.mark.parametrize("name", ["02-notify", "03-notify-list.part2-971a28", "04-publish"])
def test_what_cisco_prints_comes_out_valid(shared: Path, name: str) -> None:
    body = (shared / f"reference/cup/sip/bodies/{name}.pidf.xml").read_bytes()
    check(shared, document([Component("1", "test", 0.0, 0.0, parse_pidf(body))]))


def test_the_schema_of_these_tests_refuses_what_is_invalid(shared: Path) -> None:
    assert not pidf_schema(shared).validate(etree.fromstring(pidf("<note>n</note>" + service("late"))))
    assert not pidf_schema(shared).validate(etree.fromstring(pidf(service("twice") + service("twice"))))


def test_component_priority_decides_among_equal_contacts() -> None:
    low = component("1", service("low"), 200.0, priority=0.0)
    high = component("2", service("high"), 100.0, priority=1.0)
    assert ids(composed(low, high)) == ["high", "low"]


def test_the_contact_priority_of_each_tuple_is_kept() -> None:
    one = component("1", service("a", extra='<contact priority="0.5">sip:a@b</contact>'))
    two = component("2", service("b", extra='<contact priority="0.7">sip:a@c</contact>'))
    contacts = composed(one, two).findall("p:tuple/p:contact", NS)
    assert [(contact.get("priority"), contact.text) for contact in contacts] == [
        ("0.7", "sip:a@c"),
        ("0.5", "sip:a@b"),
    ]


def test_notes_of_the_component_of_higher_priority_come_first() -> None:
    root = composed(component("1", "<note>low</note>"), component("2", "<note>high</note>", 0.0, 1.0))
    assert [note.text for note in root] == ["high", "low"]


def test_a_tuple_is_from_its_component_unless_it_names_its_source() -> None:
    said = '<so:source xmlns:so="urn:cisco:params:xml:ns:pidf:source"> Cell Phone </so:source>'
    parts = [component("1", service("a")), component("2", service("b", extra=said))]
    sources = {element.id[0]: element.source for element in compose(parts, 0.0, DEFAULT).tuples}
    assert sources == {"a": "test", "b": "Cell Phone"}


@pytest.mark.parametrize(
    ("user_agent", "source"),
    [("Linphone/5.1 (x)", "Linphone"), ("eyeBeam release 8888a", "eyeBeam"), ("", "presence")],
)
def test_the_source_is_the_product_of_the_user_agent_else_the_package(user_agent: str, source: str) -> None:
    assert source_name(parse_pidf(pidf(service("t"))), user_agent) == source


def test_the_source_that_a_tuple_names_comes_before_the_user_agent(shared: Path) -> None:
    data = (shared / "reference/cup/sip/bodies/04-publish.pidf.xml").read_bytes()
    assert source_name(parse_pidf(data), "eyeBeam") == "Manually set by persona"


def test_priorities_go_by_the_name_of_the_source_then_by_its_kind() -> None:
    settings = CompositionSettings(priorities={"Linphone": 0.5, "publication": 0.1})
    assert settings.priority("Linphone", "publication") == 0.5
    assert settings.priority("Twinkle", "publication") == 0.1
    assert settings.priority("registration", "registration") == -1.0
    assert settings.priority("standing", "standing") == -0.5


def test_an_entity_with_an_ipv6_address_is_escaped(shared: Path) -> None:
    root = check(shared, render("sip:alice@[2001:db8::1]", compose([], 0.0, DEFAULT)))
    assert root.get("entity") == "sip:alice@%5B2001:db8::1%5D"


def test_one_component_costs_no_merging() -> None:
    only = component("1", service("t") + '<dm:person id="p"/>')
    first, second = (compose([only], 0.0, DEFAULT) for _ in range(2))
    assert all(map(operator.is_, (*first.tuples, *first.persons), (*second.tuples, *second.persons)))


def test_priorities_are_set_as_name_and_number() -> None:
    given = Settings(source_priorities="desk phone=0.5, standing=-2")
    assert [tuple(entry) for entry in given.source_priorities] == [("desk phone", 0.5), ("standing", -2.0)]


@pytest.mark.parametrize("text", ["phone", "=1", "phone=high", "phone=nan", "phone=inf"])
def test_a_priority_that_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not NAME=NUMBER"):
        source_priority(text)
