"""Odd forms of what real clients send: demand 12 (tests.presence.clients.demands)."""

from __future__ import annotations

import pytest

from tests.presence.clients.demands import BOB, CAROL, basics
from tests.presence.house import TRUSTED, House, requests
from tests.presence.phones import FILES, Phone, need_captures, request_in, value, with_value

need_captures()


class Test12OddForms:
    def test_an_empty_supported_names_nothing(self, house: House) -> None:
        stem = "baresip-udp-SUBSCRIBE"
        assert value(FILES[stem], "Supported") == ""
        assert Phone(house, stem).ask(FILES[stem]).status == 200

    def test_a_publication_goes_on_under_another_call_id(self, house: House) -> None:
        first, second = FILES["baresip-udp-PUBLISH-open"], FILES["baresip-udp-PUBLISH-closed-mod"]
        assert value(first, "Call-ID") != value(second, "Call-ID")
        phone = Phone(house, "baresip-udp-PUBLISH-open")
        tag = phone.ask(first).get("SIP-ETag") or ""
        assert phone.ask(with_value(second, "SIP-If-Match", tag)).status == 200
        assert basics(house.document(CAROL)) == ["closed"]

    @pytest.mark.parametrize(
        "stem", ["libpurple-udp-REGISTER", "netsip-udp-REGISTER", "jainsip-udp-REGISTER"]
    )
    def test_without_rport_the_answer_goes_to_the_port_of_the_via(self, house: House, stem: str) -> None:
        via = request_in(FILES[stem]).via
        assert "rport" not in via.params
        behind = house.network.at("127.0.0.1", 1025)
        house.receive(FILES[stem], behind)
        assert behind.sent == []
        assert house.network.at("127.0.0.1", via.port or 0).statuses == [401]

    def test_a_max_forwards_of_ten_is_counted_down(self, house: House) -> None:
        recipient = house.network.at(TRUSTED, 5080)
        house.register(BOB, recipient, f"<sip:bob@{TRUSTED}:5080>")
        stem = "libpurple-udp-MESSAGE"
        Phone(house, stem).prove(FILES[stem])
        (relayed,) = requests(recipient, "MESSAGE")
        assert relayed.max_forwards == 9

    def test_a_parameter_beside_the_tag_comes_back(self, house: House) -> None:
        stem = "libpurple-udp-SUBSCRIBE"
        phone = Phone(house, stem)
        answer = phone.ask(FILES[stem])
        assert answer.get("From") == value(FILES[stem], "From")
        (notify,) = requests(phone.flow, "NOTIFY")
        assert notify.to.tag == request_in(FILES[stem]).from_.tag

    def test_odd_spelling_and_addresses_without_brackets_are_read(self, house: House) -> None:
        stem = "netsip-udp-SUBSCRIBE"
        data = FILES[stem]
        assert b"\r\nCseq:" in data
        assert b"\r\nFrom: sip:bob@sip.test;tag=" in data
        assert value(data, "User-Agent") is None
        phone = Phone(house, stem)
        assert phone.ask(data).status == 200
        (notify,) = requests(phone.flow, "NOTIFY")
        assert notify.uri_text == "sip:bob@127.0.0.1:40906"

    def test_a_via_that_names_another_port_is_overruled_by_rport(self, house: House) -> None:
        stem = "sipsak-REGISTER"
        phone = Phone(house, stem, port=40001)
        via = phone.ask(FILES[stem]).via
        assert (via.port, via.params["rport"]) == (52783, "40001")

    def test_a_contact_without_a_user_is_notified(self, house: House) -> None:
        stem = "sofia-SUBSCRIBE"
        phone = Phone(house, stem)
        phone.ask(FILES[stem])
        (notify,) = requests(phone.flow, "NOTIFY")
        assert notify.uri_text == "sip:127.0.0.1:41184;transport=udp"
