"""PUBLISH, by RFC 3903 §6, with a package that knows nothing of presence."""

from __future__ import annotations

import gzip
import re
import zlib

import pytest

from sip.errors import BadRequest
from sip.headers import MediaType
from sip.message import Response
from sip.timers import TimerWheel
from sip.usage.publication import Publication, PublicationSettings, PublicationUsage, What
from tests.sip.usage.fakes import WALL, Directory, Handler, MemoryJournal, sip

ALICE = "sip:alice@example.com"


class Package:
    """Takes text/plain and upper-cases it; refuses the word "broken"."""

    def __init__(self, name: str, accept: tuple[str, ...] = ("text/plain",)) -> None:
        self.name = name
        self.accept = accept
        self.changes: list[tuple[str, What, bytes]] = []
        self.read: list[bytes] = []

    def parse(self, aor: str, content_type: MediaType, body: bytes) -> object:
        self.read.append(body)
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


def test_step_5_what_is_not_understood_is_refused_also_if_it_were_over_at_once(house: House) -> None:
    answer = house.refused("Expires: 0", body=b"broken")
    assert (answer.status, answer.reason) == (400, "Body is broken")


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
