"""Which of several answers goes back: RFC 3261 §16.7 steps 6 and 7."""

from __future__ import annotations

import pytest

from sip.message import Response
from tests.sip.usage.proxy_fakes import INVITE, MESSAGE, House, request, to


def answers(message: str, *statuses: int) -> list[int]:
    """What the client hears when its request is forked and the branches answer so, in this order."""
    house = House()
    targets = [to(f"sip:bob@192.0.2.{20 + number}") for number in range(len(statuses))]
    caller = house.forward(request(message), *targets)
    for sent, status in zip(house.sent, statuses, strict=True):
        sent.answer(status)
    return [status for status in caller.statuses if status > 100]


@pytest.mark.parametrize(
    ("statuses", "best"),
    [
        ((486, 404), 486),  # the same class: who was first
        ((404, 486), 404),
        ((503, 407, 501, 404), 407),  # the example of RFC 3261
        ((500, 404), 404),  # the lowest class
        ((404, 302), 302),
        ((302, 603, 404), 603),  # 6xx before all
        ((600, 603), 600),
        ((404, 401), 401),  # what tells how to ask again
        ((480, 415), 415),
        ((404, 420), 420),
        ((404, 484), 484),
        ((407, 401), 401),
        ((408, 486), 486),  # silence tells less
        ((487, 486), 486),
        ((503, 500), 500),
        ((503, 503), 500),  # a 503 would be about us
        ((503,), 500),
        ((408, 500), 408),
    ],
)
def test_the_best_answer_to_an_invite(statuses: tuple[int, ...], best: int) -> None:
    assert answers(INVITE, *statuses) == [best]


@pytest.mark.parametrize(("statuses", "best"), [((408, 500), 500), ((408, 404), 404), ((503, 408), 500)])
def test_anything_is_better_than_408_for_another_method(statuses: tuple[int, ...], best: int) -> None:
    assert answers(MESSAGE, *statuses) == [best]


def test_an_answer_that_came_is_better_than_our_own_of_the_same_status() -> None:
    house = House()
    caller = house.forward(request(INVITE), to("sip:bob@192.0.2.20"), to("sip:bob@192.0.2.21"))
    house.sent[0].fail(408)
    house.sent[1].answer(408, "Nobody at home", tag="b1")
    assert (caller.last.reason, caller.last.to.tag) == ("Nobody at home", "b1")


def challenged(*branches: tuple[int, tuple[str, str]]) -> Response:
    house = House()
    caller = house.forward(request(MESSAGE), *(to(f"sip:bob@192.0.2.{n}") for n in range(len(branches))))
    for sent, (status, header) in zip(house.sent, branches, strict=True):
        sent.answer(status, None, header)
    return caller.last


def test_the_challenges_of_all_branches_reach_the_client() -> None:
    response = challenged(
        (407, ("Proxy-Authenticate", 'Digest realm="p1", nonce="1"')),
        (401, ("WWW-Authenticate", 'Digest realm="desk", nonce="2"')),
        (401, ("WWW-Authenticate", 'Digest realm="mobile", nonce="3"')),
        (404, ("WWW-Authenticate", 'Digest realm="no challenge", nonce="4"')),
    )
    assert response.status == 401
    assert response.get_all("WWW-Authenticate") == [
        'Digest realm="desk", nonce="2"',
        'Digest realm="mobile", nonce="3"',
    ]
    assert response.get_all("Proxy-Authenticate") == ['Digest realm="p1", nonce="1"']


def test_challenges_are_not_added_to_another_answer() -> None:
    response = challenged(
        (401, ("WWW-Authenticate", 'Digest realm="desk", nonce="2"')),
        (600, ("Retry-After", "60")),
    )
    assert (response.status, response.get_all("WWW-Authenticate")) == (600, [])
