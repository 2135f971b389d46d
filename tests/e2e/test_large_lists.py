"""A list of 500 contacts in one subscription, from sockets that share no code with the server.

A full state of them is some hundreds of kilobytes.  RFC 3261 §18.1.1: what no datagram holds goes over TCP;
RFC 4662 §4.5: where there is none, all are named at once and their states follow.
"""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from presence.provisioning.contacts import DEFAULT_GROUP, AddContact, ContactService
from presence.storage.contacts import SqlContactRepository
from presence.storage.database import open_database
from tests.e2e.conftest import StartServer
from tests.support.server import Server
from tests.support.sipclient import SipClient, Subscription
from tests.support.sipwire import SipMessage, parameter, pidf
from tests.support.wires import TcpWire

MEMBERS = [f"friend{number}@example.com" for number in range(500)]
OPEN = MEMBERS[3::100]
"""Those who publish something."""
LIST = "sip:alice+contacts@example.com"
TYPES = "multipart/related, application/rlmi+xml, application/pidf+xml"
LISTS = [("Supported", "eventlist"), ("Accept", TYPES)]
DATAGRAM = 65507
TIME = 20.0


@pytest.fixture(scope="module")
def server(start_server: StartServer) -> Server:
    server = start_server("alice@example.com", *MEMBERS)
    database = open_database(f"sqlite:///{server.data}/presentity.db")
    outcomes = ContactService(SqlContactRepository(database), server.domains).apply(
        "alice@example.com", [AddContact(DEFAULT_GROUP, member) for member in MEMBERS]
    )
    database.close()
    assert all(outcome.done for outcome in outcomes)
    for member in OPEN:
        with SipClient(server.address("tcp"), member, "secret", transport="tcp") as friend:
            friend.publish(pidf(friend.uri, "open", note=f"note of {member}"))
    with SipClient(server.address("tcp"), "alice@example.com", "secret", transport="tcp") as alice:
        # The running server follows the database.
        table, subscription = Table(), alice.subscribe(LIST, headers=LISTS)
        while len(table.documents) < len(MEMBERS):
            table.take(subscription.notify(timeout=TIME))
        subscription.unsubscribe()
    return server


class Table:
    """What a subscriber knows of a list: RFC 4662 §5.6, by the letter."""

    def __init__(self) -> None:
        self.version: int | None = None
        self.documents: dict[str, str | None] = {}
        """By the URI of the resource; None of those who are only named."""

    def take(self, notify: SipMessage) -> bool:
        """Returns whether it was a full state."""
        assert notify.need("Require") == "eventlist"
        boundary = parameter(notify.need("Content-Type"), "boundary")
        pieces = [piece.partition("\r\n\r\n") for piece in notify.text.split(f"--{boundary}")[1:-1]]
        parts = {re.search(r"Content-ID: <(.+)>", head)[1]: body for head, _, body in pieces}
        rlmi = pieces[0][2]
        version, full = re.search(r'version="(\d+)" fullState="(\w+)"', rlmi).groups()
        if self.version is None:
            assert (version, full) == ("0", "true")
        else:
            assert int(version) == self.version + 1
        self.version = int(version)
        if full == "true":
            self.documents.clear()
        for uri, content in re.findall(r'<resource uri="([^"]+)">(.*?)</resource>', rlmi, re.DOTALL):
            cid = re.search(r'<instance [^>]*state="active"[^>]* cid="([^"]+)"', content)
            assert "<instance" not in content or cid is not None, content
            self.documents[uri] = parts[cid[1]] if cid is not None else None
        return full == "true"

    @property
    def complete(self) -> bool:
        return bool(self.documents) and None not in self.documents.values()

    def check(self) -> None:
        """Everybody is there, in the state that he is in."""
        assert list(self.documents) == [f"sip:{member}" for member in MEMBERS]
        for uri, document in self.documents.items():
            shown = "open" if uri.removeprefix("sip:") in OPEN else "closed"
            assert document is not None
            assert f"<basic>{shown}</basic>" in document, uri
            assert f'entity="{uri}"' in document


def follow(alice: SipClient, subscription: Subscription, table: Table) -> list[SipMessage]:
    """Take what comes until everything is known; each is answered by the client when it comes."""
    came = []
    while not came or not table.complete:
        came.append(subscription.notify(timeout=TIME, what=f"after {len(came)} others"))
        assert table.take(came[-1]) is (len(came) == 1), "the full state first, then the rest"
    return came


def changed(server: Server, subscription: Subscription, table: Table) -> None:
    """After all of it a change is one NOTIFY of one member."""
    member = MEMBERS[-1]
    with SipClient(server.address("tcp"), member, "secret", transport="tcp") as friend:
        etag = friend.publish(pidf(friend.uri, "open", note="here now")).need("SIP-ETag")
        news = subscription.notify()
        assert not table.take(news)
        assert (table.documents[f"sip:{member}"] or "").count("here now") == 1
        assert len(news.body) < 3000
        friend.publish(etag=etag, expires=0)
        table.take(subscription.notify())
    table.check()


def test_over_tcp_it_is_one_notify(server: Server) -> None:
    with SipClient(server.address("tcp"), "alice@example.com", "secret", transport="tcp") as alice:
        table = Table()
        subscription = alice.subscribe(LIST, headers=LISTS)
        (notify,) = follow(alice, subscription, table)
        table.check()
        assert len(notify.body) > DATAGRAM
        changed(server, subscription, table)


class Listener:
    """A phone's TCP port beside its UDP port of the same number, on which it answers NOTIFY as there."""

    def __init__(self, phone: SipClient) -> None:
        self.phone = phone
        self.came: list[SipMessage] = []
        self._arrived = threading.Condition()
        self._socket = socket.create_server(phone.wire.local)
        self._connections: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._begin(self._serve)

    def _begin(self, target: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True, name="tcp of a phone")
        self._threads.append(thread)
        thread.start()

    def _serve(self) -> None:
        try:
            while True:
                accepted, _ = self._socket.accept()
                self._connections.append(accepted)
                self._begin(self._read, TcpWire.over(accepted))
        except OSError:
            return

    def _read(self, wire: TcpWire) -> None:
        try:
            while True:
                for data in wire.receive():
                    message = SipMessage.parse(data)
                    copied = [(it, message.need(it)) for it in ("Via", "From", "To", "Call-ID", "CSeq")]
                    wire.send(SipMessage("SIP/2.0 200 OK", copied).render())
                    with self._arrived:
                        self.came.append(message)
                        self._arrived.notify_all()
        except (OSError, EOFError):
            return

    def next(self) -> SipMessage:
        with self._arrived:
            assert self._arrived.wait_for(lambda: self.came, TIME), self.phone.fail("nothing came over TCP")
            return self.came.pop(0)

    def close(self) -> None:
        # To close a socket wakes nobody who waits at it.
        for it in (self._socket, *self._connections):
            with contextlib.suppress(OSError):
                it.shutdown(socket.SHUT_RDWR)
        for thread in list(self._threads):
            thread.join(TIME)
        for it in (self._socket, *self._connections):
            it.close()


@contextmanager
def listener(phone: SipClient) -> Iterator[Listener]:
    beside = Listener(phone)
    try:
        yield beside
    finally:
        beside.close()


def test_over_udp_it_is_one_notify_by_tcp_where_the_contact_listens_there_too(server: Server) -> None:
    with SipClient(server.address("udp"), "alice@example.com", "secret") as alice, listener(alice) as beside:
        table = Table()
        subscription = alice.subscribe(LIST, headers=LISTS)
        notify = beside.next()
        assert notify.call_id == subscription.call_id
        assert notify.need("Via").startswith("SIP/2.0/TCP ")
        assert table.take(notify)
        table.check()
        # What fits a datagram goes by one.
        changed(server, subscription, table)
        assert beside.came == []


def test_over_udp_alone_all_are_named_first_and_their_states_follow(server: Server) -> None:
    with SipClient(server.address("udp"), "alice@example.com", "secret") as alice:
        table = Table()
        subscription = alice.subscribe(LIST, headers=LISTS)
        came = follow(alice, subscription, table)
        table.check()
        assert len(came) > 2
        assert max(len(notify.render()) for notify in came) <= DATAGRAM
        changed(server, subscription, table)
        # A refresh tells everything again.
        subscription.send(600, headers=LISTS)
        again = follow(alice, subscription, table)
        table.check()
        assert len(again) == len(came)
        assert server.get("/healthz")[0] == 200


def test_over_udp_alone_the_next_part_waits_for_the_answer(server: Server) -> None:
    with SipClient(server.address("udp"), "alice@example.com", "secret") as alice:
        del alice.answers["NOTIFY"]
        table = Table()
        subscription = alice.subscribe(LIST, headers=LISTS)
        first = subscription.notify(timeout=TIME)
        assert table.take(first)
        alice.expect_none("NOTIFY", lambda it: it.cseq != first.cseq, during=1.2)
        alice.answers["NOTIFY"] = 200
        alice.reply(first, 200)
        while not table.complete:
            assert not table.take(
                alice.expect_request("NOTIFY", lambda it: it.cseq != first.cseq, timeout=TIME)
            )
        table.check()
