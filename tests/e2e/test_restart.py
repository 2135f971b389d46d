"""What was answered 2xx is there after `kill -9` and a restart, on SQLite and on PostgreSQL."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.e2e.conftest import StartServer
from tests.support.server import Server
from tests.support.sipclient import SipClient
from tests.support.sipwire import SipMessage, parameter, pidf

NAMES = (
    "binder",
    "publisher",
    "watched",
    "watcher",
    "away",
    "writer",
    "brief",
    "short",
    "lapsed",
    "busy",
    "hub",
    "mobile",
    "orphan",
)


@pytest.fixture(scope="module")
def server(start_server: StartServer, database: str | None) -> Server:
    users = [f"{name}@example.com" for name in NAMES]
    return start_server(*users, database=database, listen=["udp"], options=["--min-expires", "1"])


class _Clients:
    """Makes raw clients by name."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._made: list[SipClient] = []

    def __call__(self, name: str) -> SipClient:
        self._made.append(SipClient(self._server.address("udp"), f"{name}@example.com", "secret"))
        return self._made[-1]

    def close(self) -> None:
        for one in self._made:
            one.close()


@pytest.fixture
def client(server: Server) -> Iterator[_Clients]:
    server.revive()
    clients = _Clients(server)
    yield clients
    clients.close()


def test_a_binding_survives(server: Server, client: _Clients) -> None:
    phone = client("binder")
    phone.register(expires=600)
    server.restart()
    answer = phone.register(contact="")
    assert phone.host_port in answer.need("Contact")
    assert 500 < int(parameter(answer.need("Contact"), "expires") or 0) <= 600


def test_a_binding_of_an_instance_survives_and_is_replaced_by_its_next_contact(
    server: Server, client: _Clients
) -> None:
    phone, other = client("mobile"), client("mobile")
    instance = ';+sip.instance="<urn:uuid:00000000-0000-1000-8000-000a95a0e128>";reg-id=1'
    phone.register(contact=phone.contact + instance)
    server.restart()
    answer = other.register(contact=other.contact + instance)
    assert other.host_port in answer.need("Contact")
    assert phone.host_port not in "".join(answer.get_all("Contact"))


def test_the_entity_tag_of_a_publication_survives(server: Server, client: _Clients) -> None:
    phone = client("publisher")
    initial = phone.publish(pidf(phone.uri, note="before"))
    modified = phone.publish(pidf(phone.uri, note="after"), etag=initial.need("SIP-ETag"))
    server.restart()
    phone.publish(etag=initial.need("SIP-ETag"), expect=412)
    refreshed = phone.publish(etag=modified.need("SIP-ETag"))
    assert refreshed.need("SIP-ETag") != modified.need("SIP-ETag")
    assert "<note>after</note>" in client("watcher").subscribe(phone.uri).notify().text


def test_a_watcher_gets_the_next_state_in_the_old_dialog(server: Server, client: _Clients) -> None:
    phone, watcher = client("watched"), client("watcher")
    published = phone.publish(pidf(phone.uri, note="before"))
    subscription = watcher.subscribe(phone.uri)
    before = subscription.notify(where=lambda notify: "before" in notify.text)
    server.restart()
    phone.publish(pidf(phone.uri, note="after"), etag=published.need("SIP-ETag"))
    after = subscription.notify(
        where=lambda notify: "after" in notify.text
    )  # checks tags and the order of CSeq
    assert after.cseq[0] > before.cseq[0]
    assert after.uri == before.uri
    assert subscription.refresh(300).need("Expires") == "300"
    assert "terminated" in subscription.unsubscribe().need("Subscription-State")


def test_stored_messages_are_delivered_in_order_after_the_restart(server: Server, client: _Clients) -> None:
    writer, away = client("writer"), client("away")
    texts = ["first", "second", "third"]
    for text in texts:
        writer.message(away.uri, text, expect=202)
    server.restart()
    away.register()
    arrived = [away.expect_request("MESSAGE") for _ in texts]
    assert [message.text for message in arrived] == texts
    assert all("writer@example.com" in message.need("From") for message in arrived)
    assert all(message.get("Date") for message in arrived)
    server.wait_until(lambda: json.loads(server.cli("status", "--json").stdout)["messages_waiting"] == 0)
    server.restart()
    away.register()
    away.expect_none("MESSAGE", during=1.0)


def test_a_publication_that_expired_while_the_server_was_down_is_gone(
    server: Server, client: _Clients
) -> None:
    phone, watcher = client("brief"), client("watcher")
    subscription = watcher.subscribe(phone.uri)
    published = phone.publish(pidf(phone.uri, note="briefly"), expires=2)
    subscription.notify(where=lambda notify: "briefly" in notify.text)
    server.restart(down=2.0)
    subscription.notify(where=lambda notify: "briefly" not in notify.text, what="after the expiry")
    phone.publish(etag=published.need("SIP-ETag"), expect=412)


def test_a_binding_that_expired_while_the_server_was_down_is_gone(server: Server, client: _Clients) -> None:
    phone = client("short")
    phone.register(expires=2)
    server.restart(down=2.0)
    assert phone.register(contact="").get("Contact") is None
    client("writer").message(phone.uri, "nobody there", expect=202)


def test_a_subscription_that_expired_while_the_server_was_down_is_over(
    server: Server, client: _Clients
) -> None:
    phone, watcher = client("lapsed"), client("watcher")
    subscription = watcher.subscribe(phone.uri, expires=2)
    subscription.notify()
    server.restart(down=2.0)
    phone.publish(pidf(phone.uri, note="too late"))
    watcher.expect_none(
        "NOTIFY",
        lambda notify: notify.call_id == subscription.call_id and "too late" in notify.text,
        during=1.0,
    )
    assert subscription.refresh(600, expect=None).status == 481


def test_no_answered_message_is_lost_by_a_kill_in_the_middle_of_many(
    server: Server, client: _Clients
) -> None:
    writer, away = client("writer"), client("busy")
    prepared: dict[str, SipMessage] = {}
    for number in range(120):
        text = f"message {number}"
        request = writer.request(
            "MESSAGE", away.uri, headers=[("Content-Type", "text/plain")], body=text.encode()
        )
        prepared[text] = writer.authorized(request, writer.exchange(request))
    for request in prepared.values():
        writer.send(request)
    writer.expect_response(prepared["message 5"])
    server.kill9()
    accepted = {text for text, request in prepared.items() if writer.answer_to(request) == 202}
    assert accepted
    server.start()
    away.register()
    delivered: list[str] = []
    while accepted - set(delivered):
        delivered.append(away.expect_request("MESSAGE", what="of those answered 202").text)
    assert delivered == sorted(delivered, key=lambda text: int(text.split()[1]))


def test_a_server_killed_alone_leaves_nothing_in_the_way_of_the_next(
    server: Server, client: _Clients
) -> None:
    phone = client("hub")
    phone.register(expires=600)
    server.kill9_main_only()
    server.start()
    assert phone.host_port in phone.register(contact="").need("Contact")


def test_a_kill_of_all_leaves_no_process_that_could_still_write_and_nothing_answered_is_lost(
    server: Server, client: _Clients
) -> None:
    phone = client("hub")
    writers = server.children()
    assert writers
    phone.register(expires=900)
    server.kill9()
    assert [pid for pid in writers if alive(pid)] == []
    server.start()
    bindings = ", ".join(phone.register(contact="").get_all("Contact")).split(", ")
    (ours,) = [binding for binding in bindings if phone.host_port in binding]
    assert 800 < int(parameter(ours, "expires") or 0) <= 900


def test_what_the_writer_of_a_killed_server_received_is_stored_before_the_next_server_reads(
    server: Server, client: _Clients
) -> None:
    phone = client("orphan")
    for _ in range(4):
        if orphan_survives_until_the_next_server_waits(server, phone):
            break
        # Too slow this time: the writer had given up (after 3 s) before the next server came so far.
        server.kill9()
        server.start()
    else:
        pytest.fail("the writer gave up each time before the next server was there")
    assert phone.host_port in phone.register(contact="").need("Contact")


def orphan_survives_until_the_next_server_waits(server: Server, phone: SipClient) -> bool:
    """Kill a server whose writer waits for a lock, start the next; False if the writer gave up meanwhile."""
    request = phone.request(
        "REGISTER", f"sip:{phone.domain}", to=f"<{phone.uri}>", headers=[("Contact", phone.contact)]
    )
    challenged = phone.exchange(request)
    (writer,) = server.children()
    with writes_locked(server):
        phone.send(phone.authorized(request, challenged))
        time.sleep(0.3)  # the writer has it, and waits for the lock
        server.kill9_main_only()
        starting = threading.Thread(target=server.start)
        starting.start()
        time.sleep(2.0)
        held = alive(writer)
    starting.join(30)
    assert not alive(writer)
    return held


@contextmanager
def writes_locked(server: Server) -> Iterator[None]:
    """Nobody can store a binding, everybody can read."""
    if server.database is None:
        with closing(sqlite3.connect(server.data / "presentity.db", isolation_level=None)) as lock:
            lock.execute("BEGIN IMMEDIATE")
            yield
            lock.execute("ROLLBACK")
        return
    from sqlalchemy import create_engine, text

    engine = create_engine(server.database)
    with engine.begin() as connection:
        connection.execute(text("LOCK TABLE binding IN EXCLUSIVE MODE"))
        yield
    engine.dispose()


def alive(pid: int) -> bool:
    """Whether it runs or stands still, neither gone nor waiting to be buried."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False
