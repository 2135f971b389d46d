"""Who asks for nothing that has to be stored: it works whatever the database does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

from crash_lib.evidence import Evidence, Wrong
from crash_lib.phone import Phone
from crash_lib.users import LIFETIME, awaited
from tests.support.server import Server
from tests.support.sipclient import Subscription
from tests.support.sipwire import SipMessage


class Reader:
    """Registered once; asks for its bindings, fetches states, and sends messages to itself."""

    def __init__(
        self,
        evidence: Evidence,
        server: Server,
        name: str,
        targets: Callable[[], Sequence[str]],
        random: Random,
    ) -> None:
        self.name = name
        self._targets = targets
        self._random = random
        self._phone = Phone(evidence, server, name, self._heard)
        self._told: dict[str, SipMessage] = {}
        self._phone.register(LIFETIME)

    def _heard(self, request: SipMessage, _now: float) -> None:
        if request.method == "NOTIFY":
            self._told[request.call_id] = request

    def step(self) -> None:
        phone, chance = self._phone, self._random.random()
        answer: SipMessage | None
        if chance < 0.4:
            answer = phone.ask("query", lambda: phone.register(contact="", expect=None), stores=False)
            if answer is not None and phone.host_port not in " ".join(answer.get_all("Contact")):
                raise Wrong(f"{self.name}: its binding is gone")
        elif chance < 0.7:
            subscription = Subscription(phone, self._random.choice(self._targets()), "presence")
            answer = phone.ask("fetch", lambda: subscription.send(0, expect=None), stores=False)
            if answer is not None:
                awaited(phone, self._told, subscription.call_id)
        else:
            answer = phone.ask("relay", lambda: phone.message(phone.uri, "to me", expect=None), stores=False)
        if answer is None:
            raise Wrong(f"{self.name}: what needs nothing stored was refused")

    def check(self) -> None:
        self.step()

    def renew(self) -> None:
        self._phone.forget()
        self._told.clear()

    def close(self) -> None:
        self._phone.close()
