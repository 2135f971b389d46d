"""The credentials that real clients sent; their password was "secret", the nonces were another server's."""

from __future__ import annotations

from pathlib import Path

import pytest

from sip.auth import digest
from sip.auth.authenticator import Authenticator
from sip.errors import SipError
from sip.message import Request, parse
from tests.sip.usage.fakes import Directory


class Accounts(Directory):
    def ha1(self, username: str, realm: str, algorithm: str) -> str | None:
        return digest.ha1(username, realm, "secret", algorithm)

    def aor_of(self, username: str, realm: str) -> str | None:
        return f"sip:{username}@{realm}"


def test_what_every_client_computed_is_right_but_for_the_nonce(shared: Path) -> None:
    server = Authenticator(
        Accounts(), b"a secret of the server", is_ours=lambda uri: (uri.host, uri.port) == ("127.0.0.1", 5160)
    )
    clients, without_qop = set(), set()
    for file in sorted((shared / "captures").glob("*.sip")):
        if file.name.endswith("-GET.sip"):
            continue  # The HTTP upgrade of a WebSocket.
        message = parse(file.read_bytes())
        values = message.get_all("Authorization") + message.get_all("Proxy-Authorization")
        if not isinstance(message, Request) or not values:
            continue
        with pytest.raises(SipError) as caught:
            server.authenticate(message, realm="sip.test", now=100.0)
        # stale=true is said only to those whose response is right.
        assert (caught.value.status, caught.value.reason) == (401, "Nonce expired or used"), file.name
        clients.add(file.name.partition("-")[0])
        if not any("qop=" in value for value in values):
            without_qop.add(file.name.partition("-")[0])
    assert len(clients) >= 10
    assert without_qop == {"libpurple"}
