"""Long-term status in the database (SPEC R81 to R83, Q49), and what a running server reads of it."""

from __future__ import annotations

import pytest

from presence.documents.xml import XmlLimits
from presence.provisioning.errors import ProvisioningError
from presence.provisioning.standing import StandingService
from presence.provisioning.stored import StandingStatus
from presence.provisioning.users import UserService
from presence.storage.database import Database
from presence.storage.rows import read_changes
from presence.storage.standing import SqlStandingRepository
from tests.presence.storage.provisioned import ALICE, BOB, add_users, news

AWAY = (
    b'<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:alice@example.com">'
    b'<tuple id="away"><status><basic>closed</basic></status></tuple></presence>'
)
BACK = AWAY.replace(b"closed", b"open")
CHANGED = ("standing.changed", ALICE, {})


@pytest.fixture
def users(database: Database) -> UserService:
    return add_users(database)


@pytest.fixture
def standing(database: Database, users: UserService) -> StandingService:
    return StandingService(SqlStandingRepository(database), clock=lambda: 1000.5)


def test_a_status_is_kept_as_it_was_published_until_it_is_taken_back(standing: StandingService) -> None:
    standing.publish("alice@example.com", AWAY)
    assert standing.get(ALICE) == StandingStatus(ALICE, AWAY, 1000.5)
    assert standing.get(BOB) is None
    assert standing.unpublish(ALICE) is True
    assert standing.get(ALICE) is None


def test_a_new_one_replaces_it_q49(standing: StandingService) -> None:
    standing.publish(ALICE, AWAY)
    standing.publish("a@example.com", BACK)
    assert standing.get("a@example.com") == StandingStatus(ALICE, BACK, 1000.5)


def test_to_take_back_what_is_not_there_is_no_error(standing: StandingService, database: Database) -> None:
    assert standing.unpublish(ALICE) is False
    assert news(database) == []


@pytest.mark.parametrize(
    ("document", "why"),
    [
        (b"", "PIDF: the body is empty or not XML"),
        (b"[XML presence doc]", "PIDF: Start tag expected"),
        (AWAY[:-3], "PIDF: "),
        (b"<a/>", "PIDF: the root element is a, not presence"),
        (b"<!DOCTYPE presence>" + AWAY, "PIDF: a DTD is not accepted"),
        (AWAY.replace(b"closed", b"gone"), ""),
    ],
)
def test_what_is_no_presence_document_is_refused_and_the_old_one_stays(
    standing: StandingService, database: Database, document: bytes, why: str
) -> None:
    standing.publish(ALICE, BACK)
    with pytest.raises(ProvisioningError) as refused:
        standing.publish(ALICE, document)
    assert str(refused.value).startswith(why)
    assert standing.get(ALICE) == StandingStatus(ALICE, BACK, 1000.5)
    assert news(database) == [CHANGED]


def test_it_may_be_as_large_as_a_publication(database: Database, users: UserService) -> None:
    narrow = StandingService(SqlStandingRepository(database), limits=XmlLimits(100))
    with pytest.raises(ProvisioningError, match=r"^PIDF: more than 100 bytes$"):
        narrow.publish(ALICE, AWAY)


def test_each_change_is_announced_without_the_document_and_read_with_it(
    standing: StandingService, database: Database
) -> None:
    standing.publish(ALICE, AWAY)
    standing.publish(ALICE, BACK)
    standing.publish(BOB, AWAY)
    standing.unpublish(BOB)
    assert news(database) == [CHANGED, CHANGED, ("standing.changed", BOB, {}), ("standing.changed", BOB, {})]
    with database.reading() as connection:
        found = [it for it in read_changes(connection, 0, 100) if it.topic == "standing.changed"]
    now = (StandingStatus(ALICE, BACK, 1000.5),)
    assert [it.current for it in found] == [now, now, (), ()]


def test_the_snapshot_of_a_start_has_all(standing: StandingService, database: Database) -> None:
    standing.publish(BOB, BACK)
    standing.publish(ALICE, AWAY)
    with database.snapshot() as snapshot:
        assert [(it.owner, it.document) for it in snapshot.standing()] == [(ALICE, AWAY), (BOB, BACK)]


def test_it_goes_with_its_user(standing: StandingService, users: UserService, database: Database) -> None:
    standing.publish(ALICE, AWAY)
    users.delete("alice@example.com")
    with database.snapshot() as snapshot:
        assert list(snapshot.standing()) == []
    for refused in (lambda: standing.publish(ALICE, AWAY), lambda: standing.unpublish(ALICE)):
        with pytest.raises(ProvisioningError, match=r"^there is no user alice@example.com$"):
            refused()
