"""RLMI: the root of a list notification (RFC 4662 §5)."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from presence.documents.common import Name
from presence.documents.rlmi import (
    Instance,
    ListInformation,
    Resource,
    join_rlmi,
    parse_rlmi,
    render_resource,
    render_rlmi,
)
from sip.errors import BadRequest, EntityTooLarge
from tests.presence.documents.formats import (
    EXTENSION,
    attributes,
    check,
    extensions,
    look,
    names,
    texts,
    uris,
    values,
    versions,
)

EXAMPLE = b"""<?xml version="1.0"?>
<list xmlns="urn:ietf:params:xml:ns:rlmi" uri="sip:adam-friends@lists.vancouver.example.com" version="7"
      fullState="true">
  <name xml:lang="en">Buddy List</name>
  <name xml:lang="fr">Liste d'amis</name>
  <resource uri="sip:bob@vancouver.example.com">
    <name>Bob Smith</name>
    <instance id="juwigmtboe" state="active" cid="12345.aaa@vancouver.example.com"/>
  </resource>
  <resource uri="sip:jim@vancouver.example.com">
    <name>Jim</name>
    <instance id="oflzxqzuvg" state="terminated" reason="rejected" />
  </resource>
  <resource uri="sip:ed@vancouver.example.com">
    <name>Ed</name>
    <instance id="grqhzsppxb" state="pending"/>
  </resource>
</list>"""


def rlmi(content: str = "", start: str = 'uri="sip:l@b" version="0" fullState="true"') -> bytes:
    return f'<list xmlns="urn:ietf:params:xml:ns:rlmi" {start}>{content}</list>'.encode()


def refusal(data: bytes) -> str:
    with pytest.raises(BadRequest) as caught:
        parse_rlmi(data)
    return caught.value.reason


def test_the_example_of_the_rfc_is_read() -> None:
    assert parse_rlmi(EXAMPLE) == ListInformation(
        "sip:adam-friends@lists.vancouver.example.com",
        7,
        True,
        (Name("Buddy List", "en"), Name("Liste d'amis", "fr")),
        (
            Resource(
                "sip:bob@vancouver.example.com",
                (Name("Bob Smith"),),
                (Instance("juwigmtboe", "active", "12345.aaa@vancouver.example.com"),),
            ),
            Resource(
                "sip:jim@vancouver.example.com",
                (Name("Jim"),),
                (Instance("oflzxqzuvg", "terminated", reason="rejected"),),
            ),
            Resource("sip:ed@vancouver.example.com", (Name("Ed"),), (Instance("grqhzsppxb", "pending"),)),
        ),
    )


def test_the_whole_document_as_it_goes_out() -> None:
    bob = Resource("sip:bob@b", (Name("Bob"),), (Instance("1", "active", "c1@b"),))
    jim = Resource("sip:jim@b", (), (Instance("1", "terminated", None, "noresource"),))
    assert render_rlmi(ListInformation("sip:list@b", 3, False, (Name("Friends", "en"),), (bob, jim))) == (
        b'<?xml version="1.0" encoding="UTF-8"?>\n'
        b'<list xmlns="urn:ietf:params:xml:ns:rlmi" uri="sip:list@b" version="3" fullState="false">\n'
        b'<name xml:lang="en">Friends</name>\n'
        b'<resource uri="sip:bob@b"><name>Bob</name><instance id="1" state="active" cid="c1@b"/></resource>\n'
        b'<resource uri="sip:jim@b"><instance id="1" state="terminated" reason="noresource"/></resource>\n'
        b"</list>\n"
    )


def test_a_list_is_joined_from_resources_that_were_rendered_before() -> None:
    resources = [Resource("sip:a@b"), Resource("sip:c@d")]
    assert join_rlmi("sip:l@b", 1, True, map(render_resource, resources)) == render_rlmi(
        ListInformation("sip:l@b", 1, True, (), tuple(resources))
    )


def test_an_empty_list_is_valid(shared: Path) -> None:
    assert len(check(shared, "rlmi.xsd", join_rlmi("sip:l@b", 0, True, ()))) == 0


def test_markup_and_what_xml_cannot_hold_does_no_harm_in_names_and_uris(shared: Path) -> None:
    resource = Resource('sip:a&"<b@c', (Name('</name>&"\x00\udc80'),))
    root = check(shared, "rlmi.xsd", join_rlmi("sip:l@b", 0, True, [render_resource(resource)]))
    assert root[0].get("uri") == 'sip:a&"<b@c'
    assert root[0][0].text == '</name>&"\ufffd\ufffd'


def test_an_active_instance_without_cid_never_goes_out() -> None:
    with pytest.raises(ValueError, match="the active instance 1 of sip:a@b has no cid"):
        render_resource(Resource("sip:a@b", (), (Instance("1", "active"),)))


def test_a_terminated_instance_without_reason_never_goes_out() -> None:
    with pytest.raises(ValueError, match="the terminated instance 1 of sip:a@b has no reason"):
        render_resource(Resource("sip:a@b", (), (Instance("1", "terminated"),)))


@pytest.mark.parametrize(("written", "full"), [("true", True), ("1", True), ("false", False), ("0", False)])
def test_full_state_is_read_in_every_spelling(written: str, full: bool) -> None:
    assert parse_rlmi(rlmi(start=f'uri="sip:l@b" version="4294967295" fullState="{written}"'))[1:3] == (
        2**32 - 1,
        full,
    )


def test_the_prefix_of_the_namespace_does_not_matter() -> None:
    data = (
        b'<r:list xmlns:r="urn:ietf:params:xml:ns:rlmi" uri="a:b" version="0" fullState="0">'
        b"<r:name>N</r:name></r:list>"
    )
    assert parse_rlmi(data).names == (Name("N"),)


def test_extensions_pass_with_their_namespaces_and_content() -> None:
    data = rlmi(
        f'<resource uri="sip:a@b" x:a="q:n"><instance id="1" state="pending" x:b="2">{EXTENSION}'
        "</instance></resource>",
        'uri="sip:l@b" version="0" fullState="true" xmlns:x="urn:example:y" xmlns:q="urn:example:q" x:c="3"',
    )
    root = etree.fromstring(render_rlmi(parse_rlmi(data)))
    assert root.get("{urn:example:y}c") == "3"
    assert root[0].get("{urn:example:y}a") == "q:n"
    assert root[0].nsmap["q"] == "urn:example:q"
    assert root[0][0].get("{urn:example:y}b") == "2"
    assert look(root[0][0][0]) == look(etree.fromstring(data)[0][0][0])
    assert root[0][0][0].nsmap["q"] == "urn:example:q"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "RLMI: the body is empty or not XML"),
        (b"<!DOCTYPE list><list/>", "RLMI: a DTD is not accepted"),
        (b"<list/>", "RLMI: the root element is list, not list of urn:ietf:params:xml:ns:rlmi"),
        (rlmi(start='version="0" fullState="1"'), "RLMI: list without uri"),
        (rlmi(start='uri="a b" version="0" fullState="1"'), "RLMI: a uri is no URI"),
        (rlmi(start='uri="a:b" fullState="1"'), "RLMI: list without version"),
        (rlmi(start='uri="a:b" version="0"'), "RLMI: list without fullState"),
        (
            rlmi(start='uri="a:b" version="4294967296" fullState="1"'),
            "RLMI: version of list is '4294967296', no number up to 4294967295",
        ),
        (rlmi(start='uri="a:b" version="0" fullState="yes"'), "RLMI: fullState is neither true nor false"),
        (rlmi("<resource/>"), "RLMI: resource without uri"),
        (rlmi('<resource uri="a:b"><instance state="active"/></resource>'), "RLMI: instance without id"),
        (
            rlmi('<resource uri="a:b"><instance id="1" state="gone"/></resource>'),
            "RLMI: instance with the unknown state 'gone'",
        ),
    ],
)
def test_bad_input_is_refused_with_the_fault(data: bytes, reason: str) -> None:
    assert refusal(data) == reason


def test_entities_depth_and_size_are_refused() -> None:
    assert "DTD" in refusal(b'<!DOCTYPE l [<!ENTITY e SYSTEM "file:///etc/passwd">]><l>&e;</l>')
    assert "nested deeper" in refusal(rlmi("<a>" * 40 + "</a>" * 40))
    with pytest.raises(EntityTooLarge, match="RLMI: more than 65536 bytes"):
        parse_rlmi(rlmi(" " * 65536))


INSTANCES = st.one_of(
    st.builds(Instance, values, st.just("active"), values, st.none() | values, attributes, extensions),
    st.builds(Instance, values, st.just("pending"), st.none(), st.none() | values, attributes, extensions),
    st.builds(Instance, values, st.just("terminated"), st.none() | values, texts, attributes, extensions),
)
RESOURCES = st.builds(
    Resource,
    uris,
    st.lists(names, max_size=2).map(tuple),
    st.lists(INSTANCES, max_size=2).map(tuple),
    attributes,
)
DOCUMENTS = st.builds(
    ListInformation,
    uris,
    versions,
    st.booleans(),
    st.lists(names, max_size=2).map(tuple),
    st.lists(RESOURCES, max_size=3).map(tuple),
    st.none() | values,
    attributes,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(document=DOCUMENTS)
def test_whatever_goes_out_is_valid_and_reads_back_as_it_was(shared: Path, document: ListInformation) -> None:
    data = render_rlmi(document)
    check(shared, "rlmi.xsd", data)
    assert parse_rlmi(data) == document
