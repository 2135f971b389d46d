"""A subscription over its time (RFC 6665 §4.2.1): refreshed, ended, expired, decided on, users who went."""

from __future__ import annotations

import pytest

from tests.sip.house import House
from tests.sip.usage.notifier.subscribing import SUBSCRIBE, again, subscribed


class TestInTheDialog:
    def test_a_refresh_extends_and_is_followed_by_a_notify(self, house: House) -> None:
        subscribed(house)
        house.after(500)
        assert house.ask(again(house, cseq=11)).get("Expires") == "600"
        notify = house.notifies()[-1]
        assert notify.get("Subscription-State") == "active;expires=600"
        assert notify.cseq.number == 2
        house.answer(notify)
        house.after(550)
        assert len(house.notifier) == 1

    def test_a_refresh_moves_the_target_to_the_new_contact(self, house: House) -> None:
        subscribed(house)
        text = again(house, cseq=11).replace("sip:bob@192.0.2.7:5060>", "sip:bob@192.0.2.7:6060>")
        house.receive(text)
        assert house.notifies(house.network.at("192.0.2.7", 6060))[0].uri_text == "sip:bob@192.0.2.7:6060"

    def test_expires_0_ends_it_with_the_last_state(self, house: House) -> None:
        subscribed(house)
        assert house.ask(again(house, cseq=11, expires=0)).get("Expires") == "0"
        notify = house.notifies()[-1]
        assert notify.get("Subscription-State") == "terminated;reason=timeout"
        assert house.journal.rows == {}
        house.answer(notify, 481)
        assert house.stats.notifies_failed == 0

    def test_after_the_end_it_is_unknown(self, house: House) -> None:
        subscribed(house)
        house.receive(again(house, cseq=11, expires=0))
        assert house.ask(again(house, cseq=12)).status == 481

    def test_an_unknown_dialog_is_481(self, house: House) -> None:
        text = SUBSCRIBE.replace("To: <sip:alice@example.com>", "To: <sip:alice@example.com>;tag=never")
        assert house.ask(text).status == 481

    def test_an_older_cseq_is_500(self, house: House) -> None:
        subscribed(house)
        response = house.ask(again(house, cseq=9))
        assert (response.status, response.reason) == (500, "CSeq Out Of Order")

    def test_another_event_in_the_same_dialog_is_481(self, house: House) -> None:
        subscribed(house)
        text = again(house, cseq=11).replace("Event: presence", "Event: presence;id=other")
        assert house.ask(text).status == 481

    def test_somebody_else_cannot_take_it_over(self, house: House) -> None:
        subscribed(house)
        text = again(house, cseq=11) + "P-Asserted-Identity: <sip:carol@example.com>\n"
        assert house.ask(text).status == 403

    def test_a_refresh_that_cannot_be_stored_changes_nothing(self, house: House) -> None:
        subscribed(house)
        house.journal.fail = True
        assert house.ask(again(house, cseq=11)).status == 503
        house.journal.fail = False
        assert house.ask(again(house, cseq=12)).status == 200


class TestExpiry:
    def test_the_watcher_is_told_when_it_ends(self, house: House) -> None:
        subscribed(house)
        house.after(599)
        assert len(house.notifies()) == 1
        house.after(1.1)
        assert house.notifies()[-1].get("Subscription-State") == "terminated;reason=timeout"
        assert house.journal.rows == {}

    def test_the_time_left_counts_down(self, house: House) -> None:
        subscribed(house)
        house.after(100)
        house.notifier.changed("presence", "sip:alice@example.com")
        assert house.notifies()[-1].get("Subscription-State") == "active;expires=500"

    def test_a_refresh_that_is_being_stored_comes_before_the_expiry(self, house: House) -> None:
        subscribed(house)
        house.after(599)
        house.journal.hold = True
        house.receive(again(house, cseq=11))
        house.timers.advance(house.timers.now + 5)
        house.journal.hold = False
        house.journal.settle()
        assert house.peer.statuses[-1] == 200
        assert house.notifies()[-1].get("Subscription-State").startswith("active")
        assert len(house.notifier) == 1

    def test_a_refresh_that_is_being_stored_when_it_ends_is_481_and_leaves_nothing(
        self, house: House
    ) -> None:
        subscribed(house)
        house.journal.hold = True
        house.receive(again(house, cseq=11))
        house.notifier.remove_user("sip:alice@example.com")
        house.journal.hold = False
        house.journal.settle()
        assert house.peer.statuses[-1] == 481
        assert house.journal.rows == {}


class TestDecisions:
    """What is allowed changes while somebody watches."""

    def test_pending_becomes_active_and_gets_the_state_at_once(self, house: House) -> None:
        house.package.policy["sip:bob@example.com"] = "pending"
        subscribed(house)
        house.package.policy["sip:bob@example.com"] = "active"
        house.notifier.reauthorize("presence", "sip:alice@example.com")
        house.journal.settle()
        notify = house.notifies()[-1]
        assert (notify.get("Subscription-State"), notify.body) == ("active;expires=600", b"sunny")
        ((_, row),) = house.journal.load("subscription")
        assert row[16] == "active"

    def test_whoever_is_refused_is_told_so(self, house: House) -> None:
        subscribed(house)
        house.package.policy["sip:bob@example.com"] = "blocked"
        house.notifier.reauthorize("presence", "sip:alice@example.com")
        house.journal.settle()
        notify = house.notifies()[-1]
        assert (notify.get("Subscription-State"), notify.body) == ("terminated;reason=rejected", b"")
        assert house.journal.rows == {}

    def test_whom_nothing_changes_hears_nothing(self, house: House) -> None:
        subscribed(house)
        house.notifier.reauthorize("presence", "sip:alice@example.com")
        assert len(house.notifies()) == 1

    @pytest.mark.parametrize(
        "reason", ["deactivated", "probation", "rejected", "timeout", "giveup", "noresource", "invariant"]
    )
    def test_it_can_be_ended_for_any_reason(self, house: House, reason: str) -> None:
        subscribed(house)
        (subscription,) = house.notifier.subscriptions("presence", "sip:alice@example.com")
        house.notifier.terminate(subscription, reason)
        assert house.notifies()[-1].get("Subscription-State") == f"terminated;reason={reason}"

    def test_a_watcher_can_be_told_when_to_come_again(self, house: House) -> None:
        subscribed(house)
        (subscription,) = house.notifier.subscriptions("presence", "sip:alice@example.com")
        house.notifier.terminate(subscription, "probation", retry_after=30)
        assert house.notifies()[-1].get("Subscription-State") == "terminated;reason=probation;retry-after=30"


class TestRemovedUsers:
    def test_watchers_of_a_removed_user_are_told(self, house: House) -> None:
        subscribed(house)
        house.notifier.remove_user("sip:alice@example.com")
        house.journal.settle()
        assert house.notifies()[-1].get("Subscription-State") == "terminated;reason=noresource"
        assert house.journal.rows == {}

    def test_a_removed_user_watches_nobody(self, house: House) -> None:
        subscribed(house)
        house.notifier.remove_user("sip:bob@example.com")
        assert len(house.notifier) == 0
        assert house.notifies()[-1].get("Subscription-State") == "terminated;reason=rejected"
