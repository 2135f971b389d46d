"""PUBLISH, by RFC 3903 §6, with a package that knows nothing of presence."""

from __future__ import annotations

import gzip
import re
import zlib

import pytest

from sip.errors import BadRequest
from sip.headers import MediaType
from sip.message import Response
from sip.usage.publication import Publication, PublicationSettings, PublicationUsage, What
from tests.sip.usage.fakes import WALL, Directory, Handler, MemoryJournal, sip

ALICE = "sip:alice@example.com"


class Package:
    """Takes text/plain and upper-cases it; refuses the word "broken"."""

    def __init__(self, name: str, accept: tuple[str, ...] = ("text/plain",)) -> None:
        self.name = name
        self.accept = accept
        self.changes: list[tuple[str, What, bytes]] = []

    def parse(self, aor: str, content_type: MediaType, body: bytes) -> object:
        if body == b"broken":
            raise BadRequest("Body is broken")
        return body.upper()

    def changed(self, aor: str, publication: Publication, what: What) -> None:
        self.changes.append((aor, what, publication.body))


def publish(*headers: str, body: bytes = b"", event: str = "weather", uri: str = ALICE) -> bytes:
    lines = "\n".join([f"Event: {event}", *headers] if event else headers)
    if body and not any(header.startswith("Content-Type") for header in headers):
        lines += "\nContent-Type: text/plain"
    return sip(
        f"""
        PUBLISH {uri} SIP/2.0
        Via: SIP/2.0/UDP 192.0.2.4;branch=z9hG4bK652hsge
        To: <sip:alice@example.com>
        From: <sip:alice@example.com>;tag=1234wxyz
        Call-ID: 81818181@pua.example.com
        CSeq: 1 PUBLISH
        User-Agent: test/1.0 (some words)
        {lines}
        """,
        body,
    )


class House(Handler):
    def __init__(
        self, settings: PublicationSettings | None = None, journal: MemoryJournal | None = None
    ) -> None:
        self.journal = journal or MemoryJournal()
        super().__init__(lambda sr: self.usage.handle(sr), self.journal)
        self.weather = Package("weather")
        self.tides = Package("tides", ("text/plain", "application/tides+xml"))
        self.usage = PublicationUsage(
            [self.weather, self.tides],
            Directory(),
            self.journal,
            self.timers,
            settings or PublicationSettings(),
            self.wall,
        )

    @property
    def bodies(self) -> list[bytes]:
        return [publication.body for publication in self.usage.publications("weather", ALICE)]

    def ok(self, *headers: str, body: bytes = b"", event: str = "weather") -> Response:
        answer = self.send(publish(*headers, body=body, event=event))
        assert answer is not None
        assert answer.status == 200, answer.start_line
        return answer

    def tag(self, *headers: str, body: bytes = b"", event: str = "weather") -> str:
        """The entity-tag of a good answer."""
        return self.ok(*headers, body=body, event=event).get("SIP-ETag") or ""

    def refused(self, *headers: str, body: bytes = b"", event: str = "weather", uri: str = ALICE) -> Response:
        answer = self.send(publish(*headers, body=body, event=event, uri=uri))
        assert answer is not None
        assert answer.status >= 400, answer.start_line
        return answer


@pytest.fixture
def house() -> House:
    return House()


# -- initial, refresh, modify, remove -----------------------------------------------------------------


def test_an_initial_publication_gets_an_entity_tag_and_a_lifetime(house: House) -> None:
    answer = house.ok("Expires: 600", body=b"sunny")
    assert answer.get("Expires") == "600"
    assert re.fullmatch(r"[A-Za-z0-9_-]{12}", answer.get("SIP-ETag") or "")
    (publication,) = house.usage.publications("weather", ALICE)
    assert (publication.body, publication.parsed) == (b"sunny", b"SUNNY")
    assert (publication.package, publication.aor) == ("weather", ALICE)
    assert (publication.content_type, publication.source) == ("text/plain", "test/1.0 (some words)")
    assert (publication.expires_at, publication.published_at) == (600.0, WALL)
    assert house.weather.changes == [(ALICE, "initial", b"sunny")]


def test_a_refresh_keeps_the_body_and_gets_a_new_entity_tag(house: House) -> None:
    first = house.tag("Expires: 600", body=b"sunny")
    house.advance(500)
    answer = house.ok(f"SIP-If-Match: {first}", "Expires: 600")
    assert answer.get("SIP-ETag") not in (None, first)
    house.advance(500)
    assert house.bodies == [b"sunny"]
    assert house.usage.publications("weather", ALICE)[0].published_at == WALL
    assert [what for _, what, _ in house.weather.changes] == ["initial", "refresh"]


def test_a_modification_replaces_the_body(house: House) -> None:
    first = house.tag("Expires: 600", body=b"sunny")
    house.advance(10)
    second = house.tag(f"SIP-If-Match: {first}", "Expires: 600", body=b"rain")
    (publication,) = house.usage.publications("weather", ALICE)
    assert (publication.etag, publication.body, publication.parsed) == (second, b"rain", b"RAIN")
    assert publication.published_at == WALL + 10
    assert house.weather.changes[-1] == (ALICE, "modify", b"rain")


def test_expires_zero_removes_and_is_answered_with_a_tag_and_zero(house: House) -> None:
    first = house.tag(body=b"sunny")
    answer = house.ok(f"SIP-If-Match: {first}", "Expires: 0")
    assert answer.get("Expires") == "0"
    assert answer.get("SIP-ETag") not in (None, first)
    assert len(house.usage) == 0
    assert house.journal.rows == {}
    assert house.weather.changes[-1] == (ALICE, "remove", b"sunny")


def test_linphone_removes_without_content_length(house: House) -> None:
    data = publish(f"SIP-If-Match: {house.tag(body=b'sunny')}", "Expires: 0")
    assert b"Content-Length" not in data
    answer = house.send(data)
    assert answer is not None
    assert answer.status == 200
    assert house.bodies == []


def test_an_old_entity_tag_is_good_no_more(house: House) -> None:
    first = house.tag(body=b"sunny")
    house.tag(f"SIP-If-Match: {first}", body=b"rain")
    assert house.refused(f"SIP-If-Match: {first}", body=b"snow").status == 412
    assert house.bodies == [b"rain"]


def test_publications_of_several_devices_stand_side_by_side_in_order_of_arrival(house: House) -> None:
    first = house.tag(body=b"phone")
    house.tag(body=b"desk")
    house.tag(f"SIP-If-Match: {first}", body=b"phone again")
    assert house.bodies == [b"phone again", b"desk"]
    assert len(house.usage) == 2


def test_packages_are_kept_apart(house: House) -> None:
    house.ok(body=b"sunny")
    house.ok(body=b"high", event="tides")
    assert house.bodies == [b"sunny"]
    assert [held.body for held in house.usage.publications("tides", ALICE)] == [b"high"]
    assert house.tides.changes == [(ALICE, "initial", b"high")]


def test_an_alias_publishes_for_the_user_himself(house: House) -> None:
    answer = house.send(publish(body=b"sunny", uri="sip:ally@example.com"))
    assert answer is not None
    assert answer.status == 200
    assert house.bodies == [b"sunny"]


# -- refusals in the order of the steps ---------------------------------------------------------------


def test_step_1_a_user_who_does_not_exist_is_answered_404(house: House) -> None:
    answer = house.refused(body=b"sunny", uri="sip:nobody@example.com")
    assert (answer.status, answer.reason) == (404, "User does not exist")


def test_nobody_publishes_for_somebody_else(house: House) -> None:
    answer = house.send(publish(body=b"sunny"), by="sip:bob@example.com")
    assert answer is not None
    assert answer.status == 403
    assert len(house.usage) == 0


@pytest.mark.parametrize("event", ["", "dialog", "Weather", "weather.winfo"])
def test_step_2_a_package_that_is_not_served_is_answered_489_with_those_that_are(
    house: House, event: str
) -> None:
    answer = house.refused(body=b"sunny", event=event)
    assert (answer.status, answer.get("Allow-Events")) == (489, "weather, tides")


@pytest.mark.parametrize(
    "headers",
    [["SIP-If-Match: a, b"], ["SIP-If-Match: a", "SIP-If-Match: b"], ["SIP-If-Match:"]],
)
def test_step_3_anything_but_one_entity_tag_is_answered_400(house: House, headers: list[str]) -> None:
    assert house.refused(*headers, body=b"sunny").status == 400


@pytest.mark.parametrize("body", [b"", b"rain"])
def test_step_3_an_unknown_entity_tag_is_answered_412(house: House, body: bytes) -> None:
    house.tag(body=b"sunny")
    assert house.refused("SIP-If-Match: dx200xyz", body=body).status == 412
    assert house.bodies == [b"sunny"]


def test_step_3_the_tag_of_another_package_is_answered_412(house: House) -> None:
    tides = house.tag(body=b"high", event="tides")
    assert house.refused(f"SIP-If-Match: {tides}", "Expires: 0").status == 412
    assert len(house.usage) == 1


def test_step_3_the_tag_of_another_user_is_answered_412(house: House) -> None:
    tag = house.tag(body=b"sunny")
    answer = house.send(
        publish(f"SIP-If-Match: {tag}", "Expires: 0", uri="sip:bob@example.com"), by="sip:bob@example.com"
    )
    assert answer is not None
    assert answer.status == 412
    assert len(house.usage) == 1


@pytest.mark.parametrize(("asked", "granted"), [("60", "60"), ("86401", "86400"), (None, "3600")])
def test_step_4_the_lifetime_is_what_is_asked_within_limits_or_the_default(
    house: House, asked: str | None, granted: str
) -> None:
    headers = [] if asked is None else [f"Expires: {asked}"]
    assert house.ok(*headers, body=b"sunny").get("Expires") == granted


def test_step_4_too_short_a_lifetime_is_answered_423(house: House) -> None:
    answer = house.refused("Expires: 59", body=b"sunny")
    assert (answer.status, answer.get("Min-Expires")) == (423, "60")
    assert len(house.usage) == 0


def test_step_5_another_media_type_is_answered_415_with_those_that_are_taken(house: House) -> None:
    answer = house.refused("Content-Type: application/pidf+xml", body=b"<x/>", event="tides")
    assert (answer.status, answer.get("Accept")) == (415, "text/plain, application/tides+xml")


def test_step_5_a_body_without_media_type_is_answered_415(house: House) -> None:
    data = publish(body=b"sunny").replace(b"Content-Type: text/plain\r\n", b"")
    answer = house.send(data)
    assert answer is not None
    assert (answer.status, answer.reason) == (415, "Missing Content-Type")


def test_step_5_the_package_says_what_is_wrong_with_a_body(house: House) -> None:
    tag = house.tag(body=b"sunny")
    for headers in ([], [f"SIP-If-Match: {tag}"]):
        answer = house.refused(*headers, body=b"broken")
        assert (answer.status, answer.reason) == (400, "Body is broken")
    assert house.bodies == [b"sunny"]
    house.ok(f"SIP-If-Match: {tag}")


@pytest.mark.parametrize("headers", [[], ["Expires: 0"], ["Expires: 600"]])
def test_step_5_neither_body_nor_entity_tag_is_answered_400(house: House, headers: list[str]) -> None:
    # pjsip and baresip send this with Expires: 0 at the end, when nothing was published before.
    assert house.refused(*headers).status == 400


def test_step_5_an_initial_publication_that_is_over_at_once_is_not_stored(house: House) -> None:
    answer = house.ok("Expires: 0", body=b"sunny")
    assert answer.get("Expires") == "0"
    assert "SIP-ETag" in answer
    assert house.journal.writes == []
    assert house.weather.changes == []


def test_a_user_has_a_limit_of_publications() -> None:
    house = House(PublicationSettings(max_publications=2))
    tag = house.tag(body=b"one")
    house.ok(body=b"two")
    answer = house.refused(body=b"three")
    assert (answer.status, answer.reason) == (403, "Too many publications (limit 2)")
    house.ok(f"SIP-If-Match: {tag}", body=b"one again")


# -- Content-Encoding ---------------------------------------------------------------------------------


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


@pytest.mark.parametrize(
    ("coding", "pack"),
    [
        ("deflate", zlib.compress),
        ("deflate", raw_deflate),
        ("gzip", gzip.compress),
        ("GZIP", gzip.compress),
        ("identity", bytes),
    ],
)
def test_an_encoded_body_is_stored_as_what_it_means(house: House, coding: str, pack: object) -> None:
    house.ok(f"Content-Encoding: {coding}", body=pack(b"sunny"))  # type: ignore[operator]
    assert house.bodies == [b"sunny"]


def test_another_encoding_is_answered_415_with_those_that_are_taken(house: House) -> None:
    answer = house.refused("Content-Encoding: br", body=b"sunny")
    assert (answer.status, answer.get("Accept-Encoding")) == (415, "deflate, gzip")


@pytest.mark.parametrize("body", [b"not packed", zlib.compress(bytes(range(200)))[:-10]])
def test_a_body_that_does_not_unpack_is_answered_400(house: House, body: bytes) -> None:
    assert house.refused("Content-Encoding: deflate", body=body).status == 400


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (["Content-Encoding: gzip"], gzip.compress(bytes(10_000_000))),
        (["Content-Encoding: gzip, gzip"], gzip.compress(gzip.compress(bytes(10_000_000)))),
        ([], bytes(65537)),
    ],
)
def test_a_body_that_is_or_becomes_too_large_is_answered_413(
    house: House, headers: list[str], body: bytes
) -> None:
    assert house.refused(*headers, body=body).status == 413


# -- time and durability ------------------------------------------------------------------------------


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


# -- other services, restart --------------------------------------------------------------------------


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


def test_rows_of_a_package_that_is_not_served_now_are_left_alone(house: House) -> None:
    house.ok(body=b"sunny")
    ((key, row),) = house.journal.load("publication")
    house.journal.rows["publication", key] = ("gone", *row[1:])
    again = restarted(house)
    again.journal.settle()
    assert len(again.usage) == 0
    assert len(again.journal.rows) == 1
