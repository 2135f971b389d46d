"""How real clients publish and survive refusals: demands 1, 6 and 7 (tests.presence.clients.demands)."""

from __future__ import annotations

import pytest

from tests.presence.clients.demands import ALICE, BOB, OPEN, PUBLISH, REGISTER, SUBSCRIBE, basics, told
from tests.presence.house import House
from tests.presence.phones import (
    FILES,
    Phone,
    need_captures,
    request_in,
    value,
    with_branch,
    with_value,
    without,
)

need_captures()


class Test1NoContentLength:
    def test_a_removal_without_content_length_removes(self, house: House) -> None:
        data = FILES["liblinphone-PUBLISH-nobody-remove"]
        assert b"content-length" not in data.lower()
        tag = house.publish(ALICE, OPEN)
        answer = Phone(house, "liblinphone-PUBLISH-nobody-remove").ask(with_value(data, "SIP-If-Match", tag))
        assert answer.status == 200
        assert basics(house.document(ALICE)) == ["closed"], "a stale open stays"


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
