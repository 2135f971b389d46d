"""Messages to somebody who is there and not there by turns."""

from __future__ import annotations

import time
from random import Random

from crash_lib.evidence import Evidence, Lost, Wrong
from crash_lib.phone import Phone
from crash_lib.possible import Possible
from crash_lib.users import LIFETIME
from tests.support.server import Server
from tests.support.sipwire import SipMessage

PATIENCE = 10.0
"""Seconds until everything that waits was delivered."""
QUIET = 0.3
"""Seconds in which nothing more may come."""


class Postman:
    """Sends numbered messages to one receiver, and looks at what he gets."""

    def __init__(
        self, evidence: Evidence, server: Server, sender: str, receiver: str, random: Random
    ) -> None:
        self.name = sender
        self._evidence = evidence
        self._random = random
        self._sender = Phone(evidence, server, sender)
        self._receiver = Phone(evidence, server, receiver, self._came)
        self._there: Possible[bool] = Possible(False)
        self._number = 0
        self._owed: set[int] = set()
        self._refused: set[int] = set()
        self._first: dict[int, float] = {}
        """When the receiver took each message for the first time."""
        self._last_at = 0.0

    def _came(self, request: SipMessage, now: float) -> None:
        if request.method != "MESSAGE":
            return
        number = int(request.text.split()[-1])
        self._last_at = now
        if number in self._refused:
            self._evidence.wrong(f"{self.name}: message {number} was refused and is delivered")
        first = self._first.setdefault(number, now)
        if first == now:
            if any(before > number for before in self._first if before in self._owed):
                self._evidence.wrong(f"{self.name}: message {number} comes after later ones")
        elif self._evidence.may_be_forgotten(first):
            self._evidence.repeated += 1
            # Whether that was stored shows at the next crash.
            self._first[number] = now
        else:
            self._evidence.wrong(f"{self.name}: message {number} came twice, {now - first:.2f} s apart")

    def step(self) -> None:
        chance, there = self._random.random(), self._there.certain
        if there is None or chance < 0.15:
            self._move(not there)
        elif chance < 0.25 and not there:
            # Over at once, so it cannot be kept for him.
            self._number += 1
            self._refused.add(self._number)
            self._send(self._number, [("Expires", "0")], refused=480)
        else:
            self._number += 1
            if self._send(self._number):
                self._owed.add(self._number)
            else:
                self._refused.add(self._number)

    def _move(self, there: bool) -> None:
        expires = LIFETIME if there else 0
        try:
            if self._receiver.ask("REGISTER", lambda: self._receiver.register(expires, expect=None)):
                self._there.now(there)
        except Lost:
            self._there.maybe(there)
            raise

    def _send(
        self, number: int, headers: list[tuple[str, str]] | None = None, refused: int | None = None
    ) -> bool:
        """Whether the message was answered 2xx."""

        def exchange() -> SipMessage:
            return self._sender.message(
                self._receiver.uri, f"message {number}", headers=headers or (), expect=None
            )

        # 200 says that the receiver took it: nothing was stored.
        answer = self._sender.ask("MESSAGE", exchange, refused=refused, stores=False)
        if answer is not None and answer.status == 202:
            self._evidence.stored(self._sender.sent_at)
        return answer is not None

    def check(self) -> None:
        """What was answered 2xx is delivered, what was refused is not, and nothing comes twice."""
        self._receiver.register(LIFETIME)
        self._there.now(True)
        end = time.monotonic() + PATIENCE
        while (missing := self._owed - self._first.keys()) and time.monotonic() < end:
            time.sleep(0.05)
        if missing:
            raise Wrong(f"{self.name}: messages {sorted(missing)} were answered 2xx and are not delivered")
        while time.monotonic() - self._last_at < QUIET:
            time.sleep(0.05)

    def renew(self) -> None:
        self._sender.forget()
        self._receiver.forget()

    def close(self) -> None:
        self._sender.close()
        self._receiver.close()
