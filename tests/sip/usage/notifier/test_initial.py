"""The first SUBSCRIBE, and a single look (RFC 6665 §4.2.1): granted or refused, and the first NOTIFY."""

from __future__ import annotations

import pytest

from sip.message import Request
from sip.usage.notifier import NotifierSettings
from tests.sip.house import House
from tests.sip.usage.notifier.subscribing import SUBSCRIBE, subscribed


class TestInitial:
    def test_is_answered_200_with_what_was_granted_and_a_notify_follows_at_once(self, house: House) -> None:
        house.receive(SUBSCRIBE)
        ok, notify = house.peer.messages
        assert ok.get("Expires") == "600"
        assert ok.get("Contact") == "<sip:192.0.2.1:5060>"
        assert isinstance(notify, Request)
        assert notify.start_line == "NOTIFY sip:bob@192.0.2.7:5060 SIP/2.0"
        assert notify.get("Event") == "presence"
        assert notify.get("Subscription-State") == "active;expires=600"
        assert notify.get("Content-Type") == "application/pidf+xml"
        assert notify.body == b"sunny"

    def test_the_notify_belongs_to_the_dialog_of_the_200(self, house: House) -> None:
        house.receive(SUBSCRIBE)
        ok, notify = house.peer.messages
        assert notify.from_.tag == ok.to.tag
        assert notify.from_.uri.aor == "sip:alice@example.com"
        assert (notify.to.tag, notify.to.uri.aor) == ("bobtag", "sip:bob@example.com")
        assert notify.call_id == "call1"

    def test_nothing_is_answered_before_it_is_durable(self, house: House) -> None:
        house.journal.hold = True
        house.receive(SUBSCRIBE)
        assert house.peer.sent == []
        house.journal.hold = False
        house.journal.settle()
        assert house.peer.statuses == [200]

    def test_what_cannot_be_stored_is_answered_503_and_leaves_nothing(self, house: House) -> None:
        house.journal.fail = True
        response = house.ask(SUBSCRIBE)
        assert (response.status, response.get("Retry-After")) == (503, "10")
        assert len(house.notifier) == 0
        assert house.notifies() == []

    def test_an_unknown_package_is_refused_with_those_that_there_are(self, house: House) -> None:
        response = house.ask(SUBSCRIBE.replace("Event: presence", "Event: weather"))
        assert (response.status, response.get("Allow-Events")) == (489, "presence")

    def test_a_missing_event_is_refused_likewise(self, house: House) -> None:
        response = house.ask(SUBSCRIBE.replace("Event: presence\n", ""))
        assert (response.status, response.reason) == (489, "Missing Event header field")

    def test_a_type_that_we_cannot_send_is_refused_with_those_that_we_can(self, house: House) -> None:
        response = house.ask(SUBSCRIBE.replace("application/pidf+xml", "application/cpim-pidf+xml"))
        assert (response.status, response.get("Accept")) == (406, "application/pidf+xml, text/plain")

    @pytest.mark.parametrize(
        ("accept", "sent"),
        [
            ("", "application/pidf+xml"),
            ("Accept: text/plain\n", "text/plain"),
            ("Accept: application/xpidf+xml, application/pidf+xml;q=0.9\n", "application/pidf+xml"),
            ("Accept: */*\n", "application/pidf+xml"),
            ("Accept: text/*\n", "text/plain"),
            ("Accept: application/pidf+xml;q=0, text/plain;q=0.5\n", "text/plain"),
        ],
    )
    def test_the_type_is_chosen_from_accept(self, house: House, accept: str, sent: str) -> None:
        notify = subscribed(house, SUBSCRIBE.replace("Accept: application/pidf+xml\n", accept))
        assert notify.get("Content-Type") == sent

    def test_a_lifetime_below_the_least_is_refused_with_the_least(self, house: House) -> None:
        response = house.ask(SUBSCRIBE.replace("Expires: 600", "Expires: 59"))
        assert (response.status, response.get("Min-Expires")) == (423, "60")

    def test_an_hour_is_never_too_brief(self) -> None:
        house = House(notifier=NotifierSettings(min_expires=7200))
        assert house.ask(SUBSCRIBE.replace("Expires: 600", "Expires: 3600")).status == 200

    def test_a_lifetime_beyond_the_largest_is_lowered(self, house: House) -> None:
        response = house.ask(SUBSCRIBE.replace("Expires: 600", "Expires: 999999"))
        assert response.get("Expires") == "86400"

    def test_without_expires_the_default_counts(self, house: House) -> None:
        response = house.ask(SUBSCRIBE.replace("Expires: 600\n", ""))
        assert response.get("Expires") == "3600"

    def test_a_contact_is_needed(self, house: House) -> None:
        response = house.ask(SUBSCRIBE.replace("Contact: <sip:bob@192.0.2.7:5060>\n", ""))
        assert (response.status, response.reason) == (400, "Missing Contact header field")

    @pytest.mark.parametrize(
        ("before", "after", "reason"),
        [
            ("<sip:bob@192.0.2.7:5060>", "<mailto:bob@example.org>", "Cannot send to a mailto URI"),
            ("<sip:bob@192.0.2.7:5060>", "<tel:+1234>", "Cannot send to a tel URI"),
            ("Expires: 600", "Expires: 600\nRecord-Route: <tel:+1>", "Cannot send to a tel URI"),
            ("tag=bobtag", 'tag="bob tag"', "Malformed From header field: the tag is not a token"),
            (
                "Event: presence",
                'Event: presence;id="a b"',
                "Malformed Event header field: the id is not a token",
            ),
        ],
    )
    def test_what_no_notify_could_be_sent_to_is_refused(
        self, house: House, before: str, after: str, reason: str
    ) -> None:
        response = house.ask(SUBSCRIBE.replace(before, after))
        assert (response.status, response.reason) == (400, reason)

    def test_quotes_around_a_token_mean_the_token(self, house: House) -> None:
        text = SUBSCRIBE.replace("tag=bobtag", 'tag="bobtag"').replace("presence\n", 'presence;id="x"\n')
        notify = subscribed(house, text)
        assert (notify.get("Event"), notify.to.tag) == ("presence;id=x", "bobtag")

    def test_a_display_name_with_control_characters_goes_back_escaped(self, house: House) -> None:
        notify = subscribed(house, SUBSCRIBE.replace('"Bob"', '"B\\\0b"'))
        assert notify.get("To").startswith('"B\\\0b"')

    def test_one_watcher_who_cannot_be_notified_keeps_nothing_from_the_others(self, house: House) -> None:
        subscribed(house)
        house.receive(SUBSCRIBE.replace("z9hG4bKsub1", "z9hG4bKtwo").replace("call1", "call2"))
        house.answer(house.notifies()[-1])
        (bad, _) = house.notifier.subscriptions("presence", "sip:alice@example.com")
        bad.dialog.remote_uri = "a\r\nb"
        house.package.state = "rain"
        house.notifier.changed("presence", "sip:alice@example.com")
        house.journal.settle()
        assert house.notifies()[-1].body == b"rain"
        assert len(house.notifier) == 1

    def test_a_user_who_is_deleted_meanwhile_is_not_watched(self, house: House) -> None:
        house.journal.hold = True
        house.receive(SUBSCRIBE)
        house.directory.users.remove("alice")
        house.journal.hold = False
        house.journal.settle()
        assert house.peer.statuses == [404]
        assert house.journal.rows == {}

    def test_one_contact_and_no_more(self, house: House) -> None:
        response = house.ask(SUBSCRIBE + "Contact: <sip:bob@192.0.2.8>\n")
        assert (response.status, response.reason) == (400, "More Than One Contact")

    def test_an_unknown_presentity_is_not_found(self, house: House) -> None:
        assert house.ask(SUBSCRIBE.replace("alice", "nobody")).status == 404

    def test_an_alias_is_the_user_himself(self, house: House) -> None:
        subscribed(house, SUBSCRIBE.replace("alice", "ally"))
        assert [it.aor for it in house.notifier.subscriptions("presence", "sip:alice@example.com")]

    def test_the_event_id_comes_back_in_every_notify(self, house: House) -> None:
        notify = subscribed(house, SUBSCRIBE.replace("Event: presence", "Event: presence;id=7"))
        assert notify.get("Event") == "presence;id=7"

    def test_record_route_is_answered_and_becomes_the_route_of_notifies(self, house: House) -> None:
        text = SUBSCRIBE + "Record-Route: <sip:203.0.113.5;lr>, <sip:203.0.113.6;lr>\n"
        assert house.ask(text).values("Record-Route") == ["<sip:203.0.113.5;lr>", "<sip:203.0.113.6;lr>"]
        notify = house.notifies(house.network.at("203.0.113.5"))[0]
        assert notify.values("Route") == ["<sip:203.0.113.5;lr>", "<sip:203.0.113.6;lr>"]
        assert notify.uri_text == "sip:bob@192.0.2.7:5060"

    def test_a_strict_router_gets_itself_in_the_request_uri(self, house: House) -> None:
        house.receive(SUBSCRIBE + "Record-Route: <sip:203.0.113.5>\n")
        notify = house.notifies(house.network.at("203.0.113.5"))[0]
        assert notify.uri_text == "sip:203.0.113.5"
        assert notify.values("Route") == ["<sip:bob@192.0.2.7:5060>"]

    def test_who_is_blocked_is_refused(self, house: House) -> None:
        house.package.policy["sip:bob@example.com"] = "blocked"
        assert house.ask(SUBSCRIBE).status == 403
        assert house.notifies() == []

    def test_who_waits_for_a_decision_sees_pending_and_no_state(self, house: House) -> None:
        house.package.policy["sip:bob@example.com"] = "pending"
        notify = subscribed(house)
        assert notify.get("Subscription-State") == "pending;expires=600"
        assert notify.body == b""

    def test_one_watcher_may_hold_only_so_many(self) -> None:
        house = House(notifier=NotifierSettings(max_per_watcher=1))
        subscribed(house)
        text = SUBSCRIBE.replace("z9hG4bKsub1", "z9hG4bKx").replace("call1", "call2")
        response = house.ask(text)
        assert (response.status, response.reason) == (403, "Too many subscriptions (limit 1)")

    def test_a_burst_does_not_get_past_the_limit(self) -> None:
        house = House(notifier=NotifierSettings(max_per_watcher=1))
        house.journal.hold = True
        for number in range(3):
            text = SUBSCRIBE.replace("z9hG4bKsub1", f"z9hG4bK{number}").replace("call1", f"call{number}")
            house.receive(text)
        house.journal.hold = False
        house.journal.settle()
        assert sorted(house.peer.statuses) == [200, 403, 403]

    def test_a_retransmission_makes_no_second_subscription(self, house: House) -> None:
        house.receive(SUBSCRIBE)
        house.receive(SUBSCRIBE)
        assert len(house.notifier) == 1
        assert house.peer.statuses == [200, 200]

    def test_the_same_request_on_two_paths_is_one_subscription(self, house: House) -> None:
        house.receive(SUBSCRIBE)
        assert house.ask(SUBSCRIBE.replace("z9hG4bKsub1", "z9hG4bKother")).status == 482


class TestFetch:
    def test_expires_0_gets_the_state_once_and_stores_nothing(self, house: House) -> None:
        response = house.ask(SUBSCRIBE.replace("Expires: 600", "Expires: 0"))
        assert (response.status, response.get("Expires")) == (200, "0")
        (notify,) = house.notifies()
        assert notify.get("Subscription-State") == "terminated;reason=timeout"
        assert notify.body == b"sunny"
        assert house.journal.rows == {}
        assert len(house.notifier) == 0
