"""Which PUBLISH is refused with what, in the order of the steps of RFC 3903 §6."""

from __future__ import annotations

import pytest

from sip.usage.publication import PublicationSettings
from tests.sip.usage.publication.publishing import House, publish


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
