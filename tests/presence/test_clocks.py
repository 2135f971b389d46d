"""Clocks that jump: while the server runs no expiry moves; over a restart by no more than the jump."""

from __future__ import annotations

from typing import Any

import pytest

from presence.clock import steady
from tests.presence.house import ALICE, DOMAIN, TRUSTED, House, requests
from tests.sip.usage.fakes import WALL
from tests.support.sipwire import credentials, pidf

BOB = f"sip:bob@{DOMAIN}"
MONTH = 30 * 86400.0
JUMPS = pytest.mark.parametrize("jump", [MONTH, -MONTH], ids=["forwards", "backwards"])


class JumpingHouse(House):
    """Its clock on the wall is wrong by `jump` seconds."""

    def __init__(self, **settings: Any) -> None:
        self.jump = 0.0
        super().__init__(**settings)

    def wall(self) -> float:
        return super().wall() + self.jump


@pytest.fixture
def house() -> JumpingHouse:
    return JumpingHouse()


def bindings(house: JumpingHouse) -> int:
    return len(house.parts.registrar)


def register(house: JumpingHouse, expires: int = 600) -> None:
    flow = house.network.at(TRUSTED, 5071)
    assert house.register(BOB, flow, f"<sip:bob@{TRUSTED}:5071>", expires).status == 200


def publish(house: JumpingHouse) -> None:
    house.publish(ALICE, pidf(ALICE, note="here"))


def subscribe(house: JumpingHouse) -> None:
    flow = house.network.at(TRUSTED, 5072)
    answer = house.ask(
        f"""
        SUBSCRIBE {ALICE} SIP/2.0
        Via: SIP/2.0/UDP {TRUSTED}:5072;branch=z9hG4bKsubscribe
        Max-Forwards: 70
        From: <{BOB}>;tag=1
        To: <{ALICE}>
        Call-ID: subscription@{TRUSTED}
        CSeq: 1 SUBSCRIBE
        Contact: <sip:bob@{TRUSTED}:5072>
        Event: presence
        Expires: 600
        """,
        flow,
    )
    assert answer.status == 200, answer.start_line
    take_notifies(house)


def take_notifies(house: JumpingHouse) -> list[str]:
    """Answer what the watcher was told; the states of the subscription that he was told."""
    flow = house.network.at(TRUSTED, 5072)
    told = requests(flow, "NOTIFY")
    for notify in told:
        house.respond(notify, flow=flow)
    return [notify.get("Subscription-State") or "" for notify in told]


def send_message(house: JumpingHouse) -> None:
    (answer,) = house.message(f"sip:carol@{DOMAIN}", ALICE, b"hello", "Expires: 600")
    assert answer.status == 202, answer.start_line


def begin_all(house: JumpingHouse) -> None:
    """One of everything, for ten minutes."""
    register(house)
    publish(house)
    subscribe(house)
    send_message(house)


def what_lives(house: JumpingHouse) -> tuple[int, int, int, int]:
    """How many bindings, publications, subscriptions and messages there are."""
    parts = house.parts
    return len(parts.registrar), len(parts.publications), len(parts.notifier), len(parts.messages)


ALL, NONE = (1, 1, 1, 1), (0, 0, 0, 0)


@JUMPS
def test_a_jump_moves_no_expiry_while_the_server_runs(house: JumpingHouse, jump: float) -> None:
    begin_all(house)
    house.after(100.0)
    house.jump = jump
    house.after(499.0)
    take_notifies(house)
    assert what_lives(house) == ALL
    house.after(1.1)
    assert what_lives(house) == NONE
    assert take_notifies(house)[-1].startswith("terminated;reason=timeout")


@JUMPS
def test_what_is_asked_for_after_a_jump_lasts_as_long_as_it_was_granted(
    house: JumpingHouse, jump: float
) -> None:
    house.jump = jump
    begin_all(house)
    house.after(599.0)
    take_notifies(house)
    assert what_lives(house) == ALL
    house.after(1.1)
    assert what_lives(house) == NONE


@JUMPS
def test_a_registrar_tells_the_seconds_that_are_left_whatever_the_clock_says(
    house: JumpingHouse, jump: float
) -> None:
    register(house)
    house.after(100.0)
    house.jump = jump
    flow = house.network.at(TRUSTED, 5071)
    answer = house.register(BOB, flow, f"<sip:other@{TRUSTED}:5071>", 600)
    left = sorted(value.rpartition("=")[2] for value in answer.values("Contact"))
    assert left == ["500", "600"]


@pytest.mark.parametrize("jump", [100.0, -100.0])
def test_a_restart_after_a_jump_moves_expiries_by_the_jump(house: JumpingHouse, jump: float) -> None:
    begin_all(house)
    house.jump = jump
    house.restart()
    house.after(599.0 - jump)
    take_notifies(house)
    assert what_lives(house) == ALL
    house.after(1.1)
    assert what_lives(house) == NONE


def test_a_restart_after_a_jump_far_ahead_ends_everything_at_once(house: JumpingHouse) -> None:
    begin_all(house)
    house.jump = MONTH
    house.restart()
    house.after(0.1)
    assert what_lives(house) == NONE


def test_a_restart_after_a_jump_far_back_prolongs_nothing_beyond_the_largest_lifetime() -> None:
    house = JumpingHouse(
        binding_max_expires=3600,
        publication_max_expires=3600,
        subscription_max_expires=3600,
        message_expires=3600,
    )
    begin_all(house)
    house.jump = -MONTH
    house.restart()
    house.after(3599.0)
    take_notifies(house)
    assert what_lives(house) == ALL
    house.after(1.1)
    assert what_lives(house) == NONE


@pytest.mark.parametrize("jump", [3600.0, -3600.0])
def test_messages_are_delivered_in_the_order_in_which_they_came(house: JumpingHouse, jump: float) -> None:
    flow = house.network.at(TRUSTED, 5071)
    for number in range(3):
        if number == 1:
            house.jump = jump
        (answer,) = house.message(BOB, ALICE, b"%d" % number)
        assert answer.status == 202
    house.jump = 0.0
    house.restart()
    register(house)
    for number in range(3):
        message = requests(flow, "MESSAGE")[number]
        assert message.body == b"%d" % number
        house.respond(message, flow=flow)


@JUMPS
def test_a_nonce_ages_by_the_seconds_that_pass(jump: float) -> None:
    house = JumpingHouse(trust=(), nonce_lifetime=300)
    flow = house.network.at("192.0.2.66")

    def query(authorization: str, number: int) -> int:
        return house.ask(
            f"""
            REGISTER sip:{DOMAIN} SIP/2.0
            Via: SIP/2.0/UDP 192.0.2.66;branch=z9hG4bKquery{number}
            Max-Forwards: 70
            From: <{BOB}>;tag=1
            To: <{BOB}>
            Call-ID: query@192.0.2.66
            CSeq: {number} REGISTER
            {authorization or "X-None: yes"}
            """,
            flow,
        ).status

    def proof() -> str:
        assert query("", len(flow.sent) + 1) == 401
        challenge = flow.messages[-1].get_all("WWW-Authenticate")[0]
        made = credentials(challenge, method="REGISTER", uri=f"sip:{DOMAIN}", user="bob", password="secret")
        return f"Authorization: {made}"

    fresh, old = proof(), proof()
    house.jump = jump
    house.after(299.0)
    assert query(fresh, 100) == 200
    house.after(2.0)
    assert query(old, 101) == 401


def test_a_steady_clock_goes_on_from_when_it_was_made_whatever_the_time_is_set_to() -> None:
    wall, monotonic = [WALL], [5.0]
    clock = steady(lambda: wall[0], lambda: monotonic[0])
    wall[0] += MONTH
    assert clock() == WALL
    monotonic[0] += 10.0
    wall[0] -= 3 * MONTH
    assert clock() == WALL + 10.0
