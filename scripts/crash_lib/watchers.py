"""Watchers: their dialogs, and what they were told in them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from random import Random

from crash_lib.evidence import Evidence, Lost, Wrong
from crash_lib.phone import Phone
from crash_lib.possible import Possible
from crash_lib.users import LIFETIME, awaited
from tests.support.server import Server
from tests.support.sipclient import Subscription
from tests.support.sipwire import SipMessage

DIALOGS = 3
"""Subscriptions that one watcher has at most."""
PATIENCE = 10.0
"""Seconds until everybody has been told after a restart."""


class Watched:
    """One subscription."""

    def __init__(self, subscription: Subscription) -> None:
        self.subscription = subscription
        self.alive = Possible(True)

    @property
    def call_id(self) -> str:
        return self.subscription.call_id


class Watcher:
    """Subscribes, refreshes and ends subscriptions to `targets`."""

    def __init__(
        self,
        evidence: Evidence,
        server: Server,
        name: str,
        targets: Callable[[], Sequence[str]],
        random: Random,
    ) -> None:
        self.name = name
        self._evidence = evidence
        self._targets = targets
        self._random = random
        self._phone = Phone(evidence, server, name, self._told)
        self._dialogs: list[Watched] = []
        self._last: dict[str, SipMessage] = {}
        """The last NOTIFY of each dialog."""

    def _told(self, request: SipMessage, _now: float) -> None:
        if request.method != "NOTIFY":
            return
        before = self._last.get(request.call_id)
        if before is not None and request.cseq[0] <= before.cseq[0]:
            self._evidence.wrong(
                f"{self.name}: NOTIFY with CSeq {request.cseq[0]} after {before.cseq[0]} ({request.call_id})"
            )
        self._last[request.call_id] = request

    def step(self) -> None:
        chance = self._random.random()
        if chance < 0.1:
            self._phone.ask("SUBSCRIBE", lambda: self._fresh("sip:nobody@example.com"), refused=404)
        elif len(self._dialogs) < DIALOGS:
            self._begin(self._random.choice(self._targets()))
        else:
            watched = self._random.choice(self._dialogs)
            if watched.alive.certain:
                self._go_on(watched, 0 if chance < 0.3 else LIFETIME)
            else:
                self._evidence.pause(0.1)

    def _fresh(self, target: str) -> SipMessage:
        return Subscription(self._phone, target, "presence").send(LIFETIME, expect=None)

    def _begin(self, target: str) -> None:
        subscription = Subscription(self._phone, target, "presence")
        if self._phone.ask("SUBSCRIBE", lambda: subscription.send(LIFETIME, expect=None)) is not None:
            self._dialogs.append(Watched(subscription))

    def _go_on(self, watched: Watched, expires: int) -> None:
        subscription = watched.subscription
        try:
            answer = self._phone.ask("SUBSCRIBE", lambda: subscription.send(expires, expect=None))
        except Lost:
            # The copy with credentials had the next number.
            subscription.cseq += 2
            if expires == 0:
                watched.alive.maybe(False)
            raise
        if answer is not None and expires == 0:
            watched.alive.now(False)

    def check(self) -> None:
        """Dialogs are as they were answered, and their last document is what is composed now."""
        for watched in self._dialogs:
            self._check(watched)
        self._dialogs = [it for it in self._dialogs if it.alive.certain]

    def _check(self, watched: Watched) -> None:
        subscription = watched.subscription
        target = subscription.to.split(";")[0].strip("<>")
        if watched.alive.certain:
            # Without being asked for it.
            self._wait_for(watched, self._fetched(target), 0, f"of {target} after the round")
        told = self._last.get(watched.call_id)
        before = -1 if told is None else told.cseq[0]
        answer = subscription.refresh(LIFETIME, expect=None)
        if answer.status not in (200, 481):
            raise Wrong(f"{self.name}: the refresh in {watched.call_id} was answered {answer.start!r}")
        watched.alive.found(answer.status == 200, f"whether {watched.call_id} of {self.name} is alive")
        if answer.status == 200:
            self._wait_for(watched, self._fetched(target), before + 1, f"of {target} after the refresh")

    def _wait_for(self, watched: Watched, document: str, cseq: int, what: str) -> None:
        end = time.monotonic() + PATIENCE
        while True:
            told = self._last.get(watched.call_id)
            if told is not None and told.cseq[0] >= cseq and told.text == document:
                return
            if time.monotonic() > end:
                last = "nothing" if told is None else f"CSeq {told.cseq[0]}:\n{told.text}"
                raise Wrong(f"{self.name}: last told {what}: {last}\nwhat is composed:\n{document}")
            time.sleep(0.02)

    def _fetched(self, target: str) -> str:
        return awaited(self._phone, self._last, self._phone.subscribe(target, expires=0).call_id)

    def renew(self) -> None:
        self._phone.forget()
        kept = {it.call_id for it in self._dialogs}
        for call_id in [call_id for call_id in self._last if call_id not in kept]:
            del self._last[call_id]

    def close(self) -> None:
        self._phone.close()
