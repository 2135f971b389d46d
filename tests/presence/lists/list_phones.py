"""A phone that subscribes to lists, what it is told, and the contacts of users."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from presence.directory import Change, Credentials, User
from presence.documents.multipart import parse_multipart
from presence.documents.resource_lists import ResourceList, entry, render_resource_lists
from presence.documents.rlmi import ListInformation, parse_rlmi
from presence.lists.book import CONTACTS, BookGroup
from sip.message import Request, Response
from tests.presence.house import PASSWORD, House
from tests.presence.watchers import ALICE, Watcher
from tests.sip.usage.fakes import WALL

CONTACTS_OF_ALICE = "sip:alice+contacts@sip.test"
WORK = "sip:alice+contacts.work@sip.test"
WINDOW = 0.3
LISTS = "Content-Type: application/resource-lists+xml"
FILTER = """<?xml version="1.0"?>
<filter-set xmlns="urn:ietf:params:xml:ns:simple-filter">
  <ns-bindings><ns-binding prefix="pidf" urn="urn:ietf:params:xml:ns:pidf"/></ns-bindings>
  <filter id="1" uri="sip:bob@sip.test"><what>
    <exclude type="namespace">urn:ietf:params:xml:ns:pidf:rpid</exclude>
  </what></filter>
</filter-set>"""


class Told(NamedTuple):
    """One NOTIFY of a list, taken apart."""

    list: ListInformation
    documents: dict[str, bytes]
    """By the URI of the resource."""

    @property
    def states(self) -> dict[str, str]:
        """Of each resource that is named: its state, with the reason when terminated."""
        return {
            resource.uri: " ".join(filter(None, (it.state, it.reason)))
            for resource in self.list.resources
            for it in resource.instances
        }

    @property
    def moods(self) -> set[str]:
        """Who shows one."""
        return {uri for uri, document in self.documents.items() if b"mood" in document}

    @property
    def basic(self) -> dict[str, str]:
        """Of each resource with a document: open or closed."""
        return {
            uri: "open" if b"<basic>open</basic>" in document else "closed"
            for uri, document in self.documents.items()
        }


def told(notify: Request) -> Told:
    """What a NOTIFY tells, checked for what holds in all of them."""
    assert notify.get("Require") == "eventlist"
    body = parse_multipart(notify.get("Content-Type") or "", notify.body)
    assert body.media_type.full == "multipart/related"
    assert body.media_type.params["type"] == "application/rlmi+xml"
    assert body.root is body.parts[0]
    information = parse_rlmi(body.root.body)
    documents = {}
    for resource in information.resources:
        for instance in resource.instances:
            assert (instance.cid is not None) is (instance.state == "active")
            if instance.cid is not None:
                part = body.part(instance.cid)
                assert part is not None
                documents[resource.uri] = part.body
    assert len(documents) == len(body.parts) - 1, "every part is somebody's document"
    return Told(information, documents)


class Phone(Watcher):
    """A phone that subscribes to a list."""

    def subscribe(
        self, *headers: str, body: bytes = b"", expires: int = 600, answer: int = 200, supported: bool = True
    ) -> Response:
        headers = (*headers, "Supported: eventlist") if supported else headers
        return super().subscribe(*headers, body=body, expires=expires, answer=answer)

    def told(self) -> list[Told]:
        """The NOTIFYs since the last look."""
        return [told(notify) for notify in self.news()]

    def hears(self) -> Told:
        """The one NOTIFY that came when changes had gathered."""
        # The clock of the timers has ticks: a moment more, for all roundings.
        self.house.after(WINDOW + 0.02)
        (news,) = self.told()
        return news

    def hears_nothing(self) -> None:
        self.house.after(10 * WINDOW)
        assert self.told() == []


def contacts(house: House, *members: str, owner: str = ALICE, **groups: Iterable[str]) -> None:
    """The outbox tells that the contacts of `owner` are these: in the default group, and in others."""
    named = [BookGroup(name, tuple(group)) for name, group in groups.items()]
    current = (*([BookGroup("", members)] if members else []), *named)
    house.parts.apply([Change(1, WALL, f"{CONTACTS}added", owner, {}, current=current)])
    house.settle()


def subscribed(house: House, uri: str = CONTACTS_OF_ALICE, who: str = ALICE) -> tuple[Phone, Told]:
    """A phone with its first NOTIFY."""
    phone = Phone(house, who, uri)
    response = phone.subscribe()
    assert response.status == 200, response.start_line
    (first,) = phone.told()
    return phone, first


def enclosed(*uris: str) -> bytes:
    return render_resource_lists((ResourceList(items=tuple(map(entry, uris))),))


def user(aor: str, *aliases: str) -> User:
    return User(aor, "", WALL, Credentials.of(aor, PASSWORD), aliases)


def restarted(house: House, *phones: Phone, clean: bool = False) -> House:
    """Another server goes on with what was stored; the phones talk to that one."""
    if clean:
        house.journal.write(house.parts.notifier.settle(), lambda error: None)
        house.journal.settle()
    again = House()
    again.journal.rows = house.journal.rows
    again.parts.contacts.load([(ALICE, house.parts.contacts.groups(ALICE))])
    for phone in phones:
        phone.house, phone.flow = again, again.network.at(*phone.flow.remote)
        phone._seen = 0
    again.parts.restore(again.journal.load, now=0.0, wall=again.wall())
    again.after(1.0)
    return again
