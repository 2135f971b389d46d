"""What real clients do, and what that demands: each demand by its number, shown from outside.

The numbers are those of the list that was made when eleven clients were watched on the wire; their messages
are the captures.  Test classes with a number show what a server has to tolerate, those without what follows
for this one.
"""

from __future__ import annotations

import re

from sip.message import Response
from tests.presence.house import TRUSTED, House

ALICE, BOB, CAROL = "sip:alice@sip.test", "sip:bob@sip.test", "sip:carol@sip.test"

OPEN = b"""<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:alice@sip.test">
<tuple id="t1"><status><basic>open</basic></status></tuple></presence>"""

PUBLISH = f"""
    PUBLISH {ALICE} SIP/2.0
    Via: SIP/2.0/UDP {TRUSTED};branch=z9hG4bKp1
    Max-Forwards: 70
    From: <{ALICE}>;tag=p
    To: <{ALICE}>
    Call-ID: p1
    CSeq: 1 PUBLISH
    Event: presence
    Content-Type: application/pidf+xml
"""
SUBSCRIBE = f"""
    SUBSCRIBE {ALICE} SIP/2.0
    Via: SIP/2.0/UDP {TRUSTED};branch=z9hG4bKs1
    Max-Forwards: 70
    From: <{BOB}>;tag=s
    To: <{ALICE}>
    Call-ID: s1
    CSeq: 1 SUBSCRIBE
    Contact: <sip:bob@{TRUSTED}>
    Event: presence
"""
REGISTER = f"""
    REGISTER sip:sip.test SIP/2.0
    Via: SIP/2.0/UDP {TRUSTED};branch=z9hG4bKr1
    Max-Forwards: 70
    From: <{ALICE}>;tag=r
    To: <{ALICE}>
    Call-ID: r1
    CSeq: 1 REGISTER
    Contact: <sip:alice@{TRUSTED}>
"""


def basics(document: bytes) -> list[str]:
    return re.findall(r"<basic>(\w+)</basic>", document.decode())


def told(house: House, text: str, body: bytes = b"") -> Response:
    """The final answer to a SUBSCRIBE, which a NOTIFY follows."""
    (answer,) = house.answers(text, body=body)
    return answer
