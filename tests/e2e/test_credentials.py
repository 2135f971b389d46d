"""What the settings of authentication do, seen from outside, and that logs keep secrets to themselves."""

from __future__ import annotations

import re

import pytest

from tests.e2e.conftest import StartServer
from tests.support.server import Server
from tests.support.sipclient import SipClient

PASSWORD = "hush-hush"
EVERYTHING = ["--log-sip", "--log-level", "debug", "--set", "digest_algorithms=SHA-256,MD5"]


@pytest.fixture(scope="module")
def server(start_server: StartServer) -> Server:
    """Offers both challenges and logs whatever it can."""
    server = start_server(options=EVERYTHING)
    server.add_user("alice@example.com", PASSWORD)
    return server


def test_both_challenges_are_offered_in_the_order_of_the_setting(server: Server) -> None:
    with SipClient(server.address(), "alice@example.com") as alice:
        challenged = alice.register(expect=401)
        offers = [re.findall(r"algorithm=([\w-]+)", one)[0] for one in challenged.get_all("WWW-Authenticate")]
        assert offers == ["SHA-256", "MD5"]


@pytest.mark.parametrize("algorithm", ["SHA-256", "MD5"])
def test_either_challenge_may_be_answered(server: Server, algorithm: str) -> None:
    with SipClient(server.address(), "alice@example.com", PASSWORD, algorithm=algorithm) as alice:
        alice.register()


def test_an_answer_that_was_heard_once_does_not_serve_twice(server: Server) -> None:
    with SipClient(server.address(), "alice@example.com", PASSWORD) as alice:
        request = alice.request("REGISTER", "sip:example.com", to=f"<{alice.uri}>")
        proved = alice.authorized(request, alice.exchange(request))
        assert alice.exchange(proved).status == 200
        copied = alice.request(
            "REGISTER",
            "sip:example.com",
            to=f"<{alice.uri}>",
            headers=[("Authorization", proved.need("Authorization"))],
        )
        assert alice.exchange(copied).status == 401


def test_the_whole_log_shows_messages_but_no_secret(server: Server) -> None:
    with SipClient(server.address(), "alice@example.com", PASSWORD) as alice:
        request = alice.request("REGISTER", "sip:example.com", to=f"<{alice.uri}>")
        proved = alice.authorized(request, alice.exchange(request))
        assert alice.exchange(proved).status == 200
    response = re.findall(r'response="([0-9a-f]+)"', proved.need("Authorization"))[0]
    everything = 4  # two requests and two answers
    server.wait_until(lambda: sum(proved.call_id in line for line in list(server.output)) >= everything)
    logged = "\n".join(server.output)
    assert "REGISTER sip:example.com" in logged
    assert response not in logged
    assert PASSWORD not in logged
