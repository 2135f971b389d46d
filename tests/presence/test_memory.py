"""What the server holds in memory: bytes for each thing, and nothing that only the collector would find."""

from __future__ import annotations

import gc
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.presence.house import DOMAIN, TRUSTED, House, requests

USERS = [f"user{number}" for number in range(22)]
PIDF = """<?xml version="1.0" encoding="UTF-8"?>
<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model"
 xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid" entity="sip:someone@sip.test"><tuple id="t1"><status>
<basic>open</basic></status><contact priority="0.8">sip:someone@192.0.2.1</contact><note>here {number}</note>
</tuple><dm:person id="p1"><rpid:activities><rpid:away/></rpid:activities><dm:note>Out for lunch, back at two;
call my mobile if it burns, otherwise leave a message</dm:note></dm:person></presence>"""
LONGER_THAN_TRANSACTIONS = 40.0


@pytest.fixture
def house() -> House:
    return House(USERS)


@pytest.fixture(autouse=True)
def _no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.set_debug(0)
    gc.garbage.clear()
    gc.enable()


def aor(number: int) -> str:
    return f"sip:user{number}@{DOMAIN}"


def register(house: House, number: int) -> None:
    house.register(aor(number), house.peer, f"<sip:user{number}@{TRUSTED}>")


def publish(house: House, number: int) -> None:
    """Of one who is watched, and his watcher answers."""
    house.publish(aor(number), PIDF.format(number=number).encode())
    answer_notifies(house)


def subscribe(house: House, number: int, which: str = "1", rate: str = "") -> None:
    """A subscription to the next user, and its first NOTIFY answered."""
    house.receive(
        f"""
        SUBSCRIBE {aor(number + 1)} SIP/2.0
        Via: SIP/2.0/UDP {TRUSTED};branch=z9hG4bKwatch{number}.{which}
        Max-Forwards: 70
        From: <{aor(number)}>;tag={which}
        To: <{aor(number + 1)}>
        Call-ID: watch{number}.{which}@{TRUSTED}
        CSeq: 1 SUBSCRIBE
        Contact: <sip:user{number}@{TRUSTED}>
        Event: presence{";" if rate else ""}{rate}
        Accept: application/pidf+xml
        Expires: {60 if rate else 3600}
        User-Agent: Phone/1.0
        """
    )
    answer_notifies(house)


def message(house: House, number: int) -> None:
    """Nobody is registered: it waits."""
    house.receive(
        f"""
        MESSAGE {aor(number)} SIP/2.0
        Via: SIP/2.0/UDP {TRUSTED};branch=z9hG4bKmessage{number}
        Max-Forwards: 70
        From: <{aor(number + 1)}>;tag=1
        To: <{aor(number)}>
        Call-ID: message{number}@{TRUSTED}
        CSeq: 1 MESSAGE
        Content-Type: text/plain
        """,
        body=b"Are you there?",
    )


def fetch(house: House, number: int) -> None:
    """A look at the next user, with no subscription that stays."""
    house.document(aor(number + 1), aor(number))


def watch_for_a_while(house: House, number: int) -> None:
    """A subscription that expires; the last NOTIFY is answered as well."""
    subscribe(house, number, "2", "min-rate=0.1")
    house.after(61.0)
    answer_notifies(house)
    house.after(1.0)
    answer_notifies(house)


def to_a_phone(house: House, number: int, method: str, *statuses: int) -> None:
    """A request to whom is registered, who answers that."""
    register(house, number)
    house.peer.sent.clear()
    serial = next(house._calls)
    text = f"""
        {method} {aor(number)} SIP/2.0
        Via: SIP/2.0/UDP {TRUSTED};branch=z9hG4bKcall{serial}
        Max-Forwards: 70
        From: <{aor(number + 1)}>;tag=1
        To: <{aor(number)}>
        Call-ID: call{serial}@{TRUSTED}
        CSeq: 1 {method}
        Contact: <sip:user{number + 1}@{TRUSTED}>
        """
    house.receive(text)
    (came,) = requests(house.peer, method)
    for status in statuses:
        house.respond(came, status)
    if method == "INVITE" and statuses[-1] >= 300:
        house.receive(text.replace("INVITE", "ACK"))


def message_to_a_phone(house: House, number: int) -> None:
    """It is taken."""
    to_a_phone(house, number, "MESSAGE", 200)


def message_refused(house: House, number: int) -> None:
    """It is not."""
    to_a_phone(house, number, "MESSAGE", 415)


def options_forwarded(house: House, number: int) -> None:
    """A phone answers."""
    to_a_phone(house, number, "OPTIONS", 200)


def call(house: House, number: int) -> None:
    """It rings, and is taken."""
    to_a_phone(house, number, "INVITE", 180, 200)


def call_refused(house: House, number: int) -> None:
    """It rings, and is not."""
    to_a_phone(house, number, "INVITE", 180, 486)


def call_cancelled(house: House, number: int) -> None:
    """It rings, and whoever called hangs up."""
    to_a_phone(house, number, "INVITE", 180)
    (came,) = requests(house.peer, "INVITE")
    last = house.peer.messages[-1]
    house.receive(
        f"""
        CANCEL {aor(number)} SIP/2.0
        Via: {last.get("Via")}
        Max-Forwards: 70
        From: {last.get("From")}
        To: <{aor(number)}>
        Call-ID: {last.call_id}
        CSeq: 1 CANCEL
        """
    )
    (cancel,) = requests(house.peer, "CANCEL")
    house.respond(cancel)
    house.respond(came, 487)


def answer_notifies(house: House) -> None:
    notifies = requests(house.peer, "NOTIFY")
    house.peer.sent.clear()
    for notify in notifies:
        house.respond(notify)


def settle(house: House) -> None:
    """Whatever transactions held is gone."""
    answer_notifies(house)
    house.after(LONGER_THAN_TRANSACTIONS)
    house.peer.sent.clear()
    assert len(house.parts.layer) == 0


@pytest.mark.parametrize(
    "operation",
    [
        *(register, publish, subscribe, message, fetch, watch_for_a_while),
        *(message_to_a_phone, message_refused, options_forwarded, call, call_refused, call_cancelled),
    ],
)
def test_no_request_leaves_anything_to_the_collector(
    house: House, operation: Callable[[House, int], None]
) -> None:
    for number in range(20):
        # What the operation needs, and what is made at its first time.
        subscribe(house, number)
        operation(house, number)
    settle(house)
    gc.collect()
    gc.set_debug(gc.DEBUG_SAVEALL)
    for number in range(20):
        operation(house, number)
    settle(house)
    gc.collect()
    assert Counter(type(found).__name__ for found in gc.garbage) == {}


# -- bytes --------------------------------------------------------------------------------------------

SLACK = 1.2
"""What a later change may add before somebody has to look at where it goes."""


def bytes_each(house: House, operation: Callable[[House, int], None], numbers: range) -> float:
    """Of memory that stays for each when its transactions are over, as the allocator was asked for it."""
    settle(house)
    gc.collect()
    tracemalloc.start()
    try:
        for number in numbers:
            operation(house, number)
        house.journal.writes.clear()
        settle(house)
        gc.collect()
        return tracemalloc.get_traced_memory()[0] / len(numbers)
    finally:
        tracemalloc.stop()


@pytest.fixture
def crowd(monkeypatch: pytest.MonkeyPatch) -> House:
    """A house of many; parts of documents are kept of a few, and rows of the journal are not."""
    monkeypatch.setattr("presence.packages.presence._MOST_RECENT", 4)
    house = House([f"user{number}" for number in range(1202)])
    house.journal.rows = Nowhere()
    for number in range(100):
        # What is made once, for all.
        publish(house, number)
        subscribe(house, number)
    return house


class Nowhere(dict[tuple[str, tuple[Any, ...]], tuple[Any, ...]]):
    """Keeps no rows."""

    def __setitem__(self, key: object, value: object) -> None:
        pass


def test_bytes_for_each_publication(crowd: House) -> None:
    assert bytes_each(crowd, publish, range(200, 1200)) < 1770 * SLACK


def test_bytes_for_each_subscription_to_somebody_who_is_watched_already(crowd: House) -> None:
    for number in range(200, 1200):
        subscribe(crowd, number)
    assert bytes_each(crowd, lambda house, n: subscribe(house, n, "2"), range(200, 1200)) < 1890 * SLACK


def test_bytes_for_each_subscription_to_somebody_nobody_else_watches(crowd: House) -> None:
    for number in range(200, 1201):
        publish(crowd, number)
    assert bytes_each(crowd, subscribe, range(200, 1200)) < 2800 * SLACK
