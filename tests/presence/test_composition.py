"""From components to one document: order, choice, ids, and validity whatever comes in."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from presence.composition import REGISTERED, Component, CompositionSettings, compose
from presence.documents.pidf_reader import parse_pidf
from tests.presence.documents.test_pidf import NS, bodies, pidf
from tests.presence.schemas import check, pidf_schema

ALICE = "sip:alice@example.com"
DEFAULT = CompositionSettings()


def component(key: str, content: str, published_at: float = 0.0, priority: float = 0.0) -> Component:
    return Component(key, "test", priority, published_at, parse_pidf(pidf(content)))


def service(ident: str, basic: str = "open", extra: str = "") -> str:
    return f'<tuple id="{ident}"><status><basic>{basic}</basic></status>{extra}</tuple>'


def composed(*components: Component, settings: CompositionSettings = DEFAULT) -> etree._Element:
    return etree.fromstring(compose(ALICE, components, 0.0, settings))


def ids(root: etree._Element) -> list[str | None]:
    return [child.get("id") for child in root]


def test_the_whole_document_of_one_publication() -> None:
    assert compose(ALICE, [component("1", service("t1"))], 0.0, DEFAULT) == (
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


def test_the_newest_person_is_the_only_one() -> None:
    def person(ident: str, time: str) -> str:
        return f'<dm:person id="{ident}"><dm:timestamp>{time}</dm:timestamp></dm:person>'

    old = component("1", person("old", "2026-11-22T04:00:00Z"), 300.0)
    new = component("2", person("new", "2026-11-22T05:00:00Z"), 200.0)
    assert ids(composed(old, new)) == ["new"]


def test_between_persons_of_the_same_time_the_component_of_higher_priority_decides() -> None:
    low = component("1", '<dm:person id="low"/>', 100.0, priority=1.0)
    high = component("2", '<dm:person id="high"/>', 100.0, priority=2.0)
    assert ids(composed(low, high)) == ["high"]


def test_of_one_device_the_newest_state_is_shown() -> None:
    def device(ident: str) -> str:
        return f'<dm:device id="{ident}"><dm:deviceID>urn:x:1</dm:deviceID></dm:device>'

    assert ids(composed(component("1", device("old"), 100.0), component("2", device("new"), 200.0))) == [
        "new"
    ]


def test_equal_ids_of_different_components_are_made_distinct() -> None:
    first, second = ids(composed(component("1", service("t")), component("2", service("t"))))
    assert {"t"} < {first, second}


def test_a_distinct_id_stays_while_states_and_order_change() -> None:
    other = component("1", service("t", "open", "<note>one</note>"))

    def id_of_second(basic: str) -> str | None:
        root = composed(other, component("2", service("t", basic, "<note>two</note>")))
        return root.xpath("p:tuple[p:note = 'two']/@id", namespaces=NS)[0]

    assert id_of_second("open") == id_of_second("closed") != "t"


def test_ids_within_elements_are_made_distinct_too(shared: Path) -> None:
    person = '<dm:person id="p"><rpid:mood id="m"><rpid:happy/></rpid:mood></dm:person>'
    extra = '<rpid:user-input id="m">idle</rpid:user-input>'
    document = compose(
        ALICE, [component("1", service("t", extra=extra)), component("2", person)], 0.0, DEFAULT
    )
    check(shared, document)


def test_the_order_of_the_components_does_not_matter() -> None:
    parts = [component(str(number), service("t"), float(number)) for number in range(4)]
    assert compose(ALICE, parts, 0.0, DEFAULT) == compose(ALICE, parts[::-1], 0.0, DEFAULT)


def test_equal_notes_are_shown_once() -> None:
    root = composed(component("1", "<note>hi</note>"), component("2", "<note>hi</note><note>ho</note>"))
    assert [note.text for note in root] == ["hi", "ho"]


def test_all_captured_publications_together_are_a_valid_document(shared: Path) -> None:
    parts = [Component(name, "test", 0.0, 0.0, parse_pidf(body)) for name, body in bodies(shared)]
    root = check(shared, compose(ALICE, parts, 0.0, DEFAULT))
    assert len(root.findall("p:tuple", NS)) == len(parts)


@pytest.mark.parametrize("name", ["02-notify", "03-notify-list.part2-971a28", "04-publish"])
def test_what_cisco_prints_comes_out_valid(shared: Path, name: str) -> None:
    body = (shared / f"reference/cup/sip/bodies/{name}.pidf.xml").read_bytes()
    check(shared, compose(ALICE, [Component("1", "test", 0.0, 0.0, parse_pidf(body))], 0.0, DEFAULT))


def test_the_schema_of_these_tests_refuses_what_is_invalid(shared: Path) -> None:
    assert not pidf_schema(shared).validate(etree.fromstring(pidf("<note>n</note>" + service("late"))))
    assert not pidf_schema(shared).validate(etree.fromstring(pidf(service("twice") + service("twice"))))


# -- any mix of inputs ----------------------------------------------------------------------------

IDS = st.sampled_from(["t", "t1", "1", "a b", "ä", "x.y-z", "p"])
TEXT = st.sampled_from(["", "hi", " ", "a < b & c", "ümlaut", "<![CDATA[<x/>]]>"]).map(
    lambda text: text if text.startswith("<!") else text.replace("&", "&amp;").replace("<", "&lt;")
)
LANG = st.sampled_from(["", ' xml:lang="en"', ' xml:lang="de-AT"', ' xml:lang="not a language"'])
TIME = st.sampled_from(
    [
        "2026-11-22T04:17:04Z",
        "2026-11-22T04:17:04.5+02:00",
        "2026-13-01T00:00:00Z",
        "now",
        "",
        " 2026-01-01T00:00:00Z ",
    ]
)
EXTENSION = st.sampled_from(
    [
        '<x:a xmlns:x="urn:x"/>',
        '<x xmlns="urn:x">mixed <y/> text</x>',
        '<plain xmlns=""/>',
        "<rpid:class>c</rpid:class>",
        '<rpid:user-input id="t">idle</rpid:user-input>',
        '<r:user-input xmlns:r="urn:ietf:params:xml:ns:pidf:rpid:status:rpid">active</r:user-input>',
        '<rpid:activities><rpid:busy/><x:b xmlns:x="urn:x"/></rpid:activities>',
        '<dm:deviceID>urn:x:1</dm:deviceID>',
        "<unknown/>",
        "stray text",
    ]
)  # fmt: skip
NOTE = st.builds("<note{}>{}</note>".format, LANG, TEXT)
DM_NOTE = st.builds("<dm:note{}>{}</dm:note>".format, LANG, TEXT)
STATUS = st.builds(
    "<status>{}</status>".format,
    st.lists(
        st.sampled_from(["<basic>open</basic>", "<basic> Closed </basic>", '<y:z xmlns:y="urn:y">1</y:z>']),
        max_size=3,
    ).map("".join),
)
CONTACT = st.builds(
    "<contact{}>{}</contact>".format,
    st.sampled_from(["", ' priority="0.5"', ' priority="1"', ' priority="2"', ' priority="0.12345" x="y"']),
    st.sampled_from(["sip:a@b", "", "tel:+1", "not a uri", "sip:%zz@b", " sip:a@b;x=%20 "]),
)
TIMESTAMP = st.builds("<timestamp>{}</timestamp>".format, TIME)


def element(name: str, *children: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    content = st.lists(st.one_of(*children), max_size=6).map("".join)
    return st.builds(f'<{name} id="{{}}">{{}}</{name}>'.format, IDS, content)


TUPLE = element("tuple", STATUS, CONTACT, NOTE, TIMESTAMP, EXTENSION)
PERSON = element("dm:person", DM_NOTE, NOTE, TIMESTAMP, TIMESTAMP.map(lambda x: x.replace("timestamp", "dm:timestamp")), EXTENSION)  # fmt: skip  # noqa: E501
DEVICE = element("dm:device", st.just("<dm:deviceID>urn:x:1</dm:deviceID>"), DM_NOTE).map(
    lambda xml: xml.replace("</dm:device>", "<dm:deviceID>urn:x:2</dm:deviceID></dm:device>")
)
DOCUMENT = (
    st.lists(st.one_of(TUPLE, TUPLE, PERSON, DEVICE, NOTE, EXTENSION), max_size=6).map("".join).map(pidf)
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(documents=st.lists(DOCUMENT, max_size=4))
def test_any_mix_of_inputs_comes_out_valid(shared: Path, documents: list[bytes]) -> None:
    parts = [
        Component(str(number), "test", 0.0, float(number), parse_pidf(document))
        for number, document in enumerate(documents)
    ]
    root = check(shared, compose(ALICE, parts, 0.0, DEFAULT))
    assert root.get("entity") == ALICE
    assert len(root.findall("dm:person", NS)) <= 1


@settings(max_examples=100, deadline=None)
@given(document=DOCUMENT)
def test_both_ways_of_reading_agree(document: bytes) -> None:
    from presence.documents.pidf_plain import read_plain
    from presence.documents.pidf_reader import _Reader
    from presence.documents.xml import read_xml
    from tests.presence.documents.test_pidf import canonical

    root = read_xml(document)
    plain = read_plain(root, document)
    if plain is not None:
        assert canonical(plain) == canonical(_Reader().read(root))
