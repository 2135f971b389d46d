"""Token buckets, and the gate that asks them about each address."""

from __future__ import annotations

import logging

import pytest

from sip.buckets import Buckets, network_of
from sip.limits import Gate, GateSettings, Verdict
from sip.stats import Stats
from tests.sip.flows import FakeFlow

PASS, REFUSE, DROP = Verdict.PASS, Verdict.REFUSE, Verdict.DROP


@pytest.mark.parametrize(
    ("host", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("no:address", "no:address"),
    ],
)
def test_what_counts_as_one_address(host: str, network: str) -> None:
    assert network_of(host) == network


class TestBuckets:
    def test_so_many_at_once_and_then_as_they_flow_in(self) -> None:
        buckets = Buckets(rate=2, burst=3)
        assert [buckets.take("a", 10.0) for _ in range(4)] == [True, True, True, False]
        assert not buckets.take("a", 10.49)
        assert buckets.take("a", 10.5)
        assert not buckets.take("a", 10.5)

    def test_each_key_has_its_own(self) -> None:
        buckets = Buckets(rate=1, burst=1)
        assert buckets.take("a", 0.0)
        assert buckets.take("b", 0.0)
        assert not buckets.take("a", 0.0)

    def test_refusals_are_not_counted_so_the_bucket_fills_while_somebody_tries(self) -> None:
        buckets = Buckets(rate=1, burst=1)
        assert buckets.take("a", 0.0)
        assert not any(buckets.take("a", tenth / 10) for tenth in range(1, 10))
        assert buckets.take("a", 1.0)

    def test_it_is_full_again_but_never_more_than_that(self) -> None:
        buckets = Buckets(rate=10, burst=2)
        buckets.take("a", 0.0)
        assert [buckets.take("a", 1000.0) for _ in range(3)] == [True, True, False]

    def test_it_can_be_asked_without_taking_and_tells_how_long_to_wait(self) -> None:
        buckets = Buckets(rate=0.5, burst=1)
        assert buckets.has("a", 0.0)
        assert buckets.wait("a", 0.0) == 0.0
        buckets.take("a", 0.0)
        assert not buckets.has("a", 0.5)
        assert buckets.wait("a", 0.5) == pytest.approx(1.5, abs=0.001)

    def test_a_flood_of_addresses_takes_no_more_memory_than_there_is_for_them(self) -> None:
        buckets = Buckets(rate=1, burst=10, most=100)
        for number in range(10_000):
            buckets.take(number, number / 1_000_000)
        assert len(buckets) <= 100

    def test_who_asked_most_is_not_forgotten_for_a_flood_of_others(self) -> None:
        buckets = Buckets(rate=1, burst=10, most=100)
        while buckets.take("greedy", 0.0):
            pass
        for number in range(1000):
            buckets.take(number, 0.0)
        assert not buckets.take("greedy", 0.0)

    def test_who_has_a_full_bucket_again_is_forgotten_first(self) -> None:
        buckets = Buckets(rate=1, burst=1, most=3)
        for key in "abc":
            buckets.take(key, 0.0)
        buckets.take("d", 5.0)
        assert len(buckets) == 1

    @pytest.mark.parametrize(("rate", "burst"), [(0, 1), (-1, 1), (1, 0.5)])
    def test_nothing_else_is_a_bucket(self, rate: float, burst: float) -> None:
        with pytest.raises(ValueError, match="a bucket needs"):
            Buckets(rate, burst)


HERE = FakeFlow("UDP", "198.51.100.9", 5060)
NEXT_DOOR = FakeFlow("UDP", "198.51.100.9", 5062)
BY_TCP = FakeFlow("TCP", "198.51.100.9", 40000)
AFAR = FakeFlow("UDP", "203.0.113.5", 5060)


def gate(requests: float = 10, unproved: float = 0, burst: float = 1, refusals: float = 2) -> Gate:
    return Gate(GateSettings(requests, unproved, burst, refusals), Stats())


def verdicts(gate: Gate, flow: FakeFlow, count: int, now: float = 0.0) -> list[Verdict]:
    return [gate.judge(flow, now) for _ in range(count)]


class TestGate:
    def test_beyond_the_rate_an_address_is_told_so_for_a_while_and_then_nothing(self) -> None:
        assert verdicts(gate(), HERE, 15) == [PASS] * 10 + [REFUSE] * 2 + [DROP] * 3

    def test_others_do_not_suffer(self) -> None:
        door = gate()
        verdicts(door, HERE, 100)
        assert verdicts(door, AFAR, 1) == [PASS]

    def test_ports_do_not_make_another_address(self) -> None:
        door = gate()
        verdicts(door, HERE, 100)
        assert verdicts(door, NEXT_DOOR, 1) == [DROP]

    def test_datagrams_that_may_be_forged_do_not_spend_what_connections_have(self) -> None:
        door = gate()
        verdicts(door, HERE, 100)
        assert verdicts(door, BY_TCP, 1) == [PASS]

    def test_it_comes_in_again_at_the_rate(self) -> None:
        door = gate()
        verdicts(door, HERE, 100)
        assert verdicts(door, HERE, 3, now=0.2) == [PASS, PASS, DROP]

    def test_who_has_not_proved_himself_has_a_lower_rate(self) -> None:
        door = gate(requests=10, unproved=2)
        assert verdicts(door, HERE, 3) == [PASS, PASS, REFUSE]
        assert door.limit == "address_unproved"
        door.proved(HERE, "sip:alice@example.com")
        assert verdicts(door, HERE, 1) == [PASS]

    def test_who_has_proved_himself_does_not_suffer_from_who_floods_at_his_address(self) -> None:
        door = gate()
        door.proved(NEXT_DOOR, "sip:alice@example.com")
        verdicts(door, HERE, 100)
        assert verdicts(door, NEXT_DOOR, 12) == [PASS] * 10 + [DROP] * 2

    def test_what_a_user_has_to_fall_back_on_is_his_once_however_many_places_he_has(self) -> None:
        door = gate()
        door.proved(HERE, "sip:alice@example.com")
        door.proved(NEXT_DOOR, "sip:alice@example.com")
        both = verdicts(door, HERE, 30) + verdicts(door, NEXT_DOOR, 30)
        assert both.count(PASS) == 20

    def test_responses_to_what_we_asked_are_not_counted(self) -> None:
        door = gate()
        for _ in range(100):
            assert door.judge(HERE, 0.0, response=True) is PASS
        assert verdicts(door, HERE, 10) == [PASS] * 10

    def test_responses_that_belong_to_nothing_are_and_then_none_is_looked_at(self) -> None:
        door = gate()
        for _ in range(10):
            assert door.judge(HERE, 0.0, response=True) is PASS
            door.stray(HERE, 0.0)
        assert door.judge(HERE, 0.0, response=True) is not PASS

    def test_both_rates_may_be_without_limit(self) -> None:
        assert set(verdicts(gate(requests=0, unproved=0), HERE, 1000)) == {PASS}

    def test_it_is_counted_and_told_in_the_log_now_and_then(self, caplog: pytest.LogCaptureFixture) -> None:
        stats = Stats()
        door = Gate(GateSettings(10, 0, 1, 2), stats)
        with caplog.at_level(logging.WARNING):
            verdicts(door, HERE, 1010)
            verdicts(door, HERE, 110, now=10.0)
        assert stats.limits == {"address_requests": 1100}
        lines = [
            (line.getMessage(), line.__dict__["peer"], line.__dict__["times"]) for line in caplog.records
        ]
        assert lines == [
            ("limit.reached", "198.51.100.9", 1),
            ("limit.reached", "198.51.100.9", 1000),
        ]
