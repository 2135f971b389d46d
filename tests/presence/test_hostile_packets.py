"""Packets that nobody sends by accident, through the whole server: nothing comes of them, it goes on."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from sip.message import Request, Response, parse
from tests.fuzz.corpus import ANSWER, PIDF
from tests.fuzz.targets import watched
from tests.presence.house import ALICE, DOMAIN, TRUSTED, House, requests
from tests.sip.flows import FakeFlow, wire

STRANGER = "198.51.100.9"
VICTIM = "203.0.113.5"
BOB = f"sip:bob@{DOMAIN}"


@pytest.fixture
def house() -> Iterator[House]:
    """Alice has published, bob has a phone; in the end the server serves as ever, and nothing has failed."""
    house = House()
    house.publish(ALICE, PIDF)
    house.register(BOB, phone_of(house), f"<sip:bob@{TRUSTED}:5090>")
    phone_of(house).sent.clear()
    house.peer.sent.clear()
    with watched("sip", "presence"):
        yield house
        house.after(100.0)
        assert b"here &amp; now" in house.document(ALICE)
        house.publish(BOB, PIDF)
        assert len(house.parts.registrar.bindings(BOB)) == 1


def phone_of(house: House) -> FakeFlow:
    return house.network.at(TRUSTED, 5090)


def everything(house: House) -> list[bytes]:
    return [data for flow in house.network.flows.values() for data in flow.sent]


def request(method: str, more: str = "", uri: str = BOB, host: str = TRUSTED) -> str:
    return f"""
        {method} {uri} SIP/2.0
        Via: SIP/2.0/UDP {host};branch=z9hG4bKhostile
        Max-Forwards: 70
        From: <{ALICE}>;tag=1
        To: <{uri}>
        Call-ID: hostile
        CSeq: 1 {method}
        {more}
        """.replace("\n        \n", "\n")


# -- what belongs to nothing --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "status", [b"100 Trying", b"200 OK", b"302 Moved", b"401 Unauthorized", b"503 No", b"699 No"]
)
@pytest.mark.parametrize("method", [b"NOTIFY", b"INVITE", b"REGISTER", b"MESSAGE", b"ACK", b"CANCEL"])
def test_a_response_that_nobody_asked_for_is_dropped(house: House, status: bytes, method: bytes) -> None:
    house.receive(ANSWER.replace(b"200 OK", status, 1).replace(b"1 NOTIFY", b"1 " + method))
    assert everything(house) == []
    assert house.parts.stats.stray_responses == 1


def test_a_response_of_another_branch_does_not_end_what_is_under_way(house: House) -> None:
    house.receive(request("MESSAGE", "Content-Type: text/plain"), body=b"hi")
    (forwarded,) = requests(phone_of(house), "MESSAGE")
    forged = (
        Response.answering(forwarded, 603).render().replace(forwarded.via.branch.encode(), b"z9hG4bKguess")
    )
    house.receive(forged, house.network.at(STRANGER))
    assert not [it for it in house.peer.statuses if it >= 200]
    house.respond(forwarded, flow=phone_of(house))
    assert [it for it in house.peer.statuses if it >= 200] == [200]


@pytest.mark.parametrize("host", [TRUSTED, STRANGER])
@pytest.mark.parametrize("uri", [f"sip:{DOMAIN}", BOB, f"sip:{VICTIM}", "sip:127.0.0.1:5160"])
def test_an_ack_to_nothing_is_never_answered(house: House, host: str, uri: str) -> None:
    flow = house.network.at(host)
    house.receive(request("ACK", uri=uri, host=host), flow)
    assert flow.sent == []
    if host == STRANGER:
        assert everything(house) == []


@pytest.mark.parametrize(
    "broken", ["CSeq: x ACK", "CSeq: 2 ACK", "Content-Length: 99", "To: <", "Call-ID: b"]
)
def test_a_broken_ack_is_neither_answered_nor_sent_on(house: House, broken: str) -> None:
    house.receive(request("ACK", broken))
    assert everything(house) == []


@pytest.mark.parametrize("host", [TRUSTED, STRANGER])
def test_a_cancel_without_a_request_is_told_so(house: House, host: str) -> None:
    flow = house.network.at(host)
    answer = house.ask(request("CANCEL", host=host), flow)
    assert (answer.status, answer.reason) == (481, "Nothing To Cancel")
    assert phone_of(house).sent == []


def test_a_cancel_by_somebody_else_cancels_nothing(house: House) -> None:
    house.receive(request("INVITE"))
    before = len(phone_of(house).sent)
    answer = house.ask(request("CANCEL", host=STRANGER), house.network.at(STRANGER))
    assert answer.status == 481
    assert len(phone_of(house).sent) == before


# -- Vias that point elsewhere ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "via",
    [
        f"SIP/2.0/UDP {VICTIM};branch=z9hG4bK1",
        f"SIP/2.0/UDP {VICTIM}:53;branch=z9hG4bK1",
        f"SIP/2.0/UDP {VICTIM};branch=z9hG4bK1;rport",
        f"SIP/2.0/UDP {VICTIM};branch=z9hG4bK1;rport=53;received={VICTIM}",
        f"SIP/2.0/UDP {STRANGER};branch=z9hG4bK1;received={VICTIM}",
        f"SIP/2.0/UDP {STRANGER};branch=z9hG4bK1;maddr={VICTIM};ttl=255",
        f"SIP/2.0/TCP {VICTIM};branch=z9hG4bK1",
        f"SIP/2.0/UDP {STRANGER};branch=z9hG4bK1, SIP/2.0/UDP {VICTIM};branch=z9hG4bK2",
        "SIP/2.0/UDP 255.255.255.255;branch=z9hG4bK1",
        "SIP/2.0/UDP 127.0.0.1:5160;branch=z9hG4bK1",
        f"SIP/2.0/UDP {VICTIM} what;branch=z9hG4bK1",
    ],
)
@pytest.mark.parametrize("method", ["OPTIONS", "REGISTER", "SUBSCRIBE", "NONSENSE"])
def test_answers_go_where_the_packet_came_from(house: House, via: str, method: str) -> None:
    text = request(method, host=STRANGER).replace(f"SIP/2.0/UDP {STRANGER};branch=z9hG4bKhostile", via)
    house.receive(text, house.network.at(STRANGER, 5066))
    house.after(40.0)
    answered = {flow.remote[0] for flow in house.network.flows.values() if flow.sent}
    assert answered <= {STRANGER}
    assert house.network.elsewhere == []


# -- too much of it -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("header", ["Record-Route", "Route", "Via", "Path", "Contact"])
@pytest.mark.parametrize("joined", [False, True], ids=["lines", "commas"])
def test_thousands_of_values_are_refused_with_less_than_came(house: House, header: str, joined: bool) -> None:
    value = f"SIP/2.0/TCP {VICTIM};branch=z9hG4bK" if header == "Via" else f"<sip:{VICTIM};lr>"
    many = f"{header}: {', '.join([value] * 3000)}" if joined else "\n".join([f"{header}: {value}"] * 3000)
    flow = house.network.at(STRANGER, 5066, "TCP")
    data = wire(request("SUBSCRIBE", f"Contact: <sip:a@{STRANGER}>\nEvent: presence\n{many}"))
    house.receive(data, flow)
    house.after(40.0)
    (answer,) = flow.messages
    assert isinstance(answer, Response)
    assert 400 <= answer.status < 500
    assert sum(map(len, everything(house))) < 2 * len(data)
    assert len(house.parts.layer) == 0


# -- lengths that lie, bytes that do not belong -------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ("Content-Length: 3000", "Content-Length larger than the message"),
        ("Content-Length: 4294967296", "Content-Length larger than the message"),
        ("Content-Length: 99999999999999999999", "Content-Length larger than the message"),
        ("Content-Length: -1", "Malformed Content-Length header field"),
        ("Content-Length: 0x5", "Malformed Content-Length header field"),
        ("Content-Length: ٥", "Malformed Content-Length header field"),
        ("Content-Length:", "Malformed Content-Length header field"),
        ("Content-Length: 5\nContent-Length: 6", "Conflicting Content-Length header fields"),
        ("Content-Length: 5\nl: 0", "Conflicting Content-Length header fields"),
    ],
)
def test_a_length_that_lies_is_refused(house: House, lines: str, reason: str) -> None:
    answer = house.ask(request("MESSAGE", f"Content-Type: text/plain\n{lines}"), body=b"hello")
    assert (answer.status, answer.reason) == (400, reason)
    assert phone_of(house).sent == []


def test_what_is_behind_the_length_of_a_datagram_goes_nowhere(house: House) -> None:
    second = wire(request("MESSAGE", "Content-Type: text/plain"), b"second")
    house.receive(request("MESSAGE", "Content-Type: text/plain\nContent-Length: 5"), body=b"hello" + second)
    (forwarded,) = requests(phone_of(house), "MESSAGE")
    assert forwarded.body == b"hello"
    assert b"second" not in b"".join(everything(house))


def test_the_same_length_twice_is_sent_on_once(house: House) -> None:
    house.receive(request("MESSAGE", "Content-Type: text/plain\nContent-Length: 5\nl: 5"), body=b"hello")
    (data,) = phone_of(house).sent
    assert len(re.findall(rb"(?im)^(?:content-length|l)[ \t]*:", data)) == 1


@pytest.mark.parametrize(
    "place", ["Subject: a\0b", 'From: "a\0" <sip:a@b>;tag=1', "Call-ID: a\0", "\0: a", "X\0: a"]
)
def test_a_nul_in_the_head_is_refused(house: House, place: str) -> None:
    answer = house.ask(request("MESSAGE", f"Content-Type: text/plain\n{place}"), body=b"hello")
    assert (answer.status, answer.reason) == (400, "NUL in the message head")
    assert all(b"\0" not in data for data in everything(house))


def test_a_nul_in_the_body_is_what_was_said(house: House) -> None:
    house.receive(request("MESSAGE", "Content-Type: text/plain"), body=b"a\0b")
    (forwarded,) = requests(phone_of(house), "MESSAGE")
    assert forwarded.body == b"a\0b"


@pytest.mark.parametrize("cut", [1, 5, 20, 60, 200, -1, -2, -4])
def test_a_message_that_ends_early_is_refused_or_dropped(house: House, cut: int) -> None:
    data = wire(request("MESSAGE", "Content-Type: text/plain\nContent-Length: 50"), b"hello")
    answers = house.answers(data[:cut])
    assert [it.status for it in answers] in ([], [400])
    assert phone_of(house).sent == []


# -- header fields in the values of others ------------------------------------------------------------------

SMUGGLED = "X-Smuggled"
FORMS = {
    "bare CR": f"\r{SMUGGLED}: 1",
    "bare LF": f"\n{SMUGGLED}: 1",
    "LF CR": f"\n\r{SMUGGLED}: 1",
    "folded": f"\r\n {SMUGGLED}: 1",
    "folded with a bare LF": f"\r\n \n{SMUGGLED}: 1",
    "escaped in URIs": f"%0D%0A{SMUGGLED}: 1",
    "escaped twice": f"%250D%250A{SMUGGLED}: 1",
    "quoted pairs": f"\\\r\\\n{SMUGGLED}: 1",
    "letters": f"\\r\\n{SMUGGLED}: 1",
    "entities": f"&#13;&#10;{SMUGGLED}: 1",
    "NEL": f"\x85{SMUGGLED}: 1",
    "line separator": f"\u2028{SMUGGLED}: 1",
    "paragraph separator": f"\u2029{SMUGGLED}: 1",
    "vertical tab": f"\x0b{SMUGGLED}: 1",
    "form feed": f"\x0c{SMUGGLED}: 1",
    "fullwidth": f"\uff0d\uff0a{SMUGGLED}: 1",
    "overlong UTF-8": b"\xc0\x8d\xc0\x8a".decode("utf-8", "surrogateescape") + f"{SMUGGLED}: 1",
    "longer UTF-8": b"\xe0\x80\x8d\xe0\x80\x8a".decode("utf-8", "surrogateescape") + f"{SMUGGLED}: 1",
    "NUL": f"\0\r\n{SMUGGLED}",
}
PLACES = {
    "display name": ("From: <sip:alice@sip.test>;tag=1", 'From: "a{}" <sip:alice@sip.test>;tag=1'),
    "display name of To": ("To: <sip:bob@sip.test>", 'To: "b{}" <sip:bob@sip.test>'),
    "user": ("MESSAGE sip:bob@sip.test", "MESSAGE sip:bob{}@sip.test"),
    "user of To": ("To: <sip:bob@sip.test>", "To: <sip:bob{}@sip.test>"),
    "tag": ("tag=1", 'tag=1;x="{}"'),
    "Call-ID": ("Call-ID: hostile", "Call-ID: hostile{}"),
    "branch": ("branch=z9hG4bKhostile", "branch=z9hG4bKhostile{}"),
    "parameter of Via": ("branch=z9hG4bKhostile", 'branch=z9hG4bKhostile;x="{}"'),
    "Contact": ("Max-Forwards: 70", 'Max-Forwards: 70\r\nContact: "c{}" <sip:alice@192.0.2.7>'),
    "URI of Contact": ("Max-Forwards: 70", "Max-Forwards: 70\r\nContact: <sip:alice{}@192.0.2.7>"),
    "User-Agent": ("Max-Forwards: 70", "Max-Forwards: 70\r\nUser-Agent: a{}"),
    "Event": ("Event: presence", "Event: presence;id=1{}"),
    "package": ("Event: presence", "Event: presence{}"),
    "Accept": ("Max-Forwards: 70", "Max-Forwards: 70\r\nAccept: application/pidf+xml{}"),
    "Require": ("Max-Forwards: 70", "Max-Forwards: 70\r\nRequire: a{}"),
    "Content-Type": ("Content-Type: text/plain", "Content-Type: text/plain{}"),
    "Record-Route": ("Max-Forwards: 70", "Max-Forwards: 70\r\nRecord-Route: <sip:192.0.2.7;lr;x{}>"),
    "method": ("CSeq: 1 MESSAGE", "CSeq: 1 MESSAGE{}"),
    "identity": ("Max-Forwards: 70", 'Max-Forwards: 70\r\nP-Asserted-Identity: "a{}" <sip:alice@sip.test>'),
}


def honest(data: bytes) -> None:
    """By nobody's reading does a line of the head begin with what was smuggled."""
    head, _, _ = data.partition(b"\r\n\r\n")
    for line in re.split(rb"\r\n|\r|\n", head):
        assert not re.match(rb"[ \t\0]*X-Smuggled", line, re.IGNORECASE), data
    assert b"\n" not in head.replace(b"\r\n", b"")
    assert b"\r" not in head.replace(b"\r\n", b"")
    assert b"\0" not in head
    assert parse(data).get(SMUGGLED) is None


def hostile(method: str, place: str, form: str) -> bytes:
    more = "Event: presence\nContent-Type: text/plain\nX-Last: 1"
    if place not in ("Contact", "URI of Contact"):
        more += f"\nContact: <sip:alice@{TRUSTED}:5060>"
    text = wire(request(method, more), b"hi").decode()
    old, new = PLACES[place]
    old, new = old.replace("MESSAGE", method), new.replace("MESSAGE", method)
    assert old in text
    return text.replace(old, new.replace("{}", FORMS[form]), 1).encode("utf-8", "surrogateescape")


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("method", ["MESSAGE", "SUBSCRIBE", "REGISTER", "PUBLISH", "INFO"])
def test_no_request_smuggles_a_header_field_into_what_we_send(house: House, method: str, place: str) -> None:
    for number, form in enumerate(FORMS):
        # Each a request of its own.
        data = hostile(method, place, form).replace(b"hostile", b"hostile%d" % number)
        for flow in (house.peer, house.network.at(STRANGER)):
            house.receive(data, flow)
    house.after(1.0)
    house.publish(BOB, PIDF)
    sent = everything(house)
    assert len(sent) > len(FORMS)
    for data in sent:
        honest(data)


@pytest.mark.parametrize("form", [it for it in FORMS if it != "NUL"])
def test_no_response_smuggles_a_header_field_through_its_reason(house: House, form: str) -> None:
    house.receive(request("MESSAGE", "Content-Type: text/plain"), body=b"hi")
    (forwarded,) = requests(phone_of(house), "MESSAGE")
    answer = (
        Response.answering(forwarded, 486)
        .render()
        .replace(b"486 Busy Here", b"486 Busy%b" % FORMS[form].encode("utf-8", "surrogateescape"))
    )
    house.receive(answer, phone_of(house))
    house.after(40.0)
    for data in house.peer.sent:
        honest(data)
    assert [it for it in house.peer.statuses if it >= 200]


@pytest.mark.parametrize("form", FORMS)
def test_a_stored_message_smuggles_nothing_when_it_is_delivered(form: str) -> None:
    house = House()
    with watched("sip", "presence"):
        house.receive(hostile("MESSAGE", "display name", form))
        house.register(BOB, phone_of(house), f"<sip:bob@{TRUSTED}:5090>")
        house.after(5.0)
    for data in everything(house):
        honest(data)


def test_what_is_smuggled_is_seen() -> None:
    """The eyes of these tests."""
    message = Request("MESSAGE", BOB, [("Subject", "a")]).render()
    honest(message)
    for form in ("bare CR", "bare LF", "NUL"):
        with pytest.raises(AssertionError):
            honest(message.replace(b"Subject: a", b"Subject: a" + FORMS[form].encode()))
