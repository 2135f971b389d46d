"""Examples to begin with: all that this project and the material beside it have in the forms that we read.

Some are written here, so that no target is without one where the material is missing.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from pathlib import Path

from tests.presence.phones import SHARED

ROOT = Path(__file__).resolve().parents[2]
RFC5118 = ROOT / "tests" / "sip" / "message" / "rfc5118"
_FENCED = re.compile(r"^```(?:xml|sip|http)?\n(.*?)^```", re.MULTILINE | re.DOTALL)
_PRINTED = re.compile(r"^ *<\?xml .*?^ *</[\w:-]+>\s*?\n(?:\s*\n|\Z)", re.MULTILINE | re.DOTALL)
_PAGE = re.compile(r"\n+[^\n]*\[Page \d+\]\n\f?\n?RFC [^\n]*\n")
_QUOTED = re.compile(r"(?:\"\"\"|''')(.*?)(?:\"\"\"|''')", re.DOTALL)
LARGEST = 32768
"""Bytes: a larger one only slows the search down."""

PIDF = b"""<?xml version="1.0"?>
<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model"
  xmlns:r="urn:ietf:params:xml:ns:pidf:rpid" entity="sip:alice@sip.test">
<tuple id="t1"><status><basic>open</basic></status><contact priority="0.8">sip:alice@192.0.2.7</contact>
<note xml:lang="en">here &amp; now</note><timestamp>2026-01-01T10:00:00Z</timestamp></tuple>
<dm:person id="p1"><r:activities><r:busy/></r:activities><r:mood><r:happy/></r:mood></dm:person>
</presence>"""
SUBSCRIBE = b"""SUBSCRIBE sip:bob@sip.test SIP/2.0
Via: SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bKs1;rport
Max-Forwards: 70
From: "Carol" <sip:carol@sip.test>;tag=c1
To: <sip:bob@sip.test>
Call-ID: s1@192.0.2.7
CSeq: 1 SUBSCRIBE
Contact: <sip:carol@192.0.2.7:5060>
Event: presence;min-interval=5
Accept: application/pidf+xml, application/pidf-diff+xml
Expires: 600
Content-Length: 0

""".replace(b"\n", b"\r\n")
REGISTER = b"""REGISTER sip:sip.test SIP/2.0
v: SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bKr1
Max-Forwards: 70
f: <sip:alice@sip.test>;tag=a1
t: sip:alice@sip.test
i: r1@192.0.2.7
CSeq: 1 REGISTER
m: "A, B" <sip:alice@192.0.2.7:5062;transport=tcp>;q=0.5;expires=600;+sip.instance="<urn:uuid:1>";reg-id=1
Path: <sip:192.0.2.7;lr>
Supported: path, outbound
Authorization: Digest username="alice", realm="sip.test", nonce="n", uri="sip:sip.test", response="r"
l: 0

""".replace(b"\n", b"\r\n")
PUBLISH = b"""PUBLISH sip:alice@sip.test SIP/2.0
Via: SIP/2.0/TCP 192.0.2.7:5060;branch=z9hG4bKp1
Max-Forwards: 70
From: <sip:alice@sip.test>;tag=a1
To: <sip:alice@sip.test>
Call-ID: p1@192.0.2.7
CSeq: 1 PUBLISH
Event: presence
Expires: 600
Content-Type: application/pidf+xml
Content-Length: %d

"""
MESSAGE = b"""MESSAGE sip:bob@sip.test SIP/2.0
Via: SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bKm1
Route: <sip:127.0.0.1:5160;lr>
Max-Forwards: 70
From: <sip:alice@sip.test>;tag=a1
To: <sip:bob@sip.test>
Call-ID: m1@192.0.2.7
CSeq: 1 MESSAGE
Content-Type: text/plain;charset=utf-8
Content-Length: 5

hello""".replace(b"\n", b"\r\n")
ANSWER = b"""SIP/2.0 200 OK
Via: SIP/2.0/UDP 127.0.0.1:5160;branch=z9hG4bKtoken1;rport
From: <sip:bob@sip.test>;tag=x
To: <sip:carol@sip.test>;tag=c1
Call-ID: s1@192.0.2.7
CSeq: 1 NOTIFY
Content-Length: 0

""".replace(b"\n", b"\r\n")
OWN = {
    "own/pidf": PIDF,
    "own/SUBSCRIBE": SUBSCRIBE,
    "own/REGISTER": REGISTER,
    "own/PUBLISH": (PUBLISH % len(PIDF)).replace(b"\n", b"\r\n") + PIDF,
    "own/MESSAGE": MESSAGE,
    "own/200": ANSWER,
    "own/pidf-diff": b"""<p:pidf-diff xmlns="urn:ietf:params:xml:ns:pidf"
 xmlns:p="urn:ietf:params:xml:ns:pidf-diff"
 xmlns:r="urn:ietf:params:xml:ns:pidf:rpid" entity="sip:alice@sip.test" version="1">
<p:add sel="presence/note" pos="before"><tuple id="t2"><status><basic>open</basic></status></tuple></p:add>
<p:replace sel="*/tuple[@id='t1']/status/basic/text()">closed</p:replace>
<p:remove sel="presence/tuple[2]/@id" ws="both"/></p:pidf-diff>""",
    "own/pidf-full": PIDF.replace(b"<presence ", b"<p:pidf-full xmlns:p='urn:ietf:params:xml:ns:pidf-diff' ")
    .replace(b"</presence>", b"</p:pidf-full>"),
    "own/multipart": b"""multipart/related;boundary=b1;type="application/rlmi+xml";start="<1@x>"

--b1\r\nContent-Type: application/resource-lists+xml\r\nContent-ID: <1@x>\r\n
<resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists"/>\r
--b1\r\nContent-Transfer-Encoding: base64\r\n\r\naGVsbG8=\r\n--b1\r
Content-Transfer-Encoding: quoted-printable\r\n\r\nh=65llo=\r\n\r\n--b1--\r\n""",
    "own/resource-lists": b"""<resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists">
<list name="friends">
<display-name xml:lang="en">Friends</display-name>
<entry uri="sip:bob@sip.test"><display-name>Bob</display-name></entry>
<external anchor="http://sip.test/x"/>
<list><entry-ref ref="a/b"/></list></list></resource-lists>""",
    "own/soap": b"""<e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope"
 xmlns="urn:cisco:epas:soap">
<e:Header><session-key>key</session-key></e:Header>
<e:Body><get-user-config/></e:Body></e:Envelope>""",
    "own/summary": b"""Messages-Waiting: yes
Message-Account: sip:alice@vm.sip.test
Voice-Message: 4/8 (1/2)
Video-Message: 0/2

To: <alice@sip.test>
Subject: carpool tomorrow?
Priority: urgent
""",
    **{
        f"own/wire-{number}": frames
        for number, frames in enumerate(
            [
                b"\x81\x80\0\0\0\0",
                b"\x81\xfe" + len(MESSAGE).to_bytes(2, "big") + b"\0\0\0\0" + MESSAGE,
                b"\x01\x85\0\0\0\0MESSA\x89\x82\0\0\0\0hi\x80\x83\0\0\0\0GE ",
                b"\x82\xff\0\0\0\0\0\0\1\0\0\0\0\0" + bytes(256),
                b"\x88\x85\0\0\0\0\x03\xe9bye",
                b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
                b"Sec-WebSocket-Protocol: sip\r\n\r\n\x81\x80\0\0\0\0",
            ]
        )
    },
    "own/stream": b"\r\n\r\n" + SUBSCRIBE + b"\r\n" + MESSAGE + ANSWER,
}  # fmt: skip


@functools.cache
def examples() -> dict[str, bytes]:
    """All examples by a name that says where they are from."""
    found = dict(OWN)
    for name, data in (*_ours(), *_shared()):
        if 0 < len(data) <= LARGEST:
            found[name] = data
    for name, data in list(found.items()):
        head, _, body = data.partition(b"\r\n\r\n")
        if b"SIP/2.0" in head[:200] and body:
            found[f"{name}/body"] = body
            kind = re.search(rb"(?mi)^(?:content-type|c)[ \t]*:[ \t]*(multipart/[^\r]*)", head)
            if kind is not None:
                found[f"{name}/multipart"] = kind[1] + b"\n\n" + body
    return found


def _ours() -> Iterator[tuple[str, bytes]]:
    """Of the project itself: its documentation, its examples of clients, and the documents of its tests."""
    for file in sorted((ROOT / "docs").rglob("*.md")):
        for number, block in enumerate(_FENCED.findall(file.read_text())):
            yield f"docs/{file.stem}-{number}", block.encode()
    for file in sorted((ROOT / "docs" / "examples").glob("soap_session.*")):
        yield f"docs/{file.name}", file.read_bytes()
    for file in sorted(RFC5118.glob("*.sip")):
        yield f"rfc5118/{file.stem}", file.read_bytes()
    for file in sorted((ROOT / "tests").rglob("test_*.py")):
        for number, block in enumerate(_QUOTED.findall(file.read_text())):
            block = block.lstrip("\\").strip()
            if block.startswith("<") and "xmlns" in block:
                yield f"tests/{file.stem}-{number}", block.encode()


def _shared() -> Iterator[tuple[str, bytes]]:
    if not SHARED.is_dir():
        return
    for pattern in ("captures/*", "sip-torture/*/*", "reference/**/*", "bench/scen/*"):
        for file in sorted(SHARED.glob(pattern)):
            if file.suffix in (".sip", ".dat", ".xml", ".http", ".txt") and file.is_file():
                yield f"shared/{file.relative_to(SHARED)}", file.read_bytes()
    for file in sorted((SHARED / "rfc").glob("*.txt")):
        text = _PAGE.sub("\n", file.read_text(errors="replace"))
        for number, block in enumerate(_PRINTED.findall(text)):
            yield f"shared/rfc/{file.stem}-{number}", block.strip().encode()


def is_sip(data: bytes) -> bool:
    """Whether it looks like a message."""
    return b"SIP/2.0" in data[:1000] and not data.lstrip().startswith(b"<")


def is_wire(data: bytes) -> bool:
    """Whether it goes over a WebSocket as it is."""
    return data.startswith((b"GET ", b"\x01", b"\x81", b"\x82", b"\x88"))


def has_root(*names: bytes) -> re.Pattern[bytes]:
    """What finds documents with one of these root elements."""
    return re.compile(
        rb"\A\s*(?:<\?.*?\?>\s*|<!--.*?-->\s*)*<(?:[\w.-]+:)?(?:%b)[\s>/]" % b"|".join(names), re.DOTALL
    )
