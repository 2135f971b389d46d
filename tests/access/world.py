"""A whole server, and those who ask something of it: each from an address of his own, with what he knows.

Everybody but bob says that he is alice: a stranger and an administrator without a proof, alice herself with
her password, a trusted peer because alice asked him.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from typing import Any

from presence.directory import Credentials, User
from sip.message import Request, Response
from tests.presence.house import ALICE, DOMAIN, PASSWORD, TRUSTED, House
from tests.presence.lists.list_phones import contacts
from tests.presence.watchers import rule, set_rules
from tests.sip.auth.clients import credentials, nonce_of
from tests.sip.flows import FakeFlow, wire
from tests.sip.usage.fakes import WALL

BOB, CAROL, DAVE, PBX = (f"sip:{name}@{DOMAIN}" for name in ("bob", "carol", "dave", "pbx"))
ALIAS = f"sip:ally@{DOMAIN}"
"""Of alice."""
ELSEWHERE = "sip:zoe@elsewhere.example"
PHONE = "198.51.100.20"
"""Where alice has registered."""


@dataclass(frozen=True)
class Role:
    """Who asks: his address, whom he says he is, and as whom he can prove himself (None: as nobody)."""

    host: str
    says: str
    proves: str | None = None


ROLES = {
    "stranger": Role("203.0.113.66", ALICE),
    "another user": Role("203.0.113.77", BOB, "bob"),
    "the owner": Role("203.0.113.10", ALICE, "alice"),
    "a trusted peer": Role(TRUSTED, ALICE),
    # The address from which operators may look at /status: it is no user.
    "an administrator": Role("127.0.0.1", ALICE),
}


class World:
    """A server at which alice has a phone, an alias, contacts, and a rule that keeps dave out."""

    def __init__(self, **settings: Any) -> None:
        self.house = House(users=("alice", "bob", "carol", "dave", "pbx"), publishers=(PBX,), **settings)
        self.house.parts.directory.load(
            [User(ALICE, "Alice", WALL, Credentials.of(ALICE, PASSWORD), (ALIAS,))]
        )
        self._numbers = itertools.count(1)
        self.phone = self.house.network.at(PHONE)
        contacts(self.house, BOB, work=(CAROL,))
        set_rules(self.house, rule("foe", DAVE, "block"))
        self.house.register(ALICE, self.house.peer, f"<sip:alice@{PHONE}:5060>")

    def flow(self, role: Role) -> FakeFlow:
        return self.house.network.at(role.host, 40000)

    def request(
        self,
        role: Role,
        method: str,
        uri: str,
        to: str,
        *headers: str,
        says: str | None = None,
        call: str = "",
        branch: str = "",
        cseq: int = 0,
    ) -> str:
        """The text of a request as `role` writes it; who cannot prove who he is asserts it too."""
        number = next(self._numbers)
        says = says or role.says
        asserted = () if role.proves else (f"P-Asserted-Identity: <{says}>", f"Remote-Party-ID: <{says}>")
        lines = [
            f"{method} {uri} SIP/2.0",
            f"Via: SIP/2.0/UDP {role.host}:40000;branch=z9hG4bK{branch or number}",
            "Max-Forwards: 70",
            f"From: <{says}>;tag=theirs",
            f"To: <{to}>" if ";" not in to else f"To: <{to.partition(';')[0]}>;{to.partition(';')[2]}",
            f"Call-ID: {call or f'call{number}'}",
            f"CSeq: {cseq or number} {method}",
            *asserted,
            *headers,
        ]
        return "\n".join(lines)

    def send(self, role: Role, text: str, body: bytes = b"") -> str:
        """What becomes of a request: its final answer, "relayed" or "dropped"; `role` answers challenges."""
        answer = self.outcome(role, text, body)
        if isinstance(answer, Response) and answer.status in (401, 407) and role.proves:
            name = "Proxy-" if answer.status == 407 else "WWW-"
            method, uri = text.split(" ", 2)[:2]
            proof = credentials(
                nonce_of(answer.get(f"{name}Authenticate") or ""),
                username=role.proves,
                password=PASSWORD,
                realm=DOMAIN,
                method=method,
                uri=uri,
            )
            header = "Proxy-Authorization" if answer.status == 407 else "Authorization"
            again = re.sub(r"branch=(\w+)", r"branch=\1again", text)
            answer = self.outcome(role, f"{again}\n{header}: {proof}", body)
        return shown(answer)

    def ask(
        self, role: Role, method: str, uri: str, to: str, *headers: str, body: bytes = b"", says: str = ""
    ) -> str:
        """`send` what `request` makes."""
        return self.send(role, self.request(role, method, uri, to, *headers, says=says or None), body)

    def outcome(self, role: Role, text: str, body: bytes = b"") -> Response | str:
        """The final answer to a request as it is, or "relayed" or "dropped"."""
        flow = self.flow(role)
        method = text.split(" ", 1)[0]
        before, relayed = len(flow.sent), self._relayed(method)
        self.house.receive(wire(text, body), flow)
        answers = [it for it in flow.messages[before:] if isinstance(it, Response) and it.status >= 200]
        if answers:
            (answer,) = answers
            return answer
        return "relayed" if self._relayed(method) > relayed else "dropped"

    def _relayed(self, method: str) -> int:
        """How many requests of a method the server has sent to anybody."""
        return sum(
            isinstance(message, Request) and message.method == method
            for flow in self.house.network.flows.values()
            for message in flow.messages
        )

    # -- what alice has done before -----------------------------------------------------------------------

    def published(self) -> str:
        """The entity-tag of a publication of hers."""
        return self.house.publish(ALICE, PIDF)

    def subscribed(self) -> str:
        """The tag of ours in a subscription of hers to bob, whose Call-ID is "watching"."""
        owner = ROLES["the owner"]
        text = self.request(
            owner, "SUBSCRIBE", BOB, BOB, "Event: presence", f"Contact: <sip:alice@{owner.host}:40000>",
            call="watching",
        )  # fmt: skip
        assert self.send(owner, text) == "200"
        answers = [it for it in self.flow(owner).messages if isinstance(it, Response) and it.status == 200]
        return answers[-1].to.tag or ""

    def calling(self, caller: Role, branch: str = "calling") -> Request:
        """The INVITE of a call to alice, as her phone gets it."""
        text = self.request(
            caller, "INVITE", ALICE, ALICE, f"Contact: <sip:me@{caller.host}:40000>", call="talk"
        )
        assert self.send(caller, text) == "relayed"
        invite = next(it for it in reversed(self.phone.messages) if isinstance(it, Request))
        assert invite.method == "INVITE"
        return invite


def shown(answer: Response | str) -> str:
    """As the tables have it."""
    if isinstance(answer, str):
        return answer
    return f"{answer.status}" if answer.status < 300 else f"{answer.status} {answer.reason}"


PIDF = (
    b'<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:alice@sip.test">'
    b'<tuple id="t"><status><basic>open</basic></status></tuple></presence>'
)
