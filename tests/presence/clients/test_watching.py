"""How real clients watch: demands 5, 11 and 13 (tests.presence.clients.demands)."""

from __future__ import annotations

import re

import pytest
from lxml import etree

from sip.message import Request
from tests.presence.clients.demands import ALICE, OPEN, SUBSCRIBE, basics, told
from tests.presence.house import House, requests
from tests.presence.phones import FILES, Phone, need_captures, value, with_value

need_captures()


class Test5HowWatchersReadPidf:
    ODD = b"""<p:presence xmlns:p="urn:ietf:params:xml:ns:pidf" entity="sip:alice@sip.test"
        xmlns:d="urn:ietf:params:xml:ns:pidf:data-model" xmlns:r="urn:ietf:params:xml:ns:pidf:rpid">
        <d:person id="p1"><r:activities><r:busy/></r:activities></d:person>
        <p:tuple id="t1"><p:status><p:basic>closed</p:basic></p:status></p:tuple>
        <p:tuple id="t2"><p:status><p:basic>open</p:basic></p:status></p:tuple>
        </p:presence>"""

    def test_pidf_is_the_default_namespace_and_rpid_has_its_usual_prefix(self, house: House) -> None:
        house.publish(ALICE, self.ODD)
        document = house.document(ALICE)
        assert b"<basic>" in document
        assert b"<dm:person" in document
        assert b"<rpid:busy/>" in document
        root = etree.fromstring(document)
        assert root.nsmap[None] == "urn:ietf:params:xml:ns:pidf"

    def test_the_open_tuple_comes_first(self, house: House) -> None:
        house.publish(ALICE, self.ODD)
        assert basics(house.document(ALICE)) == ["open", "closed"]

    def test_the_open_one_of_two_phones_comes_first(self, house: House) -> None:
        house.publish(ALICE, OPEN)
        house.after(10.0)
        house.publish(ALICE, OPEN.replace(b">open<", b">closed<"))
        assert basics(house.document(ALICE)) == ["open", "closed"]

    def test_among_open_tuples_the_higher_priority_comes_first(self, house: House) -> None:
        def phone(name: str, priority: str) -> bytes:
            contact = f'<contact priority="{priority}">sip:{name}@sip.test</contact></tuple>'
            return OPEN.replace(b"</tuple>", contact.encode())

        house.publish(ALICE, phone("desk", "0.8"))
        house.after(10.0)
        house.publish(ALICE, phone("mobile", "0.2"))
        assert re.findall(r"sip:(desk|mobile)@", house.document(ALICE).decode()) == ["desk", "mobile"]

    def test_among_equals_the_newest_comes_first(self, house: House) -> None:
        house.publish(ALICE, OPEN.replace(b"</tuple>", b"<note>older</note></tuple>"))
        house.after(10.0)
        house.publish(ALICE, OPEN.replace(b"</tuple>", b"<note>newer</note></tuple>"))
        assert re.findall(r"older|newer", house.document(ALICE).decode()) == ["newer", "older"]


class Test11AnswersToNotify:
    def unsubscribed(self, house: House, client: str) -> tuple[Phone, Request]:
        phone = Phone(house, f"{client}-SUBSCRIBE")
        phone.ask(FILES[f"{client}-SUBSCRIBE"])
        (first,) = requests(phone.flow, "NOTIFY")
        house.respond(first, flow=phone.flow)
        data = FILES[f"{client}-SUBSCRIBE-unsub"]
        to = re.sub(r"tag=.*", f"tag={first.from_.tag}", value(data, "To") or "")
        assert phone.ask(with_value(data, "To", to)).status == 200
        return phone, requests(phone.flow, "NOTIFY")[-1]

    @pytest.mark.parametrize("client", ["liblinphone", "sofia", "linphonec"])
    def test_481_to_the_last_notify_is_no_error(self, house: House, client: str) -> None:
        phone, last = self.unsubscribed(house, client)
        assert last.get("Subscription-State") == "terminated;reason=timeout"
        phone.answer(last, FILES[f"{client}-481-NOTIFY"])
        house.after(60.0)
        assert house.parts.stats.notifies_failed == 0

    def test_an_answer_with_the_headers_of_the_request_is_an_answer(self, house: House) -> None:
        captured = FILES["libpurple-200-NOTIFY"]
        assert value(captured, "Subscription-State") == "active;expires=1200"
        phone = Phone(house, "libpurple-udp-SUBSCRIBE")
        phone.ask(FILES["libpurple-udp-SUBSCRIBE"])
        (first,) = requests(phone.flow, "NOTIFY")
        phone.answer(first, captured)
        house.after(40.0)
        assert phone.flow.methods == ["NOTIFY"], "sent again"
        house.publish(ALICE, OPEN)
        assert len(requests(phone.flow, "NOTIFY")) == 2


class Test13Accept:
    @pytest.mark.parametrize(
        "accept",
        [
            "",
            "Accept: application/pidf+xml",
            "Accept: application/pidf+xml, application/xpidf+xml",
            "Accept: application/xpidf+xml\n    Accept: application/pidf+xml",
            "Accept: */*",
        ],
    )
    def test_pidf_is_what_everybody_gets(self, house: House, accept: str) -> None:
        assert told(house, f"{SUBSCRIBE}    {accept}\n").status == 200
        (notify,) = requests(house.peer, "NOTIFY")
        assert notify.get("Content-Type") == "application/pidf+xml"

    def test_who_takes_something_else_alone_is_told_what_there_is(self, house: House) -> None:
        answer = house.ask(SUBSCRIBE + "Accept: application/cpim-pidf+xml\n")
        assert (answer.status, answer.get("Accept")) == (
            406,
            "application/pidf+xml, application/pidf-diff+xml",
        )
