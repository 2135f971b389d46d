"""Presence rules in the database, and the news of their changes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
import pytest_twisted
from sqlalchemy import select
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from presence.directory import Change
from presence.policy.book import PolicyBook
from presence.policy.stored import POLICY_CHANGED, PolicyDocument
from presence.provisioning.errors import ProvisioningError
from presence.provisioning.policies import PolicyService
from presence.provisioning.users import UserService
from presence.storage.database import Database
from presence.storage.models import Outbox
from presence.storage.outbox import OutboxFollower
from presence.storage.policies import SqlPolicyRepository
from presence.storage.users import SqlUserRepository
from tests.presence.policy.documents import RFC_5025_6, ruleset

TEN_SECONDS = 10.0
ALICE = "sip:alice@example.com"


@pytest.fixture
def users(database: Database) -> UserService:
    it = UserService(SqlUserRepository(database))
    it.add("alice@example.com", "x")
    it.add("bob@example.com", "x")
    return it


@pytest.fixture
def policies(database: Database, users: UserService) -> PolicyService:
    return PolicyService(SqlPolicyRepository(database), clock=lambda: 1000.5)


def outbox(database: Database) -> list[tuple[str, str, str]]:
    with database.reading() as connection:
        rows = connection.execute(select(Outbox.topic, Outbox.key, Outbox.payload).order_by(Outbox.id))
        return [tuple(row) for row in rows if not row.topic.startswith("user.")]


def test_a_document_is_kept_byte_by_byte_and_replaced(policies: PolicyService) -> None:
    made = policies.set("alice@example.com", RFC_5025_6)
    assert policies.get("alice@example.com") == made
    assert made.document == RFC_5025_6
    assert made.updated_at == 1000.5
    policies.set("alice@example.com", ruleset())
    assert policies.get("alice@example.com").document == ruleset()
    assert len(list(policies.list())) == 1


def test_documents_are_listed_in_the_order_of_owner_source_and_name(policies: PolicyService) -> None:
    policies.set("bob@example.com", ruleset())
    policies.set("alice@example.com", ruleset(), name="b")
    policies.set("alice@example.com", ruleset(), name="a")
    policies.set("alice@example.com", ruleset(), source="another", name="z")
    keys = [("alice", "another", "z"), ("alice", "rules", "a"), ("alice", "rules", "b")]
    everything = [*keys, ("bob", "rules", "index")]

    def shown(documents: Iterator[PolicyDocument]) -> list[tuple[str, str, str]]:
        return [(it.owner[4:].partition("@")[0], it.source, it.name) for it in documents]

    assert shown(policies.list()) == everything
    assert shown(policies.list("alice@example.com")) == keys
    assert shown(policies.list(source="another")) == keys[:1]


def test_a_document_of_nobody_is_refused_and_announces_nothing(
    policies: PolicyService, database: Database
) -> None:
    with pytest.raises(ProvisioningError, match=r"^there is no user carol@example.com$"):
        policies.set("carol@example.com", ruleset())
    with pytest.raises(ProvisioningError, match=r"^alice@example.com has no rules$"):
        policies.delete("alice@example.com")
    assert outbox(database) == []


def test_every_change_leaves_its_entry_in_the_outbox_without_the_document(
    policies: PolicyService, database: Database
) -> None:
    policies.set("alice@example.com", RFC_5025_6)
    policies.delete("alice@example.com")
    entry = (POLICY_CHANGED, ALICE, '{"source": "rules", "name": "index"}')
    assert outbox(database) == [entry, entry]


def test_deleting_a_user_deletes_his_rules_and_nobody_elses(
    policies: PolicyService, users: UserService
) -> None:
    policies.set("alice@example.com", ruleset())
    policies.set("bob@example.com", ruleset())
    users.delete("alice@example.com")
    assert [it.owner for it in policies.list()] == ["sip:bob@example.com"]


def test_the_snapshot_of_a_start_has_all_documents(policies: PolicyService, database: Database) -> None:
    made = policies.set("alice@example.com", RFC_5025_6)
    with database.snapshot() as snapshot:
        assert list(snapshot.policies()) == [made]


@pytest.fixture
def follow(url: str) -> Iterator[Callable[[], list[Change]]]:
    made: list[OutboxFollower] = []

    def start() -> list[Change]:
        heard: list[Change] = []
        made.append(OutboxFollower(reactor, url, 0, heard.extend))
        made[-1].start()
        return heard

    yield start
    for follower in made:
        pytest_twisted.blockon(follower.stop().addTimeout(TEN_SECONDS, reactor))


def after(seconds: float) -> Deferred[None]:
    return deferLater(reactor, seconds, lambda: None)


@pytest_twisted.ensureDeferred
async def test_a_follower_hears_of_a_change_with_the_documents_as_they_are_now(
    policies: PolicyService, users: UserService, follow: Callable[[], list[Change]]
) -> None:
    policies.set("alice@example.com", ruleset())
    made = policies.set("alice@example.com", RFC_5025_6)
    policies.set("bob@example.com", ruleset())
    policies.delete("bob@example.com")
    heard = follow()
    begin = time.monotonic()
    while len(heard) < 6:
        assert time.monotonic() - begin < TEN_SECONDS
        await after(0.01)
    news = [change for change in heard if change.topic == POLICY_CHANGED]
    assert [(it.key, it.current) for it in news] == [
        (ALICE, (made,)),
        (ALICE, (made,)),
        ("sip:bob@example.com", ()),
        ("sip:bob@example.com", ()),
    ]
    book = PolicyBook()
    book.apply(heard)
    assert [it.label for it in book.rules_of(ALICE)] == ["rules/a"]
    assert len(book) == 1
