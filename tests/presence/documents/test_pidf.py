"""PIDF documents: what phones publish, and what is made of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from lxml import etree

from presence.documents.pidf import render_pidf
from presence.documents.pidf_plain import read_plain
from presence.documents.pidf_reader import parse_pidf, read_child, read_thoroughly
from sip.errors import BadRequest
from tests.presence.documents.saying import body, out, said
from tests.presence.schemas import check

NS = {
    "p": "urn:ietf:params:xml:ns:pidf",
    "dm": "urn:ietf:params:xml:ns:pidf:data-model",
    "r": "urn:ietf:params:xml:ns:pidf:rpid",
}


def pidf(content: str, declarations: str = "") -> bytes:
    return (
        '<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model"'
        f' xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid" {declarations} entity="sip:a@b">{content}</presence>'
    ).encode()


def refusal(data: bytes) -> str:
    with pytest.raises(BadRequest) as caught:
        parse_pidf(data)
    return caught.value.reason


def test_a_tuple_comes_out_with_its_sort_keys() -> None:
    (part,) = parse_pidf(
        pidf(
            '<tuple id="t1"><status><basic>open</basic></status><contact priority="0.8">sip:alice@192.0.2.1'
            "</contact><timestamp>2026-11-22T04:17:04Z</timestamp></tuple>"
        )
    ).tuples
    assert (part.id, part.basic, part.priority, part.timestamp) == ("t1", "open", 0.8, 1795321024.0)
    assert part.xml == (
        b'<tuple id="t1"><status><basic>open</basic></status><contact priority="0.8">sip:alice@192.0.2.1'
        b"</contact><timestamp>2026-11-22T04:17:04Z</timestamp></tuple>"
    )


def test_the_entity_is_always_ours_and_escaped() -> None:
    document = render_pidf('sip:a&"<b@example.com', [])
    assert etree.fromstring(document).get("entity") == 'sip:a&"<b@example.com'


def test_a_prefixed_document_comes_out_with_the_default_namespace() -> None:
    data = (
        b'<p:presence xmlns:p="urn:ietf:params:xml:ns:pidf" xmlns:d="urn:ietf:params:xml:ns:pidf:data-model"'
        b' xmlns:act="urn:ietf:params:xml:ns:pidf:rpid" entity="sip:a@b">'
        b'<p:tuple id="a"><p:status><p:basic>open</p:basic></p:status></p:tuple>'
        b'<d:person id="b"><act:activities><act:busy/></act:activities></d:person></p:presence>'
    )
    assert body(parse_pidf(data)) == (
        b'<tuple id="a"><status><basic>open</basic></status></tuple>\n'
        b'<dm:person id="b"><rpid:activities><rpid:busy/></rpid:activities></dm:person>'
    )


@pytest.mark.parametrize(
    "uri",
    [
        "urn:ietf:params:xml:ns:pidf:rpid",
        "urn:ietf:params:xml:pidf:rpid",
        "urn:ietf:params:xml:ns:pidf:rpid:status:rpid",
    ],
)
def test_every_spelling_of_the_rpid_namespace_is_read_and_one_is_written(uri: str) -> None:
    data = pidf(f'<dm:person id="p"><r:activities xmlns:r="{uri}"><r:away/></r:activities></dm:person>')
    assert body(parse_pidf(data)) == (
        b'<dm:person id="p"><rpid:activities><rpid:away/></rpid:activities></dm:person>'
    )


def test_an_unknown_extension_passes_with_its_namespace_and_content() -> None:
    extension = (
        '<x:mood xmlns:x="urn:example:x" x:level="3">a <x:b>bold</x:b> <x:i>word</x:i> &amp; more</x:mood>'
    )
    data = pidf(f'<tuple id="t"><status><basic>open</basic>{extension}</status></tuple>{extension}')
    document = out(parse_pidf(data))
    for found in document.iter("{urn:example:x}mood"):
        assert etree.tostring(found, method="c14n", exclusive=True, with_tail=False) == extension.encode()
    assert len(list(document.iter("{urn:example:x}mood"))) == 2


def test_a_namespace_that_is_declared_on_the_root_is_declared_where_it_is_used() -> None:
    data = pidf(
        '<tuple id="t"><status><x:online/></status></tuple><tuple id="u"><status/></tuple>',
        'xmlns:x="urn:example:x" xmlns:unused="urn:example:y"',
    )
    first, second = parse_pidf(data).tuples
    assert etree.tostring(out(parse_pidf(data))).count(b"urn:example:x") == 1
    assert b"urn:example:y" not in first.xml
    assert b"xmlns" not in second.xml


def test_a_qualified_name_in_a_value_keeps_its_prefix() -> None:
    data = pidf(
        '<tuple id="t"><status><v:e xmlns:v="urn:example:v" xmlns:q="urn:example:q" type="q:name"/></status>'
        "</tuple>"
    )
    (element,) = out(parse_pidf(data)).iter("{urn:example:v}e")
    assert element.nsmap["q"] == "urn:example:q"


def test_an_element_without_namespace_inside_an_extension_stays_without() -> None:
    data = pidf('<e:x xmlns:e="urn:example:e"><plain xmlns=""><deep/></plain></e:x>')
    (extension,) = out(parse_pidf(data)).iter("{urn:example:e}x")
    assert [child.tag for child in extension.iter()] == ["{urn:example:e}x", "plain", "deep"]


def test_an_extension_with_a_default_namespace_of_its_own_is_kept() -> None:
    data = pidf('<x xmlns="urn:example:x"><y/><tuple xmlns="urn:ietf:params:xml:ns:pidf"/></x>')
    (extension,) = out(parse_pidf(data)).iter("{urn:example:x}x")
    assert [child.tag for child in extension] == ["{urn:example:x}y", "{urn:ietf:params:xml:ns:pidf}tuple"]


def test_a_prefix_of_ours_that_means_something_else_does_no_harm() -> None:
    data = (
        b'<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:example:x" entity="sip:a@b">'
        b'<tuple id="t"><status><dm:on dm:a="1"/></status></tuple></presence>'
    )
    (element,) = out(parse_pidf(data)).iter("{urn:example:x}on")
    assert element.get("{urn:example:x}a") == "1"
    assert b"<dm:" not in body(parse_pidf(data))


def test_the_order_of_the_schema_is_restored() -> None:
    data = pidf(
        '<tuple id="t"><timestamp>2026-11-22T04:17:04Z</timestamp><note>n</note><contact>sip:a@b</contact>'
        "<rpid:user-input>active</rpid:user-input><status><basic>open</basic></status></tuple>"
    )
    assert parse_pidf(data).tuples[0].xml == (
        b'<tuple id="t"><status><basic>open</basic></status><rpid:user-input>active</rpid:user-input>'
        b"<contact>sip:a@b</contact><note>n</note><timestamp>2026-11-22T04:17:04Z</timestamp></tuple>"
    )


def test_tuples_come_open_first_then_by_priority_then_the_newest() -> None:
    def part(ident: str, basic: str, priority: str, second: int) -> str:
        return (
            f'<tuple id="{ident}"><status><basic>{basic}</basic></status>'
            f'<contact priority="{priority}">sip:a@b</contact>'
            f"<timestamp>2026-11-22T04:17:{second:02}Z</timestamp></tuple>"
        )

    data = pidf(
        part("closed", "closed", "1", 9) + part("low", "open", "0.1", 8)
        + part("old", "open", "0.5", 1) + part("new", "open", "0.5", 2)
    )  # fmt: skip
    assert [tuple_.id for tuple_ in parse_pidf(data).tuples] == ["new", "old", "low", "closed"]


def test_of_several_persons_the_newest_comes_first() -> None:
    data = pidf(
        '<dm:person id="old"><dm:timestamp>2026-11-22T04:00:00Z</dm:timestamp></dm:person>'
        '<dm:person id="new"><dm:timestamp>2026-11-22T05:00:00Z</dm:timestamp></dm:person>'
    )
    assert [person.id for person in parse_pidf(data).persons] == ["new", "old"]


def test_the_timestamp_of_a_person_in_the_namespace_of_pidf_is_put_right() -> None:
    person = '<dm:person id="p"><timestamp>2026-11-22T04:17:04Z</timestamp></dm:person>'
    (part,) = parse_pidf(pidf(person)).persons
    assert part.xml == b'<dm:person id="p"><dm:timestamp>2026-11-22T04:17:04Z</dm:timestamp></dm:person>'
    assert part.timestamp == 1795321024.0


@pytest.mark.parametrize(("given", "written"), [("123", "_123"), ("a b@c", "a_b_c"), (" t1 ", "t1")])
def test_an_id_that_is_no_xml_id_is_made_one(given: str, written: str) -> None:
    assert parse_pidf(pidf(f'<tuple id="{given}"><status/></tuple>')).tuples[0].id == written


def test_ids_that_a_document_uses_twice_are_made_distinct() -> None:
    data = pidf('<tuple id="t"><status/></tuple><tuple id="t"><status/></tuple><dm:person id="t"/>')
    parts = parse_pidf(data)
    assert [part.id for part in (*parts.tuples, *parts.persons)] == ["t", "t-2", "t-3"]


def test_ids_used_twice_are_made_distinct_in_plain_documents_too() -> None:
    part = '<tuple id="t"><status><basic>open</basic></status></tuple>'
    assert [tuple_.id for tuple_ in parse_pidf(pidf(part + part)).tuples] == ["t", "t-2"]


@pytest.mark.parametrize("basic", ["Open", " open\n"])
def test_basic_is_read_patiently(basic: str) -> None:
    (part,) = parse_pidf(pidf(f'<tuple id="t"><status><basic>{basic}</basic></status></tuple>')).tuples
    assert part.basic == "open"
    assert b"<basic>open</basic>" in part.xml


def test_values_that_say_nothing_valid_are_left_out() -> None:
    data = pidf(
        '<tuple id="t" color="red"><status/>junk<contact priority="high">sip:a@b</contact>'
        "<timestamp>yesterday</timestamp></tuple>"
    )
    assert body(parse_pidf(data)) == b'<tuple id="t"><status/><contact>sip:a@b</contact></tuple>'


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"<presence/>", "PIDF: the root element is presence, not presence of urn:ietf:params:xml:ns:pidf"),
        (b'<x xmlns="urn:x"/>', "PIDF: the root element is {urn:x}x, not presence of"),
        (pidf("<tuple><status/></tuple>"), "PIDF: a tuple without id"),
        (pidf('<tuple id=""><status/></tuple>'), "PIDF: a tuple without id"),
        (
            pidf('<tuple id="t"><status><basic>away</basic></status></tuple>'),
            "PIDF: basic status must be open or closed, not 'away'",
        ),
        (pidf('<dm:device id="d"/>'), "PIDF: a device without deviceID"),
        (
            pidf('<dm:device id="d"><dm:deviceID>a b</dm:deviceID></dm:device>'),
            "PIDF: deviceID 'a b' is not a URI",
        ),
    ],
)
def test_what_cannot_be_pidf_is_refused_with_a_reason(data: bytes, reason: str) -> None:
    assert refusal(data).startswith(reason)


def bodies(shared: Path) -> list[tuple[str, bytes]]:
    found = []
    for path in sorted((shared / "captures").glob("*PUBLISH*.sip")):
        _, _, data = path.read_bytes().partition(b"\r\n\r\n")
        if data:
            found.append((path.name, data))
    assert len(found) > 50
    return found


def basics(root: etree._Element) -> list[str | None]:
    return sorted(str(element.text) for element in root.iter(f"{{{NS['p']}}}basic"))


def test_every_captured_publish_comes_out_with_its_status_and_activity(shared: Path) -> None:
    for name, data in bodies(shared):
        came, went = etree.fromstring(data), out(parse_pidf(data))
        assert basics(went) == basics(came), name
        activities = "//r:activities/*"
        assert [a.tag for a in went.xpath(activities, namespaces=NS)] == [
            a.tag for a in came.xpath(activities, namespaces=NS)
        ], name


def test_what_is_recognised_at_once_is_what_the_long_way_finds(shared: Path) -> None:
    for name, data in bodies(shared):
        plain = read_plain(data, 32, read_child)
        assert plain is not None, f"{name} takes the long way"
        assert said(plain) == said(read_thoroughly(data)), name


@pytest.mark.parametrize("name", ["02-notify", "03-notify-list.part1-971a00", "04-publish"])
def test_the_documents_of_cisco_are_read(shared: Path, name: str) -> None:
    parts = parse_pidf((shared / f"reference/cup/sip/bodies/{name}.pidf.xml").read_bytes())
    assert {part.basic for part in parts.tuples} == {"open"}
    document = out(parts)
    assert document.xpath("count(//r:activities) = 1 and count(//r:user-input) > 0", namespaces=NS)
    assert b"urn:cisco:params:xml:pidf:rpid" not in body(parts)


def test_the_source_that_cisco_names_is_kept_trimmed(shared: Path) -> None:
    parts = parse_pidf((shared / "reference/cup/sip/bodies/04-publish.pidf.xml").read_bytes())
    assert parts.tuples[0].source == "Manually set by persona"


def test_blanks_inside_the_quotes_of_a_namespace_are_read() -> None:
    data = (
        b'<presence entity="sip:a@b" xmlns="urn:ietf:params:xml:ns:pidf">'
        b'<dm:person xmlns:dm=" urn:ietf:params:xml:ns:pidf:data-model" id="p1">'
        b'<r:activities xmlns:r="urn:ietf:params:xml:pidf:rpid">'
        b'<ce:available xmlns:ce="urn:cisco:params:xml:ns:pidf:rpid "/></r:activities></dm:person></presence>'
    )
    assert body(parse_pidf(data)) == (
        b'<dm:person id="p1"><rpid:activities><ce:available xmlns:ce="urn:cisco:params:xml:ns:pidf:rpid"/>'
        b"</rpid:activities></dm:person>"
    )


def test_a_root_without_namespace_around_children_that_have_theirs_is_read() -> None:
    element = b'<tuple xmlns="urn:ietf:params:xml:ns:pidf" id="t"><status/></tuple>'
    data = b'<presence entity="sip:a@b">%b</presence>' % element
    assert body(parse_pidf(data)) == b'<tuple id="t"><status/></tuple>'


def test_an_ipv6_address_in_a_contact_is_escaped(shared: Path) -> None:
    contact = "<contact>sip:alice@[2001:db8::1]:5070;transport=tcp</contact>"
    data = pidf(f'<tuple id="t"><status><basic>open</basic></status>{contact}</tuple>')
    assert b"<contact>sip:alice@%5B2001:db8::1%5D:5070;transport=tcp</contact>" in body(parse_pidf(data))
    check(shared, render_pidf("sip:a@b", [body(parse_pidf(data))]))


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ("<rpid:activities><rpid:dnd/></rpid:activities>",
         "<rpid:activities><rpid:other>dnd</rpid:other></rpid:activities>"),
        ("<rpid:activities><rpid:busy>now</rpid:busy><rpid:note>n</rpid:note></rpid:activities>",
         "<rpid:activities><rpid:note>n</rpid:note><rpid:busy/></rpid:activities>"),
        ("<rpid:activities><rpid:unknown/><rpid:busy/></rpid:activities>",
         "<rpid:activities><rpid:busy/></rpid:activities>"),
        ('<rpid:activities from="2026-11-22 04:17:04Z"><rpid:busy/></rpid:activities>',
         '<rpid:activities from="2026-11-22T04:17:04.000Z"><rpid:busy/></rpid:activities>'),
        ('<rpid:activities from="2026-11-22T04:17:04"><rpid:busy/></rpid:activities>',
         '<rpid:activities from="2026-11-22T04:17:04Z"><rpid:busy/></rpid:activities>'),
        ('<rpid:activities until="soon"><rpid:busy/></rpid:activities>',
         "<rpid:activities><rpid:busy/></rpid:activities>"),
        ("<rpid:user-input> Idle </rpid:user-input>", "<rpid:user-input>idle</rpid:user-input>"),
        ("<rpid:user-input>asleep</rpid:user-input>", ""),
        ("<rpid:mood/>", ""),
        ("<rpid:time-offset>an hour</rpid:time-offset>", ""),
        ("<rpid:status-icon>http://[</rpid:status-icon>", ""),
        ('<rpid:mood id="m"><rpid:happy/></rpid:mood>', "<rpid:mood><rpid:happy/></rpid:mood>"),
        ('<x:a xmlns:x="urn:x" id="m" from="then"/>', '<x:a xmlns:x="urn:x" id="m" from="then"/>'),
    ],
)  # fmt: skip
def test_what_rpid_has_no_place_for_is_put_right_or_left_out(given: str, written: str) -> None:
    (person,) = parse_pidf(pidf(f'<dm:person id="p">{given}</dm:person>')).persons
    assert b"".join(part.xml for part in person.parts).decode() == written


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ('<s:servcaps xmlns:s="urn:ietf:params:xml:ns:pidf:caps"><s:video>TRUE</s:video>'
         "<s:audio>true</s:audio><s:text>maybe</s:text></s:servcaps>",
         '<s:servcaps xmlns:s="urn:ietf:params:xml:ns:pidf:caps"><s:audio>true</s:audio>'
         "<s:video>true</s:video></s:servcaps>"),
        ('<t:timed-status xmlns:t="urn:ietf:params:xml:ns:pidf:timed-status"><t:basic>open</t:basic>'
         "</t:timed-status>", ""),
        ('<s:servcaps xmlns:s="urn:ietf:params:xml:ns:pidf:caps"><s:type>Text/Plain</s:type>'
         "<s:type>text</s:type></s:servcaps>",
         '<s:servcaps xmlns:s="urn:ietf:params:xml:ns:pidf:caps"><s:type>text/plain</s:type></s:servcaps>'),
        ('<c:card xmlns:c="urn:ietf:params:xml:ns:pidf:cipid">http://192.0.2.1/card</c:card>',
         '<c:card xmlns:c="urn:ietf:params:xml:ns:pidf:cipid">http://192.0.2.1/card</c:card>'),
    ],
)  # fmt: skip
def test_capabilities_timed_status_and_cipid_are_put_right_too(given: str, written: str) -> None:
    (element,) = parse_pidf(pidf(f'<tuple id="t"><status/>{given}</tuple>')).tuples
    assert b"".join(part.xml for part in element.parts[1:]).decode() == written


def test_a_part_knows_from_when_and_until_when_it_holds() -> None:
    mood = '<rpid:mood from="2026-11-22T04:17:04Z" until="2026-11-22T04:17:05Z"><rpid:shy/></rpid:mood>'
    document = parse_pidf(pidf(f'<dm:person id="p">{mood}</dm:person>'))
    ((part,),) = (person.parts for person in document.persons)
    assert (part.starts, part.ends) == (1795321024.0, 1795321025.0)
    assert document.moments == (1795321024.0, 1795321025.0)


def test_parts_are_taken_away_but_never_what_the_schema_asks_for() -> None:
    (element,) = parse_pidf(
        pidf('<tuple id="t"><status/><contact>sip:a@b</contact><note>n</note></tuple>')
    ).tuples
    assert element.keeping(lambda part: part.name.endswith("note")).xml == (
        b'<tuple id="t"><status/><note>n</note></tuple>'
    )
    assert element.keeping(lambda part: True) is element
    assert element.keeping(lambda part: False).xml == b'<tuple id="t"><status/></tuple>'


def test_a_misplaced_person_inside_an_extension_is_left_out_and_the_text_around_it_kept() -> None:
    data = pidf('<x:a xmlns:x="urn:x">one<dm:person id="p"/>two<x:b/>three</x:a>')
    assert body(parse_pidf(data)) == b'<x:a xmlns:x="urn:x">onetwo<x:b/>three</x:a>'


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "iso-8859-1"])
def test_the_encoding_is_the_one_that_the_document_says(encoding: str) -> None:
    text = pidf('<tuple id="t"><status/><note>überall</note></tuple>').decode()
    declared = f'<?xml version="1.0" encoding="{encoding}"?>{text}'.encode(encoding)
    assert "<note>überall</note>".encode() in body(parse_pidf(declared))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_without_a_declaration_it_is_utf_8_or_what_the_byte_order_mark_says(encoding: str) -> None:
    data = pidf('<tuple id="t"><status/><note>überall</note></tuple>').decode().encode(encoding)
    assert "<note>überall</note>".encode() in body(parse_pidf(data))


@pytest.mark.parametrize("behind", ["", "<!-- not plain -->"])
def test_a_contact_without_priority_comes_after_all_that_have_one(behind: str) -> None:
    def part(ident: str, priority: str) -> str:
        return (
            f'<tuple id="{ident}"><status><basic>open</basic></status>'
            f"<contact{priority}>sip:a@b</contact></tuple>"
        )

    data = pidf(part("none", "") + part("low", ' priority="0.001"') + behind)
    assert [tuple_.id for tuple_ in parse_pidf(data).tuples] == ["low", "none"]


@pytest.mark.parametrize(
    "content",
    ['<tuple id="t"><status/>{}</tuple>', '<dm:person id="t">{}</dm:person>'],
)
def test_a_time_without_zone_goes_out_as_the_utc_that_it_was_read_as(content: str) -> None:
    data = pidf(content.format("<timestamp>2026-11-22T04:17:04</timestamp>"))
    (part,) = (*parse_pidf(data).tuples, *parse_pidf(data).persons)
    assert part.timestamp == 1795321024.0
    assert b"timestamp>2026-11-22T04:17:04Z</" in part.xml


def test_an_unknown_extension_does_not_change_what_basic_means() -> None:
    unknown = '<x:busy xmlns:x="urn:example:x" xmlns:p="urn:ietf:params:xml:ns:pidf" p:mustUnderstand="1"/>'
    (part,) = parse_pidf(pidf(f'<tuple id="t"><status><basic>open</basic>{unknown}</status></tuple>')).tuples
    assert part.basic == "open"


@pytest.mark.parametrize("name", ["rpid:class", "dm:deviceID"])
def test_class_and_device_id_have_no_times(name: str) -> None:
    given = f'<{name} from="2026-11-22T04:17:04Z" until="2026-11-22T04:17:05Z">urn:x:1</{name}>'
    (part,) = parse_pidf(pidf(f'<tuple id="t"><status/>{given}</tuple>')).tuples
    assert part.xml == f'<tuple id="t"><status/><{name}>urn:x:1</{name}></tuple>'.encode()


@pytest.mark.parametrize(
    "content",
    [
        '<tuple id="t"><status/>{}</tuple>',
        '<tuple id="t"><status><basic>open</basic></status>{}</tuple>',
        '<dm:person id="t">{}</dm:person>',
        '<dm:device id="t">{}<dm:deviceID>urn:x:1</dm:deviceID></dm:device>',
    ],
)
@pytest.mark.parametrize(
    ("one", "another"),
    [
        ("<rpid:class>a</rpid:class>", "<rpid:class>b</rpid:class>"),
        ("<rpid:user-input>idle</rpid:user-input>", "<rpid:user-input>active</rpid:user-input>"),
        ("<rpid:relationship><rpid:self/></rpid:relationship>",
         "<rpid:relationship><rpid:friend/></rpid:relationship>"),
        ("<rpid:service-class><rpid:postal/></rpid:service-class>",
         "<rpid:service-class><rpid:courier/></rpid:service-class>"),
    ],
)  # fmt: skip
def test_of_what_has_no_times_only_the_first_is_kept(content: str, one: str, another: str) -> None:
    assert body(parse_pidf(pidf(content.format(one + another)))) == content.format(one).encode()


def test_timed_status_within_status_or_timed_status_is_left_out() -> None:
    def timed(content: str) -> str:
        return (
            '<ts:timed-status xmlns:ts="urn:ietf:params:xml:ns:pidf:timed-status"'
            f' from="2026-11-23T10:00:00Z"><ts:basic>closed</ts:basic>{content}</ts:timed-status>'
        )

    data = pidf(
        f'<tuple id="t"><status><basic>open</basic>{timed("")}</status>{timed(timed(""))}{timed("")}</tuple>'
    )
    assert body(parse_pidf(data)).decode() == (
        f'<tuple id="t"><status><basic>open</basic></status>{timed("")}{timed("")}</tuple>'
    )


@pytest.mark.parametrize("written", ["2026-11-22t04:17:04Z", "2026-11-22T04:17:04z"])
def test_a_timestamp_in_small_letters_is_left_out(written: str) -> None:
    data = pidf(f'<tuple id="t"><status/><timestamp>{written}</timestamp></tuple>')
    assert body(parse_pidf(data)) == b'<tuple id="t"><status/></tuple>'
