"""The messages of the interface guide that the reference prints, as repaired there, through the whole server.

Example 4 is published, Example 1 asks for it, and what comes back tells what Example 2 tells: the person's
activity and a tuple for each source (R6, R12 to R17, R21 to R23).  Example 3 is a test of the lists.
"""

from __future__ import annotations

import re
from pathlib import Path

from lxml import etree

from sip.message import Request, parse
from tests.presence.house import House, requests

DOMAIN = "compb.cisco.com"
NS = {
    "p": "urn:ietf:params:xml:ns:pidf",
    "dm": "urn:ietf:params:xml:ns:pidf:data-model",
    "rpid": "urn:ietf:params:xml:ns:pidf:rpid",
    "ce": "urn:cisco:params:xml:ns:pidf:rpid",
}


def house() -> House:
    return House(("xten3", "xten4", "ippm4"), domain=(DOMAIN,), trust=("57.1.1.0/24",))


def example(shared: Path, name: str) -> bytes:
    """A printed message; the print has lost the CRs of the head and counts its body too short (Q9)."""
    head, _, body = (shared / f"reference/cup/sip/{name}.sip").read_bytes().partition(b"\n\n")
    head = re.sub(rb"(?m)^Content-Length:.*$", b"Content-Length: %d" % len(body), head.replace(b"\r", b""))
    return head.replace(b"\n", b"\r\n") + b"\r\n\r\n" + body


def test_a_watcher_sees_what_was_published_as_the_guide_shows_it(shared: Path) -> None:
    server = house()
    proxy = server.network.at("57.1.1.15", 5060, "TCP")
    published = server.ask(example(shared, "04-publish"), proxy)
    assert (published.status, published.body, "SIP-ETag" in published) == (200, b"", True)

    accepted = server.ask(example(shared, "01-subscribe"), proxy)
    assert (accepted.status, accepted.body, accepted.get("Expires")) == (200, b"", "300")
    (notify,) = requests(proxy, "NOTIFY")
    printed = parse(example(shared, "02-notify"))
    assert isinstance(printed, Request)
    for name in ("Event", "Content-Type"):
        assert notify.get(name) == printed.get(name)
    assert notify.get("Subscription-State") == "active;expires=300"
    root = etree.fromstring(notify.body)
    # R16: the AOR, without port, whatever the publisher's own document said (R22).
    assert root.get("entity") == f"sip:xten3@{DOMAIN}"
    assert root.xpath("count(dm:person/rpid:activities/*) >= 1", namespaces=NS)
    assert root.xpath("p:tuple/p:status/p:basic/text()", namespaces=NS) == ["open"]


def test_the_identity_is_the_one_that_the_proxy_asserts(shared: Path) -> None:
    server = house()
    proxy = server.network.at("57.1.1.15", 5060, "TCP")
    server.receive(example(shared, "01-subscribe"), proxy)
    (subscription,) = server.parts.notifier.subscriptions("presence", f"sip:xten3@{DOMAIN}")
    assert subscription.watcher == f"sip:ippm4@{DOMAIN}"


def test_whoever_is_not_trusted_proves_himself_first(shared: Path) -> None:
    stranger = house().network.at("198.51.100.1", 5060, "TCP")
    server = house()
    assert server.ask(example(shared, "01-subscribe"), stranger).status == 401
    assert server.ask(example(shared, "04-publish"), stranger).status == 401
