"""Lists and compressed bodies of real clients: demands 9 and 10 (tests.presence.clients.demands)."""

from __future__ import annotations

import gzip
import zlib

import pytest

from tests.presence.clients.demands import ALICE, BOB, OPEN, PUBLISH, basics
from tests.presence.house import TRUSTED, House, requests
from tests.presence.phones import FILES, Phone, need_captures, request_in, with_body, with_value

need_captures()


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
