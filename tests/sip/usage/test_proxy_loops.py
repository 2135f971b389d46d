"""Loops, spirals and breadth: RFC 5393."""

from __future__ import annotations

import pytest

from sip.errors import LoopDetected, SipError
from sip.message import Request
from sip.usage.proxy import ProxySettings
from tests.sip.usage.proxy_fakes import INVITE, MESSAGE, House, request, to

PEER = "sip:bob@peer.example.net"


def came_back(house: House) -> Request:
    """What the peer makes of our last copy when it sends it back to where it came from."""
    copy = house.sent[-1].request.copy()
    copy.prepend("Via", "SIP/2.0/UDP peer.example.net;branch=z9hG4bKpeer")
    copy.retarget("sip:bob@example.com")
    return copy


def test_a_request_that_comes_back_as_it_was_has_looped() -> None:
    house = House()
    house.forward(request(MESSAGE), to(PEER))
    with pytest.raises(LoopDetected):
        house.forward(came_back(house), to(PEER))
    assert len(house.sent) == 1


def test_a_request_that_comes_back_for_somebody_else_spirals_which_is_legal() -> None:
    house = House()
    house.forward(request(MESSAGE), to(PEER))
    spiral = came_back(house)
    spiral.retarget("sip:carol@example.com")
    house.forward(spiral, to("sip:carol@192.0.2.30"))
    assert house.sender.places == [PEER, "sip:carol@192.0.2.30"]


def test_a_request_that_comes_back_with_another_route_spirals() -> None:
    house = House()
    house.forward(request(MESSAGE, route="<sip:peer.example.net;lr>, <sip:last.example.net;lr>"), to(PEER))
    spiral = came_back(house)
    spiral.remove_first("Route")
    house.forward(spiral, to(PEER))
    assert len(house.sent) == 2


def test_a_loop_is_found_after_a_spiral_too() -> None:
    house = House()
    house.forward(request(MESSAGE), to(PEER))
    spiral = came_back(house)
    spiral.retarget("sip:carol@example.com")
    house.forward(spiral, to(PEER))
    with pytest.raises(LoopDetected):
        house.forward(came_back(house), to(PEER))


def test_the_next_request_of_the_same_dialog_is_no_loop() -> None:
    house = House()
    house.forward(request(MESSAGE), to(PEER))
    again = came_back(house)
    again.set("CSeq", "2 MESSAGE")
    house.forward(again, to(PEER))
    assert len(house.sent) == 2


def test_the_mark_is_the_same_for_every_method_of_a_transaction() -> None:
    # RFC 5393 §4.2.1: CANCEL and ACK carry the branch of their INVITE.
    house = House()
    house.forward(request(INVITE), to(PEER))
    house.forward(request(INVITE.replace("INVITE", "OPTIONS")), to(PEER))
    first, second = (sent.request.via.branch.partition(".")[2] for sent in house.sent)  # type: ignore[union-attr]
    assert first == second
    assert len(first) == 16


def test_the_mark_of_another_proxy_is_not_taken_for_ours() -> None:
    ours, theirs = House(), House(ProxySettings(loop_key=b"another key"))
    theirs.forward(request(MESSAGE), to(PEER))
    ours.forward(came_back(theirs), to(PEER))
    assert len(ours.sent) == 1


def test_the_vias_of_others_may_look_as_they_like() -> None:
    house, message = House(), request(MESSAGE)
    message.add("Via", 'SIP / 2.0 / sctp [2001:db8::1] :9 ;branch="q uoted" ;x;y="a,b"')
    house.forward(message, to(PEER))
    assert len(house.sent) == 1


# -- Max-Breadth -------------------------------------------------------------------------------------------


def breadths(house: House) -> list[str | None]:
    return [sent.request.get("Max-Breadth") for sent in house.sent]


@pytest.mark.parametrize(
    ("came", "branches", "goes"),
    [
        (None, 1, ["60"]),
        (None, 3, ["20", "20", "20"]),
        ("60", 2, ["30", "30"]),
        ("5", 2, ["3", "2"]),
        ("4", 1, ["4"]),
        ("1000", 1, ["60"]),  # more than we believe
        ("many", 1, ["60"]),
        ("2", 2, ["1", "1"]),
    ],
)
def test_max_breadth_is_divided_among_parallel_branches(
    came: str | None, branches: int, goes: list[str]
) -> None:
    house, message = House(), request(MESSAGE)
    if came is not None:
        message.set("Max-Breadth", came)
    house.forward(message, *(to(f"sip:bob@192.0.2.{n}") for n in range(branches)))
    assert breadths(house) == goes


def test_branches_one_after_the_other_have_the_whole_breadth_each() -> None:
    house = House()
    house.forward(request(INVITE, max_breadth="7"), to("sip:bob@a.example.net", 900), to(PEER, 100))
    house.sent[0].answer(486)
    assert breadths(house) == ["7", "7"]


@pytest.mark.parametrize(("breadth", "targets"), [("2", 3), ("1", 2), ("0", 1)])
def test_a_fork_wider_than_max_breadth_is_refused_with_440(breadth: str, targets: int) -> None:
    house = House()
    with pytest.raises(SipError, match="440 Max-Breadth Exceeded"):
        house.forward(
            request(INVITE, max_breadth=breadth), *(to(f"sip:bob@192.0.2.{n}") for n in range(targets))
        )
    assert house.sent == []


def test_a_breadth_of_1_is_enough_for_one_after_the_other() -> None:
    house = House()
    house.forward(request(INVITE, max_breadth="1"), to("sip:bob@a.example.net", 900), to(PEER, 100))
    assert breadths(house) == ["1"]


def test_a_redirect_to_more_contacts_than_the_breadth_is_followed_in_turns() -> None:
    house = House(ProxySettings(recurse=True))
    house.forward(request(INVITE, max_breadth="2"), to(PEER))
    contacts = ", ".join(f"<sip:bob@{name}.example.net>" for name in "abc")
    house.sent[0].answer(302, None, ("Contact", contacts))
    assert house.sender.places[1:] == ["sip:bob@a.example.net", "sip:bob@b.example.net"]
    house.sent[1].answer(404)
    house.sent[2].answer(404)
    assert house.sender.places[3:] == ["sip:bob@c.example.net"]
