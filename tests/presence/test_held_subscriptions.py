"""Many subscriptions held for an hour, by a clock by hand: refreshed, told of changes, and nothing grows.

`PRESENTITY_HELD=100000` makes it as many as docs/reliability.md has a figure for (some minutes); by default
it is a few seconds.
"""

from __future__ import annotations

import gc
import os
import sys
from functools import _lru_cache_wrapper
from pathlib import Path

from bench_lib.wire import field, ok

from tests.presence.house import DOMAIN, TRUSTED, House

HELD = int(os.environ.get("PRESENTITY_HELD", "1500"))
PRESENTITIES = max(30, HELD // 100)
MINUTES = 60
CHANGES = 3
"""Of each presentity within the hour."""
GROWTH = 0.05
PIDF = """<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:{user}@sip.test"><tuple id="t"><status>
<basic>open</basic></status><note>{number:08d}</note></tuple></presence>"""


class Hour:
    """A house with so many subscriptions, and its phones."""

    def __init__(self) -> None:
        self.users = [f"u{number}" for number in range(PRESENTITIES)]
        self.house = House(self.users)
        self.flow = self.house.peer
        self.tags: list[str] = []
        self.notifies = 0
        self.changes = 0
        self.etags = [""] * PRESENTITIES
        for place in range(PRESENTITIES):
            self._change(place)
        for number in range(HELD):
            self._subscribe(number, 1)
        self.turn()

    def aor(self, user: str) -> str:
        return f"sip:{user}@{DOMAIN}"

    def turn(self) -> None:
        """Phones answer what came."""
        while True:
            came = [data for data in self.flow.sent if data.startswith(b"NOTIFY")]
            self.flow.sent.clear()
            if not came:
                break
            self.notifies += len(came)
            for data in came:
                self.house.parts.core.receive(ok(data), self.flow)
        self.house.settle()

    def minute(self, minute: int) -> None:
        """What happens in a minute, and the minute."""
        for number in range(minute, HELD, MINUTES):
            self._subscribe(number, 2 + minute)
        for place in range(minute, PRESENTITIES * CHANGES, MINUTES):
            self._change(place % PRESENTITIES)
        for _ in range(60):
            self.turn()
            self.house.after(1.0)
        self.turn()
        self.house.journal.writes.clear()

    def memory(self) -> tuple[int, int]:
        """Blocks that Python has given out, and bytes that the process holds."""
        for found in gc.get_objects():
            if isinstance(found, _lru_cache_wrapper):
                found.cache_clear()
        gc.collect()
        status = Path("/proc/self/status")
        lines = status.read_text().splitlines() if status.exists() else []
        resident = [int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS")]
        return sys.getallocatedblocks(), (resident or [0])[0]

    def _subscribe(self, number: int, seq: int) -> None:
        presentity = self.aor(self.users[number % PRESENTITIES])
        watcher = self.aor(self.users[number // PRESENTITIES % PRESENTITIES])
        known = number < len(self.tags)
        lines = (
            f"SUBSCRIBE {'sip:127.0.0.1:5160' if known else presentity} SIP/2.0",
            f"Via: SIP/2.0/UDP {TRUSTED};branch=z9hG4bKs{number}.{seq}",
            "Max-Forwards: 70",
            f"From: <{watcher}>;tag=w{number}",
            f"To: <{presentity}>{self.tags[number] if known else ''}",
            f"Call-ID: held{number}@{TRUSTED}",
            f"CSeq: {seq} SUBSCRIBE",
            f"Contact: <sip:w{number}@{TRUSTED}>",
            "Event: presence",
            "Accept: application/pidf+xml",
            "Expires: 3900",
            "Content-Length: 0\r\n\r\n",
        )
        before = len(self.flow.sent)
        self.house.receive("\r\n".join(lines).encode())
        answer = self.flow.sent[before]
        assert answer.startswith(b"SIP/2.0 200 "), answer
        if not known:
            self.tags.append(";tag=" + field(answer, b"To").partition(";tag=")[2])

    def _change(self, place: int) -> None:
        user = self.users[place]
        self.changes += 1
        number = self.changes
        body = PIDF.format(user=user, number=number).encode()
        aor = self.aor(user)
        self.turn()
        head = (
            f"PUBLISH {aor} SIP/2.0",
            f"Via: SIP/2.0/UDP {TRUSTED};branch=z9hG4bKp{number}",
            "Max-Forwards: 70",
            f"From: <{aor}>;tag=p{number}",
            f"To: <{aor}>",
            f"Call-ID: change{number}@{TRUSTED}",
            "CSeq: 1 PUBLISH",
            "Event: presence",
            "Expires: 7200",
            f"SIP-If-Match: {self.etags[place]}" if self.etags[place] else "X-First: yes",
            "Content-Type: application/pidf+xml",
            f"Content-Length: {len(body)}\r\n\r\n",
        )
        self.house.receive("\r\n".join(head).encode() + body)
        answer = next(data for data in self.flow.sent if data.startswith(b"SIP/2.0"))
        assert answer.startswith(b"SIP/2.0 200 "), answer
        self.etags[place] = field(answer, b"SIP-ETag")


def test_an_hour_of_refreshes_and_changes_leaves_memory_where_it_was() -> None:
    hour = Hour()
    # Transactions of the beginning, and what is made once.
    for _ in range(40):
        hour.house.after(1.0)
        hour.turn()
    blocks, resident = hour.memory()
    told = hour.notifies
    for minute in range(MINUTES):
        hour.minute(minute)
    for _ in range(40):
        hour.house.after(1.0)
        hour.turn()
    blocks_then, resident_then = hour.memory()
    sys.stdout.write(
        f"\n{HELD} subscriptions, {hour.notifies - told} NOTIFYs in the hour: {blocks} blocks and"
        f" {resident / 1e6:.0f} MB before, {blocks_then} and {resident_then / 1e6:.0f} MB after\n"
    )
    assert len(hour.house.parts.notifier) == HELD
    # Each was refreshed once, and told of each change.
    assert hour.notifies - told >= HELD * (1 + CHANGES)
    assert blocks_then - blocks < GROWTH * blocks
    assert resident_then - resident < 2 * GROWTH * resident + 10e6
