"""Real softphones (pjsua2, each in a process of its own) against the real server over real sockets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.e2e.conftest import StartServer
from tests.support import phone as phones
from tests.support.phone import SoftPhone
from tests.support.server import Server

pytestmark = [
    pytest.mark.softphone,
    pytest.mark.skipif(bool(phones.missing()), reason=phones.missing() or "pjsua2 is there"),
]

TRANSPORTS = ("udp", "tcp", "tls")
PASSWORD = "secret"
SEEN_WITHIN = 1.0
"""Seconds from the commit of a rule until the phone shows what it makes of the other."""
SignOn = Callable[..., SoftPhone]


@pytest.fixture(scope="module")
def server(start_server: StartServer) -> Server:
    pairs = [f"{name}-{transport}@example.com" for name in ("alice", "bob") for transport in TRANSPORTS]
    return start_server(*pairs, "eve@example.com", listen=TRANSPORTS)


@pytest.fixture(scope="module", params=TRANSPORTS)
def pair(
    server: Server, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[SoftPhone, SoftPhone]]:
    """Alice and Bob, signed on over one transport and watching each other."""
    transport = request.param
    logs = tmp_path_factory.mktemp(f"phones-{transport}")
    with ExitStack() as stack:
        both = [
            stack.enter_context(
                SoftPhone(
                    f"{name}-{transport}@example.com",
                    PASSWORD,
                    server.address(transport),
                    transport=transport,
                    log=logs / f"{name}.log",
                )
            )
            for name in ("alice", "bob")
        ]
        for one in both:
            one.expect("registered", who=one.aor)
            one.tell("publish", state="open", note="just came")
        alice, bob = both
        alice.tell("watch", who=bob.aor)
        bob.tell("watch", who=alice.aor)
        alice.expect_state(bob.aor, "open", "just came")
        bob.expect_state(alice.aor, "open", "just came")
        yield alice, bob


@pytest.mark.parametrize(
    ("state", "note"),
    [("busy", "in a meeting"), ("away", "back at three"), ("offline", "gone home"), ("open", "grüß Gott")],
)
def test_each_sees_what_the_other_publishes(pair: tuple[SoftPhone, SoftPhone], state: str, note: str) -> None:
    for one, other in (pair, pair[::-1]):
        one.tell("publish", state=state, note=note)
        other.expect_state(one.aor, state, note)


def test_messages_go_both_ways(pair: tuple[SoftPhone, SoftPhone]) -> None:
    for one, other in (pair, pair[::-1]):
        one.tell("message", who=other.aor, text=f"hello from {one.aor}, schöne Grüße")
        other.expect("message", who=one.aor, text=f"hello from {one.aor}, schöne Grüße")
        one.expect("sent", who=other.aor, code=200)


@pytest.fixture
def sign_on(server: Server, tmp_path: Path) -> Iterator[SignOn]:
    """Starts a phone of `name` at the module's server or another."""
    with ExitStack() as stack:

        def start(
            name: str,
            password: str = PASSWORD,
            at: Server = server,
            expires: int = 600,
            transport: str = "udp",
        ) -> SoftPhone:
            return stack.enter_context(
                SoftPhone(
                    f"{name}@example.com",
                    password,
                    at.address(transport),
                    transport=transport,
                    expires=expires,
                    log=tmp_path / f"{name}.log",
                )
            )

        yield start


def test_a_wrong_password_is_refused(sign_on: SignOn) -> None:
    assert sign_on("eve", "guessed").expect("refused")["code"] in (401, 403)


def test_a_phone_that_vanishes_is_shown_offline_when_its_state_expires(
    start_server: StartServer, sign_on: SignOn
) -> None:
    users = ("alice@example.com", "bob@example.com")
    hasty = start_server(
        *users, listen=["udp"], options=["--min-expires", "1", "--set", "publication_expires=2"]
    )
    bob = sign_on("bob", at=hasty, expires=2)
    bob.expect("registered")
    bob.tell("publish", state="busy", note="about to vanish")
    alice = sign_on("alice", at=hasty)
    alice.expect("registered")
    alice.tell("watch", who=bob.aor)
    alice.expect_state(bob.aor, "busy", "about to vanish")
    bob.kill9()
    alice.expect_state(bob.aor, "offline")


def test_a_killed_and_restarted_server_goes_on_in_the_old_dialogs(
    start_server: StartServer, sign_on: SignOn
) -> None:
    server = start_server("alice@example.com", "bob@example.com", listen=["udp"])
    alice, bob = sign_on("alice", at=server), sign_on("bob", at=server)
    for one in (alice, bob):
        one.expect("registered")
    bob.tell("publish", state="busy", note="before the kill")
    alice.tell("watch", who=bob.aor)
    alice.expect_state(bob.aor, "busy", "before the kill")
    subscribes = alice.requests_sent("SUBSCRIBE")
    assert subscribes
    server.restart()
    bob.tell("publish", state="away", note="after the kill")
    alice.expect_state(bob.aor, "away", "after the kill")
    assert alice.requests_sent("SUBSCRIBE") == subscribes
    alice.tell("message", who=bob.aor, text="still there?")
    bob.expect("message", who=alice.aor, text="still there?")


def test_phones_on_connections_come_back_after_a_kill_and_go_on(
    start_server: StartServer, sign_on: SignOn
) -> None:
    server = start_server("alice@example.com", "bob@example.com", listen=["tcp"])
    alice, bob = (sign_on(name, at=server, transport="tcp") for name in ("alice", "bob"))
    for one in (alice, bob):
        one.expect("registered")
    bob.tell("publish", state="busy", note="before the kill")
    alice.tell("watch", who=bob.aor)
    alice.expect_state(bob.aor, "busy", "before the kill")
    server.restart()
    for one in (alice, bob):
        one.expect("registered", timeout=30)
    bob.tell("publish", state="away", note="after the kill")
    alice.expect_state(bob.aor, "away", "after the kill")
    alice.tell("message", who=bob.aor, text="still there?")
    bob.expect("message", who=alice.aor, text="still there?")


RULES = """<?xml version="1.0" encoding="UTF-8"?>
<ruleset xmlns="urn:ietf:params:xml:ns:common-policy" xmlns:pr="urn:ietf:params:xml:ns:pres-rules">
  <rule id="not-alice">
    <conditions><identity><one id="sip:alice@example.com"/></identity></conditions>
    <actions><pr:sub-handling>polite-block</pr:sub-handling></actions>
    <transformations/>
  </rule>
</ruleset>
"""


def test_a_rule_set_meanwhile_changes_what_the_other_sees_within_a_second(
    start_server: StartServer, sign_on: SignOn, tmp_path: Path
) -> None:
    server = start_server("alice@example.com", "bob@example.com", listen=["udp"])
    alice, bob = sign_on("alice", at=server), sign_on("bob", at=server)
    for one in (alice, bob):
        one.expect("registered")
    bob.tell("publish", state="busy", note="in a meeting")
    alice.tell("watch", who=bob.aor)
    alice.expect_state(bob.aor, "busy", "in a meeting")
    rules = tmp_path / "rules.xml"
    rules.write_text(RULES)
    committed = server.commit("rules", "set", "bob@example.com", str(rules))
    assert alice.expect_state(bob.aor, "offline")["at"] - committed < SEEN_WITHIN
    committed = server.commit("rules", "delete", "bob@example.com")
    assert alice.expect_state(bob.aor, "busy", "in a meeting")["at"] - committed < SEEN_WITHIN


def test_two_devices_of_one_user_are_seen_as_one_person(start_server: StartServer, sign_on: SignOn) -> None:
    server = start_server("alice@example.com", "bob@example.com", listen=["udp"])
    alice, desk, mobile = (sign_on(name, at=server) for name in ("alice", "bob", "bob"))
    for one in (alice, desk, mobile):
        one.expect("registered")
    alice.tell("watch", who=desk.aor)
    desk.tell("publish", state="away", note="from the desk")
    alice.expect_state(desk.aor, "away", "from the desk")
    mobile.tell("publish", state="busy", note="from the road")
    # The newest says what the person does.
    alice.expect_state(desk.aor, "busy", "from the road")
    desk.tell("publish", state="away", note="back at the desk")
    alice.expect_state(desk.aor, "away", "back at the desk")
