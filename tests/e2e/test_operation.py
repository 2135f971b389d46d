"""What an operator relies on: an orderly end, honest health, changes that hold while the server runs."""

from __future__ import annotations

import fcntl
import os
import signal
import sqlite3
import subprocess
import time
from pathlib import Path

import pytest
import trustme

from tests.e2e.conftest import StartServer
from tests.support.server import Server, clean_environment, command, free_port, postgres_database
from tests.support.sipclient import SipClient

USERS = ("alice@example.com", "bob@example.com")


@pytest.fixture(scope="module")
def server(start_server: StartServer) -> Server:
    return start_server(*USERS)


def phone(server: Server, name: str, password: str = "secret", transport: str = "udp") -> SipClient:
    return SipClient(server.address(transport), f"{name}@example.com", password, transport=transport)


def test_sigterm_lets_what_is_under_way_be_answered(start_server: StartServer) -> None:
    server = start_server(*USERS, options=["--set", "shutdown_grace=5"])
    with phone(server, "alice") as alice, phone(server, "bob") as bob:
        bob.register()
        del bob.answers["MESSAGE"]
        challenged = alice.exchange(
            alice.request("MESSAGE", bob.uri, headers=[("Content-Type", "text/plain")])
        )
        sent = alice.authorized(
            alice.request("MESSAGE", bob.uri, headers=[("Content-Type", "text/plain")], body=b"now?"),
            challenged,
        )
        alice.send(sent)
        came = bob.expect_request("MESSAGE")
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        refused = alice.exchange(alice.request("OPTIONS", "sip:example.com"))
        assert (refused.status, 5 <= int(refused.need("Retry-After")) <= 10) == (503, True)
        bob.reply(came, 200)
        assert alice.expect_response(sent).status == 200
        assert server.wait() == 0


def test_a_database_that_is_away_shows_in_health_and_comes_back_by_itself(start_server: StartServer) -> None:
    server = start_server(*USERS)
    with phone(server, "alice") as alice:
        alice.register()
        assert server.get("/healthz")[0] == 200
        with sqlite3.connect(server.data / "presentity.db", isolation_level=None) as lock:
            lock.execute("BEGIN IMMEDIATE")
            refused = alice.register(expect=None)
            assert (refused.status, "Retry-After" in dict(refused.headers)) == (503, True)
            server.wait_until(lambda: server.get("/healthz")[0] == 503)
            assert "journal" in server.get("/healthz")[1]
            lock.execute("ROLLBACK")
        server.wait_until(lambda: server.get("/healthz")[0] == 200)
        alice.register()


def test_the_journal_may_be_killed(start_server: StartServer) -> None:
    server = start_server(*USERS)
    with phone(server, "alice") as alice:
        alice.register()
        for writer in server.children():
            os.kill(writer, signal.SIGKILL)
        alice.register()
        server.wait_until(lambda: server.get("/healthz")[0] == 200)


def test_users_that_are_imported_while_the_server_runs_can_sign_on(server: Server, tmp_path: Path) -> None:
    table = tmp_path / "users.csv"
    rows = "".join(f"u{number}@example.com,pw{number},User {number}\n" for number in range(300))
    table.write_text(f"aor,password,display_name\n{rows}broken line\n")
    done = server.cli("user", "import", str(table), expect=1)
    assert "302" in done.stdout + done.stderr
    with phone(server, "u299", "pw299") as late:
        server.wait_until(lambda: late.register(expect=None).status == 200, timeout=2)


def test_an_alias_is_known_within_a_second(server: Server) -> None:
    server.cli("user", "add", "carol@example.com", "--password", "secret", "--alias", "chef@example.com")
    with phone(server, "alice") as alice, phone(server, "carol") as carol:
        server.wait_until(lambda: carol.register(expect=None).status == 200, timeout=1)
        alice.message("sip:chef@example.com", "hello chef")
        assert carol.expect_request("MESSAGE").text == "hello chef"


def test_who_is_registered_and_publishes_nothing_is_closed_or_open_by_setting(
    server: Server, start_server: StartServer
) -> None:
    for shown, at in (
        ("closed", server),
        ("open", start_server(*USERS, options=["--set", "registration_is_open=true"])),
    ):
        with phone(at, "alice") as alice, phone(at, "bob") as bob:
            seen = alice.subscribe(bob.uri)
            assert "<basic>closed</basic>" in seen.notify().text
            bob.register()
            if shown == "open":
                assert "<basic>open</basic>" in seen.notify().text
            else:
                seen.quiet()


def test_a_phone_on_tcp_that_comes_back_after_a_restart_is_told_there(start_server: StartServer) -> None:
    server = start_server(*USERS)
    with phone(server, "bob") as bob, phone(server, "alice", transport="tcp") as alice:
        alice.register()
        seen = alice.subscribe(bob.uri)
        seen.notify()
        server.restart()
        alice.reconnect()
        alice.register()
        seen.notify(timeout=5, what="after the restart")


def serving(*options: str) -> subprocess.Popen[str]:
    """A server that nobody waits for."""
    http = f"127.0.0.1:{free_port()}"
    return subprocess.Popen(
        command("serve", "--domain", "example.com", "--listen", "udp:127.0.0.1:0", "--http", http, *options),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=clean_environment(),
    )


def writers_of(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [
        int(child) for child in children if b"journal.writer" in Path(f"/proc/{child}/cmdline").read_bytes()
    ]


def until(condition, seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.02)


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def test_a_database_has_one_server_whatever_data_folders_are_named(
    start_server: StartServer, tmp_path: Path, kind: str
) -> None:
    def second(url: str) -> None:
        first = start_server(database=url)
        other = serving("--data", str(tmp_path / "another"), "--database", url)
        printed, _ = other.communicate(timeout=30)
        complaints = [line for line in printed.splitlines() if line.startswith("presentity: ")]
        assert len(complaints) == 1, printed
        assert complaints[0].startswith("presentity: another server uses the database ")
        assert other.returncode == 2
        assert first.get("/healthz")[0] == 200
        assert first.stop() == 0

    if kind == "sqlite":
        second(f"sqlite:///{tmp_path}/shared.db")
        return
    try:
        with postgres_database() as url:
            second(url)
    except LookupError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_while_a_server_prepares_is_an_orderly_end(tmp_path: Path, number: signal.Signals) -> None:
    # What it waits for: somebody has its seat.
    with (tmp_path / "presentity.db-server").open("w") as seat:
        fcntl.flock(seat, fcntl.LOCK_EX)
        server = serving("--data", str(tmp_path))
        until((tmp_path / "presentity.db").exists)
        time.sleep(0.3)
        server.send_signal(number)
        printed, _ = server.communicate(timeout=5)
    assert (server.returncode, "Traceback" in printed, "ready" in printed) == (0, False, False), printed


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_between_the_listeners_and_ready_is_an_orderly_end(
    tmp_path: Path, number: signal.Signals
) -> None:
    # What it waits for: its writer, which stands still.
    server = serving("--data", str(tmp_path))
    # Not before it is that program: its parent would stand still with it.
    until(lambda: bool(writers_of(server.pid)))
    os.kill(writers_of(server.pid)[0], signal.SIGSTOP)
    time.sleep(0.3)
    server.send_signal(number)
    printed, _ = server.communicate(timeout=40)
    assert (server.returncode, "Traceback" in printed, "ready" in printed) == (0, False, False), printed


def test_a_hangup_ends_no_server_that_prepares(tmp_path: Path) -> None:
    with (tmp_path / "presentity.db-server").open("w") as seat:
        fcntl.flock(seat, fcntl.LOCK_EX)
        server = serving("--data", str(tmp_path))
        until((tmp_path / "presentity.db").exists)
        time.sleep(0.3)
        server.send_signal(signal.SIGHUP)
        time.sleep(0.3)
        assert server.poll() is None
    until((tmp_path / "server.json").exists)
    server.send_signal(signal.SIGTERM)
    printed, _ = server.communicate(timeout=40)
    assert (server.returncode, "ready" in printed) == (0, True), printed


def test_a_hangup_reloads_certificates_and_says_which_settings_need_a_restart(
    start_server: StartServer, tmp_path: Path
) -> None:
    authority, file, config = trustme.CA(), tmp_path / "tls.pem", tmp_path / "presentity.toml"

    def renew(name: str) -> None:
        fresh = file.with_suffix(".new")
        authority.issue_cert(name).private_key_and_cert_chain_pem.write_to_path(fresh)
        fresh.replace(file)

    def reloaded() -> str:
        mark = len(server.output)
        server.process.send_signal(signal.SIGHUP)
        return server.wait_for_line(".*event=server.reloaded", since=mark)

    renew("old.example.com")
    config.write_text(f'tls_certificate = "{file}"\n')
    server = start_server(
        *USERS, listen=("udp", "tls"), options=["--config", str(config), "--set", "https=127.0.0.1:0"]
    )
    with phone(server, "alice") as alice:
        alice.register()
        assert reloaded().endswith("certificates=2 certificates_kept=0 needs_restart=nothing")
        renew("new.example.com")
        config.write_text(f'tls_certificate = "{file}"\nt1 = 0.25\nretry_after = 6\n')
        mark = len(server.output)
        assert reloaded().endswith("certificates=2 certificates_kept=0 needs_restart=t1,retry_after")
        replaced = [line for line in server.output[mark:] if "event=transport.certificate-replaced" in line]
        assert len(replaced) == 2
        file.write_text("nothing")
        config.write_text("t1 = ")
        assert reloaded().endswith("certificates=0 certificates_kept=2 needs_restart=nothing")
        assert any("event=server.settings-unusable" in line for line in server.output[mark:])
        # It serves as before.
        alice.register()
        assert server.get("/healthz")[0] == 200
    assert server.stop() == 0


def test_sigint_ends_a_running_server_as_sigterm_does(tmp_path: Path) -> None:
    server = serving("--data", str(tmp_path))
    until((tmp_path / "server.json").exists)
    server.send_signal(signal.SIGINT)
    server.send_signal(signal.SIGINT)
    printed, _ = server.communicate(timeout=40)
    assert (server.returncode, "Traceback" in printed, "server.stopped" in printed) == (0, False, True), (
        printed
    )
    assert not (tmp_path / "server.json").exists()
