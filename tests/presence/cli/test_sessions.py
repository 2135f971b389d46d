"""`presentity session` and the rules of clients in `presentity rules`, at the terminal without a server."""

from __future__ import annotations

import re
import time

import pytest

from presence.cli.command import run
from presence.policy.cisco import CiscoRule
from presence.provisioning.presence_rules import PresenceRulesService
from presence.provisioning.sessions import LoggedIn, SessionService, SessionSettings
from presence.settings import Settings
from presence.storage.database import Database, open_database
from presence.storage.presence_rules import SqlPresenceRulesRepository
from presence.storage.sessions import SqlSessionRepository

TIME = r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00"


class Terminal:
    """Runs commands on one data folder."""

    def __init__(self, capsys) -> None:
        self.capsys = capsys

    def __call__(self, *arguments: str, status: int = 0) -> tuple[str, str]:
        done = run([*arguments, "--data", "data"])
        out, err = self.capsys.readouterr()
        assert done == status, err
        return out, err


@pytest.fixture
def terminal(capsys, monkeypatch, tmp_path):
    for name in (*Settings.model_fields, "config"):
        monkeypatch.delenv(f"PRESENTITY_{name.upper()}", raising=False)
    monkeypatch.chdir(tmp_path)
    it = Terminal(capsys)
    for name in ("alice", "bob"):
        it("user", "add", f"{name}@example.com", "--password", "p")
    return it


@pytest.fixture
def database(terminal):
    it = open_database("sqlite:///data/presentity.db")
    yield it
    it.close()


def login(database: Database, name: str, ago: float = 0.0) -> str:
    sessions = SessionService(
        SqlSessionRepository(database), lambda: time.time() - ago, SessionSettings("example.com")
    )
    outcome = sessions.login(name, "p", False, "192.0.2.1")
    assert isinstance(outcome, LoggedIn)
    return outcome.key


def test_sessions_are_listed_without_their_keys_and_ended(terminal, database):
    key = login(database, "alice")
    out, _ = terminal("session", "list")
    assert re.fullmatch(rf"alice@example\.com\t{TIME}\t{TIME}\n", out)
    assert terminal("session", "end", "alice@example.com")[0] == "ended the session of alice@example.com\n"
    assert SqlSessionRepository(database).list() == []
    assert key not in out
    assert terminal("session", "end", "alice@example.com", status=1) == (
        "", "presentity: alice@example.com has no session\n",
    )  # fmt: skip


def test_a_session_that_was_idle_for_longer_than_the_setting_is_none(terminal, database, monkeypatch):
    login(database, "bob", ago=100)
    monkeypatch.setenv("PRESENTITY_SESSION_IDLE", "101")
    assert terminal("session", "list")[0].startswith("bob@example.com\t")
    monkeypatch.setenv("PRESENTITY_SESSION_IDLE", "99")
    assert terminal("session", "list") == ("", "")


def test_what_is_no_address_is_said_in_a_line(terminal):
    _, err = terminal("session", "end", "alice", status=1)
    assert err == "presentity: 'alice' is not a valid address: write name@domain\n"


def test_rules_of_clients_are_listed_and_shown_with_their_acl(terminal, database):
    rules = PresenceRulesService(SqlPresenceRulesRepository(database))
    rules.set("alice@example.com", [CiscoRule("my friends", "reachability-only"), CiscoRule("none")])
    rules.add_watchers("alice@example.com", "my friends", ["bob", "eve@example.org"])
    lines = terminal("rules", "list")[0].splitlines()
    assert re.fullmatch(
        rf"alice@example\.com\tcisco\tmy friends\t\d+\t{TIME}\tbob@example\.com eve@example\.org", lines[0]
    )
    assert re.fullmatch(rf"alice@example\.com\tcisco\tnone\t\d+\t{TIME}\t", lines[1])
    out, _ = terminal("rules", "show", "alice@example.com", "--rule", "my friends")
    assert "<epas:visibility>reachability-only</epas:visibility>" in out
    assert "<epas:acl>sip:bob@example.com</epas:acl><epas:acl>sip:eve@example.org</epas:acl>" in out
    assert terminal("rules", "show", "alice@example.com", "--rule", "x", status=1)[1] == (
        "presentity: alice@example.com has no rules cisco/x\n"
    )
