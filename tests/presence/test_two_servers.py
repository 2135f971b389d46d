"""Two servers that send each other what came from the other: it dies out, also where both fork.

RFC 3261 §16.3 (Max-Forwards), RFC 5393 (loops that fork multiply; each server finds its own mark in a Via).
"""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from sip.message import Response
from sip.transport.spec import Destination
from tests.presence.house import TRUSTED, House
from tests.sip.flows import FakeFlow

HOSTS = {"a.test": "192.0.2.101", "b.test": "192.0.2.102"}
ENDLESS = 3000
"""Messages between the two after which nobody believes that it ends."""


class Pair:
    """Two servers, each a trusted peer of the other, and the wire between them."""

    def __init__(self) -> None:
        self.houses = {name: self._house(name) for name in HOSTS}
        self.messages = 0
        self.requests = 0
        self.mangle: Callable[[bytes], bytes] = lambda data: data

    def _house(self, name: str) -> House:
        house = House(domain=(name,), trust=(f"{TRUSTED}/32", *(f"{host}/32" for host in HOSTS.values())))
        house.network.names = {other: [Destination("UDP", host, 5060)] for other, host in HOSTS.items()}
        house.network.ours = {(HOSTS[name], None), (HOSTS[name], 5060), ("127.0.0.1", 5160)}
        return house

    def bind(self, user: str, *targets: str) -> None:
        """What comes for `user` goes to all of `targets` at once."""
        house = self.houses[user.partition("@")[2]]
        for target in targets:
            assert house.register(f"sip:{user}", house.peer, f"<sip:{target}>").status == 200

    def call(self, method: str, user: str, hops: int = 70) -> list[Response]:
        """Send a request to `user`, let everything happen, and return the final answers to it."""
        house = self.houses[user.partition("@")[2]]
        flow = house.network.at(TRUSTED, 5099)
        house.receive(
            f"""
            {method} sip:{user} SIP/2.0
            Via: SIP/2.0/UDP {TRUSTED}:5099;branch=z9hG4bKcall
            Max-Forwards: {hops}
            From: <sip:someone@elsewhere.test>;tag=1
            To: <sip:{user}>
            Call-ID: call@{TRUSTED}
            CSeq: 1 {method}
            Contact: <sip:someone@{TRUSTED}:5099>
            """,
            flow,
        )
        for _ in range(200):
            while self._carry():
                assert self.messages < ENDLESS, "it does not end"
            for each in self.houses.values():
                each.after(1.0)
        answers = [message for message in flow.messages if isinstance(message, Response)]
        return [answer for answer in answers if answer.status >= 200]

    def _carry(self) -> bool:
        """Bring what each sent to the other."""
        carried = False
        for name, host in HOSTS.items():
            for other, there in HOSTS.items():
                if other == name:
                    continue
                wire: FakeFlow = self.houses[name].network.at(there)
                letters, wire.sent = wire.sent, []
                for data in letters:
                    carried = True
                    self.messages += 1
                    self.requests += not data.startswith((b"SIP/2.0", b"ACK", b"CANCEL"))
                    self.houses[other].receive(self.mangle(data), self.houses[other].network.at(host))
        return carried


def disguised(data: bytes) -> bytes:
    """The message without the marks in its branches; a response with them again."""
    if data.startswith(b"SIP/2.0"):
        return re.sub(rb"(branch=z9hG4bK[^.;,\r]*)-([0-9a-f]{16})", rb"\1.\2", data)
    return re.sub(rb"(branch=z9hG4bK[^.;,\r]*)\.([0-9a-f]{16})", rb"\1-\2", data)


METHODS = ["INVITE", "MESSAGE", "OPTIONS", "INFO"]


@pytest.mark.parametrize("method", METHODS)
def test_what_goes_in_a_circle_is_found_the_first_time_round(method: str):
    pair = Pair()
    pair.bind("alice@a.test", "bob@b.test")
    pair.bind("bob@b.test", "alice@a.test")
    answers = pair.call(method, "alice@a.test")
    assert pair.requests == 2
    assert {answer.status for answer in answers} == {482}


@pytest.mark.parametrize("method", METHODS)
def test_circles_that_fork_end_soon(method: str):
    pair = Pair()
    everybody = {name: [f"{user}@{name}" for user in ("alice", "bob", "carol")] for name in HOSTS}
    for user in everybody["a.test"]:
        pair.bind(user, *everybody["b.test"])
    for user in everybody["b.test"]:
        pair.bind(user, *everybody["a.test"])
    answers = pair.call(method, "alice@a.test")
    assert {answer.status for answer in answers} == {482}
    # Without marks each of 70 hops would make three of one.
    assert pair.requests <= 36


@pytest.mark.parametrize("method", METHODS)
def test_where_marks_are_lost_max_forwards_ends_it(method: str):
    pair = Pair()
    pair.bind("alice@a.test", "bob@b.test")
    pair.bind("bob@b.test", "alice@a.test")
    # Somebody between them hides Vias, as back-to-back user agents do.
    pair.mangle = disguised
    answers = pair.call(method, "alice@a.test", hops=20)
    # A MESSAGE is found to be the same one as before (RFC 3261 §8.2.2.2).
    assert {answer.status for answer in answers} == {482 if method == "MESSAGE" else 483}
    assert pair.requests <= 20
