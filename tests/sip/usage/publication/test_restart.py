"""Publications go on after a restart; what may wait is read when it is asked for."""

from __future__ import annotations

import pytest

from sip.timers import TimerWheel
from sip.usage.publication import PublicationSettings, PublicationUsage
from tests.sip.usage.fakes import WALL, Directory, MemoryJournal
from tests.sip.usage.publication.publishing import ALICE, House, Package


def restarted(house: House, *, after: float = 0.0) -> House:
    again = House(journal=house.journal)
    again.timers.advance(50_000.0)  # The monotonic clock of another boot.
    rows = reversed(house.journal.load("publication"))  # A database promises no order.
    again.usage.restore(rows, now=again.timers.now, wall=house.wall() + after)
    return again


def test_publications_survive_a_restart_with_tag_order_and_lifetime(house: House) -> None:
    tag = house.tag("Expires: 600", body=b"phone")
    house.ok("Expires: 900", body=b"desk")
    again = restarted(house, after=100)
    assert again.bodies == [b"phone", b"desk"]
    publication = again.usage.publications("weather", ALICE)[0]
    assert (publication.etag, publication.parsed) == (tag, b"PHONE")
    assert (publication.published_at, publication.expires_at) == (WALL, 50_500.0)
    assert again.weather.changes == []
    again.ok(f"SIP-If-Match: {tag}", body=b"phone again")
    assert again.bodies == [b"phone again", b"desk"]


def test_what_fell_due_meanwhile_expires_at_the_start_and_is_announced(house: House) -> None:
    house.ok("Expires: 600", body=b"phone")
    house.ok("Expires: 900", body=b"desk")
    again = restarted(house, after=700)
    again.advance(0.01)
    assert again.bodies == [b"desk"]
    assert again.weather.changes == [(ALICE, "expire", b"phone")]
    assert len(again.journal.rows) == 1


def test_a_stored_body_that_no_longer_parses_is_logged_and_dropped(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    house.ok(body=b"phone")
    house.ok(body=b"desk")
    ((key, row), _) = house.journal.load("publication")
    house.journal.rows["publication", key] = (*row[:5], b"broken", *row[6:])
    again = restarted(house)
    again.journal.settle()
    assert again.bodies == [b"desk"]
    assert [record.message for record in caplog.records] == ["publication.row_dropped"]
    assert len(again.journal.rows) == 1


class Unhurried(Package):
    """Looks at stored bodies when somebody asks, but for those that say "now"."""

    def may_wait(self, body: bytes) -> bool:
        return b"now" not in body


def restored(*bodies: bytes) -> tuple[Unhurried, PublicationUsage]:
    """A package, and the publications with `bodies` that an earlier run has left."""
    package, timers = Unhurried("weather"), TimerWheel()
    usage = PublicationUsage(
        [package], Directory(), MemoryJournal(), timers, PublicationSettings(), lambda: WALL
    )
    rows = [
        ((f"{n}",), ("weather", ALICE, f"tag{n}", WALL + 60, "text/plain", body, "", WALL))
        for n, body in enumerate(bodies)
    ]
    usage.restore(rows, 0.0, WALL)
    return package, usage


def test_a_stored_body_that_may_wait_is_read_once_when_it_is_asked_for() -> None:
    package, usage = restored(b"sunny", b"rain now")
    assert package.read == [b"rain now"]
    publication, _ = usage.publications("weather", ALICE)
    assert [publication.parsed, publication.parsed] == [b"SUNNY", b"SUNNY"]
    assert package.read == [b"rain now", b"sunny"]


def test_what_was_let_go_is_read_again() -> None:
    package, usage = restored(b"rain now")
    (publication,) = usage.publications("weather", ALICE)
    publication.let_go()
    assert publication.parsed == b"RAIN NOW"
    assert package.read == [b"rain now", b"rain now"]


@pytest.mark.parametrize(("body", "read"), [(b"", []), (b"snow", [b"snow"])])
def test_what_was_let_go_is_not_read_again_to_be_refreshed_or_replaced(
    house: House, body: bytes, read: list[bytes]
) -> None:
    etag = house.tag(body=b"rain")
    (publication,) = house.usage.publications("weather", ALICE)
    publication.let_go()
    house.weather.read.clear()
    house.ok(f"SIP-If-Match: {etag}", body=body)
    assert house.weather.read == read


def test_one_that_waited_and_is_not_understood_says_nothing(caplog: pytest.LogCaptureFixture) -> None:
    package, usage = restored(b"broken")
    (publication,) = usage.publications("weather", ALICE)
    assert [isinstance(publication.parsed, bytes), isinstance(publication.parsed, bytes)] == [False, False]
    assert [record.message for record in caplog.records] == ["publication.unreadable"]
    assert package.read == [b"broken"]


def test_rows_of_a_package_that_is_not_served_now_are_left_alone(house: House) -> None:
    house.ok(body=b"sunny")
    ((key, row),) = house.journal.load("publication")
    house.journal.rows["publication", key] = ("gone", *row[1:])
    again = restarted(house)
    again.journal.settle()
    assert len(again.usage) == 0
    assert len(again.journal.rows) == 1
