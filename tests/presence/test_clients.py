"""What real clients do, and what that demands: each demand by its number, shown from outside.

The numbers are those of the list that was made when eleven clients were watched on the wire; their messages
are the captures.  What a server has to tolerate comes first, what follows for this one comes last.
"""

from __future__ import annotations

import gzip
import hashlib
import re
import zlib

import pytest
from lxml import etree

from sip.message import Request, Response
from tests.presence.house import TRUSTED, House, requests
from tests.presence.phones import (
    CREDENTIALS,
    FILES,
    Phone,
    first_attempt,
    need_captures,
    parameter,
    request_in,
    response_to,
    signed,
    value,
    with_body,
    with_branch,
    with_value,
    without,
)

need_captures()

ALICE, BOB, CAROL = "sip:alice@sip.test", "sip:bob@sip.test", "sip:carol@sip.test"

OPEN = b"""<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:alice@sip.test">
<tuple id="t1"><status><basic>open</basic></status></tuple></presence>"""

PUBLISH = f"""
    PUBLISH {ALICE} SIP/2.0
    Via: SIP/2.0/UDP {TRUSTED};branch=z9hG4bKp1
    Max-Forwards: 70
    From: <{ALICE}>;tag=p
    To: <{ALICE}>
    Call-ID: p1
    CSeq: 1 PUBLISH
    Event: presence
    Content-Type: application/pidf+xml
"""
SUBSCRIBE = f"""
    SUBSCRIBE {ALICE} SIP/2.0
    Via: SIP/2.0/UDP {TRUSTED};branch=z9hG4bKs1
    Max-Forwards: 70
    From: <{BOB}>;tag=s
    To: <{ALICE}>
    Call-ID: s1
    CSeq: 1 SUBSCRIBE
    Contact: <sip:bob@{TRUSTED}>
    Event: presence
"""
REGISTER = f"""
    REGISTER sip:sip.test SIP/2.0
    Via: SIP/2.0/UDP {TRUSTED};branch=z9hG4bKr1
    Max-Forwards: 70
    From: <{ALICE}>;tag=r
    To: <{ALICE}>
    Call-ID: r1
    CSeq: 1 REGISTER
    Contact: <sip:alice@{TRUSTED}>
"""


@pytest.fixture
def house() -> House:
    return House()


def basics(document: bytes) -> list[str]:
    return re.findall(r"<basic>(\w+)</basic>", document.decode())


def told(house: House, text: str, body: bytes = b"") -> Response:
    """The final answer to a SUBSCRIBE, which a NOTIFY follows."""
    (answer,) = house.answers(text, body=body)
    return answer


class Test1NoContentLength:
    def test_a_removal_without_content_length_removes(self, house: House) -> None:
        data = FILES["liblinphone-PUBLISH-nobody-remove"]
        assert b"content-length" not in data.lower()
        tag = house.publish(ALICE, OPEN)
        answer = Phone(house, "liblinphone-PUBLISH-nobody-remove").ask(with_value(data, "SIP-If-Match", tag))
        assert answer.status == 200
        assert basics(house.document(ALICE)) == ["closed"], "a stale open stays"


class Test2TheSameBranchWithCredentials:
    STEM = "libpurple-udp-MESSAGE"

    def test_a_challenged_message_is_a_new_one_when_it_comes_again_with_credentials(
        self, house: House
    ) -> None:
        phone, data = Phone(house, self.STEM), FILES[self.STEM]
        bare = without(data, *CREDENTIALS)
        (challenge,) = phone.send(bare)
        assert challenge.status == 407
        again = signed(data, challenge)
        for name in ("Via", "CSeq", "Call-ID"):
            assert value(again, name) == value(bare, name)
        assert [answer.status for answer in phone.send(again)] == [202]

    def test_a_retransmission_gets_the_same_challenge_again(self, house: House) -> None:
        phone, bare = Phone(house, self.STEM), without(FILES[self.STEM], *CREDENTIALS)
        phone.send(bare)
        phone.send(bare)
        first, second = phone.flow.sent
        assert first == second

    def test_a_retransmission_with_credentials_is_not_delivered_twice(self, house: House) -> None:
        phone, data = Phone(house, self.STEM), FILES[self.STEM]
        (challenge,) = phone.send(without(data, *CREDENTIALS))
        phone.send(signed(data, challenge))
        phone.send(signed(data, challenge))
        assert phone.flow.statuses == [407, 202, 202]
        assert len(house.journal.load("message")) == 1


class Test3DigestWithoutQop:
    STEM = "libpurple-udp-PUBLISH-open"
    CLOSING = "libpurple-tcp-PUBLISH-closed"

    def test_a_response_as_in_rfc_2069_is_accepted(self, house: House) -> None:
        authorization = value(FILES[self.STEM], "Authorization") or ""
        assert "qop" not in authorization
        assert 'nc="0000000' in authorization
        assert Phone(house, self.STEM).ask(FILES[self.STEM]).status == 200

    def test_its_nonce_serves_once(self, house: House) -> None:
        phone, data = Phone(house, self.STEM), FILES[self.STEM]
        (challenge,) = phone.send(first_attempt(data))
        assert phone.send(signed(data, challenge))[0].status == 200
        (again,) = phone.send(with_branch(signed(with_value(data, "CSeq", "9 PUBLISH"), challenge), "x"))
        assert (again.status, again.reason) == (401, "Nonce expired or used")
        assert "stale=true" in (again.get("WWW-Authenticate") or "")

    def test_its_nonce_is_short_lived(self, house: House) -> None:
        phone, data = Phone(house, self.STEM), FILES[self.STEM]
        (challenge,) = phone.send(first_attempt(data))
        house.after(61.0)
        (answer,) = phone.send(signed(data, challenge))
        assert (answer.status, answer.reason) == (401, "Nonce expired or used")

    def test_it_can_be_switched_off(self) -> None:
        strict = House(digest_without_qop=False)
        assert Phone(strict, self.STEM).ask(FILES[self.STEM]).status == 401

    def test_a_closing_publish_with_proxy_authorization_is_not_lost(self, house: House) -> None:
        data = FILES[self.CLOSING]
        assert value(data, "Proxy-Authorization")
        assert value(data, "Authorization") is None
        answer = Phone(house, self.CLOSING).ask(data)
        assert (answer.status, answer.get("Expires")) == (200, "600")
        assert basics(house.document(ALICE)) == ["closed"]


class Test4Challenges:
    def challenges(self, house: House) -> list[str]:
        (answer,) = Phone(house, "jainsip-udp-REGISTER").send(
            without(FILES["jainsip-udp-REGISTER"], *CREDENTIALS)
        )
        return [parameter(text, "algorithm") or "" for text in answer.get_all("WWW-Authenticate")]

    def test_md5_stands_alone(self, house: House) -> None:
        assert self.challenges(house) == ["MD5"]

    @pytest.mark.parametrize("order", [("MD5", "SHA-256"), ("SHA-256", "MD5"), ("SHA-256",)])
    def test_what_is_offered_and_in_which_order_is_a_setting(self, order: tuple[str, ...]) -> None:
        assert self.challenges(House(digest_algorithms=order)) == list(order)

    @pytest.mark.parametrize("order", [("MD5", "SHA-256"), ("SHA-256", "MD5")])
    def test_of_two_authorization_headers_one_has_to_be_right(self, order: tuple[str, ...]) -> None:
        # jain-sip answers both challenges, and the one for SHA-256 wrongly.
        house = House(digest_algorithms=order)
        stem = "jainsip-udp-REGISTER"
        phone, data = Phone(house, stem), FILES[stem]
        (challenge,) = phone.send(first_attempt(data))
        right = signed(data, challenge)
        text = value(right, "Authorization") or ""
        wrong = re.sub(r'response="[^"]*"', f'response="{"0" * 64}"', text) + ",algorithm=SHA-256"
        both = f"Authorization: {wrong}\r\nAuthorization:".encode()
        (answer,) = phone.send(right.replace(b"Authorization:", both))
        assert answer.status == 200

    def test_a_response_with_sha_256_is_accepted_where_it_is_offered(self) -> None:
        house = House(digest_algorithms=("SHA-256",))
        stem = "pjsua2-udp-REGISTER"
        phone, data = Phone(house, stem), FILES[stem]
        (challenge,) = phone.send(first_attempt(data))
        text = value(signed(data, challenge), "Authorization") or ""

        def hashed(text: str) -> str:
            return hashlib.sha256(text.encode()).hexdigest()

        got = {name: parameter(text, name) for name in ("username", "nonce", "nc", "cnonce", "uri")}
        a1 = hashed(f"{got['username']}:sip.test:secret")
        a2 = hashed(f"REGISTER:{got['uri']}")
        proof = hashed(f"{a1}:{got['nonce']}:{got['nc']}:{got['cnonce']}:auth:{a2}")
        text = re.sub(r'response="[^"]*"', f'response="{proof}"', text)
        text = re.sub(r"algorithm=\"?MD5\"?", "algorithm=SHA-256", text)
        if "algorithm" not in text:
            text += ", algorithm=SHA-256"
        assert phone.send(with_value(data, "Authorization", text))[0].status == 200


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


class Test6PublishWithLittleInIt:
    def test_without_expires_it_gets_the_default(self, house: House) -> None:
        stem = "pjsua2-udp-PUBLISH-open-busy"
        assert value(FILES[stem], "Expires") is None
        answer = Phone(house, stem).ask(FILES[stem])
        assert (answer.status, answer.get("Expires")) == (200, "3600")

    def test_the_removal_of_nothing_is_400_and_leaves_all_as_it_is(self, house: House) -> None:
        house.publish(BOB, OPEN.replace(b"alice", b"bob"))
        stem = "pjsua2-tls-PUBLISH-nobody-remove"
        assert Phone(house, stem).ask(FILES[stem]).status == 400
        assert basics(house.document(BOB)) == ["open"]


class Test7RefusalsThatClientsSurvive:
    @pytest.mark.parametrize("text", [REGISTER, PUBLISH, SUBSCRIBE], ids=["REGISTER", "PUBLISH", "SUBSCRIBE"])
    def test_423_says_how_long_is_long_enough(self, house: House, text: str) -> None:
        body = OPEN if "PUBLISH" in text else b""
        answer = house.ask(text + "Expires: 10\n", body=body)
        assert (answer.status, answer.get("Min-Expires")) == (423, "60")
        again = text.replace("CSeq: 1", "CSeq: 2").replace("branch=z9hG4bK", "branch=z9hG4bKx")
        assert told(house, again + "Expires: 60\n", body).status == 200

    @pytest.mark.parametrize("stem", ["baresip-udp-REGISTER", "pjsua2-udp-REGISTER", "liblinphone-REGISTER"])
    def test_a_register_that_was_too_brief_comes_again_longer(self, stem: str) -> None:
        house = House(min_expires=1200)
        phone, data = Phone(house, stem), FILES[stem]
        refused = phone.ask(data)
        assert (refused.status, refused.get("Min-Expires")) == (423, "1200")
        number = (request_in(data).cseq.number) + 2
        longer = data.replace(b"expires=600", b"expires=1200").replace(b"Expires: 600", b"Expires: 1200")
        longer = with_value(with_branch(longer, "b"), "CSeq", f"{number} REGISTER")
        assert phone.ask(longer).status == 200

    def test_the_120_seconds_of_baresip_are_enough(self, house: House) -> None:
        stem = "baresip-udp-PUBLISH-open"
        answer = Phone(house, stem).ask(FILES[stem])
        assert (answer.status, answer.get("Expires")) == (200, "120")

    @pytest.mark.parametrize("stem", ["liblinphone-PUBLISH-open-mod", "pjsua2-udp-PUBLISH-open-mod"])
    def test_after_412_the_whole_publication_comes_without_a_tag(self, house: House, stem: str) -> None:
        phone, data = Phone(house, stem), FILES[stem]
        assert phone.ask(data).status == 412
        number = request_in(data).cseq.number + 2
        whole = with_value(with_branch(without(data, "SIP-If-Match"), "b"), "CSeq", f"{number} PUBLISH")
        answer = phone.ask(whole)
        assert answer.status == 200
        assert answer.get("SIP-ETag")


CONNECTED = [
    "baresip-tcp",
    "jainsip-tcp",
    "liblinphone-tcp",
    "libpurple-tcp",
    "netsip-tcp",
    "pjsua2-tcp",
    "twinkle-tcp",
    "baresip-tls",
    "liblinphone-tls",
    "pjsua2-tls",
    "jssip",
    "sipjs",
]


class Test8TheConnectionTheClientOpened:
    @pytest.mark.parametrize("client", CONNECTED)
    def test_a_notify_comes_on_it(self, house: House, client: str) -> None:
        stem = f"{client}-SUBSCRIBE"
        phone = Phone(house, stem)
        assert phone.flow.transport in ("TCP", "TLS", "WS")
        assert phone.ask(FILES[stem]).status == 200
        assert phone.flow.methods == ["NOTIFY"]
        assert house.network.opened == []

    @pytest.mark.parametrize("client", CONNECTED)
    def test_a_message_comes_on_it(self, house: House, client: str) -> None:
        stem = f"{client}-REGISTER"
        phone = Phone(house, stem)
        assert phone.ask(FILES[stem]).status == 200
        self.message_to(house, request_in(FILES[stem]).to.uri.aor)
        assert phone.flow.methods == ["MESSAGE"]
        assert house.network.opened == []

    @staticmethod
    def message_to(house: House, aor: str) -> None:
        house.receive(
            f"""
            MESSAGE {aor} SIP/2.0
            Via: SIP/2.0/UDP {TRUSTED};branch=z9hG4bKm1
            Max-Forwards: 70
            From: <{CAROL}>;tag=m
            To: <{aor}>
            Call-ID: m1
            CSeq: 1 MESSAGE
            Content-Type: text/plain
            """,
            body=b"hello",
        )

    def test_an_answer_may_come_on_another_connection(self, house: House) -> None:
        # libpurple answers on the connection that it opened itself, whichever one the request came on.
        stem = "libpurple-tcp-SUBSCRIBE"
        phone = Phone(house, stem)
        phone.ask(FILES[stem])
        (first,) = requests(phone.flow, "NOTIFY")
        other = house.network.at("127.0.0.1", 31999, "TCP")
        house.respond(first, flow=other)
        house.publish(ALICE, OPEN)
        assert len(requests(phone.flow, "NOTIFY")) == 2


class Test9ListsAndCompressedBodies:
    STEM = "linphone-rls-SUBSCRIBE"

    def test_a_deflated_list_in_a_subscribe_is_served_with_a_boundary_that_needs_no_quotes(
        self, house: House
    ) -> None:
        phone = Phone(house, self.STEM)
        assert phone.ask(FILES[self.STEM]).status == 200
        (notify,) = requests(phone.flow, "NOTIFY")
        boundary = (notify.get("Content-Type") or "").partition("boundary=")[2].partition(";")[0]
        assert boundary.isalnum()
        assert notify.body.startswith(b"--" + boundary.encode())

    def test_three_accept_lines_are_one_list(self, house: House) -> None:
        assert len(request_in(FILES[self.STEM]).get_all("Accept")) == 3
        phone = Phone(house, self.STEM)
        assert phone.ask(FILES[self.STEM]).status == 200

    @pytest.mark.parametrize(
        ("coding", "pack"),
        [("deflate", zlib.compress), ("gzip", gzip.compress), ("identity", bytes)],
    )
    def test_a_compressed_publication_is_read(self, house: House, coding: str, pack: object) -> None:
        assert callable(pack)
        answer = house.ask(PUBLISH + f"Content-Encoding: {coding}\n", body=pack(OPEN))
        assert answer.status == 200
        assert basics(house.document(ALICE)) == ["open"]

    def test_a_coding_that_is_not_known_is_415_with_those_that_are(self, house: House) -> None:
        answer = house.ask(PUBLISH + "Content-Encoding: br\n", body=OPEN)
        assert (answer.status, answer.get("Accept-Encoding")) == (415, "deflate, gzip")


class Test10CompressedNotifications:
    STEM = "liblinphone-MESSAGE-imdn+xml"

    def test_an_imdn_is_relayed_with_its_encoding_untouched(self, house: House) -> None:
        asked = request_in(FILES[self.STEM])
        recipient = house.network.at(TRUSTED, 5080)
        house.register(ALICE, recipient, f"<sip:alice@{TRUSTED}:5080>")
        Phone(house, self.STEM).prove(FILES[self.STEM])
        (relayed,) = requests(recipient, "MESSAGE")
        assert relayed.get("Content-Encoding") == "deflate"
        assert relayed.get("Content-Type") == "message/imdn+xml"
        assert relayed.body == asked.body

    def test_no_gruu_is_handed_out(self, house: House) -> None:
        stem = "liblinphone-REGISTER"
        assert "gruu" in request_in(FILES[stem]).values("Supported")
        contact = Phone(house, stem).ask(FILES[stem]).get("Contact") or ""
        assert "+sip.instance" in contact
        assert "gruu" not in contact


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


class TestWhatFollowsDigest:
    """MD5 alone, RFC 2069 by default, either header field."""

    @pytest.mark.parametrize("stem", ["twinkle-PUBLISH-open", "pjsua2-udp-MESSAGE", "sofia-SUBSCRIBE"])
    def test_credentials_are_found_in_the_other_header_field(self, house: House, stem: str) -> None:
        phone, data = Phone(house, stem), FILES[stem]
        (challenge,) = phone.send(first_attempt(data))
        proved = signed(data, challenge)
        one, other = b"\r\nAuthorization:", b"\r\nProxy-Authorization:"
        swapped = proved.replace(one, other) if one in proved else proved.replace(other, one)
        assert swapped != proved
        assert phone.send(swapped)[0].status in (200, 202)

    def test_a_nonce_with_qop_serves_as_often_as_it_is_counted(self, house: House) -> None:
        stem = "pjsua2-udp-PUBLISH-open-busy"
        phone, data = Phone(house, stem), FILES[stem]
        (challenge,) = phone.send(first_attempt(data))
        proved = signed(data, challenge)
        assert phone.send(proved)[0].status == 200
        name = "Authorization"
        text = re.sub(r"nc=\"?0*\d+\"?", "nc=00000009", value(proved, name) or "")
        text = re.sub(r'response="[^"]*"', f'response="{response_to(text, "PUBLISH")}"', text)
        number = request_in(data).cseq.number + 1
        again = with_value(with_branch(proved, "b"), "CSeq", f"{number} PUBLISH")
        assert phone.send(with_value(again, name, text))[0].status == 200
        replayed = with_value(with_branch(proved, "c"), "CSeq", f"{number + 1} PUBLISH")
        assert phone.send(replayed)[0].reason == "Nonce expired or used"


class TestWhatFollowsTransactions:
    """Credentials make a request new, whatever its branch."""

    @pytest.mark.parametrize("stem", ["pjsua2-udp-REGISTER", "twinkle-SUBSCRIBE", "sofia-PUBLISH-open-busy"])
    def test_any_challenged_request_may_come_again_under_its_branch(self, house: House, stem: str) -> None:
        phone, data = Phone(house, stem), FILES[stem]
        (challenge,) = phone.send(without(data, *CREDENTIALS))
        assert challenge.status == 401
        assert phone.send(signed(data, challenge))[0].status == 200


class TestWhatFollowsBodies:
    """Compressed bodies are read where we are meant, and left alone where we are not."""

    def test_a_compressed_text_waits_as_it_is(self, house: House) -> None:
        stem = "liblinphone-MESSAGE"
        packed = zlib.compress(b"hello bob")
        data = with_value(with_body(FILES[stem], packed), "Content-Encoding", "deflate")
        assert Phone(house, stem).ask(data).status == 202
        recipient = house.network.at(TRUSTED, 5080)
        house.register(BOB, recipient, f"<sip:bob@{TRUSTED}:5080>")
        (delivered,) = requests(recipient, "MESSAGE")
        assert (delivered.get("Content-Encoding"), delivered.body) == ("deflate", packed)


class TestWhatFollowsLifetimes:
    """60 s and more is accepted, by default."""

    @pytest.mark.parametrize("text", [REGISTER, PUBLISH, SUBSCRIBE], ids=["REGISTER", "PUBLISH", "SUBSCRIBE"])
    @pytest.mark.parametrize(("seconds", "status"), [(59, 423), (60, 200)])
    def test_a_minute_is_the_least(self, house: House, text: str, seconds: int, status: int) -> None:
        body = OPEN if "PUBLISH" in text else b""
        assert told(house, text + f"Expires: {seconds}\n", body).status == status

    def test_a_test_of_seconds_is_possible(self) -> None:
        house = House(min_expires=1)
        assert house.ask(PUBLISH + "Expires: 2\n", body=OPEN).status == 200
        assert basics(house.document(ALICE)) == ["open"]
        house.after(2.1)
        assert basics(house.document(ALICE)) == ["closed"]
