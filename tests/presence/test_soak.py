"""What is over leaves nothing: after twice as many requests no more is held than after once as many.

`scripts/soak` shows it of a running server with a million.
"""

from __future__ import annotations

import gc
import sys
from functools import _lru_cache_wrapper

import pytest

from sip.message import Request
from tests.presence.house import DOMAIN, TRUSTED, House, requests

USERS = [f"user{number}" for number in range(40)]
ROUNDS = 5
"""Of each half."""
BEGUN = 3
"""Rounds until everything that is made once has been made."""
SLACK = 400
"""Blocks of memory by which two readings may differ; one block for each request would be ten times that."""
PIDF = """<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:{user}@sip.test"><tuple id="t"><status>
<basic>open</basic></status><note>{number}</note></tuple></presence>"""


class Load:
    """Users who come, do everything and go, under numbers that there never were before; and strangers."""

    def __init__(self) -> None:
        self.house = House(USERS)
        self.number = 0
        self.asked = 0

    def round(self) -> None:
        """Everything once for each user."""
        for place, user in enumerate(USERS):
            self._user(user, USERS[(place + 1) % len(USERS)])
            self._stranger(f"192.0.2.{100 + place}")
        self.settle()

    def settle(self) -> None:
        """The last transaction is forgotten, and what the tests themselves keep."""
        self._answer()
        for _ in range(40):
            self.house.after(1.0)
        network = self.house.network
        network.flows = {key: flow for key, flow in network.flows.items() if flow is self.house.peer}
        self.house.peer.sent.clear()
        self.house.journal.writes.clear()
        assert len(self.house.parts.layer) == 0

    def blocks(self) -> int:
        """Of memory that Python has given out, without what bounded caches remember."""
        for found in gc.get_objects():
            if isinstance(found, _lru_cache_wrapper):
                found.cache_clear()
        gc.collect()
        return sys.getallocatedblocks()

    # -- requests -----------------------------------------------------------------------------------------

    def _ask(
        self,
        request: str,
        sender: str,
        to: str,
        *more: str,
        body: str = "",
        host: str = TRUSTED,
        call: int = 0,
        seq: int = 1,
    ) -> tuple[int, str]:
        """Status of the answer, 0 without one, and its entity-tag."""
        self.number += 1
        self.asked += 1
        lines = (
            f"{request} SIP/2.0",
            f"Via: SIP/2.0/UDP {host};branch=z9hG4bK{self.number}",
            "Max-Forwards: 70",
            f"From: <{sender}>;tag=f{call or self.number}",
            f"To: {to}",
            f"Call-ID: {call or self.number}@{host}",
            f"CSeq: {seq} {request.partition(' ')[0]}",
            *more,
        )
        flow = self.house.network.at(host)
        answers = self.house.answers("\n".join(lines), flow, body.encode())
        return (answers[-1].status, answers[-1].get("SIP-ETag") or "") if answers else (0, "")

    def _user(self, user: str, other: str) -> None:
        own, theirs = f"sip:{user}@{DOMAIN}", f"sip:{other}@{DOMAIN}"
        me, contact = f"<{own}>", f"Contact: <sip:{user}@{TRUSTED}>"
        text = "Content-Type: text/plain"
        # It waits until he comes, and the next one reaches him.
        assert self._ask(f"MESSAGE {own}", theirs, me, text, body="here?")[0] == 202
        assert self._ask(f"REGISTER sip:{DOMAIN}", own, me, contact, "Expires: 600")[0] == 200
        self._answer()
        self._ask(f"MESSAGE {own}", theirs, me, text, body="there?")
        self._answer()
        first = self._publish(user)
        watch = (contact, "Event: presence", "Expires: ")
        call = self.number
        status, _ = self._ask(f"SUBSCRIBE {own}", theirs, me, *watch[:2], "Expires: 600", call=call)
        assert status == 200
        tag = self._answer()[-1].from_.tag
        second = self._publish(user, f"SIP-If-Match: {first}")
        self._answer()
        for seq, expires in ((2, 600), (3, 0)):
            more = (*watch[:2], f"Expires: {expires}")
            status, _ = self._ask(f"SUBSCRIBE {own}", theirs, f"{me};tag={tag}", *more, call=call, seq=seq)
            assert status == 200
            self._answer()
        self._publish(user, f"SIP-If-Match: {second}", "Expires: 0")
        assert self._ask(f"REGISTER sip:{DOMAIN}", own, me, contact, "Expires: 0")[0] == 200

    def _publish(self, user: str, *more: str) -> str:
        own = f"sip:{user}@{DOMAIN}"
        ends = "Expires: 0" in more
        kind = ("Event: presence", *(() if ends else ("Content-Type: application/pidf+xml",)))
        body = "" if ends else PIDF.format(user=user, number=self.number)
        status, etag = self._ask(f"PUBLISH {own}", own, f"<{own}>", *kind, *more, body=body)
        assert status == 200
        return etag

    def _stranger(self, host: str) -> None:
        """Who proves nothing, and invents what he can."""
        name = f"sip:x{self.number}@{DOMAIN}"
        wrong = (
            f'Authorization: Digest username="x{self.number}", realm="{DOMAIN}", nonce="{self.number}",'
            ' uri="x", response="0"'
        )
        for request, *more in (
            (f"SUBSCRIBE {name}", "Event: presence"),
            (f"REGISTER sip:{DOMAIN}", wrong),
            (f"X{self.number} {name}",),
            (f"OPTIONS sip:{DOMAIN}", f"Require: x{self.number}"),
            (f"MESSAGE sip:x@h{self.number}.example", "Content-Type: text/plain"),
        ):
            assert self._ask(request, name, f"<{name}>", *more, host=host)[0] in (
                400,
                401,
                403,
                404,
                407,
                420,
            )

    def _answer(self) -> list[Request]:
        """Answer what has come to the users."""
        came = [*requests(self.house.peer, "NOTIFY"), *requests(self.house.peer, "MESSAGE")]
        self.house.peer.sent.clear()
        for request in came:
            self.asked += 1
            self.house.respond(request)
        return [request for request in came if request.method == "NOTIFY"]


@pytest.fixture
def load() -> Load:
    load = Load()
    for _ in range(BEGUN):
        load.round()
    return load


def test_twice_as_many_requests_hold_no_more_memory(load: Load) -> None:
    load.blocks()
    readings = []
    for _ in range(2):
        readings.append(load.blocks())
        for _ in range(ROUNDS):
            load.round()
    readings.append(load.blocks())
    assert load.asked > 7000
    grown = readings[2] - readings[1]
    assert abs(grown) < SLACK, f"{grown} blocks more after {load.asked} requests: {readings}"


def test_a_leak_would_be_seen(load: Load) -> None:
    """One small object for each request is too much."""
    kept: list[object] = []
    before = load.blocks()
    asked = load.asked
    load.round()
    kept += [[number] for number in range(load.asked - asked)]
    assert load.blocks() - before > SLACK
