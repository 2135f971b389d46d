"""The notifier (RFC 6665), from the SUBSCRIBE on the wire to the NOTIFY on the wire."""

from __future__ import annotations

import pytest

from sip.message import Request
from sip.usage.notifier import NotifierSettings
from tests.sip.flows import FakeFlow
from tests.sip.house import House

SUBSCRIBE = """
    SUBSCRIBE sip:alice@example.com SIP/2.0
    Via: SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bKsub1
    Max-Forwards: 70
    From: "Bob" <sip:bob@example.com>;tag=bobtag
    To: <sip:alice@example.com>
    Call-ID: call1
    CSeq: 10 SUBSCRIBE
    Contact: <sip:bob@192.0.2.7:5060>
    Event: presence
    Accept: application/pidf+xml
    Expires: 600
"""


@pytest.fixture
def house() -> House:
    return House()


def again(house: House, *, cseq: int, expires: int = 600, more: str = "") -> str:
    """The next SUBSCRIBE in the dialog that the first one made."""
    tag = house.notifies()[0].from_.tag
    return (
        SUBSCRIBE.replace("sip:alice@example.com SIP/2.0", "sip:192.0.2.1:5060 SIP/2.0")
        .replace("z9hG4bKsub1", f"z9hG4bKsub{cseq}")
        .replace("To: <sip:alice@example.com>", f"To: <sip:alice@example.com>;tag={tag}")
        .replace("CSeq: 10", f"CSeq: {cseq}")
        .replace("Expires: 600", f"Expires: {expires}")
        + more
    )


def subscribed(house: House, text: str = SUBSCRIBE) -> Request:
    """Subscribe, answer the first NOTIFY, and return it."""
    assert house.ask(text).status == 200
    first = house.notifies()[-1]
    house.answer(first)
    return first


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


def tags(house: House) -> list[str | None]:
    return [notify.get("SIP-ETag") for notify in house.notifies()]


class TestConditions:
    """Conditional notification (RFC 5839)."""

    def test_every_state_has_an_entity_tag_of_its_own(self, house: House) -> None:
        subscribed(house)
        house.package.state = "rain"
        house.notifier.changed("presence", "sip:alice@example.com")
        first, second = tags(house)
        assert first
        assert first != second

    def test_a_refresh_with_what_the_watcher_has_is_204_and_no_notify_follows(self, house: House) -> None:
        first = subscribed(house)
        response = house.ask(again(house, cseq=11, more=f"Suppress-If-Match: {first.get('SIP-ETag')}\n"))
        assert (response.status, response.reason, response.get("Expires")) == (204, "No Notification", "600")
        assert len(house.notifies()) == 1
        house.after(599)
        assert len(house.notifier) == 1

    def test_a_refresh_that_is_204_extends_the_subscription(self, house: House) -> None:
        first = subscribed(house)
        house.after(500)
        assert (
            house.ask(again(house, cseq=11, more=f"Suppress-If-Match: {first.get('SIP-ETag')}\n")).status
            == 204
        )
        house.after(500)
        assert (len(house.notifier), len(house.notifies())) == (1, 1)

    def test_who_has_the_state_and_is_told_of_the_end_gets_no_body_and_the_same_tag(
        self, house: House
    ) -> None:
        tag = subscribed(house).get("SIP-ETag")
        assert house.ask(again(house, cseq=11, more=f"Suppress-If-Match: {tag}\n")).status == 204
        house.after(601)
        last = house.notifies()[-1]
        assert last.get("Subscription-State") == "terminated;reason=timeout"
        assert (last.body, last.get("Content-Type"), last.get("SIP-ETag")) == (b"", None, tag)

    def test_a_star_without_a_dialog_is_true_as_well_and_gets_its_notify(self, house: House) -> None:
        assert house.ask(f"{SUBSCRIBE.rstrip()}\nSuppress-If-Match: *\n").status == 200
        (notify,) = house.notifies()
        assert (notify.body, bool(notify.get("SIP-ETag"))) == (b"", True)

    def test_a_refresh_with_an_old_tag_is_notified_as_ever(self, house: House) -> None:
        subscribed(house)
        assert house.ask(again(house, cseq=11, more="Suppress-If-Match: old\n")).status == 200
        assert house.notifies()[-1].body == b"sunny"

    def test_after_a_204_a_change_is_told(self, house: House) -> None:
        first = subscribed(house)
        house.ask(again(house, cseq=11, more=f"Suppress-If-Match: {first.get('SIP-ETag')}\n"))
        house.notifier.changed("presence", "sip:alice@example.com")
        assert len(house.notifies()) == 1
        house.package.state = "rain"
        house.notifier.changed("presence", "sip:alice@example.com")
        assert house.notifies()[-1].body == b"rain"

    def test_an_end_with_what_the_watcher_has_is_204_and_final(self, house: House) -> None:
        first = subscribed(house)
        text = again(house, cseq=11, expires=0, more=f"Suppress-If-Match: {first.get('SIP-ETag')}\n")
        assert house.ask(text).status == 204
        assert (len(house.notifies()), len(house.notifier), house.journal.rows) == (1, 0, {})

    def test_a_new_subscription_with_what_the_watcher_has_gets_a_notify_without_body(
        self, house: House
    ) -> None:
        tag = subscribed(house).get("SIP-ETag")
        text = SUBSCRIBE.replace("z9hG4bKsub1", "z9hG4bKtwo").replace("call1", "call2")
        assert house.ask(f"{text.rstrip()}\nSuppress-If-Match: {tag}\n").status == 200
        notify = house.notifies()[-1]
        assert (notify.call_id, notify.body, notify.get("Content-Type")) == ("call2", b"", None)
        assert notify.get("SIP-ETag") == tag

    def test_a_star_keeps_all_bodies_away_until_it_is_taken_back(self, house: House) -> None:
        subscribed(house)
        assert house.ask(again(house, cseq=11, more="Suppress-If-Match: *\n")).status == 204
        house.package.state = "rain"
        house.notifier.changed("presence", "sip:alice@example.com")
        assert len(house.notifies()) == 1
        house.ask(again(house, cseq=12))
        assert house.notifies()[-1].body == b"rain"

    def test_the_end_is_told_whatever_the_condition(self, house: House) -> None:
        subscribed(house)
        house.ask(again(house, cseq=11, more="Suppress-If-Match: *\n"))
        house.after(601)
        notify = house.notifies()[-1]
        assert (notify.get("Subscription-State"), notify.body) == ("terminated;reason=timeout", b"")


class TestRates:
    """Rates of notification (RFC 6446)."""

    def changes(self, house: House, *states: str) -> None:
        for state in states:
            house.package.state = state
            house.notifier.changed("presence", "sip:alice@example.com")

    def paced(self, house: House, params: str) -> Request:
        return subscribed(house, SUBSCRIBE.replace("Event: presence", f"Event: presence;{params}"))

    def test_a_maximum_is_said_and_kept_and_the_last_state_is_not_lost(self, house: House) -> None:
        first = self.paced(house, "max-rate=0.1")
        assert first.get("Subscription-State") == "active;expires=600;max-rate=0.1"
        self.changes(house, "rain", "hail", "snow")
        house.after(9.9)
        assert len(house.notifies()) == 1
        house.after(0.2)
        assert [notify.body for notify in house.notifies()] == [b"sunny", b"snow"]

    def test_a_subscribe_is_answered_at_once_whatever_the_maximum(self, house: House) -> None:
        self.paced(house, "max-rate=0.1")
        house.ask(again(house, cseq=11).replace("Event: presence", "Event: presence;max-rate=0.1"))
        assert len(house.notifies()) == 2

    def test_a_refresh_without_it_ends_it(self, house: House) -> None:
        self.paced(house, "max-rate=0.01")
        house.ask(again(house, cseq=11))
        house.answer(house.notifies()[-1])
        self.changes(house, "rain")
        assert house.notifies()[-1].body == b"rain"

    def test_a_minimum_brings_the_state_though_nothing_changed(self, house: House) -> None:
        self.paced(house, "min-rate=0.05")
        house.after(19.9)
        assert len(house.notifies()) == 1
        house.after(0.3)
        assert [notify.body for notify in house.notifies()] == [b"sunny", b"sunny"]
        house.answer(house.notifies()[-1])
        house.after(20.2)
        assert len(house.notifies()) == 3

    def test_the_server_has_a_least_interval_for_everybody(self) -> None:
        house = House(notifier=NotifierSettings(least_interval=5.0))
        subscribed(house)
        self.changes(house, "rain")
        assert len(house.notifies()) == 1
        house.after(5.1)
        assert house.notifies()[-1].body == b"rain"

    def test_the_end_does_not_wait(self, house: House) -> None:
        self.paced(house, "max-rate=0.01")
        house.notifier.remove_user("sip:alice@example.com")
        assert house.notifies()[-1].get("Subscription-State") == "terminated;reason=noresource"


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
