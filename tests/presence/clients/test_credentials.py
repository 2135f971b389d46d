"""How real clients prove who they are: demands 2 to 4 (tests.presence.clients.demands), and what follows."""

from __future__ import annotations

import hashlib
import re

import pytest

from tests.presence.clients.demands import ALICE, basics
from tests.presence.house import House
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
    with_branch,
    with_value,
    without,
)

need_captures()


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
