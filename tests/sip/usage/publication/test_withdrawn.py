"""What other services take away: a publication, a part of it, all of a user who was removed."""

from __future__ import annotations

import pytest

from sip.usage.publication import Publication, PublicationSettings, PublicationUsage
from tests.sip.usage.fakes import WALL, Directory
from tests.sip.usage.publication.publishing import ALICE, House, Package, publish


def test_another_service_may_withdraw_a_publication(house: House) -> None:
    house.ok(body=b"sunny")
    (publication,) = house.usage.publications("weather", ALICE)
    house.usage.remove(publication)
    house.usage.remove(publication)
    house.journal.settle()
    assert len(house.usage) == 0
    assert house.journal.rows == {}
    assert [what for _, what, _ in house.weather.changes] == ["initial", "remove"]


def test_a_removed_user_has_no_publications(house: House) -> None:
    house.ok(body=b"sunny")
    house.ok(body=b"high", event="tides")
    house.usage.remove_user(ALICE)
    house.journal.settle()
    assert len(house.usage) == 0
    assert house.journal.rows == {}
    assert (ALICE, "remove", b"high") in house.tides.changes


class Parts(Package):
    """A package whose bodies are parts with commas between them."""

    def without(self, publication: Publication, part: str) -> bytes | None:
        parts = publication.body.decode().split(",")
        if part not in parts:
            raise LookupError(part)
        rest = ",".join(it for it in parts if it != part)
        return rest.encode() or None


class TestWithdrawnParts:
    @pytest.fixture
    def house(self) -> House:
        house = House()
        house.weather = Parts("weather")
        house.usage = PublicationUsage(
            [house.weather, house.tides],
            Directory(),
            house.journal,
            house.timers,
            PublicationSettings(),
            house.wall,
        )
        return house

    def withdraw(self, house: House, part: str, aor: str = ALICE) -> None:
        house.usage.withdraw_tuple(aor, part)
        house.journal.settle()

    def again(self, house: House, after: float) -> House:
        """The same after a restart, `after` seconds later."""
        later = House(journal=house.journal)
        later.usage.restore(house.journal.load("publication"), 0.0, WALL + after)
        return later

    def test_only_the_part_leaves_in_memory_and_in_the_journal(self, house: House) -> None:
        house.ok("Expires: 100", body=b"rain,sun")
        self.withdraw(house, "rain")
        assert house.bodies == [b"sun"]
        assert [it.parsed for it in house.usage.publications("weather", ALICE)] == [b"SUN"]
        assert house.weather.changes[-1] == (ALICE, "modify", b"sun")
        assert self.again(house, 50.0).bodies == [b"sun"]

    def test_entity_tag_and_lifetime_stay(self, house: House) -> None:
        tag = house.tag("Expires: 100", body=b"rain,sun")
        house.timers.advance(60)
        self.withdraw(house, "rain")
        house.timers.advance(99)
        assert house.bodies == [b"sun"]
        house.ok(f"SIP-If-Match: {tag}", "Expires: 100")
        house.timers.advance(198)
        assert house.bodies == [b"sun"]
        house.timers.advance(200)
        house.journal.settle()
        assert house.bodies == []

    def test_a_publication_without_another_part_goes(self, house: House) -> None:
        tag = house.tag(body=b"rain")
        self.withdraw(house, "rain")
        assert (house.bodies, house.journal.load("publication")) == ([], [])
        assert house.weather.changes[-1] == (ALICE, "remove", b"rain")
        assert house.refused(f"SIP-If-Match: {tag}").status == 412

    def test_it_leaves_every_publication_that_has_it(self, house: House) -> None:
        for body in (b"rain,sun", b"snow", b"rain"):
            house.ok(body=body)
        self.withdraw(house, "rain")
        assert house.bodies == [b"sun", b"snow"]
        assert len(house.journal.load("publication")) == 2

    def test_what_is_not_there_is_not_written_and_told_to_nobody(self, house: House) -> None:
        house.ok(body=b"rain")
        writes, changes = len(house.journal.writes), len(house.weather.changes)
        for aor, part in ((ALICE, "hail"), ("sip:bob@example.com", "rain")):
            self.withdraw(house, part, aor)
        assert (len(house.journal.writes), len(house.weather.changes)) == (writes, changes)
        house.ok(body=b"and it goes on")

    def test_it_waits_for_what_is_being_stored(self, house: House) -> None:
        house.journal.hold = True
        house.send(publish(body=b"rain,sun"))
        house.usage.withdraw_tuple(ALICE, "rain")
        house.journal.hold = False
        house.journal.settle()
        assert house.bodies == [b"sun"]

    def test_what_is_left_and_cannot_be_read_goes_with_it(self, house: House) -> None:
        house.ok(body=b"rain,broken")
        self.withdraw(house, "rain")
        assert house.bodies == []

    def test_it_is_withdrawn_and_told_even_if_the_journal_fails(self, house: House) -> None:
        house.ok(body=b"rain,sun")
        house.journal.fail = True
        self.withdraw(house, "rain")
        assert house.bodies == [b"sun"]
        assert house.weather.changes[-1] == (ALICE, "modify", b"sun")
        house.journal.fail = False
        house.ok(body=b"and it goes on")
