"""NOTIFYs (RFC 6665 §4.2.2): one at a time, what their answers mean, and which way they go."""

from __future__ import annotations

import pytest

from tests.sip.flows import FakeFlow
from tests.sip.house import House
from tests.sip.usage.notifier.subscribing import SUBSCRIBE, subscribed


class TestNotify:
    def test_a_change_is_told_with_the_next_cseq(self, house: House) -> None:
        subscribed(house)
        house.package.state = "rain"
        house.notifier.changed("presence", "sip:alice@example.com")
        notify = house.notifies()[-1]
        assert (notify.cseq.number, notify.body) == (2, b"rain")

    def test_while_one_is_unanswered_only_the_newest_state_waits(self, house: House) -> None:
        house.receive(SUBSCRIBE)
        for state in ("rain", "hail", "snow"):
            house.package.state = state
            house.notifier.changed("presence", "sip:alice@example.com")
        first = house.notifies()[0]
        assert len(house.notifies()) == 1
        house.answer(first)
        assert [it.body for it in house.notifies()] == [b"sunny", b"snow"]

    @pytest.mark.parametrize("status", [404, 405, 408, 410, 416, 480, 481, 482, 483, 484, 485, 489, 501, 604])
    def test_these_answers_end_it(self, house: House, status: int) -> None:
        house.receive(SUBSCRIBE)
        house.answer(house.notifies()[0], status)
        assert len(house.notifier) == 0
        assert house.journal.rows == {}

    @pytest.mark.parametrize("status", [400, 403, 486, 500, 503])
    def test_these_answers_do_not(self, house: House, status: int) -> None:
        house.receive(SUBSCRIBE)
        house.answer(house.notifies()[0], status)
        assert len(house.notifier) == 1

    def test_silence_ends_it(self, house: House) -> None:
        house.receive(SUBSCRIBE)
        for _ in range(70):
            house.after(0.5)
        assert len(house.notifier) == 0

    def test_a_watcher_who_cannot_be_reached_now_keeps_it(self, house: House) -> None:
        connection = FakeFlow("TCP", "192.0.2.7", 40000)
        house.receive(SUBSCRIBE.replace("UDP", "TCP"), connection)
        connection.take()
        connection.lose()
        house.after(0.1)
        assert len(house.notifier) == 1

    def test_it_goes_over_the_connection_that_the_watcher_opened(self, house: House) -> None:
        connection = FakeFlow("WS", "192.0.2.7", 40000)
        house.receive(
            SUBSCRIBE.replace("UDP", "WS").replace("bob@192.0.2.7:5060", "x@df7jal23ls0d.invalid"), connection
        )
        notify = house.notifies(connection)[0]
        assert notify.uri_text == "sip:x@df7jal23ls0d.invalid"
        assert notify.get("Contact") == "<sip:192.0.2.1:5060;transport=ws>"

    def test_a_watcher_behind_an_address_translator_is_reached_where_he_came_from(self, house: House) -> None:
        house.receive(SUBSCRIBE.replace("bob@192.0.2.7:5060", "bob@10.0.0.5:5060"))
        assert house.notifies()[0].uri_text == "sip:bob@10.0.0.5:5060"

    def test_numbers_are_durable_before_they_are_used(self, house: House) -> None:
        subscribed(house)
        for _ in range(200):
            house.notifier.changed("presence", "sip:alice@example.com")
            house.journal.settle()
            notify = house.notifies()[-1]
            ((_, row),) = house.journal.load("subscription")
            assert notify.cseq.number <= row[11]
            house.answer(notify)
            house.peer.sent.clear()
        # Some four records for two hundred NOTIFYs.
        assert len(house.journal.writes) < 8


class TestConnectionsThatWent:
    """A phone on TCP whose connection is gone comes back on another one."""

    def test_a_phone_that_registers_again_is_told_there_what_it_missed(self, house: House) -> None:
        old, new = FakeFlow("TCP", "192.0.2.7", 40000), FakeFlow("TCP", "192.0.2.7", 40001)
        house.receive(SUBSCRIBE.replace("UDP", "TCP"), old)
        house.answer(old.messages[-1], flow=old)
        old.lose()
        house.network.unreachable.add("192.0.2.7")
        house.package.state = "rain"
        house.notifier.changed("presence", "sip:alice@example.com")
        house.after(0.1)
        house.notifier.watcher_seen("sip:bob@example.com", new, "")
        assert [notify.body for notify in house.notifies(new)] == [b"rain"]

    def test_a_wrong_guess_changes_nothing(self, house: House) -> None:
        old, other = FakeFlow("TCP", "192.0.2.7", 40000), FakeFlow("TCP", "192.0.2.7", 40001)
        house.receive(SUBSCRIBE.replace("UDP", "TCP"), old)
        house.answer(old.messages[-1], flow=old)
        old.lose()
        house.network.unreachable.add("192.0.2.7")
        house.notifier.changed("presence", "sip:alice@example.com")
        house.after(0.1)
        house.notifier.watcher_seen("sip:bob@example.com", other, "")
        house.answer(house.notifies(other)[0], 481, other)
        assert len(house.notifier) == 1
        back = FakeFlow("TCP", "192.0.2.7", 40002)
        house.notifier.watcher_seen("sip:bob@example.com", back, "")
        assert len(house.notifies(back)) == 1

    def test_another_phone_of_his_is_left_alone(self, house: House) -> None:
        old, new = FakeFlow("TCP", "192.0.2.7", 40000), FakeFlow("TCP", "192.0.2.7", 40001)
        house.receive(SUBSCRIBE.replace("UDP", "TCP") + "User-Agent: desk\n", old)
        old.lose()
        house.notifier.watcher_seen("sip:bob@example.com", new, "mobile")
        assert new.sent == []

    def test_a_phone_whose_connection_lives_stays_on_it(self, house: House) -> None:
        old, new = FakeFlow("TCP", "192.0.2.7", 40000), FakeFlow("TCP", "192.0.2.7", 40001)
        house.receive(SUBSCRIBE.replace("UDP", "TCP"), old)
        house.notifier.watcher_seen("sip:bob@example.com", new, "")
        house.notifier.changed("presence", "sip:alice@example.com")
        assert new.sent == []
