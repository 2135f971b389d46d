"""Dialog information (RFC 4235): what is published, and what subscribers get."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from presence.documents.dialog_info import (
    DIRECTIONS,
    EVENTS,
    STATES,
    Dialog,
    DialogInfo,
    changes,
    merged,
    parse_dialog_info,
    render_dialog_info,
)
from sip.errors import BadRequest, EntityTooLarge
from tests.presence.documents.formats import EXTENSION, check, escape, look, texts, uris

ALICE = "sip:alice@example.com"

# RFC 4235 §4.2; the sample has no entity.
SAMPLE = b"""<?xml version="1.0" encoding="UTF-8"?>
<dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="1" state="full">
  <dialog id="123456" call-id="a84b4c76e66710" local-tag="1928301774" direction="initiator">
    <state>confirmed</state>
    <duration>274</duration>
    <local>
      <identity display="Alice">sip:alice@example.com</identity>
      <target uri="sip:alice@pc33.example.com">
        <param pname="isfocus" pval="true"/>
        <param pname="class" pval="personal"/>
      </target>
    </local>
    <remote>
      <identity display="Bob">sip:bob@example.org</identity>
      <target uri="sip:bobster@phone21.example.org"/>
    </remote>
  </dialog>
</dialog-info>"""


def info(content: str = "", start: str = f'version="0" state="full" entity="{ALICE}"') -> bytes:
    return f'<dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" {start}>{content}</dialog-info>'.encode()


def dialog(content: str, start: str = 'id="1"') -> Dialog:
    (found,) = parse_dialog_info(info(f"<dialog {start}>{content}</dialog>")).dialogs
    return found


def simple(ident: str, state: str) -> Dialog:
    return dialog(f"<state>{state}</state>", f'id="{ident}"')


def published(full: bool, *dialogs: Dialog) -> DialogInfo:
    return DialogInfo(ALICE, 0, full, dialogs)


def refusal(data: bytes) -> str:
    with pytest.raises(BadRequest) as caught:
        parse_dialog_info(data)
    return caught.value.reason


def test_the_sample_of_the_rfc_is_read() -> None:
    document = parse_dialog_info(SAMPLE)
    assert (document.entity, document.version, document.full) == ("", 1, True)
    (found,) = document.dialogs
    assert found[:6] == ("123456", "confirmed", "a84b4c76e66710", "1928301774", None, "initiator")


def test_the_whole_document_as_it_goes_out() -> None:
    assert render_dialog_info(ALICE, 7, False, parse_dialog_info(SAMPLE).dialogs) == (
        b'<?xml version="1.0" encoding="UTF-8"?>\n'
        b'<dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="7" state="partial"'
        b' entity="sip:alice@example.com">\n'
        b'<dialog id="123456" call-id="a84b4c76e66710" local-tag="1928301774" direction="initiator">'
        b"<state>confirmed</state><duration>274</duration>"
        b'<local><identity display="Alice">sip:alice@example.com</identity>'
        b'<target uri="sip:alice@pc33.example.com"><param pname="isfocus" pval="true"/>'
        b'<param pname="class" pval="personal"/></target></local>'
        b'<remote><identity display="Bob">sip:bob@example.org</identity>'
        b'<target uri="sip:bobster@phone21.example.org"/></remote></dialog>\n'
        b"</dialog-info>\n"
    )


def test_nobody_on_the_phone_is_a_valid_document(shared: Path) -> None:
    root = check(shared, "dialog-info.xsd", render_dialog_info('sip:a&"@b', 0, True, ()))
    assert (root.get("entity"), len(root)) == ('sip:a&"@b', 0)


def test_a_prefixed_document_comes_out_with_the_default_namespace() -> None:
    data = (
        b'<d:dialog-info xmlns:d="urn:ietf:params:xml:ns:dialog-info" version="0" state="full" entity="a:b">'
        b'<d:dialog id="1"><d:state>early</d:state></d:dialog></d:dialog-info>'
    )
    assert [found.xml for found in parse_dialog_info(data).dialogs] == [
        b'<dialog id="1"><state>early</state></dialog>'
    ]


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        ("", ("", 0, True)),
        ('notify-state="partial"', ("", 0, False)),
        ('version="3" state="partial" entity="sip:a@b"', ("sip:a@b", 3, False)),
    ],
)
def test_what_samples_leave_out_has_a_default(start: str, expected: tuple[str, int, bool]) -> None:
    assert parse_dialog_info(info("", start))[:3] == expected


def test_children_come_out_in_the_order_of_the_schema() -> None:
    found = dialog("<remote/><duration>3</duration>oops<state>early</state><unknown/><state>trying</state>")
    assert found.xml == b'<dialog id="1"><state>early</state><duration>3</duration><remote/></dialog>'


@pytest.mark.parametrize(
    "fault",
    [
        "<duration>soon</duration>",
        '<replaces call-id="1" local-tag="2"/>',
        "<referred-by>not a uri</referred-by>",
        "<route-set/>",
        "<route-set><hip>a</hip></route-set>",
    ],
)
def test_a_value_that_is_none_is_left_out(fault: str) -> None:
    assert dialog(f"<state>early</state>{fault}").xml == b'<dialog id="1"><state>early</state></dialog>'


@pytest.mark.parametrize(
    "fault",
    [
        "<identity>&lt;sip:a@b&gt; x</identity>",
        "<target><param pname='a' pval='b'/></target>",
        "<session-description>v=0</session-description>",
        "<cseq>-1</cseq>",
    ],
)
def test_a_value_of_a_participant_that_is_none_is_left_out(fault: str) -> None:
    found = dialog(f"<state>early</state><local>{fault}</local>")
    assert found.xml == b'<dialog id="1"><state>early</state><local/></dialog>'


def test_attributes_that_the_schema_would_refuse_are_left_out() -> None:
    found = dialog('<state event="boredom" code="99" x="1">Early </state>', 'id="1" direction="up" y="2"')
    assert found.xml == b'<dialog id="1"><state>early</state></dialog>'
    assert (found.state, found.direction) == ("early", None)


def test_how_a_dialog_ended_is_kept() -> None:
    assert dialog('<state event="rejected" code="486">terminated</state>').xml == (
        b'<dialog id="1"><state event="rejected" code="486">terminated</state></dialog>'
    )


def test_extensions_pass_with_their_namespaces_and_content(shared: Path) -> None:
    data = info(
        f'<dialog id="1"><state>early</state><local>{EXTENSION}</local>{EXTENSION}</dialog>{EXTENSION}'
    )
    document = parse_dialog_info(data)
    out = render_dialog_info(ALICE, 0, True, document.dialogs, document.extensions)
    root = check(shared, "dialog-info.xsd", out)
    expected = look(etree.fromstring(data)[1])
    found = [root[0][1][0], root[0][2], root[1]]
    assert [look(element) for element in found] == [expected] * 3
    assert found[0].nsmap["q"] == "urn:example:q"


def test_the_last_of_several_dialogs_with_one_id_counts() -> None:
    data = info(
        '<dialog id="1"><state>early</state></dialog><dialog id="1"><state>confirmed</state></dialog>'
    )
    assert [found.state for found in parse_dialog_info(data).dialogs] == ["confirmed"]


def test_a_dialog_under_another_id_is_the_same_otherwise() -> None:
    assert simple("1", "early").renamed('2"').xml == b'<dialog id="2&quot;"><state>early</state></dialog>'


def test_the_end_of_a_dialog_keeps_what_identifies_it() -> None:
    (found,) = parse_dialog_info(SAMPLE).dialogs
    assert found.ended("timeout").xml == (
        b'<dialog id="123456" call-id="a84b4c76e66710" local-tag="1928301774" direction="initiator">'
        b'<state event="timeout">terminated</state></dialog>'
    )
    assert found.ended().state == "terminated"


def test_full_state_replaces_the_table() -> None:
    held = {"1": simple("1", "early"), "2": simple("2", "early")}
    assert list(merged(held, published(True, simple("3", "trying")))) == ["3"]


def test_partial_state_updates_the_table() -> None:
    held = {"1": simple("1", "early"), "2": simple("2", "early")}
    table = merged(held, published(False, simple("2", "confirmed"), simple("3", "trying")))
    assert [(key, found.state) for key, found in table.items()] == [
        ("1", "early"),
        ("2", "confirmed"),
        ("3", "trying"),
    ]


def test_a_dialog_that_has_ended_is_in_the_table_until_the_next_document() -> None:
    table = merged({"1": simple("1", "confirmed")}, published(False, simple("1", "terminated")))
    assert [found.state for found in table.values()] == ["terminated"]
    assert merged(table, published(False)) == {}


def test_a_partial_notification_has_what_is_new_different_or_gone() -> None:
    same, gone = simple("same", "early"), simple("gone", "early")
    before = {"same": same, "changed": simple("changed", "early"), "gone": gone}
    after = {"same": same, "changed": simple("changed", "confirmed"), "new": simple("new", "trying")}
    assert changes(before, after) == (after["changed"], after["new"], gone.ended())
    assert changes(after, after) == ()


def test_a_dialog_whose_end_was_told_does_not_end_again() -> None:
    assert changes({"1": simple("1", "terminated")}, {}) == ()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "dialog-info: the body is empty or not XML"),
        (b"<!DOCTYPE a><a/>", "dialog-info: a DTD is not accepted"),
        (
            b"<dialog-info/>",
            "dialog-info: the root element is dialog-info, not dialog-info of"
            " urn:ietf:params:xml:ns:dialog-info",
        ),
        (info(start='state="half"'), "dialog-info: dialog-info with the unknown state 'half'"),
        (
            info(start='version="one"'),
            "dialog-info: version of dialog-info is 'one', no number up to 4294967295",
        ),
        (info("<dialog><state>early</state></dialog>"), "dialog-info: dialog without id"),
        (info('<dialog id="1"/>'), "dialog-info: dialog '1' without state"),
        (info('<dialog id="1"><local/></dialog>'), "dialog-info: dialog '1' without state"),
        (
            info('<dialog id="1"><state>bored</state></dialog>'),
            "dialog-info: 'bored' is no state of a dialog",
        ),
        (info("<a>" * 40 + "</a>" * 40), "dialog-info: nested deeper than 32 elements"),
    ],
)
def test_bad_input_is_refused_with_the_fault(data: bytes, reason: str) -> None:
    assert refusal(data) == reason


def test_a_document_over_the_size_limit_is_413() -> None:
    with pytest.raises(EntityTooLarge, match="dialog-info: more than 65536 bytes"):
        parse_dialog_info(info(" " * 65536))


ODD = st.sampled_from(["", "?", "-1", "274", "sip:a@b", " x ", "&amp;&quot;&lt;&#10;"])
ADDRESSES = uris.map(escape) | st.sampled_from(["", ":", "a b", "sip:a%", "sip:a%41", "tel:+1", "a#b"])
SIDES = st.sampled_from(["local", "remote"])
DESCRIPTION = "<session-description type='{1}'>{1}</session-description>"
PARTS = st.one_of(
    st.builds("<state event='{}' code='{}'>early</state>".format, st.sampled_from([*EVENTS, "x"]), ODD),
    st.builds("<duration>{}</duration>".format, ODD),
    st.builds("<replaces call-id='{}' local-tag='{}' remote-tag='{}'>x</replaces>".format, ODD, ODD, ODD),
    st.builds("<referred-by display='{}'>{}</referred-by>".format, ODD, ADDRESSES),
    st.builds("<route-set>{}<hop>{}</hop></route-set>".format, ODD, ODD),
    st.builds(
        "<{0}><cseq>{1}</cseq><target uri='{2}'><param pname='{1}' pval=''/>x</target></{0}>".format,
        SIDES,
        ODD,
        ODD,
    ),
    st.builds(
        f"<{{0}}><identity display='{{1}}'>{{2}}</identity>{DESCRIPTION}</{{0}}>".format,
        SIDES,
        ODD,
        ADDRESSES,
    ),
    st.sampled_from([EXTENSION, "<unknown/>", "text", "<state>early</state>", "<target uri='a'/>"]),
)
DIALOGS = st.builds(
    "<dialog id='{}' call-id='{}' direction='{}'>{}<state>{}</state></dialog>".format,
    texts.map(escape),
    ODD,
    st.sampled_from([*DIRECTIONS, "x"]),
    st.lists(PARTS, max_size=5).map("".join),
    st.sampled_from(STATES),
)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.lists(DIALOGS, max_size=3).map("".join))
def test_whatever_comes_in_goes_out_valid_and_reads_back_as_it_was(shared: Path, content: str) -> None:
    document = parse_dialog_info(info(content))
    data = render_dialog_info(ALICE, 0, True, document.dialogs, document.extensions)
    check(shared, "dialog-info.xsd", data)
    assert parse_dialog_info(data) == document
