"""`scripts/softphone` itself, piped: the lines of docs/softphone.md."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.e2e.conftest import StartServer
from tests.support import phone as phones
from tests.support.server import ROOT, Server

pytestmark = [
    pytest.mark.softphone,
    pytest.mark.skipif(bool(phones.missing()), reason=phones.missing() or "pjsua2 is there"),
]
LIMIT = 40.0  # seconds for one run


@pytest.fixture(scope="module")
def server(start_server: StartServer) -> Server:
    return start_server("alice@example.com", "bob@example.com", listen=["udp"])


def start(*arguments: str) -> subprocess.Popen[str]:
    """The softphone with these arguments (scripts/softphone without its set-up)."""
    return subprocess.Popen(
        [sys.executable, "-m", "softphone_lib", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT / "scripts")},
    )


def sign_on(server: Server, name: str, *arguments: str, password: str = "secret") -> subprocess.Popen[str]:
    host, port = server.address()
    return start(f"{name}@example.com", "--server", f"{host}:{port}", "--password", password, *arguments)


def finish(phone: subprocess.Popen[str], commands: str = "") -> tuple[int, list[str], str]:
    """Pipe the commands in; exit status, lines and standard error."""
    try:
        out, error = phone.communicate(commands, timeout=LIMIT)
    except subprocess.TimeoutExpired:
        phone.kill()
        out, error = phone.communicate()
        pytest.fail(f"the softphone did not end\n{out}{error}")
    return phone.returncode, out.splitlines(), error


def test_two_softphones_in_two_terminals(server: Server) -> None:
    bob = sign_on(server, "bob", "--buddy", "alice")
    assert bob.stdin is not None
    bob.stdin.write('wait 1\nbusy in a "meeting"\nwait 2\nlist\n')
    bob.stdin.flush()
    status, alice, error = finish(
        sign_on(server, "alice"), "open at my desk\nadd bob@example.com\nwait 2\nmsg bob hello Bob\nlist\n"
    )
    assert (status, error) == (0, "")
    assert alice[0] == 'self open ""'
    assert "registered alice@example.com 600" in alice
    assert 'self open "at my desk"' in alice
    assert r'state bob@example.com busy "in a \"meeting\""' in alice
    assert 'sent bob@example.com 200 "OK"' in alice
    assert alice[-1] == "bye"
    status, lines, error = finish(bob)
    assert (status, error) == (0, "")
    assert 'state alice@example.com open "at my desk"' in lines
    assert 'message alice@example.com "hello Bob"' in lines
    assert r'self busy "in a \"meeting\""' in lines


def test_watchers_are_shown(server: Server) -> None:
    _, lines, _ = finish(sign_on(server, "alice", "--buddy", "alice"), "wait 1\nwatchers\n")
    told = [line for line in lines if line.startswith("watcher")]
    assert told == ["watchers 1", "watcher alice@example.com active"], lines


def test_what_cannot_be_understood_is_an_error_line(server: Server) -> None:
    _, lines, _ = finish(sign_on(server, "alice"), "frobnicate\nmsg bob\nremove bob\n")
    assert [line for line in lines if line.startswith("error")] == [
        'error "unknown command frobnicate; type help"',
        'error "msg NAME TEXT"',
        'error "bob is not watched"',
    ]


def test_a_wrong_password_ends_it_with_status_1(server: Server) -> None:
    status, lines, _ = finish(sign_on(server, "alice", password="guessed"), "list\n")
    assert status == 1
    assert any(line.startswith("refused alice@example.com 40") for line in lines), lines


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["alice"], "NAME@DOMAIN"),
        (["alice@example.com"], "--password"),
        (["alice@example.com", "--password", "x", "--server", "host:sip"], "--server"),
        (["alice@example.com", "--password", "x", "--server", "host.invalid"], "host.invalid"),
    ],
)
def test_what_is_wrong_with_the_command_line_is_named(arguments: list[str], named: str) -> None:
    status, _, error = finish(start(*arguments))
    assert status == 2
    assert named in error.splitlines()[-1]
