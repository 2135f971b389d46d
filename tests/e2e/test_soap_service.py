"""The SOAP service of a running server: over HTTPS, and what it does is seen by SIP."""

from __future__ import annotations

import re
import socket
import ssl
import urllib.request
from contextlib import ExitStack
from urllib.error import HTTPError

import pytest
from lxml import etree

from soapapi.names import SOAP12
from tests.e2e.conftest import StartServer
from tests.support.server import Server, free_port
from tests.support.sipclient import SipClient
from tests.support.sipwire import pidf
from tests.support.soap import PATH, TYPES, envelope

USERS = ("alice@example.com", "bob@example.com")


class Caller:
    """A client of the service at a URL, which trusts the certificate that the server made for itself."""

    def __init__(self, server: Server, url: str) -> None:
        self._url = url
        self._context = ssl.create_default_context(cafile=str(server.data / "tls" / "tls-certificate.pem"))

    def call(self, body: str, key: str | None = None) -> etree._Element:
        request = urllib.request.Request(
            self._url + PATH, envelope(body, key), {"Content-Type": TYPES[SOAP12]}
        )
        context = self._context if self._url.startswith("https") else None
        with urllib.request.urlopen(request, timeout=10, context=context) as answer:
            return etree.fromstring(answer.read()).find("{*}Body")[0]

    def login(self, username: str, *, force: bool = False) -> str:
        forced = ' force="true"' if force else ""
        answer = self.call(
            f"<login{forced}><username>{username}</username><password>secret</password></login>"
        )
        return answer.findtext("{*}success/{*}session-key")


@pytest.fixture(scope="module")
def server(start_server: StartServer) -> Server:
    return start_server(*USERS, options=["--set", f"https=127.0.0.1:{free_port()}"])


@pytest.fixture
def caller(server: Server) -> Caller:
    host, port = server.address("https")
    return Caller(server, f"https://{host}:{port}")


def test_the_listener_is_shown_at_the_start_and_in_the_status(server: Server) -> None:
    host, port = server.address("https")
    line = f"https {host}:{port}"
    assert f"listening {line}" in server.output
    assert line in server.get("/status")[1]


@pytest.mark.parametrize(("path", "status"), [
    ("/healthz", 200), ("/status", 404), ("/metrics", 404), ("/explain", 404),
])  # fmt: skip
def test_pages_that_tell_of_users_are_not_on_https(caller: Caller, path: str, status: int) -> None:
    try:
        with urllib.request.urlopen(caller._url + path, timeout=10, context=caller._context) as answer:
            found = answer.status
    except HTTPError as error:
        found = error.code
    assert found == status


def test_a_session_over_https(caller: Caller) -> None:
    key = caller.login("alice@example.com", force=True)
    assert caller.call("<get-contact-list/>", key).tag.endswith("get-contact-list-resp")
    assert caller.call("<logout/>", key).find("{*}success") is not None


def test_the_wsdl_that_is_fetched_by_https_names_https(caller: Caller) -> None:
    url = f"{caller._url}{PATH}?wsdl"
    with urllib.request.urlopen(url, timeout=10, context=caller._context) as answer:
        addresses = set(re.findall(r'address location="([^"]*)"', answer.read().decode()))
    assert addresses == {f"{caller._url}{PATH}"}


@pytest.mark.parametrize("kind", ["http", "https"])
def test_a_connection_too_many_is_closed(start_server: StartServer, kind: str) -> None:
    server = start_server(
        options=["--set", f"https=127.0.0.1:{free_port()}", "--set", "http_max_connections=2"]
    )
    address = server.address("https") if kind == "https" else server.http
    with ExitStack() as stack:
        kept = [stack.enter_context(socket.create_connection(address, timeout=5)) for _ in range(2)]
        refused = stack.enter_context(socket.create_connection(address, timeout=5))
        assert refused.recv(1) == b""
        for it in kept:
            it.settimeout(0.2)
            with pytest.raises(TimeoutError):
                it.recv(1)
            it.close()


def test_plain_http_from_this_computer(server: Server) -> None:
    caller = Caller(server, f"http://{server.http[0]}:{server.http[1]}")
    assert caller.login("alice", force=True)


def test_a_logout_withdraws_the_tuple_that_it_names_and_no_other(server: Server, caller: Caller) -> None:
    """R60, Q27: seen by a watcher."""
    with (
        SipClient(server.address("udp"), USERS[0], "secret") as alice,
        SipClient(server.address("udp"), USERS[1], "secret") as bob,
    ):
        bob.register()
        alice.publish(pidf(alice.uri, "open", note="at the desk", tuple_id="desk"))
        alice.publish(pidf(alice.uri, "open", note="by soap", tuple_id="cupc-override"))
        subscription = bob.subscribe(alice.uri)
        subscription.notify(
            where=lambda it: "at the desk" in it.text and "by soap" in it.text, what="with both"
        )
        key = caller.login("alice", force=True)
        caller.call('<logout tuple-id="cupc-override"/>', key)
        told = subscription.notify(where=lambda it: "by soap" not in it.text, what="without the tuple")
        assert "at the desk" in told.text


def test_a_session_outlives_the_server(server: Server) -> None:
    caller = Caller(server, f"http://{server.http[0]}:{server.http[1]}")
    key = caller.login("bob", force=True)
    server.restart()
    assert caller.call("<get-user-config/>", key).tag.endswith("get-user-config-resp")


def test_no_password_and_no_key_is_logged(server: Server, caller: Caller) -> None:
    key = caller.login("bob", force=True)
    caller.call("<get-user-config/>", key)
    printed = "\n".join(server.output)
    assert key not in printed
    assert not re.search(r"\bsecret\b", printed)
