"""What only the whole server can show: users who go, names that come again, the end."""

from __future__ import annotations

from presence.directory import USER_ADDED, USER_DELETED, Change, Credentials, User
from sip.message import Response
from tests.presence.house import House, requests
from tests.sip.usage.fakes import WALL

PIDF = (
    b'<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:bob@sip.test"><tuple id="t">'
    b"<status><basic>open</basic></status><note>the old bob</note></tuple></presence>"
)
PUBLISH = """
    PUBLISH sip:bob@sip.test SIP/2.0
    Via: SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bKpub
    Max-Forwards: 70
    From: <sip:bob@sip.test>;tag=b
    To: <sip:bob@sip.test>
    Call-ID: pub1
    CSeq: 1 PUBLISH
    Event: presence
    Content-Type: application/pidf+xml
"""
MESSAGE = """
    MESSAGE sip:bob@sip.test SIP/2.0
    Via: SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bKmsg
    Max-Forwards: 70
    From: <sip:alice@sip.test>;tag=a
    To: <sip:bob@sip.test>
    Call-ID: msg1
    CSeq: 1 MESSAGE
    Content-Type: text/plain
"""
SUBSCRIBE = """
    SUBSCRIBE sip:bob@sip.test SIP/2.0
    Via: SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bKsub
    Max-Forwards: 70
    From: <sip:alice@sip.test>;tag=a
    To: <sip:bob@sip.test>
    Call-ID: sub1
    CSeq: 1 SUBSCRIBE
    Contact: <sip:alice@192.0.2.7>
    Event: presence
"""
BOB = "sip:bob@sip.test"


def deleted(number: int = 1) -> Change:
    return Change(number, WALL, USER_DELETED, BOB, {})


def test_a_refresh_to_our_sips_contact_is_one_for_us() -> None:
    house = House()
    flow = house.network.at("192.0.2.7", 5061, "TLS")
    text = SUBSCRIBE.replace("UDP 192.0.2.7:5060", "TLS 192.0.2.7:5061").replace("sip:bob", "sips:bob")
    first = house.ask(text, flow)
    (contact,) = first.contacts
    assert contact.uri_text == "sips:127.0.0.1:5161"
    notify = requests(flow, "NOTIFY")[0]
    assert notify.get("Contact") == "<sips:127.0.0.1:5161>"
    house.respond(notify, flow=flow)
    text = text.replace("SUBSCRIBE sips:bob@sip.test", "SUBSCRIBE sips:127.0.0.1:5161").replace(
        "CSeq: 1", "CSeq: 2"
    )
    text = text.replace("bKsub", "bKagain").replace("To: <sips:bob@sip.test>", f"To: {first.get('To')}")
    again = house.ask(text, flow)
    assert (again.status, again.get("Contact")) == (200, "<sips:127.0.0.1:5161>")


def test_a_new_user_of_an_old_name_inherits_nothing_though_the_news_of_both_come_together() -> None:
    house = House()
    assert house.ask(PUBLISH, body=PIDF).status == 200
    assert house.ask(MESSAGE, body=b"for the old bob").status == 202
    another = User(BOB, "Bob II", WALL, Credentials.of(BOB, "new"))
    # Whoever reads the outbox finds him as he is now, with either entry.
    house.parts.apply(
        [Change(1, WALL, USER_DELETED, BOB, {}, another), Change(2, WALL, USER_ADDED, BOB, {}, another)]
    )
    house.settle()
    assert (len(house.parts.publications), len(house.parts.messages)) == (0, 0)
    assert house.journal.rows == {}
    assert house.parts.directory.exists(BOB)


def test_what_is_being_stored_for_a_user_goes_with_him() -> None:
    house = House()
    house.journal.hold = True
    house.receive(PUBLISH, body=PIDF)
    house.receive(MESSAGE, body=b"for bob")
    house.receive(SUBSCRIBE)
    house.parts.apply([deleted()])
    house.journal.hold = False
    house.settle()
    house.settle()
    assert (len(house.parts.publications), len(house.parts.messages), len(house.parts.notifier)) == (0, 0, 0)
    assert house.journal.rows == {}


def test_watchers_of_a_deleted_user_are_told() -> None:
    house = House()
    house.receive(SUBSCRIBE)
    house.respond(requests(house.peer, "NOTIFY")[0])
    house.parts.apply([deleted()])
    house.settle()
    notify = requests(house.peer, "NOTIFY")[-1]
    assert notify.get("Subscription-State") == "terminated;reason=noresource"


def test_at_the_end_everybody_gets_an_answer() -> None:
    house = House()
    phone = house.network.at("192.0.2.50")
    house.receive(
        PUBLISH.replace("PUBLISH sip:bob@", "REGISTER sip:").replace("PUBLISH", "REGISTER").rstrip()
        + "\nContact: <sip:bob@192.0.2.50>\n"
    )
    house.receive(MESSAGE, body=b"is he there?")
    assert phone.methods == ["MESSAGE"]
    house.parts.layer.answer_rest(503, "Server is stopping")
    last = house.peer.messages[-1]
    assert isinstance(last, Response)
    assert (last.status, last.reason, last.get("Retry-After")) == (503, "Server is stopping", "5")
