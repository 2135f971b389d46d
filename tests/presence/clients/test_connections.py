"""Which connection reaches a real client: demand 8 (tests.presence.clients.demands)."""

from __future__ import annotations

import pytest

from tests.presence.clients.demands import ALICE, CAROL, OPEN
from tests.presence.house import House, requests
from tests.presence.phones import FILES, Phone, need_captures, request_in

need_captures()

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
        house.message(request_in(FILES[stem]).to.uri.aor, CAROL)
        assert phone.flow.methods == ["MESSAGE"]
        assert house.network.opened == []

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
