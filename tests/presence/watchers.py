"""Watchers of the whole server (`tests.presence.house`), and the rules that presentities set meanwhile.

The watchers stand behind the trusted peer, each at a port of his own.
"""

from __future__ import annotations

import itertools

from presence.directory import Change
from presence.policy import ruleset
from presence.policy.stored import POLICY_CHANGED, RULES, PolicyDocument
from sip.message import Request, Response
from tests.presence.house import TRUSTED, House, requests
from tests.sip.usage.fakes import WALL

ALICE, BOB, CAROL, DAVE = (f"sip:{name}@sip.test" for name in ("alice", "bob", "carol", "dave"))
PIDF = "application/pidf+xml"
DIFF = "application/pidf-diff+xml"
PARTIAL = f"{PIDF}, {DIFF}"
"""Accept of a watcher who takes changes alone."""
SERVICES_ALONE = "<provide-services><all-services/></provide-services>"
"""What a rule provides: the tuples without what is said about them, and no person."""
_NUMBERS = itertools.count(1)


def pidf(basic: str = "open", note: str = "", mood: str = "") -> bytes:
    """A document with one tuple and, for a mood, a person."""
    noted = f"<note>{note}</note>" if note else ""
    person = f'<dm:person id="p"><rpid:mood><rpid:{mood}/></rpid:mood></dm:person>' if mood else ""
    return (
        '<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model"'
        ' xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid" entity="sip:alice@sip.test">'
        f'<tuple id="t"><status><basic>{basic}</basic></status>{noted}</tuple>{person}</presence>'
    ).encode()


def is_open(notify: Request) -> bool:
    """Whether it shows an open tuple."""
    return b"<basic>open</basic>" in notify.body


class Watcher:
    """One subscription from the watcher's side."""

    event = "presence"

    def __init__(self, house: House, who: str = BOB, whom: str = ALICE) -> None:
        self.house, self.who, self.whom = house, who, whom
        self.number = next(_NUMBERS)
        self.flow = house.network.at(TRUSTED, 10000 + self.number)
        self.cseq = 0
        self.tag = ""

    def subscribe(self, *headers: str, body: bytes = b"", expires: int = 600, answer: int = 200) -> Response:
        """SUBSCRIBE, within the dialog if there is one; the NOTIFY that follows is answered."""
        self.cseq += 1
        tag = f";tag={self.tag}" if self.tag else ""
        lines = "\n".join(f"            {line}" for line in headers)
        response = self.house.ask(
            f"""
            SUBSCRIBE {self.whom} SIP/2.0
            Via: SIP/2.0/UDP {TRUSTED}:{self.flow.remote[1]};branch=z9hG4bKw{self.number}-{self.cseq}
            Max-Forwards: 70
            From: <{self.who}>;tag=1
            To: <{self.whom}>{tag}
            Call-ID: watch{self.number}@{TRUSTED}
            CSeq: {self.cseq} SUBSCRIBE
            Contact: <sip:w@{TRUSTED}:{self.flow.remote[1]}>
            Event: {self.event}
            Expires: {expires}
{lines}
            """,
            self.flow,
            body,
        )
        self.tag = self.tag or response.to.tag or ""
        self.answer(answer)
        return response

    def filter(self, document: bytes, *headers: str) -> Response:
        """SUBSCRIBE with a filter."""
        return self.subscribe("Content-Type: application/simple-filter+xml", *headers, body=document)

    @property
    def notifies(self) -> list[Request]:
        """All that came, oldest first."""
        return list(requests(self.flow, "NOTIFY"))

    def answer(self, status: int = 200) -> None:
        """Answer the last NOTIFY."""
        if self.notifies:
            self.house.respond(self.notifies[-1], status, flow=self.flow)

    def news(self) -> list[Request]:
        """The NOTIFYs that have come since the last look, answered."""
        found: list[Request] = []
        while len(self.notifies) > self._seen:
            found.append(self.notifies[self._seen])
            self._seen += 1
            self.answer()
        return found

    _seen = 0

    @property
    def state(self) -> str:
        """Subscription-State of the last NOTIFY, without the seconds."""
        return (self.notifies[-1].get("Subscription-State") or "").partition(";expires")[0]


def watch(house: House, who: str = BOB, *headers: str, whom: str = ALICE, body: bytes = b"") -> Watcher:
    """A subscription that has got its first NOTIFY."""
    watcher = Watcher(house, who, whom)
    headers = (*headers, "Content-Type: application/simple-filter+xml") if body else headers
    answer = watcher.subscribe(*headers, body=body)
    assert answer.status == 200, answer.start_line
    watcher.news()
    return watcher


def rule(ident: str, who: str, handling: str, provide: str = "") -> str:
    """A rule for one watcher; `provide` are transformations, everything by default if he is allowed."""
    if handling == "allow" and not provide:
        provide = (
            "<provide-persons><all-persons/></provide-persons><provide-devices><all-devices/></provide-devices>"
            "<provide-services><all-services/></provide-services><provide-all-attributes/>"
        )
    return (
        f'<cr:rule id="{ident}"><cr:conditions><cr:identity><cr:one id="{who}"/></cr:identity>'
        "</cr:conditions>"
        f"<cr:actions><sub-handling>{handling}</sub-handling></cr:actions>"
        f"<cr:transformations>{provide}</cr:transformations></cr:rule>"
    )


def set_rules(house: House, *rules: str, owner: str = ALICE) -> None:
    """The outbox tells that the rules of `owner` are these."""
    document = (
        '<cr:ruleset xmlns:cr="urn:ietf:params:xml:ns:common-policy"'
        ' xmlns="urn:ietf:params:xml:ns:pres-rules">'
        f"{''.join(rules)}</cr:ruleset>"
    ).encode()
    stored = PolicyDocument(owner, RULES, "rules", ruleset.CONTENT_TYPE, document)
    current = (stored,) if rules else ()
    house.parts.apply([Change(1, WALL, POLICY_CHANGED, owner, {}, current=current)])
    house.settle()
