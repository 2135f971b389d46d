"""Messages: reading and editing header fields, answering, rendering."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sip.errors import BadRequest, ParseError, SipError
from sip.headers import Contact, Event, MediaType, Via
from sip.message import Message, Request, Response, check_request, check_response, parse
from sip.uri import Uri, parse_uri

PUBLISH = (
    b"PUBLISH sip:alice@example.com SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP 192.0.2.1:5062;branch=z9hG4bK1, SIP/2.0/TCP b.example.com;branch=z9hG4bK2\r\n"
    b"v: SIP/2.0/TLS c.example.com;branch=z9hG4bK3\r\n"
    b"From: <sip:alice@example.com>;tag=f1\r\n"
    b'To: "Alice" <sip:alice@example.com>\r\n'
    b"Call-ID: c1@192.0.2.1\r\n"
    b"CSeq: 7 PUBLISH\r\n"
    b"Max-Forwards: 70\r\n"
    b"o: presence\r\n"
    b"Expires: 600\r\n"
    b"Content-Type: application/pidf+xml\r\n"
    b"Timestamp: 54\r\n"
    b"Content-Length: 4\r\n"
    b"\r\n"
    b"body"
)


@pytest.fixture
def publish() -> Request:
    message = parse(PUBLISH)
    assert isinstance(message, Request)
    return message


def without(name: bytes) -> bytes:
    return b"\r\n".join(line for line in PUBLISH.split(b"\r\n") if not line.startswith(name + b":"))


def request(data: bytes) -> Request:
    message = parse(data)
    assert isinstance(message, Request)
    return message


# -- reading -------------------------------------------------------------------------------------------


def test_typed_values(publish: Request) -> None:
    assert publish.method == "PUBLISH"
    assert publish.uri == Uri(user="alice", host="example.com")
    assert [via.branch for via in publish.vias] == ["z9hG4bK1", "z9hG4bK2", "z9hG4bK3"]
    assert publish.via == publish.vias[0]
    assert (publish.from_.tag, publish.to.display, publish.to.tag) == ("f1", "Alice", None)
    assert (publish.call_id, publish.cseq.number, publish.cseq.method) == ("c1@192.0.2.1", 7, "PUBLISH")
    assert (publish.expires, publish.max_forwards) == (600, 70)
    assert publish.event == Event("presence")
    assert publish.content_type == MediaType("application", "pidf+xml")
    assert (publish.contacts, publish.contact_star, publish.routes, publish.record_routes) == (
        [],
        False,
        [],
        [],
    )


def test_names_are_taken_in_any_form(publish: Request) -> None:
    assert publish.get("call-id") == publish.get("i") == publish.get("CALL-ID") == "c1@192.0.2.1"
    assert "EVENT" in publish
    assert "Contact" not in publish
    assert publish.get("Contact") is None


def test_lines_and_values_differ(publish: Request) -> None:
    assert len(publish.get_all("Via")) == 2
    assert len(publish.values("Via")) == 3


def test_contact_star() -> None:
    message = Request("REGISTER", "sip:example.com", [("Contact", "*"), ("Expires", "0")])
    assert message.contact_star
    assert message.contacts == []


def test_contact_star_stands_alone() -> None:
    message = Request("REGISTER", "sip:example.com", [("Contact", "*"), ("Contact", "<sip:a@b>")])
    with pytest.raises(BadRequest, match="Contact"):
        _ = message.contacts


def test_absent_optional_values_are_none() -> None:
    message = Request("OPTIONS", "sip:example.com")
    assert (message.expires, message.max_forwards, message.event, message.content_type) == (None,) * 4


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("Via", lambda m: m.via),
        ("Via", lambda m: m.vias),
        ("From", lambda m: m.from_),
        ("To", lambda m: m.to),
        ("Call-ID", lambda m: m.call_id),
        ("CSeq", lambda m: m.cseq),
    ],
)
def test_a_missing_mandatory_value_is_named(name: str, read: Callable[[Message], object]) -> None:
    with pytest.raises(BadRequest) as refused:
        read(Request("OPTIONS", "sip:example.com"))
    assert refused.value.reason == f"Missing {name} header field"


@pytest.mark.parametrize(
    ("name", "value", "read"),
    [
        ("Expires", "soon", lambda m: m.expires),
        ("Max-Forwards", "-1", lambda m: m.max_forwards),
        ("Content-Type", "x", lambda m: m.content_type),
        ("Event", "", lambda m: m.event),
        ("Contact", "<sip:a", lambda m: m.contacts),
        ("Contact", '"a, <sip:a>', lambda m: m.contacts),
        ("Route", "<sip:a> x", lambda m: m.routes),
    ],
)
def test_a_malformed_value_is_named(name: str, value: str, read: Callable[[Message], object]) -> None:
    with pytest.raises(BadRequest, match=f"Malformed {name} header field"):
        read(Request("OPTIONS", "sip:example.com", [(name, value)]))


# -- editing -------------------------------------------------------------------------------------------


def test_set_replaces_all_of_a_name_in_place(publish: Request) -> None:
    publish.set("via", "SIP/2.0/UDP x;branch=z9hG4bK9")
    assert publish.get_all("Via") == ["SIP/2.0/UDP x;branch=z9hG4bK9"]
    assert [name for name, _ in publish.items()][:2] == ["Via", "From"]


def test_add_appends_and_prepend_puts_before(publish: Request) -> None:
    publish.add("Route", "<sip:two>")
    publish.prepend("Route", "<sip:one>")
    publish.prepend("Record-Route", "<sip:here;lr>")
    assert [route.uri_text for route in publish.routes] == ["sip:one", "sip:two"]
    assert next(publish.items()) == ("Record-Route", "<sip:here;lr>")


def test_remove_first_takes_one_value_at_a_time(publish: Request) -> None:
    left = []
    while "Via" in publish:
        left.append(publish.via.branch)
        publish.remove_first("Via")
    assert left == ["z9hG4bK1", "z9hG4bK2", "z9hG4bK3"]
    publish.remove_first("Via")


def test_remove_takes_all(publish: Request) -> None:
    publish.remove("v")
    assert "Via" not in publish
    assert publish.get_all("Via") == []


def test_typed_values_follow_every_change(publish: Request) -> None:
    assert publish.via.branch == publish.vias[0].branch == "z9hG4bK1"
    publish.prepend("Via", "SIP/2.0/UDP x;branch=z9hG4bK0")
    assert publish.via.branch == publish.vias[0].branch == "z9hG4bK0"
    publish.remove_first("Via")
    assert publish.via.branch == "z9hG4bK1"
    assert publish.contacts == []
    publish.add("m", "<sip:a@b>")
    assert publish.contacts == [Contact(None, "sip:a@b")]
    publish.remove("Contact")
    assert publish.contacts == []
    assert publish.cseq.number == 7
    publish.set("CSeq", "8 PUBLISH")
    assert publish.cseq.number == 8


def test_a_copy_is_independent(publish: Request) -> None:
    twin = publish.copy()
    twin.add("Via", "SIP/2.0/UDP y")
    twin.set("Expires", "1")
    twin.retarget(parse_uri("sip:bob@example.com"))
    twin.body = b""
    assert publish == parse(PUBLISH)
    assert twin != publish
    assert Response.answering(publish, 200).copy() == Response.answering(publish, 200)


@pytest.mark.parametrize("value", ["a\r\nEvil: x", "a\nb", "a\rb", "a\0b", "lone \ud800 surrogate"])
def test_no_value_can_smuggle_a_header_field(publish: Request, value: str) -> None:
    before = publish.render()
    for change in (publish.set, publish.add, publish.prepend):
        with pytest.raises(ValueError, match=r"CR, LF or NUL|surrogates"):
            change("Subject", value)
        with pytest.raises(ValueError, match="token"):
            change("Sub:ject\r\n", "x")
    with pytest.raises(ValueError, match=r"CR, LF or NUL|surrogates"):
        Response.answering(publish, 200, headers=[("Subject", value)])
    assert publish.render() == before


@pytest.mark.parametrize("uri", ["sip:a b@c", "sip:a@b\r\nX: y", "", "sip:\ud800@b"])
def test_no_request_uri_can_break_the_line(uri: str) -> None:
    with pytest.raises(ValueError, match=r"Request-URI|surrogates"):
        Request("OPTIONS", uri)


def test_a_method_is_a_token() -> None:
    with pytest.raises(ValueError, match="method"):
        Request("OPT IONS", "sip:a@b")


# -- responses -----------------------------------------------------------------------------------------


def test_an_answer_copies_what_section_8_2_6_says(publish: Request) -> None:
    answer = Response.answering(publish, 200, to_tag="t1", headers=[("SIP-ETag", "e1")], body=b"x")
    assert answer.render() == (
        b"SIP/2.0 200 OK\r\n"
        b"Via: SIP/2.0/UDP 192.0.2.1:5062;branch=z9hG4bK1, SIP/2.0/TCP b.example.com;branch=z9hG4bK2\r\n"
        b"Via: SIP/2.0/TLS c.example.com;branch=z9hG4bK3\r\n"
        b"From: <sip:alice@example.com>;tag=f1\r\n"
        b'To: "Alice" <sip:alice@example.com>;tag=t1\r\n'
        b"Call-ID: c1@192.0.2.1\r\n"
        b"CSeq: 7 PUBLISH\r\n"
        b"SIP-ETag: e1\r\n"
        b"Content-Length: 1\r\n"
        b"\r\n"
        b"x"
    )
    assert answer.to.tag == "t1"


def test_trying_has_the_timestamp_and_no_new_tag(publish: Request) -> None:
    answer = Response.answering(publish, 100, to_tag="t1")
    assert answer.get("Timestamp") == "54"
    assert answer.to.tag is None
    assert "Timestamp" not in Response.answering(publish, 200)


def test_a_tag_that_is_there_stays(publish: Request) -> None:
    publish.set("To", "sip:alice@example.com;tag=theirs")
    assert Response.answering(publish, 200, to_tag="ours").to.tag == "theirs"


def test_a_tag_is_added_to_an_address_without_brackets(publish: Request) -> None:
    publish.set("To", "sip:alice@example.com")
    assert Response.answering(publish, 200, to_tag="ours").to.tag == "ours"


def test_a_malformed_to_goes_back_as_it_came(publish: Request) -> None:
    publish.set("To", '"Alice <sip:alice@example.com>')
    assert Response.answering(publish, 400, to_tag="ours").get("To") == '"Alice <sip:alice@example.com>'


def test_a_reason_phrase_cannot_break_the_status_line() -> None:
    response = Response(400, "Bad\r\nX: y\0 \ud800")
    assert response.render().startswith(b"SIP/2.0 400 Bad  X: y\r\nContent-Length: 0\r\n")


@pytest.mark.parametrize("status", [0, 99, 700, -1])
def test_a_status_has_three_digits_below_700(status: int) -> None:
    with pytest.raises(ValueError, match="status"):
        Response(status)


def test_the_default_reason_is_the_phrase_of_the_status() -> None:
    assert (Response(489).reason, Response(299).reason, Response(200, "").reason) == (
        "Bad Event",
        "Unknown",
        "",
    )


# -- rendering -----------------------------------------------------------------------------------------


def test_content_length_is_always_true(publish: Request) -> None:
    publish.body = "grün".encode()
    assert b"\r\nContent-Length: 5\r\n" in publish.render()
    publish.add("l", "99")
    assert publish.render().count(b"Content-Length") == 1
    assert Request("OPTIONS", "sip:a").render() == b"OPTIONS sip:a SIP/2.0\r\nContent-Length: 0\r\n\r\n"


def test_bytes_that_are_no_utf8_survive() -> None:
    data = PUBLISH.replace(b"Alice", b"Al\xffce \xc3\xa9")
    assert b"Al\xffce \xc3\xa9" in parse(data).render()


# -- parsing -------------------------------------------------------------------------------------------


def test_empty_lines_before_the_message_are_ignored() -> None:
    assert parse(b"\r\n\r\n" + PUBLISH) == parse(PUBLISH)


def test_a_datagram_is_cut_to_its_content_length() -> None:
    assert parse(PUBLISH + b"trailing noise").body == b"body"


def test_without_content_length_the_rest_is_the_body() -> None:
    assert parse(without(b"Content-Length") + b"more").body == b"bodymore"


def test_equal_content_lengths_are_one() -> None:
    assert parse(PUBLISH.replace(b"Expires: 600", b"l:  4")).body == b"body"


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (b"Content-Length: 4", b"Content-Length: 5", "Content-Length larger than the message"),
        (b"Content-Length: 4", b"Content-Length: -4", "Malformed Content-Length header field"),
        (b"Content-Length: 4", b"Content-Length: " + b"9" * 5000, "Content-Length larger than the message"),
        (b"Expires: 600", b"l: 3", "Conflicting Content-Length header fields"),
        (b"Expires: 600", b"Expires 600", "Malformed header field line"),
        (b"Expires: 600", b"Exp ires: 600", "Malformed header field line"),
        (b"Expires: 600", b": 600", "Malformed header field line"),
        (b"Expires: 600", b"Expires: 600\nX: y", "Bare CR or LF in the message head"),
        (b"Expires: 600", b"Expires: 600\rX: y", "Bare CR or LF in the message head"),
        (b" SIP/2.0\r\n", b"\r\n SIP/2.0\r\n", "Folded start line"),
        (b"sip:alice@example.com SIP", b"sip:alice @example.com SIP", "Whitespace in the Request-URI"),
    ],
)
def test_a_fault_is_named_and_what_can_be_answered_is_kept(old: bytes, new: bytes, reason: str) -> None:
    with pytest.raises(ParseError) as refused:
        parse(PUBLISH.replace(old, new, 1))
    assert (refused.value.status, refused.value.reason) == (400, reason)
    assert refused.value.partial is not None
    answer = Response.answering(refused.value.partial, 400, reason, to_tag="t")
    check_response(answer)
    assert answer.get("Call-ID") == "c1@192.0.2.1"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\r\n\r\n",
        b"hello",
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"PUBLISH sip:a@b\r\nVia: x\r\n\r\n",
        b"PUB@LISH sip:a@b SIP/2.0\r\nVia: x\r\n\r\n",
        b"SIP/2.0 2000 OK\r\n\r\n",
        b"SIP/2.0 099 Low\r\n\r\n",
        b"SIP/2.0 2x0 OK\r\n\r\n",
        b"SIP/2.0 200 OK\r\nnonsense\r\n\r\n",
        b"\x80\xff\x00" * 40,
        PUBLISH.replace(b"PUBLISH", b"ACK").replace(b"Content-Length: 4", b"Content-Length: x"),
        without(b"Via").replace(b"v: ", b"X: ").replace(b"Content-Length: 4", b"Content-Length: x"),
    ],
)
def test_what_cannot_be_answered_comes_without_a_partial(data: bytes) -> None:
    with pytest.raises(ParseError) as refused:
        parse(data)
    assert refused.value.partial is None


def test_a_head_without_its_end_is_refused_with_what_was_there() -> None:
    with pytest.raises(ParseError, match="without an end") as refused:
        parse(PUBLISH.partition(b"\r\n\r\n")[0] + b"\r\n")
    assert refused.value.partial is not None
    assert refused.value.partial.call_id == "c1@192.0.2.1"


def test_folded_and_spaced_values_are_joined_and_stripped() -> None:
    message = request(
        PUBLISH.replace(b"Expires: 600", b"Subject  :\t one\r\n  two\r\n\tthree  \r\nExpires :600")
    )
    assert message.get("Subject") == "one two three"
    assert message.expires == 600


def test_the_version_is_case_insensitive() -> None:
    assert parse(PUBLISH.replace(b"SIP/2.0\r\n", b"sip/2.0\r\n", 1)) == parse(PUBLISH)


# -- checks --------------------------------------------------------------------------------------------


def test_a_good_request_passes(publish: Request) -> None:
    check_request(publish)


@pytest.mark.parametrize("name", ["From", "To", "Call-ID", "CSeq"])
def test_a_request_needs_its_mandatory_header_fields(name: str) -> None:
    with pytest.raises(BadRequest) as refused:
        check_request(request(without(name.encode())))
    assert refused.value.reason == f"Missing {name} header field"


@pytest.mark.parametrize(
    ("old", "new", "status", "reason"),
    [
        (b"SIP/2.0\r\n", b"SIP/3.0\r\n", 505, "Version Not Supported"),
        (b"CSeq: 7 PUBLISH", b"CSeq: 7 MESSAGE", 400, "CSeq method does not match the Request-Line"),
        (b"CSeq: 7 PUBLISH", b"CSeq: seven PUBLISH", 400, "Malformed CSeq header field: number expected"),
        (b"Expires: 600", b"CSeq: 8 PUBLISH", 400, "Multiple CSeq header fields"),
        (b"Expires: 600", b"t: <sip:bob@example.com>", 400, "Multiple To header fields"),
        (b"Call-ID: c1", b"Call-ID: c 1", 400, "Malformed Call-ID header field"),
        (b"Call-ID: c1@192.0.2.1", b"Call-ID:", 400, "Empty Call-ID header field"),
        (b"branch=z9hG4bK1,", b"branch=z9hG4bK,", 400, "Via branch without an identifier"),
        (b"From: <sip:alice@", b"From: <sip:a b@", 400, "Malformed From header field: Malformed SIP URI"),
        (b"PUBLISH sip:alice", b"PUBLISH http:alice", 416, "Unsupported URI Scheme"),
        (b"PUBLISH sip:alice", b"PUBLISH sip:a%lice", 400, "Malformed Request-URI: Malformed SIP URI"),
        (b"alice@example.com SIP", b"alice@example.com?a=b SIP", 400, "Header fields in the Request-URI"),
        (b"Max-Forwards: 70", b"Max-Forwards: many", 400, "Malformed Max-Forwards header field"),
        (b"Expires: 600", b"m: <sip:a@b", 400, "Malformed Contact header field: unterminated angle bracket"),
    ],
)
def test_a_refusal_has_its_status_and_names_the_fault(
    old: bytes, new: bytes, status: int, reason: str
) -> None:
    message = request(PUBLISH.replace(old, new, 1))
    with pytest.raises(SipError) as refused:
        check_request(message)
    assert (refused.value.status, refused.value.reason) == (status, reason)


def test_a_tel_request_uri_passes() -> None:
    check_request(request(PUBLISH.replace(b"sip:alice@example.com SIP", b"tel:+123 SIP", 1)))


def test_via_objects_render_into_a_message(publish: Request) -> None:
    via = publish.via
    via.params["received"] = "2001:db8::9"
    publish.remove_first("Via")
    publish.prepend("Via", str(via))
    assert publish.via.received == "2001:db8::9"
    assert isinstance(publish.via, Via)
