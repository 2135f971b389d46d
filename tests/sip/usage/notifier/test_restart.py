"""Subscriptions go on after a restart: in their dialogs, with numbers that were never used."""

from __future__ import annotations

from tests.sip.flows import FakeFlow
from tests.sip.house import House
from tests.sip.usage.notifier.subscribing import SUBSCRIBE, again, subscribed


class TestRestart:
    def restarted(self, house: House, *, down: float = 10.0, without: str = "") -> House:
        """The same rows in a new server, `down` seconds later, where the user `without` is no more."""
        after = House()
        after.directory.users.discard(without)
        after.notifier.restore(
            house.journal.load("subscription"),
            flow=after.network.flow,
            now=0.0,
            wall=house.wall() + down,
        )
        after.journal.rows = dict(house.journal.rows)
        return after

    def test_watchers_get_the_present_state_in_their_old_dialog(self, house: House) -> None:
        first = subscribed(house)
        after = self.restarted(house)
        after.after(0.1)
        notify = after.notifies()[0]
        assert (notify.call_id, notify.from_.tag, notify.to.tag) == ("call1", first.from_.tag, "bobtag")
        assert notify.cseq.number > first.cseq.number
        assert notify.get("Subscription-State") == "active;expires=590"

    def test_a_refresh_is_taken_in_the_old_dialog(self, house: House) -> None:
        subscribed(house)
        text = again(house, cseq=11)
        assert self.restarted(house).ask(text).status == 200

    def test_a_cseq_from_before_is_refused(self, house: House) -> None:
        subscribed(house)
        text = again(house, cseq=10)
        assert self.restarted(house).ask(text).status == 500

    def test_what_ended_meanwhile_is_ended_now(self, house: House) -> None:
        subscribed(house)
        after = self.restarted(house, down=700)
        after.after(0.1)
        assert after.notifies()[0].get("Subscription-State") == "terminated;reason=timeout"
        assert after.journal.rows == {}

    def test_after_a_clean_stop_no_number_is_skipped(self, house: House) -> None:
        first = subscribed(house)
        house.journal.write(house.notifier.settle(), lambda error: None)
        house.journal.settle()
        after = self.restarted(house)
        after.after(0.1)
        assert after.notifies()[0].cseq.number == first.cseq.number + 1

    def test_a_presentity_who_was_deleted_meanwhile_is_ended_now(self, house: House) -> None:
        subscribed(house)
        after = self.restarted(house, without="alice")
        after.after(0.1)
        assert after.notifies()[0].get("Subscription-State") == "terminated;reason=noresource"
        assert after.journal.rows == {}

    def test_a_refresh_behind_a_reservation_writes_the_newest_ceiling(self, house: House) -> None:
        subscribed(house)
        (subscription,) = house.notifier.subscriptions("presence", "sip:alice@example.com")
        text = again(house, cseq=11)
        while not subscription.cseq_reserving:
            house.answer(house.notifies()[-1])
            house.journal.hold = True
            house.notifier.changed("presence", "sip:alice@example.com")
        house.receive(text)
        house.journal.hold = False
        house.journal.settle()
        ((_, row),) = house.journal.load("subscription")
        assert row[11] == subscription.cseq_durable > 64

    def test_a_watcher_whose_connection_went_with_the_restart_is_waited_for(self, house: House) -> None:
        connection = FakeFlow("TCP", "192.0.2.7", 40000)
        house.receive(SUBSCRIBE.replace("UDP", "TCP"), connection)
        after = self.restarted(house)
        after.after(0.1)
        assert len(after.notifier) == 1
        assert after.network.flows.keys() == House().network.flows.keys()
