"""The SIPp scenarios of scripts/load, briefly: every call of each has to succeed."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.conftest import StartServer
from tests.support.server import ROOT, Server

pytestmark = [
    pytest.mark.sipp,
    pytest.mark.skipif(shutil.which("sipp") is None, reason="SIPp is missing (Debian package sip-tester)"),
]

CALLS = 50
USERS = 20
DRIVER = [sys.executable, str(ROOT / "scripts" / "load" / "run")]


@pytest.fixture(scope="module")
def users(tmp_path_factory: pytest.TempPathFactory) -> Path:
    table = tmp_path_factory.mktemp("load") / "users.csv"
    printed = subprocess.run(
        [*DRIVER, "users", "--count", str(USERS)], capture_output=True, text=True, check=True
    )
    table.write_text(printed.stdout)
    return table


@pytest.fixture(scope="module")
def server(start_server: StartServer, users: Path) -> Server:
    server = start_server()
    server.import_users(users, USERS)
    return server


@pytest.fixture(scope="module")
def trusting(start_server: StartServer, users: Path) -> Server:
    server = start_server(options=["--trust", "127.0.0.1/32"])
    server.import_users(users, USERS)
    return server


def load(server: Server, users: Path, operation: str, *options: str) -> None:
    host, port = server.address(options[-1] if "--transport" in options else "udp")
    amount = ["--calls", str(CALLS), "--rate", "50", "--timeout", "45"]
    done = subprocess.run(
        [*DRIVER, operation, "--server", f"{host}:{port}", "--users", str(users), *options, *amount],
        capture_output=True,
        text=True,
        timeout=100,
    )
    told = done.stdout + done.stderr
    assert done.stdout.startswith(f"{operation}: {CALLS} of {CALLS} succeeded"), told
    assert done.returncode == 0, told


@pytest.mark.parametrize("operation", ["register", "publish", "subscribe", "message"])
def test_every_call_succeeds_with_digest(server: Server, users: Path, operation: str) -> None:
    load(server, users, operation)


@pytest.mark.parametrize("operation", ["register", "publish", "subscribe"])
def test_every_call_succeeds_over_one_tcp_connection(server: Server, users: Path, operation: str) -> None:
    load(server, users, operation, "--transport", "tcp")


@pytest.mark.parametrize("operation", ["register", "publish", "subscribe", "message"])
def test_every_call_succeeds_without_digest_from_a_trusted_peer(
    trusting: Server, users: Path, operation: str
) -> None:
    load(trusting, users, operation)


def test_calls_that_fail_are_counted_as_failed(server: Server, tmp_path: Path) -> None:
    strangers = tmp_path / "strangers.csv"
    strangers.write_text("aor,password\nnobody1@example.com,x\nnobody2@example.com,x\n")
    done = subprocess.run(
        [*DRIVER, "register", "--server", "{}:{}".format(*server.address()), "--users", str(strangers)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert done.stdout.startswith("register: 0 of 2 succeeded")
