"""What users and operators set while a server runs: seen by SIP within a second, and after a kill as well."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from presence.policy.cisco import CiscoRule
from presence.provisioning.configuration import ConfigurationService
from presence.provisioning.news import PRIVACY_LOCAL
from presence.provisioning.presence_rules import PresenceRulesService
from presence.provisioning.standing import StandingService
from presence.storage.configuration import SqlConfigurationRepository
from presence.storage.database import Database, open_database
from presence.storage.presence_rules import SqlPresenceRulesRepository
from presence.storage.standing import SqlStandingRepository
from tests.e2e.conftest import StartServer
from tests.support.server import Server
from tests.support.sipclient import SipClient
from tests.support.sipwire import pidf

ALICE, BOB, CAROL = (f"{name}@example.com" for name in ("alice", "bob", "carol"))


@pytest.fixture(scope="module")
def server(start_server: StartServer) -> Server:
    return start_server(ALICE, BOB, CAROL, listen=["udp"])


@pytest.fixture
def database(server: Server) -> Iterator[Database]:
    it = open_database(f"sqlite:///{server.data}/presentity.db")
    yield it
    it.close()


def test_a_long_term_status_is_told_and_outlives_a_kill(server: Server, database: Database) -> None:
    standing = StandingService(SqlStandingRepository(database))
    with SipClient(server.address("udp"), BOB, "secret") as bob:
        subscription = bob.subscribe(f"sip:{ALICE}")
        subscription.notify()
        standing.publish(ALICE, pidf(f"sip:{ALICE}", note="on vacation"))
        subscription.notify(where=lambda notify: "on vacation" in notify.text)
        server.kill9()
        server.start()
        subscription.notify(where=lambda notify: "on vacation" in notify.text, what="after the restart")
        standing.unpublish(ALICE)
        subscription.notify(where=lambda notify: "on vacation" not in notify.text, what="taken back")


def test_the_default_policy_is_changed_while_it_runs_and_holds_after_a_kill(
    server: Server, database: Database
) -> None:
    config = ConfigurationService(SqlConfigurationRepository(database))
    rules = PresenceRulesService(SqlPresenceRulesRepository(database))
    rules.set(ALICE, [CiscoRule("friends")])
    rules.add_watchers(ALICE, "friends", ["carol"])
    with (
        SipClient(server.address("udp"), BOB, "secret") as bob,
        SipClient(server.address("udp"), CAROL, "secret") as carol,
    ):
        watching = [bob.subscribe(f"sip:{ALICE}"), carol.subscribe(f"sip:{ALICE}")]
        for subscription in watching:
            subscription.notify(where=lambda notify: "active" in notify.need("Subscription-State"))
        config.set({PRIVACY_LOCAL: "confirm"})
        watching[0].notify(where=lambda notify: "pending" in notify.need("Subscription-State"))
        watching[1].quiet()
        server.kill9()
        server.start()
        for subscription, state in zip(watching, ("pending", "active"), strict=True):
            subscription.notify(where=lambda notify, state=state: state in notify.need("Subscription-State"))
        config.reset(PRIVACY_LOCAL)
        watching[0].notify(where=lambda notify: "active" in notify.need("Subscription-State"))
