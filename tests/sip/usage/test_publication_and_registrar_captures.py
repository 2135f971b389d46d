"""What real clients sent, byte for byte, through the registrar and the publication usage."""

from __future__ import annotations

from pathlib import Path

import pytest

from sip.errors import SipError
from sip.headers import Contact, MediaType
from sip.identity import identify
from sip.message import Request, parse
from sip.usage.publication import Publication, PublicationSettings, PublicationUsage, What
from tests.sip.usage.fakes import Directory, Handler, MemoryJournal
from tests.sip.usage.test_registrar import House as RegistrarHouse


def captures(shared: Path, pattern: str) -> list[tuple[str, bytes]]:
    files = sorted((shared / "captures").glob(pattern))
    assert files
    return [(file.name, file.read_bytes()) for file in files]


class EveryUser(Directory):
    """The clients were alice, bob, carol and dave at sip.test."""

    def __init__(self) -> None:
        super().__init__()
        self.users.add("dave")


def sender(data: bytes) -> str:
    request = parse(data)
    assert isinstance(request, Request)
    return identify(request, trusted=True).aor


def test_every_client_registers_and_unregisters(shared: Path) -> None:
    for name, data in captures(shared, "*REGISTER.sip"):
        house = RegistrarHouse()
        house.registrar._directory = EveryUser()
        answer = house.send(data, by=sender(data))
        assert answer is not None
        assert answer.status == 200, (name, answer.start_line)
        asked = parse(data)
        (contact,) = asked.contacts
        granted = Contact.parse(answer.get("Contact") or "")
        assert granted.uri_text == contact.uri_text, name
        assert granted.expires == (contact.expires if contact.expires is not None else asked.expires), name
        assert {**granted.params, "expires": ""} == {**contact.params, "expires": ""}, name


def test_every_client_unregisters_what_it_registered(shared: Path) -> None:
    for name, data in captures(shared, "*REGISTER-unreg.sip"):
        house = RegistrarHouse()
        house.registrar._directory = EveryUser()
        asked = parse(data)
        (contact,) = asked.contacts
        earlier = asked.copy()
        earlier.set("CSeq", "1 REGISTER")
        earlier.set("Contact", f"<{contact.uri_text}>;expires=600")
        assert house.send(earlier.render(), by=sender(data)).status == 200, name  # type: ignore[union-attr]
        assert len(house.registrar) == 1
        answer = house.send(data, by=sender(data))
        assert answer is not None
        assert answer.status == 200, (name, answer.start_line)
        assert len(house.registrar) == 0, name


class Presence:
    name = "presence"
    accept = ("application/pidf+xml",)

    def __init__(self) -> None:
        self.changes: list[What] = []

    def parse(self, aor: str, content_type: MediaType, body: bytes) -> object:
        if not body.lstrip().startswith(b"<"):
            raise SipError("not a document", status=400)
        return body

    def changed(self, aor: str, publication: Publication, what: What) -> None:
        self.changes.append(what)


class PublicationHouse(Handler):
    def __init__(self) -> None:
        self.journal = MemoryJournal()
        super().__init__(lambda sr: self.usage.handle(sr), self.journal)
        self.presence = Presence()
        self.usage = PublicationUsage(
            [self.presence], EveryUser(), self.journal, self.timers, PublicationSettings(), self.wall
        )


FIRST = b"<presence/>"


@pytest.mark.parametrize("pattern", ["*PUBLISH*.sip"])
def test_every_published_state_is_taken_for_what_it_is(shared: Path, pattern: str) -> None:
    seen = set()
    for name, data in captures(shared, pattern):
        house = PublicationHouse()
        request = parse(data)
        assert isinstance(request, Request)
        expected: What = "initial"
        if "SIP-If-Match" in request:
            # Every client had published before; here the tag that it got then is put in its place.
            earlier = request.copy()
            earlier.remove("SIP-If-Match")
            earlier.set("Expires", "600")
            earlier.set("Content-Type", "application/pidf+xml")
            earlier.remove("Content-Encoding")
            earlier.body = FIRST
            before = house.send(earlier.render(), by=sender(data))
            assert before is not None
            tag = (request.get("SIP-If-Match") or "").encode()
            data = data.replace(tag, (before.get("SIP-ETag") or "").encode())
            expected = "remove" if request.expires == 0 else "modify" if request.body else "refresh"
        answer = house.send(data, by=sender(data))
        assert answer is not None
        if expected == "initial" and not request.body:
            assert answer.status == 400, (name, answer.start_line)
            seen.add("nothing")
            continue
        assert answer.status == 200, (name, answer.start_line)
        if request.expires == 0 and expected == "initial":
            seen.add("over at once")
            continue
        assert house.presence.changes[-1] == expected, name
        assert len(house.usage) == (0 if expected == "remove" else 1), name
        seen.add(expected)
    assert {"initial", "modify", "remove"} <= seen
