"""Resource lists (RFC 4826), and the members that a SUBSCRIBE with one names (RFC 5367)."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from presence.documents.common import Name
from presence.documents.resource_lists import (
    Reference,
    ResourceList,
    entry,
    members,
    parse_resource_lists,
    render_resource_lists,
)
from sip.errors import BadRequest, EntityTooLarge
from tests.presence.documents.formats import (
    EXTENSION,
    attributes,
    check,
    extensions,
    look,
    names,
    uris,
    values,
)

COPY_CONTROL = "urn:ietf:params:xml:ns:copyControl"


def lists(content: str) -> bytes:
    return (
        f'<resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists">{content}</resource-lists>'.encode()
    )


def wanted(content: str, most: int = 1000) -> list[str]:
    return [member.uri for member in members(parse_resource_lists(lists(content)), most)]


def test_every_kind_of_item_is_read() -> None:
    data = lists(
        '<list name="friends"><display-name xml:lang="en">Friends</display-name>'
        '<entry uri="sip:bill@example.com"><display-name>Bill Doe</display-name></entry>'
        '<entry-ref ref="resource-lists/users/sip:bill@example.com/index/~~/resource-lists/list"/>'
        '<list name="close"><entry uri="sip:joe@example.com"/></list>'
        '<external anchor="http://xcap.example.org/resource-lists/users/sip:a@example.org/index/">'
        "<display-name>Marketing</display-name></external></list>"
    )
    assert parse_resource_lists(data) == (
        ResourceList(
            "friends",
            Name("Friends", "en"),
            (
                entry("sip:bill@example.com", "Bill Doe"),
                Reference(
                    "entry-ref", "resource-lists/users/sip:bill@example.com/index/~~/resource-lists/list"
                ),
                ResourceList("close", None, (entry("sip:joe@example.com"),)),
                Reference(
                    "external",
                    "http://xcap.example.org/resource-lists/users/sip:a@example.org/index/",
                    Name("Marketing"),
                ),
            ),
        ),
    )


def test_the_whole_document_as_it_goes_out() -> None:
    inner = ResourceList("inner", None, (entry("sip:c@d"),))
    outer = ResourceList("outer", Name("Outer"), (entry("sip:a@b", "A & B"), inner))
    assert render_resource_lists((outer,)) == (
        b'<?xml version="1.0" encoding="UTF-8"?>\n'
        b'<resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists">\n'
        b'<list name="outer"><display-name>Outer</display-name>\n'
        b'<entry uri="sip:a@b"><display-name>A &amp; B</display-name></entry>\n'
        b'<list name="inner">\n'
        b'<entry uri="sip:c@d"/>\n'
        b"</list>\n"
        b"</list>\n"
        b"</resource-lists>\n"
    )


def test_the_list_that_linphone_sends_names_its_friends(shared: Path) -> None:
    data = (shared / "captures/linphone-rls-SUBSCRIBE.body-inflated.xml").read_bytes()
    assert members(parse_resource_lists(data)) == (entry("sip:bob@sip.test"), entry("sip:carol@sip.test"))


def test_members_of_lists_within_lists_come_in_document_order() -> None:
    assert wanted(
        '<list><entry uri="sip:a@b"/><list><entry uri="sip:c@b"/></list><entry uri="sip:d@b"/></list>'
        '<list><entry uri="sip:e@b"/></list>'
    ) == ["sip:a@b", "sip:c@b", "sip:d@b", "sip:e@b"]


def test_the_first_of_several_entries_of_one_presentity_stays() -> None:
    assert wanted(
        '<list><entry uri="sip:a@B.example;transport=tcp"/><entry uri="sip:a@b.example"/>'
        '<entry uri="sips:a@b.example:5061"/><entry uri="sip:A@b.example"/>'
        '<entry uri="pres:a@b"/><entry uri="pres:a@b"/></list>'
    ) == ["sip:a@B.example;transport=tcp", "sip:A@b.example", "pres:a@b"]


def test_what_is_no_sip_uri_is_still_a_member() -> None:
    assert wanted('<list><entry uri="sip:"/><entry uri="tel:+12025550100"/></list>') == [
        "sip:",
        "tel:+12025550100",
    ]


def test_references_to_lists_elsewhere_name_no_members() -> None:
    assert wanted('<list><entry-ref ref="x"/><external anchor="http://x.example/"/></list>') == []


def test_too_many_members_are_413_and_duplicates_do_not_count() -> None:
    two = '<entry uri="sip:a@b"/><entry uri="sip:c@b"/>'
    assert wanted(f"<list>{two}{two}</list>", most=2) == ["sip:a@b", "sip:c@b"]
    with pytest.raises(EntityTooLarge, match="resource-lists: more than 1 members"):
        wanted(f"<list>{two}</list>", most=1)


def test_copy_control_is_passed_on_and_means_nothing(shared: Path) -> None:
    data = lists(
        f'<list xmlns:cp="{COPY_CONTROL}">'
        '<entry uri="sip:a@b" cp:copyControl="bcc" cp:anonymize="true"/></list>'
    )
    (found,) = parse_resource_lists(data)
    root = check(shared, "resourcelists.xsd", render_resource_lists((found,)))
    assert root[0][0].get(f"{{{COPY_CONTROL}}}copyControl") == "bcc"
    assert [member.uri for member in members((found,))] == ["sip:a@b"]


def test_attributes_of_the_lists_own_namespace_have_no_place(shared: Path) -> None:
    data = (
        b'<r:resource-lists xmlns:r="urn:ietf:params:xml:ns:resource-lists">'
        b'<r:list r:name="a" xml:lang="en"/></r:resource-lists>'
    )
    root = check(shared, "resourcelists.xsd", render_resource_lists(parse_resource_lists(data)))
    assert dict(root[0].attrib) == {"{http://www.w3.org/XML/1998/namespace}lang": "en"}


def test_extensions_pass_with_their_namespaces_and_content() -> None:
    data = lists(f'<list><entry uri="sip:a@b">{EXTENSION}</entry>{EXTENSION}</list>')
    root = etree.fromstring(render_resource_lists(parse_resource_lists(data)))
    expected = look(etree.fromstring(data)[0][1])
    assert [look(element) for element in (root[0][0][0], root[0][1])] == [expected, expected]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "resource-lists: the body is empty or not XML"),
        (b"<!DOCTYPE a><a/>", "resource-lists: a DTD is not accepted"),
        (
            b"<resource-lists/>",
            "resource-lists: the root element is resource-lists, not resource-lists of"
            " urn:ietf:params:xml:ns:resource-lists",
        ),
        (lists("<list><entry/></list>"), "resource-lists: entry without uri"),
        (lists('<list><entry uri=""/></list>'), "resource-lists: uri '' of entry is no URI"),
        (lists('<list><entry uri="a b"/></list>'), "resource-lists: uri 'a b' of entry is no URI"),
        (lists("<list><entry-ref/></list>"), "resource-lists: entry-ref without ref"),
        (lists("<list><external/></list>"), "resource-lists: external without anchor"),
        (lists("<list>" * 40 + "</list>" * 40), "resource-lists: nested deeper than 32 elements"),
    ],
)
def test_bad_input_is_refused_with_the_fault(data: bytes, reason: str) -> None:
    with pytest.raises(BadRequest) as caught:
        parse_resource_lists(data)
    assert caught.value.reason == reason


REFERENCES = st.builds(
    Reference,
    st.sampled_from(["entry", "entry-ref", "external"]),
    uris,
    st.none() | names,
    attributes,
    extensions,
)
LISTS = st.recursive(
    st.builds(ResourceList, st.none() | values, st.none() | names, st.just(()), attributes, extensions),
    lambda inner: st.builds(
        ResourceList,
        st.none() | values,
        st.none() | names,
        st.lists(REFERENCES | inner, max_size=3).map(tuple),
        attributes,
        extensions,
    ),
    max_leaves=6,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(document=st.lists(LISTS, max_size=2).map(tuple))
def test_whatever_goes_out_is_valid_and_reads_back_as_it_was(
    shared: Path, document: tuple[ResourceList, ...]
) -> None:
    data = render_resource_lists(document)
    check(shared, "resourcelists.xsd", data)
    assert parse_resource_lists(data) == document
