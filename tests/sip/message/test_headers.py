"""Header values: reading what is seen, rendering what is right."""

from __future__ import annotations

import pytest

from sip.errors import BadRequest
from sip.headers import (
    COMPACT,
    Challenge,
    Contact,
    Credentials,
    CSeq,
    Event,
    MediaType,
    NameAddr,
    Quoted,
    SubscriptionState,
    Via,
    canonical_name,
    parse_params,
    quote,
    render_params,
    split_commas,
    unquote,
)
from sip.uri import Uri

# -- names ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("short", "name"), COMPACT.items())
def test_a_compact_form_is_its_long_name(short: str, name: str) -> None:
    assert canonical_name(short) == canonical_name(short.upper()) == name


def test_names_are_one_in_any_case() -> None:
    assert canonical_name("cALL-iD ") == "Call-ID"
    assert canonical_name("x-my-header") == canonical_name("X-MY-HEADER") == "X-My-Header"
    assert canonical_name("sip-etag") == "SIP-ETag"


@pytest.mark.parametrize("name", ["", "a b", "a:b", "a\r\nb", "naïve"])
def test_a_name_is_a_token(name: str) -> None:
    with pytest.raises(ValueError, match="token"):
        canonical_name(name)


# -- lists, quotes, parameters -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", []),
        ("a", ["a"]),
        (" a , b\t,, c,", ["a", "b", "c"]),
        ('"a, \\" b" <sip:x>, <sip:c,d>;p="e,f"', ['"a, \\" b" <sip:x>', '<sip:c,d>;p="e,f"']),
    ],
)
def test_split_commas(text: str, parts: list[str]) -> None:
    assert split_commas(text) == parts


@pytest.mark.parametrize("text", ['"a, b', "<sip:a, b", 'a, "b\\"'])
def test_an_open_quote_or_bracket_is_refused(text: str) -> None:
    with pytest.raises(BadRequest, match="Unterminated"):
        split_commas(text)


def test_quoting_is_undone_by_unquoting() -> None:
    assert quote('say "hi" \\ bye') == '"say \\"hi\\" \\\\ bye"'
    assert unquote(quote('say "hi" \\ bye')) == 'say "hi" \\ bye'
    assert unquote("token") == "token"


def test_parameters_are_read_in_any_spacing() -> None:
    assert parse_params(' ; Tag = a1 ;lr; q="x;y" ;e=') == {"tag": "a1", "lr": None, "q": "x;y", "e": ""}
    assert parse_params("a=b") == {"a": "b"}
    assert parse_params("") == {}


@pytest.mark.parametrize("text", [";", ";;a", ";a;", ";=b", ";a=b,c", ';a="b', ";a b", ";a=<b>", ";a=1;A=2"])
def test_malformed_parameters_are_refused(text: str) -> None:
    with pytest.raises(BadRequest, match="Malformed Via header field"):
        parse_params(text, "Via")


def test_a_parameter_said_twice_alike_is_one() -> None:
    assert parse_params(";alias;alias") == {"alias": None}


def test_quotes_stay_where_they_were_and_come_where_they_are_needed() -> None:
    text = ';+sip.instance="<urn:uuid:1>";methods="MESSAGE";q=0.5;lr'
    assert render_params(parse_params(text)) == text
    assert (
        render_params({"a": "two words", "b": Quoted("x"), "c": "[::1]:5060"})
        == ';a="two words";b="x";c=[::1]:5060'
    )


# -- Via -----------------------------------------------------------------------------------------------


def test_via_is_taken_apart() -> None:
    via = Via.parse("SIP/2.0/UDP 192.0.2.1:5062;rport;branch=z9hG4bK77;received=192.0.2.9")
    assert (via.transport, via.host, via.port, via.branch) == ("UDP", "192.0.2.1", 5062, "z9hG4bK77")
    assert (via.received, via.rport, "rport" in via.params) == ("192.0.2.9", None, True)
    assert str(via) == "SIP/2.0/UDP 192.0.2.1:5062;rport;branch=z9hG4bK77;received=192.0.2.9"


def test_via_with_a_filled_rport() -> None:
    assert Via.parse("SIP/2.0/UDP a;rport=65000").rport == 65000


@pytest.mark.parametrize(
    ("text", "strict"),
    [
        ("SIP / 2.0 / udp  host : 5060 ; branch = b", "SIP/2.0/UDP host:5060;branch=b"),
        ("SIP/2.0/ws df7jal23ls0d.invalid;branch=b", "SIP/2.0/WS df7jal23ls0d.invalid;branch=b"),
        ("SIP/2.0/TLS [2001:db8::1]:5061", "SIP/2.0/TLS [2001:db8::1]:5061"),
    ],
)
def test_via_renders_strictly(text: str, strict: str) -> None:
    assert str(Via.parse(text)) == strict


@pytest.mark.parametrize(
    "text",
    [
        "",
        "SIP/2.0",
        "SIP/2.0/UDP",
        "SIP/2.0/UDP ;branch=x",
        "SIP/2.0/UDP a:b",
        "SIP/2.0/UDP a:70000",
        "SIP/2.0/UDP 2001:db8::1",
    ],
)
def test_a_malformed_via_is_refused(text: str) -> None:
    with pytest.raises(BadRequest, match="Malformed Via header field"):
        Via.parse(text)


# -- addresses -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "display", "uri_text", "params"),
    [
        ("<sip:a@b>", None, "sip:a@b", {}),
        ("<sip:a@b;x=y>;tag=1", None, "sip:a@b;x=y", {"tag": "1"}),
        ("sip:a@b;tag=1", None, "sip:a@b", {"tag": "1"}),
        ('sip:a@b;tag=1;x="<y>"', None, "sip:a@b", {"tag": "1", "x": "<y>"}),
        ('"A, <B>" <sip:a@b> ; tag = 1', "A, <B>", "sip:a@b", {"tag": "1"}),
        ('"q\\"q"<sip:a@b>', 'q"q', "sip:a@b", {}),
        ('""<sip:a@b>', "", "sip:a@b", {}),
        ("Bob Jones <sip:a@b>", "Bob Jones", "sip:a@b", {}),
        ("Jürgen <sip:a@b>", "Jürgen", "sip:a@b", {}),
        ("<sip:a@b>;tag=a-b.c~d", None, "sip:a@b", {"tag": "a-b.c~d"}),
    ],
)
def test_an_address_is_taken_apart(
    text: str, display: str | None, uri_text: str, params: dict[str, str | None]
) -> None:
    address = NameAddr.parse(text)
    assert (address.display, address.uri_text, address.params) == (display, uri_text, params)
    assert NameAddr.parse(str(address)) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<>",
        "<sip:a@b",
        '"A <sip:a@b>',
        "A, B <sip:a@b>",
        "sip:a@b?x=y",
        "sip:a,b@c",
        "<sip:a@b> x",
        '"A" B <sip:a@b>',
        'A "B" <sip:a@b>',
        "<sip:a@b>;tag=1,<sip:c@d>",
    ],
)
def test_a_malformed_address_is_refused(text: str) -> None:
    with pytest.raises(BadRequest, match="Malformed To header field"):
        NameAddr.parse(text, "To")


def test_a_malformed_uri_is_refused_when_looked_at() -> None:
    address = NameAddr.parse("<sip:a b>;tag=1", "To")
    assert address.tag == "1"
    with pytest.raises(BadRequest, match="Malformed To header field: Malformed SIP URI"):
        _ = address.uri


def test_an_address_can_be_made() -> None:
    address = NameAddr('Bob "B" Jones', Uri(user="bob", host="example.com"), {"tag": "x1"})
    assert str(address) == '"Bob \\"B\\" Jones" <sip:bob@example.com>;tag=x1'
    assert address.uri.aor == "sip:bob@example.com"


@pytest.mark.parametrize(
    ("text", "q"),
    [
        ("", None),
        (";q=0", 0),
        (";q=1", 1000),
        (";q=1.000", 1000),
        (";q=0.7", 700),
        (";q=.25", 250),
        (";q=0.001", 1),
    ],
)
def test_q_counts_in_thousandths(text: str, q: int | None) -> None:
    assert Contact.parse(f"<sip:a@b>{text}").q == q


@pytest.mark.parametrize("q", ["2", "0.1234", "x", "-1", "1.5"])
def test_a_malformed_q_is_refused(q: str) -> None:
    with pytest.raises(BadRequest, match="Contact"):
        _ = Contact.parse(f"<sip:a@b>;q={q}").q


@pytest.mark.parametrize(
    ("text", "expires"),
    [
        ("", None),
        (";expires=60", 60),
        (";expires=0", 0),
        (";expires=soon", 3600),
        (";expires=99999999999", 3600),
        (";expires", 3600),
    ],
)
def test_contact_expires(text: str, expires: int | None) -> None:
    assert Contact.parse(f"<sip:a@b>{text}").expires == expires


# -- the others ----------------------------------------------------------------------------------------


def test_cseq() -> None:
    assert CSeq.parse("4294967295  PUBLISH") == CSeq(4294967295, "PUBLISH")
    assert CSeq.parse("00000000000000000009 INVITE") == CSeq(9, "INVITE")
    assert str(CSeq(7, "ACK")) == "7 ACK"


@pytest.mark.parametrize(
    "text", ["", "1", "INVITE", "-1 INVITE", "1 INVITE x", "4294967296 ACK", "1 IN(VITE", "² ACK"]
)
def test_a_malformed_cseq_is_refused(text: str) -> None:
    with pytest.raises(BadRequest, match="CSeq"):
        CSeq.parse(text)


def test_media_type() -> None:
    media = MediaType.parse('Multipart/Related; type="application/rlmi+xml";boundary=b1')
    assert media.full == "multipart/related"
    assert media.params == {"type": "application/rlmi+xml", "boundary": "b1"}
    assert str(media) == 'multipart/related;type="application/rlmi+xml";boundary=b1'
    assert MediaType.parse("*/*").full == "*/*"
    with pytest.raises(BadRequest, match="Content-Type"):
        MediaType.parse("text")


def test_event() -> None:
    assert Event.parse("presence.winfo ; id=7;x") == Event("presence.winfo", "7", {"x": None})
    assert str(Event("presence", "7")) == "presence;id=7"
    with pytest.raises(BadRequest, match="Event"):
        Event.parse("two words")


def test_subscription_state() -> None:
    state = SubscriptionState.parse("Terminated;reason=noresource;retry-after=5;x=y")
    assert state == SubscriptionState("terminated", None, "noresource", 5, {"x": "y"})
    assert str(SubscriptionState("active", 600)) == "active;expires=600"


def test_a_challenge_is_read_and_rendered() -> None:
    text = 'Digest realm="sip.test", nonce="a\\"b", algorithm=SHA-256, qop="auth,auth-int", stale=true'
    challenge = Challenge.parse(text)
    assert challenge.params["nonce"] == 'a"b'
    assert challenge.get("QOP") == "auth,auth-int"
    assert str(challenge) == text


def test_credentials_are_read_as_clients_write_them() -> None:
    credentials = Credentials.parse('Digest username="bob",realm="r",nc="00000001" , qop=auth,  URI="sip:r"')
    assert credentials.params == {
        "username": "bob",
        "realm": "r",
        "nc": "00000001",
        "qop": "auth",
        "uri": "sip:r",
    }
    assert str(credentials) == 'Digest username="bob", realm="r", nc=00000001, qop=auth, uri="sip:r"'
    assert "bob" not in repr(credentials)


def test_other_schemes_may_carry_a_token() -> None:
    credentials = Credentials.parse("Bearer abc.def==")
    assert (credentials.scheme, credentials.params, credentials.token68) == ("Bearer", {}, "abc.def==")
    assert str(credentials) == "Bearer abc.def=="


@pytest.mark.parametrize(
    "text", ["", "Digest nonsense", 'Digest a="b', 'Digest a="b" c="d"', "Digest a=1, a=2"]
)
def test_malformed_credentials_are_refused(text: str) -> None:
    with pytest.raises(BadRequest, match="Authorization"):
        Credentials.parse(text)
