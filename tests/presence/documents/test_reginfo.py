"""Registration information (RFC 3680)."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from presence.documents.common import Name
from presence.documents.reginfo import (
    CONTACT_STATES,
    EVENTS,
    STATES,
    Contact,
    RegInfo,
    Registration,
    parse_reginfo,
    render_reginfo,
)
from sip.errors import BadRequest, EntityTooLarge
from tests.presence.documents.formats import (
    EXTENSION,
    check,
    extensions,
    look,
    names,
    seconds,
    texts,
    uris,
    values,
    versions,
)

EXAMPLE = b"""<?xml version="1.0"?>
<reginfo xmlns="urn:ietf:params:xml:ns:reginfo" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
         version="0" state="full">
  <registration aor="sip:user@example.com" id="as9" state="active">
    <contact id="76" state="active" event="registered" duration-registered="7322" q="0.8">
      <uri>sip:user@pc887.example.com</uri>
    </contact>
    <contact id="77" state="terminated" event="expired" duration-registered="3600" q="0.5">
      <uri>sip:user@university.edu</uri>
    </contact>
  </registration>
</reginfo>"""


def reginfo(content: str = "", start: str = 'version="0" state="full"') -> bytes:
    return f'<reginfo xmlns="urn:ietf:params:xml:ns:reginfo" {start}>{content}</reginfo>'.encode()


def contact(
    content: str = "<uri>sip:a@c</uri>", start: str = 'id="1" state="active" event="created"'
) -> bytes:
    inner = f"<contact {start}>{content}</contact>"
    return reginfo(f'<registration aor="sip:a@b" id="r" state="active">{inner}</registration>')


def test_the_example_of_the_rfc_is_read() -> None:
    assert parse_reginfo(EXAMPLE) == RegInfo(
        0,
        True,
        (
            Registration(
                "sip:user@example.com",
                "as9",
                "active",
                (
                    Contact(
                        "76",
                        "active",
                        "registered",
                        "sip:user@pc887.example.com",
                        duration_registered=7322,
                        q=800,
                    ),
                    Contact(
                        "77",
                        "terminated",
                        "expired",
                        "sip:user@university.edu",
                        duration_registered=3600,
                        q=500,
                    ),
                ),
            ),
        ),
    )


def test_the_whole_document_as_it_goes_out(shared: Path) -> None:
    bound = Contact(
        "c1",
        "active",
        "shortened",
        "sip:a@192.0.2.1;x=1&y",
        Name("Alice", "en"),
        (("+sip.instance", '"<urn:uuid:1>"'), ("mobility", "fixed"), ("audio", "")),
        expires=60,
        duration_registered=5,
        q=250,
        call_id="1@h",
        cseq=4,
    )
    data = render_reginfo(RegInfo(2, False, (Registration("sip:a@b", "r1", "active", (bound,)),)))
    check(shared, "reginfo.xsd", data)
    assert data == (
        b'<?xml version="1.0" encoding="UTF-8"?>\n'
        b'<reginfo xmlns="urn:ietf:params:xml:ns:reginfo" version="2" state="partial">\n'
        b'<registration aor="sip:a@b" id="r1" state="active">\n'
        b'<contact id="c1" state="active" event="shortened" duration-registered="5" expires="60" q="0.25"'
        b' callid="1@h" cseq="4"><uri>sip:a@192.0.2.1;x=1&amp;y</uri>'
        b'<display-name xml:lang="en">Alice</display-name>'
        b'<unknown-param name="+sip.instance">&quot;&lt;urn:uuid:1&gt;&quot;</unknown-param>'
        b'<unknown-param name="mobility">fixed</unknown-param><unknown-param name="audio"></unknown-param>'
        b"</contact>\n"
        b"</registration>\n"
        b"</reginfo>\n"
    )


def test_a_registration_without_contacts_is_valid(shared: Path) -> None:
    data = render_reginfo(RegInfo(0, True, (Registration("sip:a@b", "r", "init"),)))
    check(shared, "reginfo.xsd", data)


@pytest.mark.parametrize(
    ("written", "q"),
    [("1", 1000), ("1.0", 1000), ("0", 0), ("0.05", 50), ("0.125", 125), ("2", None), ("", None)],
)
def test_q_is_read_in_thousandths_and_anything_else_overlooked(written: str, q: int | None) -> None:
    data = contact(start=f'id="1" state="active" event="created" q="{written}"')
    assert parse_reginfo(data).registrations[0].contacts[0].q == q


def test_a_shortened_contact_without_expires_never_goes_out() -> None:
    bad = Registration("sip:a@b", "r", "active", (Contact("1", "active", "shortened", "sip:a@c"),))
    with pytest.raises(ValueError, match="the shortened contact 1 has no expires"):
        render_reginfo(RegInfo(0, True, (bad,)))


def test_a_contact_in_probation_without_retry_after_never_goes_out() -> None:
    bad = Registration("sip:a@b", "r", "active", (Contact("1", "terminated", "probation", "sip:a@c"),))
    with pytest.raises(ValueError, match="the contact 1 in probation has no retry-after"):
        render_reginfo(RegInfo(0, True, (bad,)))


def test_extensions_pass_with_their_namespaces_and_content() -> None:
    inner = f'<contact id="1" state="active" event="created"><uri>sip:a@c</uri>{EXTENSION}</contact>'
    data = reginfo(
        f'<registration aor="sip:a@b" id="r" state="active">{inner}{EXTENSION}</registration>{EXTENSION}'
    )
    root = etree.fromstring(render_reginfo(parse_reginfo(data)))
    expected = look(etree.fromstring(data)[1])
    assert [look(element) for element in (root[0][0][1], root[0][1], root[1])] == [expected] * 3


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "reginfo: the body is empty or not XML"),
        (b"<!DOCTYPE a><a/>", "reginfo: a DTD is not accepted"),
        (
            b"<reginfo/>",
            "reginfo: the root element is reginfo, not reginfo of urn:ietf:params:xml:ns:reginfo",
        ),
        (reginfo(start='state="full"'), "reginfo: reginfo without version"),
        (reginfo(start='version="0" state="?"'), "reginfo: reginfo with the unknown state '?'"),
        (reginfo('<registration id="r" state="init"/>'), "reginfo: registration without aor"),
        (reginfo('<registration aor=" " id="r" state="init"/>'), "reginfo: aor '' is no URI"),
        (reginfo('<registration aor="a:b" state="init"/>'), "reginfo: registration without id"),
        (
            reginfo('<registration aor="a:b" id="r" state="on"/>'),
            "reginfo: registration with the unknown state 'on'",
        ),
        (contact(""), "reginfo: contact without uri"),
        (contact("<uri>a b</uri>"), "reginfo: uri of a contact 'a b' is no URI"),
        (contact(start='state="active" event="created"'), "reginfo: contact without id"),
        (
            contact(start='id="1" state="init" event="created"'),
            "reginfo: contact with the unknown state 'init'",
        ),
        (contact(start='id="1" state="active" event="x"'), "reginfo: contact with the unknown event 'x'"),
        (
            contact(start='id="1" state="active" event="created" expires="never"'),
            "reginfo: expires of contact is 'never', no number up to 18446744073709551615",
        ),
        (contact("<uri>a:b</uri><unknown-param/>"), "reginfo: unknown-param without name"),
        (reginfo("<a>" * 40 + "</a>" * 40), "reginfo: nested deeper than 32 elements"),
    ],
)
def test_bad_input_is_refused_with_the_fault(data: bytes, reason: str) -> None:
    with pytest.raises(BadRequest) as caught:
        parse_reginfo(data)
    assert caught.value.reason == reason


def test_a_document_over_the_size_limit_is_413() -> None:
    with pytest.raises(EntityTooLarge, match="reginfo: more than 65536 bytes"):
        parse_reginfo(reginfo(" " * 65536))


NUMBERS = st.integers(0, 2**64 - 1)
CONTACTS = st.builds(
    Contact,
    id=values,
    state=st.sampled_from(CONTACT_STATES),
    event=st.sampled_from(EVENTS),
    uri=uris,
    display_name=st.none() | names,
    unknown_params=st.lists(st.tuples(values, texts | st.just("")), max_size=2).map(tuple),
    expires=NUMBERS,
    retry_after=NUMBERS,
    duration_registered=seconds,
    q=st.none() | st.integers(0, 1000),
    call_id=st.none() | values,
    cseq=seconds,
    extensions=extensions,
)
REGISTRATIONS = st.builds(
    Registration, uris, values, st.sampled_from(STATES), st.lists(CONTACTS, max_size=2).map(tuple), extensions
)
DOCUMENTS = st.builds(
    RegInfo, versions, st.booleans(), st.lists(REGISTRATIONS, max_size=2).map(tuple), extensions
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(document=DOCUMENTS)
def test_whatever_goes_out_is_valid_and_reads_back_as_it_was(shared: Path, document: RegInfo) -> None:
    data = render_reginfo(document)
    check(shared, "reginfo.xsd", data)
    assert parse_reginfo(data) == document
