"""What holds for all messages: parsing undoes rendering, and garbage raises nothing but a SipError."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sip.errors import SipError
from sip.framing import StreamFramer
from sip.headers import (
    Challenge,
    Contact,
    Credentials,
    CSeq,
    Event,
    MediaType,
    NameAddr,
    SubscriptionState,
    Via,
    split_commas,
)
from sip.headers.grammar import quote, unquote
from sip.message import Message, Request, Response, check_request, check_response, parse
from sip.uri import Uri, equivalent, parse_uri

SEED = (
    b"SUBSCRIBE sip:bob;x=%40@example.com:5060;transport=tcp SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP [2001:db8::1]:5062;rport;branch=z9hG4bK1;received=192.0.2.1, SIP / 2.0 / TCP b\r\n"
    b'From: "A \\"B\\" C" <sip:alice@example.com>;tag=f1\r\n'
    b"t: sip:bob@example.com;tag=t1\r\n"
    b"Call-ID: c1@192.0.2.1\r\n"
    b"CSeq: 7 SUBSCRIBE\r\n"
    b"Max-Forwards: 70\r\n"
    b'm: <sip:alice@192.0.2.1>;q=0.5;expires=60;+sip.instance="<urn:uuid:1>", *\r\n'
    b"Route: <sip:a;lr>,\r\n <sip:b;lr>\r\n"
    b"Event: presence;id=7\r\n"
    b"Expires: 600\r\n"
    b"Content-Type: application/pidf+xml;charset=utf-8\r\n"
    b'Authorization: Digest username="a", realm="r", nc=00000001\r\n'
    b"Subscription-State: active;expires=60\r\n"
    b"Content-Length: 4\r\n"
    b"\r\n"
    b"body"
)

TOKENS = st.text("abcXYZ019-.!%*_+`'~", min_size=1, max_size=12)
TEXT = st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"]), max_size=30)
NAMES = st.sampled_from(["Subject", "v", "Via", "x-thing", "Route", "Accept", "CALL-ID"]) | TOKENS
HEADERS = st.lists(st.tuples(NAMES, TEXT), max_size=12)
BODIES = st.binary(max_size=60)
WORDS = st.text("abcxyzABC0189-_.!~*'()&=+$,;?/", min_size=1, max_size=12)
HOSTS = st.sampled_from(["example.com", "EXAMPLE.org", "192.0.2.1", "2001:db8::1", "a-b.c"])
PARAMS = st.dictionaries(
    st.sampled_from(["lr", "transport", "user", "maddr", "x"]), st.none() | TOKENS, max_size=3
)
URIS = st.builds(
    Uri,
    scheme=st.sampled_from(["sip", "sips"]),
    user=st.none() | WORDS,
    host=HOSTS,
    port=st.none() | st.integers(0, 65535),
    params=PARAMS,
    headers=st.sampled_from(["", "subject=x", "a=%20&b=c"]),
)


@settings(deadline=None)
@given(st.builds(Request, TOKENS, URIS, HEADERS, BODIES))
def test_a_request_survives_its_bytes(request: Request) -> None:
    assert parse(request.render()) == request


@settings(deadline=None)
@given(st.builds(Response, st.integers(100, 699), st.none() | TEXT, HEADERS, BODIES))
def test_a_response_survives_its_bytes(response: Response) -> None:
    assert parse(response.render()) == response


@settings(deadline=None)
@given(URIS)
def test_a_uri_survives_its_text(uri: Uri) -> None:
    assert parse_uri(str(uri)) == uri
    assert equivalent(uri, parse_uri(str(uri)))
    assert parse_uri(uri.aor).aor == uri.aor


@settings(deadline=None)
@given(st.none() | TEXT, URIS, st.dictionaries(st.sampled_from(["tag", "q", "+x.y"]), st.none() | TEXT))
def test_an_address_survives_its_text(display: str | None, uri: Uri, params: dict[str, str | None]) -> None:
    address = NameAddr(display, uri, params)
    assert NameAddr.parse(str(address)) == address
    assert [NameAddr.parse(part) for part in split_commas(f"{address}, {address}")] == [address, address]


@settings(deadline=None)
@given(TOKENS, HOSTS, st.none() | st.integers(0, 65535), st.dictionaries(st.just("branch"), TEXT))
def test_a_via_survives_its_text(
    transport: str, host: str, port: int | None, params: dict[str, str | None]
) -> None:
    via = Via(transport.upper(), host, port, params)
    assert Via.parse(str(via)) == via


@settings(deadline=None)
@given(st.text())
def test_quoting_is_undone(text: str) -> None:
    assert unquote(quote(text)) == text


def read_everything(message: Request | Response) -> None:
    """Touch every typed value; each may refuse, none may fail otherwise."""
    touches: list[Callable[[Message], object]] = [
        lambda m: m.via,
        lambda m: m.vias,
        lambda m: m.from_.uri.aor,
        lambda m: m.to.uri.aor,
        lambda m: m.call_id,
        lambda m: m.cseq,
        lambda m: [(contact.uri.aor, contact.q, contact.expires) for contact in m.contacts],
        lambda m: m.contact_star,
        lambda m: m.expires,
        lambda m: m.max_forwards,
        lambda m: m.content_type,
        lambda m: m.event,
        lambda m: [route.uri.aor for route in m.routes],
        lambda m: m.record_routes,
        lambda m: [str(value) for value in (m.via, m.from_, m.to, m.event, m.content_type)],
        lambda m: Credentials.parse(m.get("Authorization") or ""),
        lambda m: Challenge.parse(m.get("Authorization") or ""),
        lambda m: SubscriptionState.parse(m.get("Subscription-State") or ""),
        lambda m: check_request(m) if isinstance(m, Request) else None,
        lambda m: check_response(m) if isinstance(m, Response) else None,
        lambda m: m.uri.aor if isinstance(m, Request) else None,
        lambda m: Response.answering(m, 400, to_tag="t").render() if isinstance(m, Request) else None,
        lambda m: m.copy().render(),
    ]
    for touch in touches:
        with contextlib.suppress(SipError):
            touch(message)


MUTATION = st.tuples(st.integers(0, len(SEED)), st.integers(0, 3), st.binary(max_size=4))


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(MUTATION, min_size=1, max_size=6))
def test_mutated_bytes_raise_nothing_but_sip_errors(mutations: list[tuple[int, int, bytes]]) -> None:
    data = bytearray(SEED)
    for position, cut, insert in mutations:
        data[position : position + cut] = insert
    with contextlib.suppress(SipError):
        read_everything(parse(bytes(data)))
    with contextlib.suppress(SipError):
        StreamFramer().feed(bytes(data))


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_random_bytes_raise_nothing_but_sip_errors(data: bytes) -> None:
    with contextlib.suppress(SipError):
        read_everything(parse(data))
    with contextlib.suppress(SipError):
        StreamFramer().feed(data)


VALUE_PARSERS: list[Callable[[str], object]] = [
    Via.parse,
    NameAddr.parse,
    Contact.parse,
    CSeq.parse,
    MediaType.parse,
    Event.parse,
    SubscriptionState.parse,
    Challenge.parse,
    Credentials.parse,
    split_commas,
    parse_uri,
]


@given(
    read=st.sampled_from(VALUE_PARSERS),
    text=st.text('abz019<>"\\;,=@:/?[]%* \tSIP.-é\udcff\0²', max_size=40),
)
@settings(max_examples=1000, deadline=None)
def test_any_text_raises_nothing_but_sip_errors(read: Callable[[str], object], text: str) -> None:
    with contextlib.suppress(SipError):
        str(read(text))


NASTY = [
    ";",
    ",",
    '"',
    '\\"',
    "<",
    ">",
    " ",
    "\t ",
    ";a=",
    ';a="',
    ',"',
    "<,",
    "=",
    "%41",
    ":",
    "@",
    "[",
    "a ",
    "a/",
    "?",
    "é",
    " ;",
    '"\\',
]


@pytest.mark.parametrize("piece", NASTY)
def test_long_nasty_values_take_linear_time(piece: str) -> None:
    """64 kB of it are read by every parser within a second; a quadratic one would take minutes."""
    long = piece * (65536 // len(piece))
    started = time.process_time()
    for text in (
        long,
        f"sip:{long}",
        f'"a" <sip:{long}>;x="{long}',
        f"SIP/2.0/UDP h;b={long}",
        f'Digest a="{long}',
    ):
        for read in VALUE_PARSERS:
            with contextlib.suppress(SipError):
                read(text)
    assert time.process_time() - started < 5


@pytest.mark.parametrize(
    "line",
    [
        b"\r\n x",
        b"\r\nVia: a,b",
        b"\r\nx",
        b"\r\n:",
        b"\r\nX-Y: z",
        b"\r",
        b"\n",
        b"\r\nl: 1",
        b"\t",
        b"\r\n" + b"n" * 60 + b":v",
    ],
)
def test_long_nasty_heads_take_linear_time(line: bytes) -> None:
    data = SEED.partition(b"\r\n\r\n")[0] + line * (65536 // len(line)) + b"\r\n\r\n"
    started = time.process_time()
    with contextlib.suppress(SipError):
        read_everything(parse(data))
    framer = StreamFramer(max_message=10**6, max_head=10**6)
    with contextlib.suppress(SipError):
        for start in range(0, len(data), 16):
            framer.feed(data[start : start + 16])
    assert time.process_time() - started < 5
