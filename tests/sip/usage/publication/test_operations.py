"""Publications are made, refreshed, modified and removed (RFC 3903 §6), each with a new entity-tag."""

from __future__ import annotations

import re

from tests.sip.usage.fakes import WALL
from tests.sip.usage.publication.publishing import ALICE, House, publish


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


def test_a_refresh_by_another_phone_is_another_state(house: House) -> None:
    first = house.tag("Expires: 600", body=b"sunny")
    refresh = publish(f"SIP-If-Match: {first}", "Expires: 600")
    answer = house.send(refresh.replace(b"test/1.0 (some words)", b"desk/2"))
    assert answer is not None
    assert answer.status == 200
    assert house.usage.publications("weather", ALICE)[0].source == "desk/2"
    assert [what for _, what, _ in house.weather.changes] == ["initial", "modify"]


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
