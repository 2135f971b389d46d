"""The session that the README tells: one command, three users, presence and messages, and a clean end."""

from __future__ import annotations

import json
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import StartServer
from tests.support import server as servers
from tests.support.server import Server
from tests.support.sipclient import SipClient
from tests.support.sipwire import pidf

DEMO_USER = re.compile(r"demo user (\S+)@example\.com password (\S+)$")


@pytest.fixture(scope="module")
def server(start_server: StartServer) -> Server:
    return start_server(options=["--demo"])


@pytest.fixture
def passwords(server: Server) -> dict[str, str]:
    found = (DEMO_USER.search(line) for line in server.output)
    return {match[1]: match[2] for match in found if match}


def test_demo_prints_three_users_with_passwords(passwords: dict[str, str]) -> None:
    assert list(passwords) == ["alice", "bob", "carol"]


def test_every_listener_has_a_line_before_ready(server: Server) -> None:
    before = server.output[: server.output.index("ready")]
    assert [line.split()[1] for line in before if line.startswith("listening ")][:2] == ["udp", "tcp"]


def test_two_demo_users_see_each_other_and_talk(server: Server, passwords: dict[str, str]) -> None:
    with (
        SipClient(server.address("udp"), "alice@example.com", passwords["alice"]) as alice,
        SipClient(server.address("tcp"), "bob@example.com", passwords["bob"], transport="tcp") as bob,
    ):
        alice.register()
        bob.register()
        seen_by_alice, seen_by_bob = alice.subscribe(bob.uri), bob.subscribe(alice.uri)
        bob.publish(pidf(bob.uri, activity="meeting", note="back at three"))
        alice.publish(pidf(alice.uri, note="at my desk"))
        seen_by_alice.notify(where=lambda notify: "back at three" in notify.text)
        seen_by_bob.notify(where=lambda notify: "at my desk" in notify.text)
        alice.message(bob.uri, "lunch at noon?")
        assert bob.expect_request("MESSAGE").text == "lunch at noon?"
        bob.message(alice.uri, "gladly")
        assert alice.expect_request("MESSAGE").text == "gladly"


def test_a_message_to_somebody_away_waits_for_him(server: Server, passwords: dict[str, str]) -> None:
    with (
        SipClient(server.address("udp"), "alice@example.com", passwords["alice"]) as alice,
        SipClient(server.address("udp"), "carol@example.com", passwords["carol"]) as carol,
    ):
        alice.message(carol.uri, "call me when you are back", expect=202)
        carol.register()
        assert carol.expect_request("MESSAGE").text == "call me when you are back"


def test_a_wrong_password_is_refused(server: Server) -> None:
    with SipClient(server.address("udp"), "alice@example.com", "guessed") as stranger:
        assert stranger.register(expect=None).status in (401, 403)
        assert stranger.publish(pidf(stranger.uri), expect=None).status in (401, 403)


def test_nobody_registers_or_publishes_for_another(server: Server, passwords: dict[str, str]) -> None:
    with SipClient(server.address("udp"), "alice@example.com", passwords["alice"]) as alice:
        register = alice.request(
            "REGISTER", "sip:example.com", to="<sip:bob@example.com>", headers=[("Contact", alice.contact)]
        )
        alice.transact(register, expect=403)
        publish = alice.request(
            "PUBLISH",
            "sip:bob@example.com",
            headers=[("Event", "presence"), ("Content-Type", "application/pidf+xml")],
            body=pidf("sip:bob@example.com"),
        )
        alice.transact(publish, expect=403)


def test_a_user_added_while_the_server_runs_can_sign_on_within_a_second(server: Server) -> None:
    server.add_user("dave@example.com", "first")
    with SipClient(server.address("udp"), "dave@example.com", "first") as dave:
        assert within_a_second(dave, 200)


def test_a_changed_password_holds_within_a_second(server: Server) -> None:
    server.add_user("erin@example.com", "first")
    server.cli("user", "passwd", "erin@example.com", "--password-stdin", text="second\n")
    with SipClient(server.address("udp"), "erin@example.com", "second") as erin:
        assert within_a_second(erin, 200)
    with SipClient(server.address("udp"), "erin@example.com", "first") as old:
        assert old.register(expect=None).status in (401, 403)


def test_a_deleted_user_is_gone_within_a_second(server: Server) -> None:
    server.add_user("frank@example.com", "first")
    with SipClient(server.address("udp"), "frank@example.com", "first") as frank:
        assert within_a_second(frank, 200)
        server.cli("user", "delete", "frank@example.com", "--yes")
        time.sleep(1.0)
        assert frank.register(expect=None).status in (401, 403, 404)


def within_a_second(client: SipClient, status: int) -> bool:
    """Whether REGISTER is answered so within a second from now."""
    deadline = time.monotonic() + 1.0
    while time.monotonic() < deadline:
        if client.register(expect=None).status == status:
            return True
        time.sleep(0.1)
    return False


def test_status_tells_what_there_is(server: Server) -> None:
    told = json.loads(server.cli("status", "--json").stdout)
    assert told["server"] == "running"
    assert told["users"] >= 3
    assert told["requests"]["REGISTER"]["200"] >= 1


def test_health_and_metrics_are_served(server: Server) -> None:
    status, body = server.get("/healthz")
    assert (status, json.loads(body)["status"]) == (200, "ok")
    status, body = server.get("/metrics")
    assert status == 200
    assert re.search(r"^presentity_\w+\{.*REGISTER.*\} [1-9]", body, re.MULTILINE)


def test_sigterm_ends_it_with_status_0_and_nothing_is_forgotten(start_server: StartServer) -> None:
    server = start_server("grace@example.com")
    with SipClient(server.address("udp"), "grace@example.com", "secret") as grace:
        grace.register()
        etag = grace.publish(pidf(grace.uri)).need("SIP-ETag")
        assert server.stop() == 0
        server.start()
        assert grace.host_port in grace.register(contact="").need("Contact")
        grace.publish(etag=etag)


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        yield busy.getsockname()[1]


WRONG = {
    "an unknown option": ["--frobnicate"],
    "a listener of no known transport": ["--listen", "sctp:127.0.0.1:5060"],
    "a port that is no number": ["--listen", "udp:127.0.0.1:sip"],
    "a lifetime that is no number": ["--min-expires", "soon"],
    "a configuration file that does not exist": ["--config", "{folder}/nowhere.toml"],
    "a configuration file that is not TOML": ["--config", "{folder}/broken.toml"],
    "an unknown key in the configuration file": ["--config", "{folder}/unknown.toml"],
    "a port that is taken": ["--listen", "tcp:127.0.0.1:{taken}"],
    "an address that is not ours": ["--listen", "udp:192.0.2.1:5060"],
    "a HTTP port that is taken": ["--listen", "udp:127.0.0.1:0", "--http", "127.0.0.1:{taken}"],
    "a database that is none": ["--database", "oracle://here"],
    "a data folder that is a file": ["--data", "{folder}/broken.toml"],
}


@pytest.mark.parametrize("options", WRONG.values(), ids=WRONG.keys())
def test_a_wrong_start_gives_one_clear_line_and_status_2(
    options: list[str], tmp_path: Path, taken: int
) -> None:
    (tmp_path / "broken.toml").write_text("listen = [")
    (tmp_path / "unknown.toml").write_text("colour = 'red'\n")
    given = [option.format(folder=tmp_path, taken=taken) for option in options]
    fixed = ["--domain", "example.com"]
    if "--http" not in given:
        fixed += ["--http", f"127.0.0.1:{servers.free_port()}"]
    if "--data" not in given:
        fixed += ["--data", str(tmp_path / "data")]
    done = servers.run("serve", *fixed, *given, timeout=30)
    assert done.returncode == 2, done.stdout + done.stderr
    logged = ("timestamp=", "Usage:", "Try ")
    said = [line for line in done.stderr.splitlines() if line.strip() and not line.startswith(logged)]
    assert len(said) == 1, done.stderr
    assert "Traceback" not in done.stderr


def test_a_second_server_on_the_same_data_is_refused(server: Server) -> None:
    second = servers.run(
        *("serve", "--data", str(server.data), "--domain", "example.com"),
        *("--listen", "udp:127.0.0.1:0", "--http", f"127.0.0.1:{servers.free_port()}"),
        timeout=30,
    )
    assert second.returncode == 2
    assert str(server.data) in second.stderr
