"""Publications in time: nothing is answered or seen before it is durable, and each ends when it is due."""

from __future__ import annotations

from sip.usage.publication import PublicationSettings
from tests.sip.usage.publication.publishing import ALICE, House, publish


def test_a_publication_ends_with_its_lifetime(house: House) -> None:
    tag = house.tag("Expires: 600", body=b"sunny")
    house.advance(600.1)
    assert house.bodies == []
    assert house.journal.rows == {}
    assert house.weather.changes[-1] == (ALICE, "expire", b"sunny")
    assert house.refused(f"SIP-If-Match: {tag}").status == 412


def test_a_publication_that_falls_due_while_its_refresh_is_being_stored_lives_on(house: House) -> None:
    tag = house.tag("Expires: 600", body=b"sunny")
    house.advance(599)
    house.journal.hold = True
    assert house.send(publish(f"SIP-If-Match: {tag}", "Expires: 600")) is None
    house.advance(5)
    house.journal.hold = False
    house.journal.settle()
    assert house.bodies == [b"sunny"]
    assert len(house.journal.rows) == 1
    assert [what for _, what, _ in house.weather.changes] == ["initial", "refresh"]
    house.advance(600)
    assert house.bodies == []


def test_nothing_is_visible_or_answered_before_it_is_durable(house: House) -> None:
    house.journal.hold = True
    assert house.send(publish(body=b"sunny")) is None
    assert house.bodies == []
    assert house.weather.changes == []
    house.journal.release()
    assert house.requests[0].replies[0].status == 200
    assert house.bodies == [b"sunny"]


def test_a_modification_waits_for_the_one_before_it(house: House) -> None:
    tag = house.tag(body=b"sunny")
    house.journal.hold = True
    house.send(publish(f"SIP-If-Match: {tag}", body=b"rain"))
    house.send(publish(f"SIP-If-Match: {tag}", body=b"snow"))
    assert house.journal.waiting == 1
    house.journal.release()
    # The first one took the entity-tag with it.
    assert [request.replies[0].status for request in house.requests] == [200, 200, 412]
    assert house.bodies == [b"rain"]


def test_a_failing_journal_is_answered_503_and_changes_nothing(house: House) -> None:
    tag = house.tag(body=b"sunny")
    house.journal.fail = True
    for headers, body in (
        ([], b"x"),
        ([f"SIP-If-Match: {tag}"], b"y"),
        ([f"SIP-If-Match: {tag}", "Expires: 0"], b""),
    ):
        answer = house.refused(*headers, body=body)
        assert (answer.status, answer.get("Retry-After")) == (503, "5")
    assert house.bodies == [b"sunny"]
    assert len(house.weather.changes) == 1
    house.journal.fail = False
    house.ok(f"SIP-If-Match: {tag}")


def test_entity_tags_cannot_be_told_from_each_other() -> None:
    house = House(PublicationSettings(max_publications=1000))
    assert len({house.tag(body=b"sunny")[:6] for _ in range(500)}) == 500
