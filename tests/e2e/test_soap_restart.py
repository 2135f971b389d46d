"""What was answered by SOAP is there after `kill -9` and a restart, on SQLite and on PostgreSQL."""

from __future__ import annotations

import threading
from http.client import HTTPException

import pytest
from lxml import etree

from tests.e2e.conftest import StartServer
from tests.support.server import Server
from tests.support.sipclient import SipClient
from tests.support.sipwire import pidf
from tests.support.soapclient import SoapClient

NAMES = ("alice", "bob", "carol", "dave", "erin", "frank")
RULE = (
    '<presence-rule name="friends"><rule><visibility>reachability-only</visibility>'
    '<filter xmlns="urn:cisco:epas:presence:rules"><excludedsource>phone</excludedsource></filter>'
    "</rule></presence-rule>"
)
STATUS = (
    '<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:alice@example.com"><tuple id="t">'
    "<status><basic>open</basic></status><note>on vacation</note></tuple></presence>"
)
RECORD = '<call xmlns="urn:example:calls">5551234</call>'
ASKED = (
    "<get-contact-list/>",
    "<get-user-config/>",
    "<get-presence-rules/>",
    '<get-acl><rule name="friends"/></get-acl>',
    "<get-recent-comm/>",
    "<get-calendaring/>",
)


@pytest.fixture(scope="module")
def server(start_server: StartServer, database: str | None) -> Server:
    return start_server(*(f"{name}@example.com" for name in NAMES), database=database, listen=["udp"])


@pytest.fixture(autouse=True)
def revived(server: Server) -> None:
    server.revive()


def test_everything_that_a_client_set_is_there_at_once_after_a_kill(server: Server) -> None:
    alice = SoapClient(server.http).login("alice")
    for body in (
        '<add-group><group name="work" index="-33.3"/></add-group>',
        '<add-contact><group name="work"><persona-id nickname="B" display-on-phone="true">bob</persona-id>'
        "</group></add-contact>",
        '<set-user-config><property name="colour" is-public="true">green</property></set-user-config>',
        f"<set-presence-rules>{RULE}</set-presence-rules>",
        '<add-acl><rule name="friends"><watcher>bob</watcher></rule></add-acl>',
        f"<add-recent-comm><timestamp>2026-01-31</timestamp><type>2</type><data>{RECORD}</data>"
        "</add-recent-comm>",
        "<set-calendaring>true</set-calendaring>",
        f"<publish-pres-status>{STATUS}</publish-pres-status>",
    ):
        alice.call(body)
    before = [etree.tostring(alice.call(body), method="c14n") for body in ASKED]
    for told, part in zip(
        before, (b'nickname="B"', b"green", b"phone", b"sip:bob@", b"5551234", b"true"), strict=True
    ):
        assert part in told
    server.restart()
    # The same session, by the same key.
    assert [etree.tostring(alice.call(body), method="c14n") for body in ASKED] == before
    with SipClient(server.address("udp"), "carol@example.com", "secret") as carol:
        carol.subscribe("sip:alice@example.com").notify(where=lambda notify: "on vacation" in notify.text)


def test_a_tuple_that_logout_withdrew_stays_withdrawn(server: Server) -> None:
    with (
        SipClient(server.address("udp"), "dave@example.com", "secret") as dave,
        SipClient(server.address("udp"), "erin@example.com", "secret") as erin,
    ):
        dave.publish(pidf(dave.uri, note="by soap", tuple_id="cupc-override"))
        dave.publish(pidf(dave.uri, note="at the desk", tuple_id="desk"))
        shown = erin.subscribe(dave.uri).notify(where=lambda it: "at the desk" in it.text)
        assert "by soap" in shown.text
        SoapClient(server.http).login("dave").call('<logout tuple-id="cupc-override"/>')
        server.restart()
        shown = erin.subscribe(dave.uri).notify(where=lambda it: "at the desk" in it.text)
        assert "by soap" not in shown.text


def test_a_session_that_was_ended_stays_ended(server: Server) -> None:
    bob = SoapClient(server.http).login("bob")
    replaced = SoapClient(server.http).login("bob", force=True)
    replaced.call("<logout/>")
    server.kill9()
    server.start()
    for client in (bob, replaced):
        reply = client.post(
            b'<e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope" xmlns="urn:cisco:epas:soap">'
            b"<e:Header><session-key>%s</session-key></e:Header>"
            b"<e:Body><get-user-config/></e:Body></e:Envelope>" % str(client.key).encode()
        )
        assert reply.fault == ("Sender", "UnknownSession", "Invalid request.")
    SoapClient(server.http).login("bob")  # nothing is in its way


def test_no_answered_change_is_lost_by_a_kill_in_the_middle_of_many(server: Server) -> None:
    """Four clients at a time, each change two items: both of them are there or none."""
    clients = {name: SoapClient(server.http).login(name) for name in ("carol", "dave", "erin", "frank")}
    answered: dict[str, list[int]] = {name: [] for name in clients}
    enough = threading.Barrier(len(clients) + 1)

    def change(name: str) -> None:
        for number in range(2000):
            try:
                clients[name].call(
                    f'<add-contact><group name=""><persona-id nickname="{number}">bob</persona-id>'
                    f'<persona-id nickname="{number}">alice</persona-id></group></add-contact>'
                )
            except (OSError, HTTPException):
                return
            answered[name].append(number)
            if number == 5:
                enough.wait(30)

    threads = [threading.Thread(target=change, args=(name,)) for name in clients]
    for thread in threads:
        thread.start()
    enough.wait(30)
    server.kill9()
    for thread in threads:
        thread.join(20)
    server.start()
    for name, client in clients.items():
        (group,) = client.call("<get-contact-list/>")
        nicknames = {contact.get("nickname") for contact in group}
        assert len(nicknames) == 1, f"half a change of {name}: {nicknames}"
        last = answered[name][-1]
        # The one under way may have been made without an answer.
        assert nicknames <= {str(last), str(last + 1)}
