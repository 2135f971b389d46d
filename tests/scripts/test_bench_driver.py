"""The load driver of scripts/bench against a server of a few lines: what it counts, and as what."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from bench_lib import wire
from bench_lib.driver import Driver, Exchange, Group, percentile
from bench_lib.errors import BenchError
from bench_lib.measure import Result, Rung, median
from bench_lib.summary import main_table, number, ratio_table, rows
from bench_lib.traffic import Traffic

REQUEST = (
    b"NOTIFY sip:bob@127.0.0.1:4000 SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bKabc\r\n"
    b"Via: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKdef\r\n"
    b"Max-Forwards: 70\r\n"
    b"From: <sip:alice@presence.test>;tag=1\r\n"
    b"To: <sip:bob@presence.test>;tag=2\r\n"
    b"Call-ID: c0000002a\r\n"
    b"CSeq: 7 NOTIFY\r\n"
    b"Content-Length: 5\r\n"
    b"\r\n"
    b"Via: "
)

Reply = Callable[[bytes, int], list[bytes]]


@contextmanager
def answering(reply: Reply) -> Iterator[tuple[str, int]]:
    """A server that sends what `reply` makes of each request and its number among all requests (from 0)."""
    ours = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    ours.bind(("127.0.0.1", 0))
    ours.settimeout(0.05)
    ended = threading.Event()

    def serve() -> None:
        count = 0
        while not ended.is_set():
            try:
                data, sender = ours.recvfrom(65535)
            except TimeoutError:
                continue
            if data.startswith(b"SIP/2.0"):
                continue
            for answer in reply(data, count):
                ours.sendto(answer, sender)
            count += 1

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield ours.getsockname()
    finally:
        ended.set()
        thread.join()
        ours.close()


def notify(request: bytes, cseq: int) -> bytes:
    call = wire.field(request, b"Call-ID")
    return f"NOTIFY sip:x SIP/2.0\r\nCall-ID: {call}\r\nCSeq: {cseq} NOTIFY\r\n\r\n".encode()


def test_an_answer_takes_over_every_via_in_order_and_nothing_of_the_body():
    assert wire.ok(REQUEST) == (
        b"SIP/2.0 200 OK\r\n"
        b"Via: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bKabc\r\n"
        b"Via: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKdef\r\n"
        b"From: <sip:alice@presence.test>;tag=1\r\n"
        b"To: <sip:bob@presence.test>;tag=2\r\n"
        b"Call-ID: c0000002a\r\n"
        b"CSeq: 7 NOTIFY\r\n"
        b"Content-Length: 0\r\n\r\n"
    )


def test_what_comes_is_matched_by_branch_and_call_id():
    request = wire.Wire("127.0.0.1:4000").register(42, "u1")
    assert wire.number_of(wire.ok(request)) == 42
    assert wire.call_of(REQUEST) == wire.call_id(42).encode()
    assert wire.number_of(REQUEST) == -1


def test_the_document_has_about_700_bytes_and_another_text_for_each_change():
    one, other = (wire.Wire("127.0.0.1:4000").pidf("u1", change) for change in (1, 2))
    assert 650 < len(one) < 900
    assert one != other


def test_a_closed_loop_counts_what_was_answered():
    with answering(lambda data, _: [wire.ok(data)]) as address, Driver(address) as driver:
        outcome = driver.closed(50, 5, Traffic(driver, 50).register)
    assert (outcome.good, outcome.failed, outcome.sent_again) == (50, 0, 0)
    assert len(outcome.delays) == 50
    assert outcome.bad == 0.0


def test_a_closed_loop_has_as_many_under_way_as_the_window_allows():
    waiting: list[int] = []
    most = 0
    with answering(lambda data, _: [wire.ok(data)]) as address, Driver(address) as driver:
        traffic = Traffic(driver, 30)

        def make() -> Exchange:
            nonlocal most
            exchange = traffic.register()
            waiting.append(exchange.number)
            most = max(most, len(waiting))
            exchange.on_end = lambda: waiting.remove(exchange.number)
            return exchange

        driver.closed(30, 5, make)
    assert most == 5


def test_a_rate_is_kept():
    with answering(lambda data, _: [wire.ok(data)]) as address, Driver(address) as driver:
        outcome = driver.paced(40, 200.0, Traffic(driver, 50).register)
    assert outcome.good == 40
    assert outcome.seconds >= 39 / 200


def test_a_request_without_answer_is_sent_again_and_counts_as_bad():
    lost_at_first = lambda data, count: [wire.ok(data)] if count else []  # noqa: E731
    with answering(lost_at_first) as address, Driver(address) as driver:
        outcome = driver.closed(1, 1, Traffic(driver, 1).register)
    assert (outcome.good, outcome.sent_again) == (1, 1)
    assert outcome.bad == 1.0
    assert outcome.delays[0] > 0.4


def test_a_refusal_fails_with_its_reason():
    refused = lambda data, _: [wire.ok(data).replace(b"200 OK", b"503 Busy")]  # noqa: E731
    with answering(refused) as address, Driver(address) as driver:
        outcome = driver.closed(3, 1, Traffic(driver, 3).register)
    assert (outcome.good, outcome.failed) == (0, 3)
    assert outcome.refusals == {"503 Busy": 3}


def test_silence_fails_when_the_patience_is_over():
    with answering(lambda *_: []) as address, Driver(address, patience=0.2) as driver:
        outcome = driver.closed(1, 1, Traffic(driver, 1).register)
    assert outcome.refusals == {"no answer": 1}


@pytest.mark.parametrize("notify_first", [True, False])
def test_a_subscription_is_complete_with_its_notify_whichever_comes_first(notify_first):
    def reply(data: bytes, _: int) -> list[bytes]:
        both = [notify(data, 1), wire.ok(data)]
        return both if notify_first else both[::-1]

    with answering(reply) as address, Driver(address) as driver:
        outcome = driver.closed(1, 1, Traffic(driver, 1).subscriber(iter([Group("u0")])))
    assert (outcome.good, outcome.notifies) == (1, 1)


def test_a_notify_that_comes_twice_is_no_second_one_and_counts_as_bad():
    with (
        answering(lambda data, _: [notify(data, 1), notify(data, 1), wire.ok(data)]) as address,
        Driver(address) as driver,
    ):
        outcome = driver.closed(1, 1, Traffic(driver, 1).subscriber(iter([Group("u0")])))
    assert (outcome.notifies, outcome.received_again) == (1, 1)
    assert outcome.bad == 1.0


def test_a_change_is_complete_when_every_watcher_was_told():
    subscribed: list[bytes] = []

    def reply(data: bytes, _: int) -> list[bytes]:
        if data.startswith(b"SUBSCRIBE"):
            subscribed.append(data)
            return [wire.ok(data), notify(data, 1)]
        return [wire.ok(data), *(notify(it, 2) for it in subscribed)]

    with answering(reply) as address, Driver(address) as driver:
        traffic, group = Traffic(driver, 10), Group("u0")
        traffic.watch_many([group], 3)
        outcome = driver.closed(1, 1, traffic.changer([group], 3))
        driver.patience = 0.2
        short = driver.closed(1, 1, traffic.changer([group], 4))
    assert (outcome.good, outcome.notifies, len(outcome.notify_delays)) == (1, 3, 3)
    assert short.refusals == {"no NOTIFY": 1}


def test_a_server_that_is_gone_is_an_error():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        address = probe.getsockname()
    with Driver(address) as driver, pytest.raises(BenchError, match="does not listen"):
        driver.closed(1, 1, Traffic(driver, 1).register)


def test_more_operations_than_users_are_an_error():
    with (
        answering(lambda data, _: [wire.ok(data)]) as address,
        Driver(address) as driver,
        pytest.raises(BenchError, match="not enough users"),
    ):
        driver.closed(3, 1, Traffic(driver, 2).register)


def test_percentiles_and_medians():
    values = [float(number) for number in range(100)]
    assert (percentile(values, 0.5), percentile(values, 0.99), percentile([], 0.5)) == (50.0, 99.0, 0.0)
    assert (median([3.0, None, 1.0]), median([1.0, 2.0, 3.0]), median([None])) == (2.0, 2.0, None)
    assert [number(value) for value in (None, 0.123, 12.34, 1234.5)] == ["", "0.12", "12.3", "1,234"]


def test_the_tables_show_medians_and_ratios():
    results = [
        Result("register", server, round_, cpu=cpu, rate=rate, rungs=[Rung(1, 1, 0, 1, 1, 0)])
        for server, round_, cpu, rate in (
            *(
                ("presentity", 1, 60.0, 900.0),
                ("presentity", 2, 50.0, 1000.0),
                ("presentity", 3, 40.0, 1100.0),
            ),
            ("kamailio-memory", 1, 100.0, 500.0),
        )
    ]
    measured = rows(results)
    assert "| register  | presentity      | 50.0        | 40.0 to 60.0" in main_table(measured)
    assert "| register  | kamailio-memory   | 0.50                | 2.00" in ratio_table(
        measured, "presentity"
    )
