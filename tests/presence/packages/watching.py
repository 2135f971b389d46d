"""What tests of event packages do with the whole server: subscribe, publish, register, hear."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from sip.message import Request, Response
from tests.presence.house import TRUSTED, House, requests
from tests.sip.flows import FakeFlow

ALICE, BOB, CAROL = (f"sip:{name}@sip.test" for name in ("alice", "bob", "carol"))


class Watching:
    """A server and phones behind a trusted proxy, which speaks for `watcher`."""

    def __init__(self, **settings: object) -> None:
        self.house = House(**settings)
        self._numbers = itertools.count(1)

    def subscribe(
        self, package: str, aor: str, watcher: str, *, expires: int = 600, more: str = "", body: bytes = b""
    ) -> Phone:
        """A new subscription, from a phone of its own; `more` are further header lines."""
        number = next(self._numbers)
        flow = self.house.network.at(TRUSTED, 6000 + number)
        phone = Phone(self.house, flow, package, aor, watcher, f"call{number}", more)
        phone.answer = phone.ask(expires, body=body)
        return phone

    def publish(
        self, package: str, aor: str, content_type: str, body: bytes, *, tag: str = "", expires: int = 600
    ) -> Response:
        number = next(self._numbers)
        match = f"\nSIP-If-Match: {tag}" if tag else ""
        kind = f"\nContent-Type: {content_type}" if body else ""
        return self.house.ask(
            f"""
            PUBLISH {aor} SIP/2.0
            Via: SIP/2.0/UDP {TRUSTED};branch=z9hG4bKp{number}
            Max-Forwards: 70
            From: <{aor}>;tag=1
            To: <{aor}>
            Call-ID: publish{number}
            CSeq: 1 PUBLISH
            Event: {package}
            Expires: {expires}{kind}{match}
            """,
            body=body,
        )

    def restart(self) -> None:
        """The server stops without a warning and starts again."""
        house = self.house
        house.parts = house._build(house.parts.timers.now)
        house.parts.restore(house.journal.load, now=house.parts.timers.now, wall=house.wall())
        house.settle()


class Phone:
    """One subscription from the subscriber's side."""

    answer: Response

    def __init__(
        self, house: House, flow: FakeFlow, package: str, aor: str, watcher: str, call: str, more: str
    ) -> None:
        self.house, self.flow = house, flow
        self._package, self._aor, self._watcher, self._call, self._more = package, aor, watcher, call, more
        self._cseq = 0
        self._answered = 0

    def ask(self, expires: int, body: bytes = b"") -> Response:
        self._cseq += 1
        more = f"\n{self._more}" if self._more else ""
        to_tag = f";tag={self.answer.to.tag}" if self._cseq > 1 else ""
        target = self._aor if not to_tag else "sip:127.0.0.1:5160"
        answers = self.house.answers(
            f"""
            SUBSCRIBE {target} SIP/2.0
            Via: SIP/2.0/UDP {TRUSTED}:{self.flow.remote[1]};branch=z9hG4bK{self._call}{self._cseq}
            Max-Forwards: 70
            From: "Some One" <{self._watcher}>;tag=theirs
            To: <{self._aor}>{to_tag}
            Call-ID: {self._call}
            CSeq: {self._cseq} SUBSCRIBE
            Contact: <sip:{TRUSTED}:{self.flow.remote[1]}>
            Event: {self._package}
            Expires: {expires}{more}
            """,
            self.flow,
            body,
        )
        return answers[0]

    def notifies(self) -> Sequence[Request]:
        return requests(self.flow, "NOTIFY")

    def heard(self, status: int = 200) -> list[Request]:
        """The NOTIFYs since the last call, each answered with `status`."""
        found: list[Request] = []
        while len(self.notifies()) > self._answered:
            notify = self.notifies()[self._answered]
            self._answered += 1
            found.append(notify)
            self.house.respond(notify, status, self.flow)
        return found
