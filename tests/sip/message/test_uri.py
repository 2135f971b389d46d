"""URIs: reading, rendering, address of record, equivalence (RFC 3261 §19.1, RFC 3966)."""

from __future__ import annotations

import pytest

from sip.errors import BadRequest
from sip.uri import OtherUri, TelUri, Uri, equivalent, parse_uri


def sip(text: str) -> Uri:
    uri = parse_uri(text)
    assert isinstance(uri, Uri)
    return uri


def test_a_full_sip_uri_is_taken_apart() -> None:
    assert sip("sips:alice:secret@Example.com:5061;transport=tcp;lr?subject=x&priority=urgent") == Uri(
        scheme="sips",
        user="alice",
        password="secret",
        host="Example.com",
        port=5061,
        params={"transport": "tcp", "lr": None},
        headers="subject=x&priority=urgent",
    )


@pytest.mark.parametrize(
    "text",
    [
        "sip:example.com",
        "sip:alice@example.com",
        "sip:alice@192.0.2.4:5060",
        "sip:alice@[2001:db8::1]:5070;transport=tls",
        "sips:alice:@example.com",
        "sip:user;par=u%40example.net@example.com",
        "sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too.(doesn't-it)@example.com",
        "sip:alice@example.com;maddr=[2001:db8::1];unknown=a/b:c",
        "sip:example.com?To=%22x%22",
        "tel:+1-201-555-0123;phone-context=example.com",
        "urn:service:sos",
    ],
)
def test_rendering_gives_back_what_was_read(text: str) -> None:
    assert str(parse_uri(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sip:",
        "sip:alice@",
        "sip:alice@exa mple.com",
        "sip: alice@example.com",
        "sip:alice@example.com:port",
        "sip:alice@example.com:65536",
        "sip:a@b@example.com",
        "sip:alice%4@example.com",
        "sip:2001:db8::10",
        "sip:[2001:db8::zz]",
        "sip:[1:2:3]",
        "<sip:alice@example.com>",
        "alice@example.com",
        "sip:alice@example.com;a=<b>",
        "tel:",
        "tel:12 34",
        "http:",
        "1http://example.com",
    ],
)
def test_a_malformed_uri_is_a_bad_request(text: str) -> None:
    with pytest.raises(BadRequest, match="Malformed"):
        parse_uri(text)


@pytest.mark.parametrize(
    ("text", "aor"),
    [
        ("sip:alice@Example.COM", "sip:alice@example.com"),
        ("sips:alice:secret@example.com:5061;transport=tcp?a=b", "sip:alice@example.com"),
        ("sip:%61lice@example.com", "sip:alice@example.com"),
        ("sip:Alice@example.com", "sip:Alice@example.com"),
        ("sip:a%3bb%40c@example.com", "sip:a%3Bb%40c@example.com"),
        ("sip:null-%00-null@example.com", "sip:null-%00-null@example.com"),
        ("sip:Example.com", "sip:example.com"),
        ("sip:@example.com", "sip:example.com"),
        ("sip:jürgen@example.com", "sip:j%C3%BCrgen@example.com"),
        ("sip:alice@[2001:DB8:0::1]:5060", "sip:alice@[2001:db8::1]"),
        ("tel:+1-201-555.0123;phone-context=x", "tel:+12015550123"),
        ("im:alice@example.com", "im:alice@example.com"),
    ],
)
def test_the_address_of_record_is_canonical(text: str, aor: str) -> None:
    assert parse_uri(text).aor == aor


def test_an_address_of_record_is_its_own() -> None:
    for text in ("sip:a%3Bb%20c@example.com", "sip:alice@[2001:db8::1]", "sip:example.com"):
        assert parse_uri(text).aor == text


def test_kinds_of_uri() -> None:
    assert parse_uri("TEL:+123") == TelUri("+123")
    assert parse_uri("mailto:a@b") == OtherUri("mailto", "mailto:a@b")
    assert sip("SIP:a@b").scheme == "sip"


# The examples of RFC 3261 §19.1.4.
@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;security=on"),
        (
            "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
            "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
        ),
        (
            "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
            "sip:alice@atlanta.com?priority=urgent&subject=project%20x",
        ),
        ("sip:a@[2001:db8::1]", "sip:a@[2001:DB8:0:0::1]"),
        ("tel:+1-201-555-0123", "tel:+1(201)5550123"),
    ],
)
def test_equivalent(a: str, b: str) -> None:
    assert equivalent(parse_uri(a), parse_uri(b))
    assert equivalent(parse_uri(b), parse_uri(a))


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"),
        ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
        ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off"),
        ("sip:bob@biloxi.com", "sips:bob@biloxi.com"),
        ("sip:bob@biloxi.com;user=phone", "sip:bob@biloxi.com"),
        ("sip:a%3Bb@biloxi.com", "sip:a;b@biloxi.com"),
        ("sip:bob:x@biloxi.com", "sip:bob@biloxi.com"),
        ("tel:+123", "sip:+123@biloxi.com"),
    ],
)
def test_not_equivalent(a: str, b: str) -> None:
    assert not equivalent(parse_uri(a), parse_uri(b))
    assert not equivalent(parse_uri(b), parse_uri(a))
