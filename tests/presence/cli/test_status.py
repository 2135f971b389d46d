"""`presentity status`, with and without a server that answers."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from presence.cli.command import run
from presence.cli.status import ask
from presence.runfile import RunFile

LIVE = {
    "pid": os.getpid(), "uptime": 12.5, "listeners": ["udp 127.0.0.1:5060"], "transactions": 2,
    "journal_lag": 0.001,
    "requests": {"REGISTER": {"200": 3, "401": 1}},
}  # fmt: skip


@pytest.fixture
def answering() -> Iterator[int]:
    """A server that tells `LIVE` on /status; its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(LIVE).encode())

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


def note(port: int, pid: int = LIVE["pid"]) -> RunFile:
    return RunFile(pid, "0.0.0.0", port, ("udp 127.0.0.1:5060",), 1000.0)


def test_without_a_server_the_counts_of_the_database_are_shown(tmp_path, capsys):
    run(["user", "add", "alice@example.com", "--password", "p", "--data", str(tmp_path)])
    capsys.readouterr()
    assert run(["status", "--data", str(tmp_path)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "server: not running", "users: 1", "bindings: 0", "publications: 0", "subscriptions: 0",
        "messages waiting: 0",
    ]  # fmt: skip


@pytest.fixture
def database(tmp_path, capsys):
    run(["user", "add", "alice@localhost", "--password", "p", "--data", str(tmp_path)])
    capsys.readouterr()


def test_with_a_server_its_live_figures_are_shown_too(tmp_path, capsys, answering, database):
    note(answering).write(tmp_path / "server.json")
    assert run(["status", "--data", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "server: running"
    assert "uptime: 12.5 s" in lines
    assert "listeners: udp 127.0.0.1:5060" in lines
    assert "journal lag: 0.001 s" in lines
    assert lines[-1] == "requests REGISTER: 200 3, 401 1"


def test_json_is_one_object_with_the_same_keys_either_way(tmp_path, capsys, answering, database):
    run(["status", "--json", "--data", str(tmp_path)])
    note(answering).write(tmp_path / "server.json")
    run(["status", "--json", "--data", str(tmp_path)])
    without, running = map(json.loads, capsys.readouterr().out.splitlines())
    assert without.keys() == running.keys()
    assert (without["server"], without["requests"]) == ("not running", None)
    assert (running["server"], running["requests"]) == ("running", LIVE["requests"])


def test_another_process_on_the_port_of_a_killed_server_is_not_taken_for_it(answering):
    assert ask(note(answering)) == LIVE
    assert ask(note(answering, pid=1)) is None


def test_a_server_that_is_gone_counts_as_not_running(answering):
    assert ask(None) is None
    assert ask(note(1)) is None
