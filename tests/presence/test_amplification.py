"""What a stranger can make this server send, and to whom: no more than a little, and nowhere but back.

A stranger is whoever sends a datagram from any address and proves nothing; the address may be that of
somebody else whom the answers are to trouble (RFC 3261 §26.3.2.4, RFC 5393 for what goes round).
"""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Iterator

import pytest

from sip.message import Response
from tests.presence.house import DOMAIN, PASSWORD, House, requests
from tests.sip.flows import FakeFlow, wire

VICTIM = "198.51.100.66"
MOST = 2.5
"""Bytes out for each byte in, with the headers of IP and UDP on both sides."""
HEADERS = 28
ROUND = 40.0
"""Seconds in which everything that is sent again has been (64*T1, RFC 3261 §17)."""
METHODS = (
    *("ACK", "BYE", "CANCEL", "INFO", "INVITE", "MESSAGE", "NOTIFY", "OPTIONS", "PRACK", "PUBLISH", "REFER"),
    *("REGISTER", "SUBSCRIBE", "UPDATE", "X"),
)

WRONG = f'Authorization: Digest username="alice", realm="{DOMAIN}", nonce="a", uri="sip:x", response="b"'


def request(
    method: str,
    target: str = f"sip:alice@{DOMAIN}",
    more: str = "",
    via: str = f"{VICTIM}:5060",
    **with_: str,
) -> str:
    """A request with no more in it than there has to be."""
    to = with_.get("to", f"<sip:alice@{DOMAIN}>")
    sender = with_.get("sender", f"<sip:bob@{DOMAIN}>")
    return f"""
        {method} {target} SIP/2.0
        Via: SIP/2.0/UDP {via};branch=z9hG4bK{with_.get("branch", "1")}
        Max-Forwards: {with_.get("hops", "70")}
        From: {sender};tag=1
        To: {to}
        Call-ID: 1@{VICTIM}
        CSeq: 1 {with_.get("cseq", method)}
        Contact: <sip:bob@{VICTIM}>
        {more or "Expires: 600"}
    """


def kinds() -> Iterator[tuple[str, str | bytes]]:
    """Everything that a stranger can ask, by what is asked."""
    for method in METHODS:
        more = {"SUBSCRIBE": "Event: presence", "PUBLISH": "Event: presence"}.get(method, "")
        yield f"{method} to a user", request(method, more=more)
        yield f"{method} to nobody", request(method, f"sip:nobody@{DOMAIN}", more=more)
        yield f"{method} to the server", request(method, f"sip:{DOMAIN}", more=more)
        yield f"{method} to elsewhere", request(method, "sip:x@203.0.113.9", more=more)
        yield (
            f"{method} between others",
            request(method, "sip:x@203.0.113.9", sender="<sip:y@203.0.113.8>", more=more),
        )
        yield f"{method} within a dialog", request(method, to=f"<sip:alice@{DOMAIN}>;tag=2", more=more)
        yield f"{method} along a Route", request(method, more=f"Route: <sip:203.0.113.9;lr>\n        {more}")
        yield f"{method} with no hop left", request(method, hops="0", more=more)
        yield f"{method} with Require", request(method, more=f"Require: x\n        {more}")
        yield f"{method} with Proxy-Require", request(method, more=f"Proxy-Require: x\n        {more}")
        yield f"{method} with another CSeq", request(method, cseq="FETCH", more=more)
        yield f"{method} of SIP/3.0", request(method, more=more).replace(" SIP/2.0\n", " SIP/3.0\n", 1)
        yield f"{method} to tel:", request(method, "tel:+1", more=more)
        yield (
            f"{method} with a body",
            request(method, more="Content-Type: text/plain\n        Content-Length: 900"),
        )
        yield f"{method} without Call-ID", request(method, more=more).replace(f"Call-ID: 1@{VICTIM}", "X: y")
        yield f"{method} with wrong credentials", request(method, more=WRONG)
    yield "SUBSCRIBE to an unknown package", request("SUBSCRIBE", more="Event: x")
    yield (
        "SUBSCRIBE to a list",
        request("SUBSCRIBE", f"sip:alice+contacts@{DOMAIN}", more="Event: presence"),
    )
    yield "a response", f"SIP/2.0 200 OK\nVia: SIP/2.0/UDP {VICTIM};branch=z9hG4bK1\nCSeq: 1 NOTIFY"
    yield "nothing of SIP", b"GET / HTTP/1.0\r\n\r\n"
    yield "zeros", bytes(100)


KINDS = dict(kinds())


def sent(house: House) -> int:
    """Bytes that left, wherever to, with the headers below them."""
    flows = house.network.flows.values()
    elsewhere = [data for *_, data in house.network.elsewhere]
    return sum(len(data) + HEADERS for data in itertools.chain(elsewhere, *(flow.sent for flow in flows)))


def attacked(data: str | bytes) -> tuple[House, float]:
    """A house that got that from somebody who does not answer, and the bytes out for each byte in."""
    house = House()
    # His victim answers nothing, so nothing is brought about but by this one datagram.
    raw = wire(data) if isinstance(data, str) else data
    house.receive(raw, house.network.at(VICTIM))
    for _ in range(80):
        house.after(ROUND / 80)
    return house, sent(house) / (len(raw) + HEADERS)


@pytest.mark.parametrize("kind", KINDS)
def test_a_datagram_of_a_stranger_brings_about_no_more_than_a_little_and_nowhere_but_there(kind: str):
    house, ratio = attacked(KINDS[kind])
    assert ratio <= MOST, f"{ratio:.1f} times what came in: {house.network.at(VICTIM).sent}"
    reached = {(flow.remote, flow.transport) for flow in house.network.flows.values() if flow.sent}
    assert reached <= {((VICTIM, 5060), "UDP")}
    assert house.network.elsewhere == []


def test_compact_forms_make_it_little_more():
    via = "v:SIP/2.0/UDP a;branch=z9hG4bK1"
    text = f"OPTIONS sip:{{}} SIP/2.0\r\n{via}\r\nf:<sip:a>;tag=1\r\nt:<sip:a>\r\ni:1\r\nCSeq:1 {{}}\r\n\r\n"
    for target in (DOMAIN, f"alice@{DOMAIN}"):
        for method in METHODS:
            data = text.format(target, method).replace("OPTIONS", method, 1).encode()
            _, ratio = attacked(data)
            assert ratio <= 4.5, f"{method} {target}: {ratio:.1f}"


def test_challenges_with_two_algorithms_stay_within_the_bound():
    house = House(digest_algorithms=("SHA-256", "MD5"))
    for method in ("REGISTER", "SUBSCRIBE", "PUBLISH", "MESSAGE", "INVITE"):
        raw = wire(request(method, f"sip:alice@{DOMAIN}", "Event: presence", branch=method))
        before = sent(house)
        house.receive(raw, house.network.at(VICTIM))
        assert sent(house) - before <= MOST * (len(raw) + HEADERS)


def test_the_same_datagram_again_is_answered_once_again():
    house = House()
    raw = wire(request("INVITE"))
    for _ in range(10):
        house.receive(raw, house.network.at(VICTIM))
    assert len(house.network.at(VICTIM).sent) == 10


def test_an_invite_of_somebody_who_proved_himself_is_answered_until_he_has_heard_it():
    house = House()
    house.receive(request("INVITE", "sip:nobody@sip.test", sender=f"<sip:alice@{DOMAIN}>"))
    for _ in range(80):
        house.after(ROUND / 80)
    assert house.peer.statuses.count(404) > 5


@pytest.mark.parametrize(
    "via",
    [
        "203.0.113.9:5060",
        f"{VICTIM}:5060;maddr=203.0.113.9",
        f"{VICTIM}:5060;received=203.0.113.9",
        "b.example",
    ],
)
@pytest.mark.parametrize("transport", ["UDP", "TCP"])
def test_answers_go_to_the_address_that_the_packet_came_from(via: str, transport: str):
    house = House()
    flow = house.network.at(VICTIM, 5060, transport)
    house.receive(request("REGISTER", via=via).replace("/UDP", f"/{transport}"), flow)
    assert flow.statuses == [401]
    assert [other.remote[0] for other in house.network.flows.values() if other.sent] == [VICTIM]


def test_an_answer_whose_connection_is_gone_goes_to_the_address_that_it_came_from():
    house = House()
    flow = house.network.at(VICTIM, 50000, "TCP")
    flow.gone = True
    house.receive(request("REGISTER", via="203.0.113.9:5060;maddr=203.0.113.9").replace("/UDP", "/TCP"), flow)
    assert [host for _, host, _, _ in house.network.elsewhere] == [VICTIM]


# -- NOTIFY --------------------------------------------------------------------------------------------------

ELSEWHERE = "203.0.113.9"


def subscribe(house: House, flow: FakeFlow, contact: str, more: str = "") -> None:
    """Bob, who knows his password, watches alice from the address of `flow`, and names another."""
    text = request("SUBSCRIBE", more=f"Event: presence\n        {more or 'Expires: 600'}")
    text = text.replace(f"<sip:bob@{VICTIM}>", contact).replace(
        f"{VICTIM}:5060", f"{flow.remote[0]}:{flow.remote[1]}"
    )
    if not house.parts.core._trusted.contains(flow.remote[0]):
        challenged = house.ask(text, flow)
        assert challenged.status == 401
        credentials = answer_to(challenged, "bob")
        text = text.replace("z9hG4bK1", "z9hG4bK2").replace(
            "CSeq: 1", f"Authorization: {credentials}\n        CSeq: 2"
        )
    answer = house.answers(text, flow)[-1]
    assert answer.status == 200, answer.start_line


def answer_to(challenged: Response, name: str) -> str:
    challenge = challenged.get("WWW-Authenticate") or ""
    nonce, realm = (_part(challenge, name) for name in ("nonce", "realm"))
    uri = f"sip:alice@{DOMAIN}"
    ha1 = md5(f"{name}:{realm}:{PASSWORD}")
    response = md5(f"{ha1}:{nonce}:00000001:c:auth:{md5(f'SUBSCRIBE:{uri}')}")
    return (
        f'Digest username="{name}", realm="{realm}", nonce="{nonce}", uri="{uri}", response="{response}",'
        f' algorithm=MD5, qop=auth, nc=00000001, cnonce="c"'
    )


def _part(challenge: str, name: str) -> str:
    found = re.search(f'{name}="([^"]*)"', challenge)
    assert found is not None
    return found[1]


def md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


NAMING = [
    pytest.param(f"<sip:bob@{ELSEWHERE}>", "", id="Contact"),
    pytest.param("<sip:bob@elsewhere.example>", "", id="Contact by name"),
    pytest.param(f"<sip:bob@{VICTIM};maddr={ELSEWHERE}>", "", id="maddr"),
    pytest.param(f"<sip:bob@{ELSEWHERE};transport=tcp>", "", id="by TCP"),
    pytest.param(f"<sip:bob@{VICTIM}>", f"Record-Route: <sip:{ELSEWHERE};lr>", id="Record-Route"),
    pytest.param(f"<sip:bob@{VICTIM}>", f"Record-Route: <sip:{ELSEWHERE}>", id="strict Record-Route"),
]


def notified(house: House) -> set[str]:
    """Hosts that a NOTIFY went to."""
    return {flow.remote[0] for flow in house.network.flows.values() if requests(flow, "NOTIFY")}


@pytest.mark.parametrize(("contact", "more"), NAMING)
@pytest.mark.parametrize("transport", ["UDP", "TCP"])
def test_a_notify_goes_to_the_address_that_the_watcher_has_proved(contact: str, more: str, transport: str):
    house = House()
    flow = house.network.at(VICTIM, 5060, transport)
    subscribe(house, flow, contact, more)
    house.after(ROUND)
    assert notified(house) == {VICTIM}


@pytest.mark.parametrize(("contact", "more"), NAMING)
def test_nor_does_it_when_the_connection_is_gone(contact: str, more: str):
    house = House()
    flow = house.network.at(VICTIM, 5060, "TCP")
    subscribe(house, flow, contact, more)
    house.respond(requests(flow, "NOTIFY")[0], flow=flow)
    flow.lose()
    before = len(flow.sent)
    house.publish(
        f"sip:alice@{DOMAIN}", b'<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:alice@sip.test"/>'
    )
    house.after(ROUND)
    assert len(flow.sent) == before
    assert notified(house) <= {VICTIM}


@pytest.mark.parametrize(("contact", "more"), NAMING)
def test_nor_after_a_restart(contact: str, more: str):
    house = House()
    subscribe(house, house.network.at(VICTIM), contact, more)
    house.restart()
    house.after(ROUND)
    assert notified(house) == {VICTIM}


def test_a_trusted_peer_may_name_another():
    house = House()
    subscribe(house, house.peer, f"<sip:bob@{ELSEWHERE}>")
    assert notified(house) == {ELSEWHERE}


def test_another_port_of_the_same_address_may_be_named():
    house = House()
    subscribe(house, house.network.at(VICTIM, 40000), f"<sip:bob@{VICTIM}:5070>")
    assert [flow.remote for flow in house.network.flows.values() if requests(flow, "NOTIFY")] == [
        (VICTIM, 5070)
    ]
