"""What those who listen to the notifier are told of subscriptions (RFC 3857 §4.7.1)."""

from __future__ import annotations

import pytest

from tests.sip.house import House
from tests.sip.usage.notifier.subscribing import SUBSCRIBE, again, subscribed


class TestListeners:
    """What `on_subscription` and `on_reauthorize` are told (RFC 3857 §4.7.1)."""

    @pytest.fixture
    def heard(self, house: House) -> list[str]:
        heard: list[str] = []
        house.notifier.on_subscription.append(
            lambda subscription, event: heard.append(f"{subscription.watcher} {subscription.state} {event}")
        )
        house.notifier.on_reauthorize.append(lambda package, aor: heard.append(f"{package} {aor}"))
        return heard

    def test_a_subscription_comes_when_it_is_durable_and_ends_by_unsubscribing(
        self, house: House, heard: list[str]
    ) -> None:
        house.journal.hold = True
        house.receive(SUBSCRIBE)
        assert heard == []
        house.journal.hold = False
        house.journal.settle()
        assert heard == ["sip:bob@example.com active subscribe"]
        house.receive(again(house, cseq=11))
        assert len(heard) == 1
        house.receive(again(house, cseq=12, expires=0))
        assert heard[1:] == ["sip:bob@example.com active timeout"]

    def test_it_ends_when_its_time_is_over_or_a_notify_is_refused(
        self, house: House, heard: list[str]
    ) -> None:
        subscribed(house)
        house.after(601)
        assert heard[1:] == ["sip:bob@example.com active timeout"]
        assert house.ask(SUBSCRIBE.replace("call1", "call2").replace("sub1", "sub2")).status == 200
        house.answer(house.notifies()[-1], 481)
        assert heard[2:] == ["sip:bob@example.com active subscribe", "sip:bob@example.com active timeout"]

    def test_it_is_approved_or_rejected(self, house: House, heard: list[str]) -> None:
        house.package.policy["sip:bob@example.com"] = "pending"
        subscribed(house)
        house.package.policy["sip:bob@example.com"] = "active"
        house.notifier.reauthorize("presence", "sip:alice@example.com")
        house.package.policy["sip:bob@example.com"] = "blocked"
        house.notifier.reauthorize("presence", "sip:alice@example.com")
        assert heard == [
            "sip:bob@example.com pending subscribe",
            "sip:bob@example.com active approved",
            "presence sip:alice@example.com",
            "sip:bob@example.com active rejected",
            "presence sip:alice@example.com",
        ]

    def test_of_a_fetch_only_one_that_awaits_a_decision_is_told(self, house: House, heard: list[str]) -> None:
        house.receive(SUBSCRIBE.replace("Expires: 600", "Expires: 0"))
        assert heard == []
        house.package.policy["sip:bob@example.com"] = "pending"
        house.receive(SUBSCRIBE.replace("Expires: 600", "Expires: 0").replace("1", "2"))
        assert heard == ["sip:bob@example.com pending timeout"]
