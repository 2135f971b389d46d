"""Users who register and publish."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from random import Random
from typing import NamedTuple, Protocol

from crash_lib.evidence import Evidence, Lost, Wrong
from crash_lib.phone import Phone
from crash_lib.possible import Possible
from tests.support.server import Server
from tests.support.sipclient import Subscription
from tests.support.sipwire import SipMessage, pidf

LIFETIME = 3600
"""Seconds that everything is asked for; no test takes so long."""
_TOLD = 5.0
"""Seconds from the answer to a SUBSCRIBE until its NOTIFY."""
_NUMBER = re.compile(r";n=(\d+)")
_NOTE = re.compile(r"<note>([^<]*)</note>")


class Actor(Protocol):
    """One who makes operations, one after the other, and knows what he may find afterwards."""

    name: str

    def step(self) -> None:
        """One operation.  Raises Lost, Wrong."""

    def check(self) -> None:
        """Look whether everything is as it was answered.  Raises Wrong."""

    def renew(self) -> None:
        """What belongs to the round before is done with."""

    def close(self) -> None: ...


class Binder:
    """Registers contacts: a new one in place of the old one, in one request, both or none."""

    def __init__(self, evidence: Evidence, server: Server, name: str, random: Random) -> None:
        self.name = name
        self._random = random
        self._phone = Phone(evidence, server, name)
        self._number = 0
        self._bindings: Possible[frozenset[int]] = Possible(frozenset())

    def step(self) -> None:
        chance = self._random.random()
        before = self._bindings.certain
        if before is None:
            self.check()
        elif chance < 0.1 and before:
            self._change("*", 0, frozenset())
        elif chance < 0.2:
            self.check()
        elif chance < 0.3:
            # Too brief, so nothing of it may happen.
            self._number += 1
            contact = self._contact(self._number)
            self._phone.ask(
                "REGISTER", lambda: self._phone.register(1, contact=contact, expect=None), refused=423
            )
        else:
            self._number += 1
            gone = "".join(f", {self._contact(number)};expires=0" for number in before)
            self._change(self._contact(self._number) + gone, LIFETIME, frozenset({self._number}))

    def _contact(self, number: int) -> str:
        return f"<sip:{self.name}@192.0.2.1;n={number}>"

    def _change(self, contact: str, expires: int, after: frozenset[int]) -> None:
        def register() -> SipMessage:
            return self._phone.register(expires, contact=contact, expect=None)

        try:
            if self._phone.ask("REGISTER", register) is not None:
                self._bindings.now(after)
        except Lost:
            self._bindings.maybe(after)
            raise

    def check(self) -> None:
        answer = self._phone.ask("query", lambda: self._phone.register(contact="", expect=None), stores=False)
        if answer is None:
            raise Wrong(f"{self.name}: the bindings could not be asked for")
        numbers = frozenset(int(it) for it in _NUMBER.findall(" ".join(answer.get_all("Contact"))))
        self._bindings.found(numbers, f"bindings of {self.name}")

    def renew(self) -> None:
        self._phone.forget()

    def close(self) -> None:
        self._phone.close()


class Published(NamedTuple):
    """A publication: its entity-tag ("" where the answer was lost with it) and the note in it."""

    etag: str
    note: str


class Publisher:
    """Publishes, changes, refreshes and removes one publication, each with a note that is nowhere else.

    When the answer with the entity-tag was lost the publication stays where it is, and another user
    goes on: `names` has one after the other.
    """

    def __init__(self, evidence: Evidence, server: Server, names: Callable[[], str], random: Random) -> None:
        self._evidence = evidence
        self._server = server
        self._names = names
        self._random = random
        self._number = 0
        self._open()

    def _open(self) -> None:
        self.name = self._names()
        self._phone = Phone(self._evidence, self._server, self.name)
        self._judge = Phone(self._evidence, self._server, "judge", self._told)
        self._shown: dict[str, SipMessage] = {}
        self._state: Possible[Published | None] = Possible(None)
        self._retired = False

    def _told(self, request: SipMessage, _now: float) -> None:
        self._shown[request.call_id] = request

    @property
    def uri(self) -> str:
        return self._phone.uri

    def step(self) -> None:
        state, chance = self._state.certain, self._random.random()
        if len(self._state.states) > 1 or self._retired:
            self._evidence.pause(0.1)
        elif chance < 0.05:
            self._look()
        elif state is None:
            self._publish(None, self._note())
        elif chance < 0.15:
            # An entity-tag that nobody has: nothing of it may happen.
            body = pidf(self.uri, note=f"{self.name} never {self._number}")
            self._phone.ask(
                "PUBLISH",
                lambda: self._phone.publish(body, etag="nobodys", expires=LIFETIME, expect=None),
                refused=412,
            )
        elif chance < 0.4:
            self._publish(state, state.note, b"")
        elif chance < 0.5:
            self._remove(state)
        else:
            self._publish(state, self._note())

    def _note(self) -> str:
        self._number += 1
        return f"{self.name} {self._number}"

    def _publish(self, before: Published | None, note: str, body: bytes | None = None) -> None:
        data = pidf(self.uri, note=note) if body is None else body
        etag = None if before is None else before.etag
        try:
            answer = self._phone.ask(
                "PUBLISH", lambda: self._phone.publish(data, etag=etag, expires=LIFETIME, expect=None)
            )
        except Lost:
            self._state.maybe(Published("", note))
            raise
        if answer is not None:
            self._state.now(Published(answer.need("SIP-ETag"), note))

    def _remove(self, before: Published) -> None:
        try:
            answer = self._phone.ask(
                "PUBLISH", lambda: self._phone.publish(etag=before.etag, expires=0, expect=None)
            )
        except Lost:
            self._state.maybe(None)
            raise
        if answer is not None:
            self._state.now(None)

    def _look(self) -> list[str]:
        """The notes of the composed state, at most one, and one that can be."""
        notes: list[str] = _NOTE.findall(self._fetched())
        states = self._state.states
        if len(notes) > 1 or (notes and notes[0] not in {it.note for it in states if it is not None}):
            raise Wrong(f"{self.name}: the state has {notes}, not one of {states}")
        if not notes and None not in states:
            raise Wrong(f"{self.name}: nothing is published, not one of {states}")
        return notes

    def check(self) -> None:
        """The composed state has the note, and nothing else; the entity-tag can be used."""
        notes, states = self._look(), self._state.states
        known = [it for it in states if it is not None and it.etag]
        if self._retired:
            return
        if not known:
            self._state.now(None) if not notes else self._retire(notes[0])
            return
        (last,) = known
        answer = self._phone.publish(etag=last.etag, expires=LIFETIME, expect=None)
        if answer.status == 200 and notes == [last.note]:
            self._state.now(Published(answer.need("SIP-ETag"), last.note))
        elif answer.status == 412 and len(states) > 1:
            # What was not answered has happened.
            self._state.now(None) if not notes else self._retire(notes[0])
        else:
            raise Wrong(
                f"{self.name}: the refresh with {last.etag} was answered {answer.start!r},"
                f" and the state has {notes}; possible: {states}"
            )

    def _retire(self, note: str) -> None:
        self._retired = True
        self._state.now(Published("", note))

    def _fetched(self) -> str:
        subscription = Subscription(self._judge, self.uri, "presence")
        if self._judge.ask("fetch", lambda: subscription.send(0, expect=None), stores=False) is None:
            raise Wrong(f"{self.name}: the state could not be fetched")
        return awaited(self._judge, self._shown, subscription.call_id)

    def renew(self) -> None:
        self._phone.forget()
        self._judge.forget()
        self._shown.clear()
        if self._retired:
            self.close()
            self._open()

    def close(self) -> None:
        self._phone.close()
        self._judge.close()


def awaited(phone: Phone, shown: dict[str, SipMessage], call_id: str) -> str:
    """The document of the NOTIFY of a dialog.  Raises Lost, Wrong."""
    end = time.monotonic() + _TOLD
    while time.monotonic() < end:
        if call_id in shown:
            return shown[call_id].text
        if phone.evidence.down.is_set():
            raise Lost("NOTIFY")
        time.sleep(0.02)
    raise Wrong(f"{phone.name}: no NOTIFY after a SUBSCRIBE that was answered 200")
