"""Bob subscribes to alice, as tests of the notifier do it, and what he is told."""

from __future__ import annotations

from sip.message import Request, Response
from tests.sip.house import House

ALICE = "sip:alice@example.com"
SUBSCRIBE = """
    SUBSCRIBE sip:alice@example.com SIP/2.0
    Via: SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bKsub1
    Max-Forwards: 70
    From: "Bob" <sip:bob@example.com>;tag=bobtag
    To: <sip:alice@example.com>
    Call-ID: call1
    CSeq: 10 SUBSCRIBE
    Contact: <sip:bob@192.0.2.7:5060>
    Event: presence
    Accept: application/pidf+xml
    Expires: 600
"""


def again(house: House, *, cseq: int, expires: int = 600, more: str = "") -> str:
    """The next SUBSCRIBE in the dialog that the first one made."""
    tag = house.notifies()[0].from_.tag
    return (
        SUBSCRIBE.replace("sip:alice@example.com SIP/2.0", "sip:192.0.2.1:5060 SIP/2.0")
        .replace("z9hG4bKsub1", f"z9hG4bKsub{cseq}")
        .replace("To: <sip:alice@example.com>", f"To: <sip:alice@example.com>;tag={tag}")
        .replace("CSeq: 10", f"CSeq: {cseq}")
        .replace("Expires: 600", f"Expires: {expires}")
        + more
    )


def subscribed(house: House, text: str = SUBSCRIBE) -> Request:
    """Subscribe, answer the first NOTIFY, and return it."""
    assert house.ask(text).status == 200
    first = house.notifies()[-1]
    house.answer(first)
    return first


def tags(house: House) -> list[str | None]:
    return [notify.get("SIP-ETag") for notify in house.notifies()]


def paced(house: House, params: str) -> Request:
    """A subscription with these Event parameters, its first NOTIFY answered."""
    return subscribed(house, SUBSCRIBE.replace("Event: presence", f"Event: presence;{params}"))


def state(notify: Request) -> str:
    return notify.get("Subscription-State") or ""


def change(house: House, text: str) -> None:
    house.package.state = text
    house.notifier.changed("presence", ALICE)


def bodies(house: House) -> list[bytes]:
    return [notify.body for notify in house.notifies()]


def answer(house: House, event: str = "") -> None:
    """The subscriber answers the last NOTIFY, with an Event header field if one is given."""
    headers = (("Event", event),) if event else ()
    house.receive(Response.answering(house.notifies()[-1], 200, to_tag="theirs", headers=headers).render())
