"""`presentity` as an operator types it: one line for what is wrong, and the exit status."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import types

import pytest

from presence.cli.command import run
from presence.settings import Settings, StartError


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch, tmp_path):
    for name in (*Settings.model_fields, "config"):
        monkeypatch.delenv(f"PRESENTITY_{name.upper()}", raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def served(monkeypatch):
    """A server that only notes the settings it was started with."""
    started: list[Settings] = []
    server = types.ModuleType("presence.server")
    server.run = lambda settings, **_: started.append(settings) or 0  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "presence.server", server)
    monkeypatch.setattr("presence.observe.logs.setup_logging", lambda *_: None)
    monkeypatch.setattr("presence.observe.logs.route_twisted", lambda: None)
    # The tests go on after it.
    monkeypatch.setattr("presence.cli.serve.end_at_once", lambda: None)
    return started


def complaint(capsys, *arguments: str, status: int = 2) -> str:
    assert run(arguments) == status
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    return err.strip()


def test_serve_takes_every_option_of_the_manual(served, tmp_path):
    assert run([
        "serve", "--data", "d", "--database", "sqlite:////tmp/x.db", "--domain", "a.example",
        "--domain", "b.example", "--listen", "udp:127.0.0.1:0", "--listen", "tls:[::1]:5061",
        "--http", "127.0.0.1:0", "--trust", "10.0.0.0/8", "--min-expires", "1", "--demo",
        "--log-level", "debug", "--log-sip", "--set", "t1=0.1",
    ]) == 0  # fmt: skip
    (settings,) = served
    assert settings.domain == ("a.example", "b.example")
    assert settings.listen == ("udp:127.0.0.1:0", "tls:[::1]:5061")
    assert (settings.min_expires, settings.demo, settings.log_sip, settings.t1) == (1, True, True, 0.1)
    assert settings.database_url == "sqlite:////tmp/x.db"


def test_options_that_are_not_given_leave_the_file_and_the_environment_alone(served, tmp_path, monkeypatch):
    (tmp_path / "c.toml").write_text("demo = true\nlog_sip = true")
    monkeypatch.setenv("PRESENTITY_LISTEN", "udp:127.0.0.1:0")
    assert run(["serve", "--config", "c.toml"]) == 0
    (settings,) = served
    assert (settings.demo, settings.log_sip, settings.listen) == (True, True, ("udp:127.0.0.1:0",))


def test_common_options_stand_before_or_after_the_subcommand_and_the_last_counts(served):
    run(["--data", "one", "serve"])
    run(["--data", "one", "serve", "--data", "two"])
    assert [str(settings.data) for settings in served] == ["one", "two"]


def test_the_default_domain_is_pointed_out(served, capsys):
    run(["serve"])
    assert "no domain given: serving localhost" in capsys.readouterr().err
    run(["serve", "--domain", "localhost"])
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["serve", "--bogus"], "presentity: No such option '--bogus'."),
        (["serve", "extra"], "presentity: Got unexpected extra argument (extra)"),
        (["bogus"], "presentity: No such command 'bogus'."),
        (["serve", "--min-expires"], "presentity: Option '--min-expires' requires an argument."),
        (["serve", "--min-expires", "0"], "presentity: option --min-expires: '0' is less than 1"),
        (["serve", "--listen", "udp"], "presentity: option --listen: 'udp' is not udp|tcp|"),
        (["serve", "--config", "none.toml"], "presentity: cannot read the configuration none.toml: No such"),
        (["serve", "--set", "x=1"], "presentity: Invalid value for '--set': 'x=1' is not KEY=VALUE"),
        (["serve", "--set", "t1=x"], "presentity: option --set t1: 'x' is not a number"),
        (["user", "list", "--database", "mysql://x"], "presentity: option --database: not sqlite:///FILE or"),
        (["user", "list", "--data", "/proc/none"], "presentity: no database at /proc/none/presentity.db"),
        (
            ["user", "add", "a@b.example", "--password", "x", "--data", "/proc/none"],
            "presentity: database sqlite:////proc/none/presentity.db: ",
        ),
    ],
)  # fmt: skip
def test_what_cannot_begin_is_one_line_and_exit_2(served, capsys, arguments, line):
    assert complaint(capsys, *arguments).startswith(line)
    assert served == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["user", "list"],
        ["user", "delete", "a@b.example"],
        ["user", "passwd", "a@b.example", "--password", "x"],
        ["status"],
        ["status", "--json"],
        ["rules", "list"],
        ["contacts", "list", "a@b.example"],
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("there", ["nothing", "an empty file"])
def test_what_only_reads_or_changes_creates_no_database(capsys, tmp_path, arguments, there):
    file = tmp_path / "data" / "presentity.db"
    if there == "an empty file":
        file.parent.mkdir()
        file.touch()
    assert complaint(capsys, *arguments) == f"presentity: no database at {file}"
    assert [it.name for it in tmp_path.rglob("*.db*")] == (["presentity.db"] if there != "nothing" else [])
    assert (tmp_path / "data").exists() == (there != "nothing")
    if there != "nothing":
        assert file.stat().st_size == 0


def test_what_the_server_cannot_start_for_is_one_line_and_exit_2(served, capsys, monkeypatch):
    def refuse(settings, **_):
        raise StartError("cannot listen on udp 192.0.2.1:5060:\n Cannot assign requested address")

    monkeypatch.setattr(sys.modules["presence.server"], "run", refuse)
    line = complaint(capsys, "serve", "--domain", "a.example")
    assert line == "presentity: cannot listen on udp 192.0.2.1:5060: Cannot assign requested address"


def test_without_a_subcommand_the_help_is_shown(capsys):
    assert run([]) == 2
    assert "Commands:" in capsys.readouterr().err


def test_help_and_version_are_no_faults(capsys):
    assert run(["--help"]) == 0
    assert run(["serve", "--help"]) == 0
    assert "--min-expires SECONDS" in capsys.readouterr().out
    assert run(["--version"]) == 0
    assert capsys.readouterr().out.startswith("presentity ")


def test_the_command_line_starts_without_twisted_and_sqlalchemy():
    program = (
        "import sys; from presence.cli.command import run; run(['--version']);"
        "sys.exit(bool({'sqlalchemy', 'alembic', 'twisted.internet.reactor'} & sys.modules.keys()))"
    )
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)


LOADING = """
import os, signal
os.kill(os.getpid(), signal.SIGHUP)
os._exit(7)
"""
"""Stands in for a module that takes its time: SIGHUP comes while it is imported."""


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        pytest.param(["serve"], 7, id="no server that is still being loaded"),
        pytest.param(["--data", "somewhere", "serve"], 7, id="nor with options before its name"),
        pytest.param(["user", "list"], -signal.SIGHUP, id="but any other command"),
    ],
)
def test_a_hangup_ends(tmp_path, arguments, status):
    (tmp_path / "click.py").write_text(LOADING)
    path = os.pathsep.join(filter(None, (str(tmp_path), os.environ.get("PYTHONPATH"))))
    # Whoever runs the tests by nohup has SIGHUP ignored, and so have all below him.
    usual = "import signal; signal.signal(signal.SIGHUP, signal.SIG_DFL)"
    program = [sys.executable, "-c", f"{usual}; from presence.cli import main; main()", *arguments]
    environment = os.environ | {"PYTHONPATH": path}
    assert subprocess.run(program, env=environment, check=False, timeout=30).returncode == status
