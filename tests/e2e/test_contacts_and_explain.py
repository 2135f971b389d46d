"""Contacts and `presentity explain` by the command line, while a server runs and a phone has the list."""

from __future__ import annotations

import json

import pytest

from tests.e2e.conftest import StartServer
from tests.support.server import Server
from tests.support.sipclient import SipClient
from tests.support.sipwire import pidf

ALICE, BOB, CAROL = (f"{name}@example.com" for name in ("alice", "bob", "carol"))
CONTACTS = "sip:alice+contacts@example.com"


@pytest.fixture(scope="module")
def server(start_server: StartServer) -> Server:
    return start_server(ALICE, BOB, CAROL, listen=["udp"])


def test_a_list_follows_the_contacts_and_explain_says_why_he_sees_what(server: Server) -> None:
    server.cli("contacts", "add", ALICE, BOB)
    with (
        SipClient(server.address("udp"), ALICE, "secret") as alice,
        SipClient(server.address("udp"), BOB, "secret") as bob,
    ):
        bob.publish(pidf(f"sip:{BOB}", note="at the desk"))
        subscription = alice.subscribe(CONTACTS, headers=[("Supported", "eventlist")])
        subscription.notify(where=lambda notify: "at the desk" in notify.text and CAROL not in notify.text)

        explained = json.loads(server.cli("explain", "--json", ALICE, BOB).stdout)
        (through,) = explained["subscriptions"]
        assert (through["through"], through["state"]) == (CONTACTS, "active")
        assert "at the desk" in through["document"]
        assert through["told"] == through["document"]

        server.cli("contacts", "add", ALICE, CAROL)
        subscription.notify(where=lambda notify: f"sip:{CAROL}" in notify.text, what="carol comes")
        server.cli("contacts", "remove", ALICE, BOB)
        subscription.notify(where=lambda notify: "noresource" in notify.text, what="bob goes")
        assert json.loads(server.cli("explain", "--json", ALICE, BOB).stdout)["subscriptions"] == []
