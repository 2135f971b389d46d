"""The core: whose business a request is, who may ask, and where answers go."""

from __future__ import annotations

import re

import pytest

from sip.message import Request, Response
from tests.sip.asking import INVITE, OPTIONS, REGISTER
from tests.sip.flows import FakeFlow
from tests.sip.house import House
from tests.sip.usage.notifier.subscribing import SUBSCRIBE, again, subscribed


@pytest.fixture
def house() -> House:
    return House()


class TestAnswersFindTheirWay:
    def test_received_and_rport_say_where_a_request_came_from(self, house: House) -> None:
        text = OPTIONS.replace("198.51.100.9:5060;", "10.0.0.5:5062;rport;")
        via = house.ask(text, house.stranger).via
        assert (via.received, via.params["rport"]) == ("198.51.100.9", "5060")

    def test_received_alone_where_the_sender_names_another_address(self, house: House) -> None:
        via = house.ask(OPTIONS.replace("198.51.100.9:5060;", "10.0.0.5;"), house.stranger).via
        assert via.received == "198.51.100.9"
        assert "rport" not in via.params

    def test_a_via_that_tells_the_truth_stays_as_it_is(self, house: House) -> None:
        response = house.ask(OPTIONS, house.stranger)
        assert response.get("Via") == "SIP/2.0/UDP 198.51.100.9:5060;branch=z9hG4bKopt1"

    def test_what_a_sender_claims_as_received_is_not_believed(self, house: House) -> None:
        text = OPTIONS.replace("branch=", "received=203.0.113.99;branch=")
        assert house.ask(text, house.stranger).via.received is None

    def test_without_rport_answers_go_to_the_port_of_the_via(self, house: House) -> None:
        house.receive(OPTIONS.replace("198.51.100.9:5060", "198.51.100.9:7777"), house.stranger)
        assert house.stranger.sent == []
        assert house.network.at("198.51.100.9", 7777).statuses == [200]

    def test_without_rport_and_port_they_go_to_5060(self, house: House) -> None:
        source = FakeFlow("UDP", "198.51.100.9", 33333)
        house.receive(OPTIONS.replace("198.51.100.9:5060", "198.51.100.9"), source)
        assert house.network.at("198.51.100.9", 5060).statuses == [200]

    def test_an_answer_whose_connection_is_gone_goes_where_the_via_says(self, house: House) -> None:
        connection = FakeFlow("TCP", "198.51.100.9", 40000)
        connection.gone = True
        house.receive(OPTIONS.replace("UDP", "TCP"), connection)
        assert [place[:3] for place in house.network.elsewhere] == [("TCP", "198.51.100.9", 5060)]


class TestTheServerItself:
    def test_options_tells_what_it_can(self, house: House) -> None:
        response = house.ask(OPTIONS, house.stranger)
        assert response.status == 200
        assert {"REGISTER", "SUBSCRIBE", "OPTIONS"} <= set(response.values("Allow"))
        assert response.get("Allow-Events") == "presence"
        assert response.get("Supported") == "path"
        assert "application/pidf+xml" in response.values("Accept")

    def test_options_with_max_forwards_0_ends_here_and_is_answered(self, house: House) -> None:
        response = house.ask(OPTIONS.replace("Max-Forwards: 70", "Max-Forwards: 0"), house.stranger)
        assert response.status == 200

    def test_other_methods_are_not_allowed(self, house: House) -> None:
        text = INVITE.replace("sip:alice@example.com SIP", "sip:example.com SIP")
        response = house.ask(text, house.stranger)
        assert response.status == 405
        assert "OPTIONS" in response.values("Allow")

    def test_allow_names_what_the_server_itself_answers(self, house: House) -> None:
        text = INVITE.replace("sip:alice@example.com SIP", "sip:example.com SIP")
        assert set(house.ask(text, house.stranger).values("Allow")) == {"OPTIONS", "REGISTER", "SUBSCRIBE"}

    def test_a_subscribe_that_names_no_user_is_404(self, house: House) -> None:
        response = house.ask(SUBSCRIBE.replace("sip:alice@example.com SIP", "sip:example.com SIP"))
        assert (response.status, response.reason) == (404, "A user is missing in the Request-URI")

    def test_a_telephone_number_is_404(self, house: House) -> None:
        response = house.ask(INVITE.replace("sip:alice@example.com SIP", "tel:+4930123456 SIP"))
        assert (response.status, response.reason) == (404, "No route to telephone numbers")

    def test_an_extension_that_is_required_and_unknown_is_named(self, house: House) -> None:
        response = house.ask(OPTIONS + "Require: path, teleport, wings\n", house.stranger)
        assert (response.status, response.get("Unsupported")) == (420, "teleport, wings")

    def test_a_scheme_that_nobody_knows_is_416(self, house: House) -> None:
        text = OPTIONS.replace("OPTIONS sip:example.com SIP", "OPTIONS nosuch:thing SIP")
        assert house.ask(text, house.stranger).status == 416

    def test_a_fault_in_the_request_is_named(self, house: House) -> None:
        response = house.ask(OPTIONS.replace("CSeq: 1 OPTIONS", "CSeq: 1 INVITE"), house.stranger)
        assert (response.status, response.reason) == (400, "CSeq method does not match the Request-Line")

    def test_what_cannot_be_parsed_is_answered_as_far_as_it_can_be_read(self, house: House) -> None:
        house.receive(OPTIONS.replace("CSeq: 1 OPTIONS", "CSeq: one OPTIONS"), house.stranger)
        assert house.stranger.statuses == [400]

    def test_a_broken_via_is_answered_where_it_came_from(self, house: House) -> None:
        text = OPTIONS.replace("branch=z9hG4bKopt1", ";,;,,")
        response = house.ask(text, house.stranger)
        assert (response.status, "Via" in response.reason) == (400, True)
        assert response.get("Via") == "SIP/2.0/UDP 198.51.100.9:5060;;,;,,"

    def test_without_a_via_nobody_is_answered(self, house: House) -> None:
        house.receive("\n".join(line for line in OPTIONS.splitlines() if "Via" not in line), house.stranger)
        assert house.stranger.sent == []

    def test_nul_is_refused_where_it_is_no_quoted_pair(self, house: House) -> None:
        response = house.ask(
            OPTIONS.replace("Max-Forwards: 70", "Max-Forwards: 70\nSubject: a\0b"), house.stranger
        )
        assert (response.status, response.reason) == (400, "NUL in the message head")

    def test_a_response_that_says_nothing_of_use_is_dropped(self, house: House) -> None:
        house.receive(SUBSCRIBE)
        notify = house.notifies()[0]
        broken = Response.answering(notify, 200)
        broken.remove("To")
        house.receive(broken.render())
        house.after(0.6)
        assert house.peer.methods == ["NOTIFY", "NOTIFY"]

    def test_rubbish_is_dropped(self, house: House) -> None:
        house.receive(b"GET / HTTP/1.0\r\n\r\n", house.stranger)
        assert house.stranger.sent == []
        assert house.stats.malformed == 1

    def test_while_it_stops_new_requests_are_sent_elsewhere(self, house: House) -> None:
        house.core.closing = True
        response = house.ask(OPTIONS, house.stranger)
        assert (response.status, response.get("Retry-After")) == (503, "5")

    def test_under_overload_new_work_is_sent_away_and_what_was_begun_goes_on(self, house: House) -> None:
        subscribed(house)
        house.core.overload = lambda: "Too many transactions"
        response = house.ask(SUBSCRIBE.replace("z9hG4bKsub1", "z9hG4bKx").replace("call1", "call2"))
        assert (response.status, response.reason) == (503, "Too many transactions")
        assert house.ask(again(house, cseq=11)).status == 200

    def test_a_fault_of_ours_is_answered_500_and_troubles_nobody_else(
        self, house: House, caplog: pytest.LogCaptureFixture
    ) -> None:
        house.core.services = {"SUBSCRIBE": Broken()}
        assert house.ask(SUBSCRIBE).status == 500
        assert "request.failed" in caplog.text
        assert house.ask(OPTIONS, house.stranger).status == 200


class Broken:
    """A service with a bug."""

    def handle(self, sr: object) -> None:
        raise RuntimeError("a bug")


def with_credentials(house: House, text: str, user: str, challenge: Response, header: str) -> str:
    """`text` with the answer of `user` to `challenge`, as RFC 7616 §3.4.1 computes it."""
    from sip.auth import digest

    asked = challenge.get("WWW-Authenticate") or challenge.get("Proxy-Authenticate") or ""
    nonce = re.search(r'nonce="([^"]+)"', asked).group(1)
    method, uri = text.split()[:2]
    ha1 = digest.ha1(user, "example.com", f"{user}-secret", "MD5")
    answer = digest.response(ha1, method, uri, nonce, algorithm="MD5", qop="auth", nc="00000001", cnonce="c")
    text = re.sub(r"branch=(\w+)", r"branch=\1auth", text)
    return (
        text.rstrip()
        + f'\n{header}: Digest username="{user}", realm="example.com", nonce="{nonce}", uri="{uri}",'
        + f' response="{answer}", algorithm=MD5, qop=auth, nc=00000001, cnonce="c"\n'
    )


class TestWhoAsks:
    def test_our_own_services_challenge_with_401(self, house: House) -> None:
        response = house.ask(SUBSCRIBE.replace("192.0.2.7", "198.51.100.9"), house.stranger)
        assert response.status == 401
        assert 'realm="example.com"' in response.get("WWW-Authenticate")
        assert house.notifies(house.stranger) == []

    def test_what_we_forward_is_challenged_with_407(self, house: House) -> None:
        response = house.ask(INVITE.replace("192.0.2.7", "198.51.100.9"), house.stranger)
        assert response.status == 407
        assert 'realm="example.com"' in response.get("Proxy-Authenticate")

    @pytest.mark.parametrize("header", ["Authorization", "Proxy-Authorization"])
    def test_good_credentials_are_taken_from_either_header(self, house: House, header: str) -> None:
        text = SUBSCRIBE.replace("192.0.2.7", "198.51.100.9")
        challenge = house.ask(text, house.stranger)
        assert (
            house.ask(with_credentials(house, text, "bob", challenge, header), house.stranger).status == 200
        )

    def test_whoever_proves_himself_must_not_speak_for_another(self, house: House) -> None:
        text = SUBSCRIBE.replace("192.0.2.7", "198.51.100.9")
        challenge = house.ask(text, house.stranger)
        response = house.ask(
            with_credentials(house, text, "carol", challenge, "Authorization"), house.stranger
        )
        assert (response.status, response.reason) == (403, "From is not who authenticated")

    def test_a_copy_that_came_by_another_path_is_merged_although_its_credentials_are_used(
        self, house: House
    ) -> None:
        text = SUBSCRIBE.replace("192.0.2.7", "198.51.100.9")
        proved = with_credentials(house, text, "bob", house.ask(text, house.stranger), "Authorization")
        first, copy = (proved.replace("z9hG4bKsub1", branch) for branch in ("z9hG4bKone", "z9hG4bKother"))
        assert house.ask(first, house.stranger).status == 200
        response = house.ask(copy, house.stranger)
        assert (response.status, response.reason) == (482, "Merged Request")

    def test_copies_that_nobody_has_proved_to_have_sent_do_not_keep_out_who_does(self, house: House) -> None:
        text = SUBSCRIBE.replace("192.0.2.7", "198.51.100.9")
        challenge = house.ask(text, house.stranger)
        copy = text.replace("z9hG4bKsub1", "z9hG4bKother")
        assert house.ask(copy, house.stranger).status == 401
        # One that is not even challenged: what is challenged may come again in any case.
        broken = text.replace("z9hG4bKsub1", "z9hG4bKbroken") + 'Authorization: Digest realm="example.com"\n'
        assert house.ask(broken, house.stranger).status == 400
        proved = with_credentials(house, text, "bob", challenge, "Authorization")
        assert house.ask(proved.replace("z9hG4bKsub1", "z9hG4bKagain"), house.stranger).status == 200

    def test_a_stranger_cannot_assert_an_identity(self, house: House) -> None:
        text = SUBSCRIBE.replace("192.0.2.7", "198.51.100.9") + "P-Asserted-Identity: <sip:bob@example.com>\n"
        assert house.ask(text, house.stranger).status == 401

    def test_a_trusted_peer_can(self, house: House) -> None:
        subscribed(house, SUBSCRIBE + "P-Asserted-Identity: <sip:carol@example.com>\n")
        (subscription,) = house.notifier.subscriptions("presence", "sip:alice@example.com")
        assert subscription.watcher == "sip:carol@example.com"

    def test_existence_is_told_only_to_those_who_proved_themselves(self, house: House) -> None:
        text = SUBSCRIBE.replace("192.0.2.7", "198.51.100.9").replace("sip:alice", "sip:nobody")
        assert house.ask(text, house.stranger).status == 401


class TestForwarding:
    def registered(self, house: House) -> FakeFlow:
        phone = house.network.at("203.0.113.20")
        assert house.ask(REGISTER).status == 200
        return phone

    def test_an_invite_goes_to_the_binding_with_our_record_route(self, house: House) -> None:
        phone = self.registered(house)
        phone.take()
        house.receive(INVITE)
        (invite,) = phone.messages
        assert isinstance(invite, Request)
        assert invite.uri_text == "sip:alice@203.0.113.20:5060"
        assert invite.max_forwards == 69
        assert [route.uri.host for route in invite.record_routes] == ["192.0.2.1"]
        assert len(invite.record_routes[0].uri.params["d"]) == 16
        assert [via.host for via in invite.vias] == ["192.0.2.1", "192.0.2.7"]

    def test_the_answer_goes_back_along_the_vias(self, house: House) -> None:
        phone = self.registered(house)
        phone.take()
        house.receive(INVITE)
        house.peer.take()
        house.answer(phone.messages[0], 180, phone)
        house.answer(phone.messages[0], 200, phone)
        assert house.peer.statuses == [180, 200]
        assert [via.host for via in house.peer.messages[-1].vias] == ["192.0.2.7"]

    def test_nobody_registered_is_480(self, house: House) -> None:
        assert house.ask(INVITE).status == 480

    def test_an_unknown_user_is_404(self, house: House) -> None:
        assert house.ask(INVITE.replace("alice", "nobody")).status == 404

    def test_what_has_gone_too_far_is_483(self, house: House) -> None:
        self.registered(house)
        assert house.ask(INVITE.replace("Max-Forwards: 70", "Max-Forwards: 0")).status == 483

    def test_what_has_gone_too_far_is_refused_before_anybody_is_asked_who_he_is(self, house: House) -> None:
        text = INVITE.replace("192.0.2.7", "198.51.100.9").replace("Max-Forwards: 70", "Max-Forwards: 0")
        assert house.ask(text, house.stranger).status == 483

    def test_between_foreign_domains_nothing_is_relayed(self, house: House) -> None:
        text = INVITE.replace("alice@example.com", "eve@elsewhere.org").replace(
            "bob@example.com", "mallory@evil.org"
        )
        response = house.ask(text.replace("192.0.2.7", "198.51.100.9"), house.stranger)
        assert (response.status, response.reason) == (403, "Relaying between foreign domains is not allowed")

    def test_a_user_of_ours_may_write_to_elsewhere_once_he_proved_himself(self, house: House) -> None:
        text = INVITE.replace("alice@example.com", "eve@203.0.113.77").replace("192.0.2.7", "198.51.100.9")
        challenge = house.ask(text, house.stranger)
        assert challenge.status == 407
        house.receive(with_credentials(house, text, "bob", challenge, "Proxy-Authorization"), house.stranger)
        assert house.network.at("203.0.113.77").methods == ["INVITE"]

    def test_an_asserted_identity_of_a_stranger_does_not_travel_on(self, house: House) -> None:
        phone = self.registered(house)
        text = (
            INVITE.replace("192.0.2.7", "198.51.100.9")
            + "P-Asserted-Identity: <sip:president@example.com>\nRemote-Party-ID: <sip:p@example.com>\n"
        )
        challenge = house.ask(text, house.stranger)
        phone.take()
        house.receive(with_credentials(house, text, "bob", challenge, "Proxy-Authorization"), house.stranger)
        (invite,) = phone.messages
        assert "P-Asserted-Identity" not in invite
        assert "Remote-Party-ID" not in invite

    def test_an_extension_that_proxies_must_know_is_named(self, house: House) -> None:
        response = house.ask(INVITE + "Proxy-Require: teleport\n")
        assert (response.status, response.get("Unsupported")) == (420, "teleport")

    def test_cancel_is_answered_and_reaches_the_phone(self, house: House) -> None:
        phone = self.registered(house)
        phone.take()
        house.receive(INVITE)
        invite = phone.messages[0]
        house.answer(invite, 180, phone)
        cancel = INVITE.replace("INVITE", "CANCEL")
        house.peer.take()
        assert house.ask(cancel).status == 200
        assert phone.methods == ["INVITE", "CANCEL"]
        house.answer(invite, 487, phone)
        assert house.peer.statuses == [200, 487]

    def test_a_cancel_of_nothing_is_481(self, house: House) -> None:
        assert house.ask(INVITE.replace("INVITE", "CANCEL")).status == 481

    def test_a_cancel_from_another_address_is_481_whatever_its_via_says(self, house: House) -> None:
        phone = self.registered(house)
        phone.take()
        house.receive(INVITE)
        house.answer(phone.messages[0], 180, phone)
        cancel = INVITE.replace("INVITE", "CANCEL")
        assert house.ask(cancel, house.stranger).status == 481
        assert phone.methods == ["INVITE"]

    def test_nor_does_it_take_the_place_of_the_callers_own(self, house: House) -> None:
        phone = self.registered(house)
        phone.take()
        house.receive(INVITE)
        house.answer(phone.messages[0], 180, phone)
        cancel = INVITE.replace("INVITE", "CANCEL")
        house.ask(cancel, house.stranger)
        house.peer.take()
        assert house.ask(cancel).status == 200
        assert phone.methods == ["INVITE", "CANCEL"]

    def test_a_cancel_that_overtook_its_request_is_for_it_when_it_comes_again(self, house: House) -> None:
        phone = self.registered(house)
        phone.take()
        cancel = INVITE.replace("INVITE", "CANCEL")
        house.ask(cancel)
        house.receive(INVITE)
        house.answer(phone.messages[0], 180, phone)
        house.peer.take()
        assert house.ask(cancel).status == 200

    def test_the_ack_and_the_bye_of_a_call_pass_through(self, house: House) -> None:
        phone = self.registered(house)
        phone.take()
        house.receive(INVITE)
        house.answer(phone.messages[0], 200, phone)
        route = f"Route: {phone.messages[0].get('Record-Route')}\n"
        phone.take()
        for method in ("ACK", "BYE"):
            text = (
                INVITE.replace("INVITE", method)
                .replace("sip:alice@example.com SIP", "sip:alice@203.0.113.20:5060 SIP")
                .replace("To: <sip:alice@example.com>", "To: <sip:alice@example.com>;tag=theirs")
                .replace("z9hG4bKinv1", f"z9hG4bK{method}")
            )
            house.receive(text.rstrip() + "\n" + route)
        assert phone.methods == ["ACK", "BYE"]

    def test_a_message_within_a_claimed_dialog_is_challenged_like_any_other(self, house: House) -> None:
        phone = self.registered(house)
        phone.take()
        text = (
            INVITE.replace("INVITE", "MESSAGE")
            .replace("sip:alice@example.com SIP", "sip:alice@203.0.113.20:5060 SIP")
            .replace("To: <sip:alice@example.com>", "To: <sip:alice@example.com>;tag=x")
            .replace("192.0.2.7", "198.51.100.9")
        )
        response = house.ask(text.rstrip() + "\nRoute: <sip:192.0.2.1:5060;lr>\n", house.stranger)
        assert response.status == 407
        assert phone.sent == []

    def test_an_identity_that_wants_privacy_does_not_reach_the_phone(self, house: House) -> None:
        phone = self.registered(house)
        phone.take()
        house.receive(INVITE + "P-Asserted-Identity: <sip:bob@example.com>\nPrivacy: id\n")
        (invite,) = phone.messages
        assert "P-Asserted-Identity" not in invite

    def test_an_identity_that_a_trusted_peer_asserts_travels_on(self, house: House) -> None:
        phone = self.registered(house)
        phone.take()
        house.receive(INVITE + "P-Asserted-Identity: <sip:bob@example.com>\n")
        assert phone.messages[0].get("P-Asserted-Identity") == "<sip:bob@example.com>"

    @pytest.mark.parametrize("method", ["OPTIONS", "INFO", "REFER", "NOTIFY", "FROBNICATE"])
    def test_any_method_that_we_do_not_serve_goes_to_the_phone(self, house: House, method: str) -> None:
        phone = self.registered(house)
        phone.take()
        house.receive(INVITE.replace("INVITE", method))
        assert phone.methods == [method]

    @pytest.mark.parametrize("method", ["INVITE", "BYE", "NOTIFY", "SUBSCRIBE", "INFO"])
    @pytest.mark.parametrize("mark", ["", ";d=", ";d=0123456789abcdef"])
    def test_within_a_dialog_that_never_went_through_us_a_stranger_is_challenged(
        self, house: House, method: str, mark: str
    ) -> None:
        phone = self.registered(house)
        phone.take()
        text = (
            INVITE.replace("INVITE", method)
            .replace("sip:alice@example.com SIP", "sip:alice@203.0.113.20:5060 SIP")
            .replace("To: <sip:alice@example.com>", "To: <sip:alice@example.com>;tag=x")
            .replace("192.0.2.7", "198.51.100.9")
        )
        response = house.ask(text.rstrip() + f"\nRoute: <sip:192.0.2.1:5060;lr{mark}>\n", house.stranger)
        assert response.status == 407
        assert phone.sent == []

    def test_our_users_credentials_stay_with_us(self, house: House) -> None:
        phone = self.registered(house)
        text = INVITE.replace("192.0.2.7", "198.51.100.9")
        challenge = house.ask(text, house.stranger)
        answer = with_credentials(house, text, "bob", challenge, "Proxy-Authorization")
        others = (
            'Authorization: Digest username="bob", realm="elsewhere.org", nonce="n", uri="u", response="r"'
        )
        phone.take()
        house.receive(f"{answer.rstrip()}\n{others}\n", house.stranger)
        (invite,) = phone.messages
        assert "Proxy-Authorization" not in invite
        assert "elsewhere.org" in invite.get("Authorization")

    def test_a_stranger_cannot_send_through_us_by_claiming_a_dialog(self, house: House) -> None:
        text = (
            INVITE.replace("INVITE", "BYE")
            .replace("sip:alice@example.com SIP", "sip:victim@203.0.113.99 SIP")
            .replace("To: <sip:alice@example.com>", "To: <sip:v@evil.org>;tag=x")
            .replace("bob@example.com", "mallory@evil.org")
            .replace("192.0.2.7", "198.51.100.9")
        )
        response = house.ask(text.rstrip() + "\nRoute: <sip:192.0.2.1:5060;lr>\n", house.stranger)
        assert response.status == 403
        assert ("UDP", "203.0.113.99", 5060) not in house.network.flows


class TestRoutes:
    def test_our_own_route_is_taken_off(self, house: House) -> None:
        # Every phone that has us as its outbound proxy sends this.
        subscribed(house, SUBSCRIBE + "Route: <sip:192.0.2.1:5060;lr>\n")
        assert len(house.notifier) == 1

    def test_a_strict_router_before_us_is_understood(self, house: House) -> None:
        text = SUBSCRIBE.replace("SUBSCRIBE sip:alice@example.com SIP", "SUBSCRIBE sip:192.0.2.1:5060;lr SIP")
        subscribed(house, text + "Route: <sip:alice@example.com>\n")
        assert len(house.notifier) == 1
