"""A refusal from bytes says what one from the parsed request would, or leaves the request to the parser."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip.errors import SipError
from sip.message import Request, Response, parse
from sip.refusal import PlainRequest, read_plain
from tests.sip.flows import FakeFlow, wire
from tests.sip.house import House
from tests.sip.test_core import INVITE, OPTIONS, REGISTER

HEADERS = (("Retry-After", "7"),)
PEER = FakeFlow()


def plain(text: str) -> PlainRequest:
    """What is read of `text` at a glance."""
    found = read_plain(wire(text))
    assert found is not None
    return found


def at_a_glance(data: bytes, flow: FakeFlow) -> bytes | None:
    """The refusal made from bytes; None if the request has to be parsed."""
    found = read_plain(data)
    host, port = flow.remote
    if found is None or not found.answers_to(host, port, flow.reliable):
        return None
    return found.refusal("SIP/2.0 503 Busy", "t1", "\r\nRetry-After: 7", host, port)


def thorough(data: bytes, flow: FakeFlow) -> bytes:
    """The refusal made from the parsed request."""
    request = parse(data)
    assert isinstance(request, Request)
    answers = House().core.note_source(request, request.via, flow)
    assert answers is flow
    return Response.answering(request, 503, "Busy", to_tag="t1", headers=HEADERS).render()


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(REGISTER, id="sent-by is the source"),
        pytest.param(REGISTER.replace("7:5060;", "7;"), id="without its port"),
        pytest.param(OPTIONS.replace("198.51.100.9:5060;", "10.0.0.5:5062;rport;"), id="asks for the port"),
        pytest.param(REGISTER.replace("bKreg1", "bKrport"), id="a branch that says rport"),
        pytest.param(INVITE.replace("=z9hG4bKinv1", "=z9hG4bKinv1;rport"), id="asks for it at the end"),
        pytest.param(
            REGISTER.replace(
                "    Max", "    Via: SIP/2.0/TCP 10.0.0.1;branch=z9hG4bK2, SIP/2.0/UDP x\n    Max", 1
            ),
            id="came by proxies",
        ),
        pytest.param(REGISTER.replace("To: <", "To: Älice <"), id="a name that is no ASCII"),
        pytest.param(REGISTER.replace("To: <", 'To: "Alice, B." <'), id="a quoted name"),
        pytest.param(REGISTER.replace("Expires: 600", "Supported:"), id="an empty header field"),
        pytest.param(
            REGISTER.replace("To: <sip:alice@example.com>", "To: sip:alice@example.com"), id="bare URI"
        ),
        pytest.param(
            REGISTER.replace("To: <", "To: Alice B. <").replace(">\n", ">;a=b\n"), id="name and parameter"
        ),
        pytest.param(
            REGISTER.replace("CSeq: 1 REGISTER", "X-More: To: you\n    CSeq: 1 REGISTER"), id="unknown header"
        ),
    ],
)
def test_it_says_what_the_parsed_request_would_be_told(text: str):
    answer = at_a_glance(wire(text), PEER)
    assert answer is not None
    assert answer == thorough(wire(text), PEER)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(REGISTER.replace("REGISTER", "BYE"), id="a method that ends something"),
        pytest.param(REGISTER.replace("REGISTER", "Register"), id="a method nobody knows"),
        pytest.param(
            INVITE.replace("To: <sip:alice@example.com>", "To: <sip:alice@example.com>;tag=9"), id="a dialog"
        ),
        pytest.param(
            INVITE.replace("To: <sip:alice@example.com>", "To: <sip:alice@example.com>;Tag=9"),
            id="in capitals",
        ),
        pytest.param(
            INVITE.replace("To: <sip:alice@example.com>", "To: <sip:alice@example.com> ; tag = 9"),
            id="with blanks",
        ),
        pytest.param(REGISTER.replace("Expires", "sip-if-match"), id="a publication that is there"),
        pytest.param(
            REGISTER.replace("Via:", "v:")
            .replace("From:", "f:")
            .replace("To:", "t:")
            .replace("Call-ID", "i"),
            id="compact forms",
        ),
        pytest.param(REGISTER.replace("To:", "TO:").replace("Call-ID", "Call-Id"), id="unusual case"),
        pytest.param(
            REGISTER.replace("    Max", "    v: SIP/2.0/UDP x\n    Max", 1), id="a compact Via below"
        ),
        pytest.param(REGISTER.replace("To: <", "To: "), id="a bracket that does not open"),
        pytest.param(REGISTER.replace("To: <", 'To: "Alice <'), id="a quote that does not close"),
        pytest.param(REGISTER.replace("To: <sip", "To : <sip"), id="a space before the colon"),
        pytest.param(REGISTER.replace("To: <sip", "To:<sip"), id="none after it"),
        pytest.param(REGISTER.replace("Call-ID: ", "Call-ID:\n      "), id="a folded line"),
        pytest.param(
            REGISTER.replace("    CSeq", "    To: <sip:bob@example.com>\n    CSeq"), id="two of a kind"
        ),
        pytest.param(REGISTER.replace("CSeq: 1 REGISTER", "CSeq: 1 PUBLISH"), id="CSeq of another method"),
        pytest.param(REGISTER.replace("CSeq: 1 REGISTER", "CSeq: x"), id="no CSeq"),
        pytest.param(REGISTER.replace("z9hG4bK", ""), id="RFC 2543"),
        pytest.param(REGISTER.replace("z9hG4bKreg1", "z9hG4bK"), id="an empty branch"),
        pytest.param(
            REGISTER.replace("=z9hG4bKreg1", "=z9hG4bKreg1, SIP/2.0/UDP x"), id="two values in a Via"
        ),
        pytest.param(
            REGISTER.replace("=z9hG4bKreg1", "=z9hG4bKreg1;received=10.0.0.1"), id="a claimed source"
        ),
        pytest.param(
            REGISTER.replace("=z9hG4bKreg1", "=z9hG4bKreg1;rport;Received=10.0.0.1"), id="one in capitals"
        ),
        pytest.param(REGISTER.replace("=z9hG4bKreg1", "=z9hG4bKreg1;maddr=10.0.0.1"), id="maddr"),
        pytest.param(REGISTER.replace("=z9hG4bKreg1", "=z9hG4bKreg1;RPort"), id="rport in capitals"),
        pytest.param(REGISTER.replace("=z9hG4bKreg1", "=z9hG4bKreg1;rport=5060"), id="a claimed port"),
        pytest.param(REGISTER.replace("=z9hG4bKreg1", "=z9hG4bKreg1;rport;rport"), id="rport twice"),
        pytest.param(REGISTER.replace(":5060;", ":65536;"), id="no port"),
        pytest.param(REGISTER.replace(" SIP/2.0\n", " SIP/3.0\n", 1), id="another version"),
        pytest.param("SIP/2.0 200 OK\nVia: SIP/2.0/UDP 192.0.2.7;branch=z9hG4bK1", id="a response"),
    ],
)
def test_what_is_anything_else_is_left_to_the_parser(text: str):
    assert read_plain(wire(text)) is None


@pytest.mark.parametrize("trick", [b"\0", b"\n", b"\r", b"\r\n\t"])
def test_what_could_smuggle_a_line_is_left_to_the_parser(trick: bytes):
    data = wire(REGISTER)
    assert read_plain(data) is not None
    assert read_plain(data.replace(b"register1", b"reg" + trick + b"ister1")) is None


def test_the_answer_goes_elsewhere_if_the_sent_by_says_so():
    found = plain(REGISTER)
    assert found.answers_to("192.0.2.7", 5060, reliable=False)
    assert not found.answers_to("192.0.2.7", 5061, reliable=False)
    assert found.answers_to("192.0.2.7", 5061, reliable=True)
    assert not found.answers_to("192.0.2.8", 5060, reliable=True)


def test_a_transaction_has_the_name_that_matching_gives_it():
    house = House()
    house.receive(INVITE)
    found = plain(INVITE)
    assert house.layer.knows_branch(found.branch, found.host, found.port, found.method)
    assert not house.layer.knows_branch(found.branch, found.host, found.port, "REGISTER")


def test_requests_of_real_clients_are_told_the_same(shared: Path):
    """Over all captures: most are read at a glance, and none is answered otherwise than thoroughly."""
    tried = read = 0
    for file in sorted((shared / "captures").glob("*.sip")):
        data = file.read_bytes()
        try:
            request = parse(data)
        except SipError:
            continue
        if not isinstance(request, Request) or request.to.tag is not None or "SIP-If-Match" in request:
            assert read_plain(data) is None
            continue
        via = request.via
        flow = FakeFlow(via.transport, via.host, via.port or 5060)
        tried += 1
        answer = at_a_glance(data, flow)
        if answer is not None:
            read += 1
            assert answer == thorough(data, flow), file.name
    assert tried > 50
    assert read > 0.9 * tried


@given(
    st.sampled_from([REGISTER, INVITE, OPTIONS]),
    st.lists(
        st.tuples(
            st.integers(0, 400),
            st.sampled_from([b"", b";", b",", b'"', b"<", b">", b":", b" ", b"\r\n", b"To: x", b"tag="]),
        ),
        max_size=3,
    ),
)
def test_whatever_it_answers_at_a_glance_it_answers_as_it_would_thoroughly(
    text: str, changes: list[tuple[int, bytes]]
):
    data = wire(text)
    for at, what in changes:
        data = data[:at] + what + data[at + len(what) :]
    answer = at_a_glance(data, PEER)
    if answer is None:
        return
    assert answer.startswith(b"SIP/2.0 503 Busy\r\nVia: SIP/2.0/UDP ")
    assert answer.endswith(b"\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n")
    try:
        request = parse(data)
        assert request.to
    except SipError:
        # A fault that would have been told instead, if there were the time to look for it.
        return
    assert answer == thorough(data, PEER)
