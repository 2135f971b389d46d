"""A client application that changes contacts by SOAP."""

from __future__ import annotations

from http.client import HTTPException
from random import Random

from lxml import etree

from crash_lib.evidence import Evidence, Lost, Wrong
from crash_lib.phone import PASSWORD
from crash_lib.possible import Possible
from tests.support.server import Server
from tests.support.soapclient import Reply, SoapClient, envelope

_GROUP = "work"
_NOTICED = 5.0
"""Seconds from a broken connection until it is known that the server was killed."""

Contacts = frozenset[tuple[str, str]]


class ContactKeeper:
    """Adds, changes and deletes contacts in one session that lasts for the whole test."""

    def __init__(
        self, evidence: Evidence, server: Server, name: str, members: tuple[str, ...], random: Random
    ) -> None:
        self.name = name
        self._evidence = evidence
        self._members = members
        self._random = random
        self._client = SoapClient(server.http).login(name, PASSWORD)
        self._client.call(f'<add-group><group name="{_GROUP}"/></add-group>')
        self._number = 0
        self._state: Possible[Contacts] = Possible(frozenset())

    def step(self) -> None:
        state, chance = self._state.certain, self._random.random()
        if state is None:
            self._evidence.pause(0.1)
            return
        member = self._random.choice(self._members)
        others = frozenset(it for it in state if it[0] != member)
        if chance < 0.15:
            # There is no such group, so nothing of it may happen.
            self._change("modify-contact", "nowhere", member, "never", state, refused=True)
        elif chance < 0.35 and others != state:
            self._change("delete-contact", _GROUP, member, None, others)
        else:
            self._number += 1
            nickname = str(self._number)
            self._change("add-contact", _GROUP, member, nickname, others | {(member, nickname)})

    def _change(
        self,
        what: str,
        group: str,
        member: str,
        nickname: str | None,
        after: Contacts,
        *,
        refused: bool = False,
    ) -> None:
        given = "" if nickname is None else f' nickname="{nickname}"'
        body = f'<{what}><group name="{group}"><persona-id{given}>{member}</persona-id></group></{what}>'
        try:
            reply = self._post(what, body)
        except Lost:
            if not refused:
                self._state.maybe(after)
            raise
        if reply is None:
            return
        (status,) = reply.content
        if (status.text == "succeeded") is refused:
            raise Wrong(f"{self.name}: {body} was answered {reply.body!r}")
        if not refused:
            self._state.now(after)

    def _post(self, what: str, body: str) -> Reply | None:
        """The answer, None if it was refused with 503.  Raises Lost, Wrong."""
        try:
            reply = self._client.post(envelope(body, self._client.key))
        except (OSError, HTTPException) as error:
            self._evidence.answered("SOAP", "lost")
            if self._evidence.down.wait(_NOTICED):
                raise Lost(what) from error
            raise Wrong(f"{self.name}: {what} had no answer: {error}") from error
        self._evidence.answered("SOAP", reply.status)
        if reply.status == 503:
            if "retry-after" not in reply.headers:
                raise Wrong(f"{self.name}: {what} was answered 503 without Retry-After")
            return None
        if reply.status != 200:
            raise Wrong(f"{self.name}: {what} was answered {reply.status} {reply.body!r}")
        return reply

    def check(self) -> None:
        """The session is open, and the contacts are those that were answered."""
        reply = self._post("get-contact-list", "<get-contact-list/>")
        if reply is None:
            raise Wrong(f"{self.name}: the contacts could not be asked for")
        found: set[tuple[str, str]] = set()
        for group in reply.content:
            if group.get("name") != _GROUP:
                raise Wrong(f"{self.name}: there is a group {group.get('name')!r}")
            found |= {(_text(it), it.get("nickname", "")) for it in group}
        self._state.found(frozenset(found), f"contacts of {self.name}")

    def renew(self) -> None:
        """Nothing is kept of a round."""

    def close(self) -> None:
        """Every request has a connection of its own."""


def _text(element: etree._Element) -> str:
    return (element.text or "").strip()
