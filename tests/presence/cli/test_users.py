"""`presentity user`: provisioning at the terminal, without a running server."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

import pytest

from presence.cli.command import run
from presence.runfile import RunFile
from presence.settings import Settings


class Terminal:
    """Runs commands on one data folder."""

    def __init__(self, capsys, monkeypatch) -> None:
        self.capsys = capsys
        self.monkeypatch = monkeypatch

    def __call__(self, *arguments: str, text: str = "", status: int = 0) -> tuple[str, str]:
        self.monkeypatch.setattr(sys, "stdin", io.StringIO(text))
        done = run([*arguments, "--data", "data"])
        out, err = self.capsys.readouterr()
        assert done == status, err
        return out, err


@pytest.fixture
def terminal(capsys, monkeypatch, tmp_path):
    for name in (*Settings.model_fields, "config"):
        monkeypatch.delenv(f"PRESENTITY_{name.upper()}", raising=False)
    monkeypatch.chdir(tmp_path)
    return Terminal(capsys, monkeypatch)


def test_a_user_is_added_listed_and_deleted(terminal):
    added = terminal(
        "user", "add", "alice@example.com", "--password", "p", "--display-name", "Alice A", "--alias", "al"
    )
    assert added == (
        "added alice@example.com\n",
        "presentity: warning: the server must serve example.com for them (option --domain example.com)\n",
    )
    assert terminal("user", "list")[0] == "alice@example.com\tAlice A\tal@example.com\n"
    assert terminal("user", "delete", "alice@example.com") == ("deleted alice@example.com\n", "")
    assert terminal("user", "list") == ("", "")


def test_the_password_may_come_from_standard_input(terminal):
    terminal("user", "add", "alice@example.com", "--password-stdin", text="päss\n")
    assert terminal("user", "passwd", "alice@example.com", "--password-stdin", text="other\r\n") == (
        "changed the password of alice@example.com\n", "",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("options", "status", "line"),
    [
        ([], 2, "presentity: a password is needed: give --password or --password-stdin\n"),
        (
            ["--password", "x", "--password-stdin"], 2,
            "presentity: --password and --password-stdin exclude each other\n",
        ),
        (["--password-stdin"], 1, "presentity: the password is empty\n"),
        (["--password", ""], 1, "presentity: the password is empty\n"),
    ],
)  # fmt: skip
def test_a_password_is_needed_and_only_one(terminal, options, status, line):
    assert terminal("user", "add", "alice@example.com", *options, status=status) == ("", line)


@pytest.mark.parametrize("command", [("passwd", "--password", "x"), ("delete",)])
def test_a_user_who_does_not_exist_is_one_line_and_exit_1(terminal, command):
    name, *options = command
    terminal("user", "add", "alice@example.com", "--password", "p")
    out, err = terminal("user", name, "bob@example.com", *options, status=1)
    assert (out, err) == ("", "presentity: there is no user bob@example.com\n")


def test_a_user_is_added_once(terminal):
    terminal("user", "add", "alice@example.com", "--password", "p")
    _, err = terminal("user", "add", "ALICE@Example.com".lower(), "--password", "p", status=1)
    assert err == "presentity: user alice@example.com exists already\n"


def test_a_domain_is_checked_only_where_the_domains_are_known(terminal, monkeypatch):
    monkeypatch.setenv("PRESENTITY_DOMAIN", "example.com")
    _, err = terminal("user", "add", "alice@example.org", "--password", "p", status=1)
    assert "example.org is not served here" in err
    assert terminal("user", "add", "alice@example.com", "--password", "p")[1] == ""


class Running:
    """What `status` would ask, as long as it is there."""

    def __init__(self, monkeypatch, *domains: str) -> None:
        Path("data").mkdir(exist_ok=True)
        self.note = RunFile(os.getpid(), "127.0.0.1", 8080, (), 1000.0, domains)
        self.note.write(Path("data/server.json"))
        self.answers = True
        monkeypatch.setattr("presence.cli.users.ask", lambda run: {"pid": run.pid} if self.answers else None)


def test_a_user_whom_the_running_server_would_not_serve_is_refused(terminal, monkeypatch):
    Running(monkeypatch, "example.com", "example.net")
    refused = terminal("user", "add", "dave@other.org", "--password", "p", status=1)
    assert refused == (
        "",
        "presentity: domain other.org is not served here (served: example.com, example.net)\n",
    )
    assert terminal("user", "add", "dave@example.net", "--password", "p") == ("added dave@example.net\n", "")


def test_the_note_of_a_server_that_is_gone_refuses_nobody_but_there_is_a_warning(terminal, monkeypatch):
    Running(monkeypatch, "example.com").answers = False
    out, err = terminal("user", "add", "dave@other.org", "--password", "p", "--alias", "d@more.org")
    assert out == "added dave@other.org\n"
    assert err.splitlines() == [
        "presentity: warning: the server must serve more.org for them (option --domain more.org)",
        "presentity: warning: the server must serve other.org for them (option --domain other.org)",
    ]


def test_a_user_of_the_domain_that_is_served_by_default_needs_no_warning(terminal):
    assert terminal("user", "add", "dave@localhost", "--password", "p")[1] == ""


def test_an_import_is_held_to_the_domains_too(terminal, monkeypatch):
    Path("users.csv").write_text("alice@example.com,p\ndave@other.org,p\nerin@other.org,p\nnobody,p\n")
    _, err = terminal("user", "import", "users.csv", status=1)
    assert [line for line in err.replace("\r", "\n").splitlines() if "warning" in line] == [
        "presentity: warning: the server must serve example.com for them (option --domain example.com)",
        "presentity: warning: the server must serve other.org for them (option --domain other.org)",
    ]
    Running(monkeypatch, "example.com")
    Path("users.csv").write_text("bob@example.com,p\nfred@other.org,p\n")
    out, err = terminal("user", "import", "users.csv", status=1)
    assert out == "imported 1 users, refused 1 rows\n"
    assert "users.csv:2: domain other.org is not served here (served: example.com)" in err


# --- import ------------------------------------------------------------------------------------------


def test_good_rows_are_imported_and_bad_ones_named_by_their_lines(terminal, tmp_path):
    (tmp_path / "users.csv").write_text(
        "aor,password,display_name\n"
        "alice@example.com,p1,Alice\n"
        "no address,p2,Nobody\n"
        "\n"
        'bob@example.com,p3,"Bob\nB"\n'
        "carol@example.com\n"
        'dave@example.com,"p,4",Dave\n'
        "erin@example.com,p5\n"
        "a@example.com,p,x,too many\n"
        "alice@example.com,p6,Twice\n"
    )
    out, err = terminal("user", "import", "users.csv", status=1)
    assert out == "imported 3 users, refused 5 rows\n"
    complaints = [line for line in err.replace("\r", "\n").splitlines() if line.startswith("users.csv:")]
    assert [line.split(":")[1] for line in complaints] == ["3", "5", "7", "10", "11"]
    assert complaints[2] == "users.csv:7: 1 columns instead of aor,password,display_name"
    assert complaints[4] == "users.csv:11: user alice@example.com exists already"
    assert "100%" in err
    names = [line.split("\t")[0] for line in terminal("user", "list")[0].splitlines()]
    assert names == ["alice@example.com", "dave@example.com", "erin@example.com"]


def test_an_import_without_bad_rows_ends_with_0(terminal, tmp_path):
    (tmp_path / "users.csv").write_bytes(
        b"\xef\xbb\xbfdisplay_name,aor,password\r\nAlice,alice@example.com,p\r\n"
    )
    assert terminal("user", "import", "users.csv")[0] == "imported 1 users\n"
    assert terminal("user", "list")[0] == "alice@example.com\tAlice\n"


def test_the_header_may_be_missing(terminal, tmp_path):
    (tmp_path / "users.csv").write_text("alice@example.com,p,Alice\n")
    assert terminal("user", "import", "users.csv")[0] == "imported 1 users\n"


def test_bytes_that_are_no_utf8_spoil_their_own_row_only(terminal, tmp_path):
    (tmp_path / "users.csv").write_bytes(
        b"aor,password,display_name\nalice@example.com,p,\xfc\nbob@example.com,p,B\n"
    )
    out, err = terminal("user", "import", "users.csv", status=1)
    assert out == "imported 1 users, refused 1 rows\n"
    assert "users.csv:2: " in err
    assert "not valid UTF-8" in err


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (None, "presentity: cannot read users.csv: No such file or directory\n"),
        ("name;secret\n", "presentity: users.csv: the first line must be aor,password,display_name\n"),
    ],
)
def test_a_file_that_is_no_import_is_one_line_and_exit_2(terminal, tmp_path, text, line):
    if text is not None:
        (tmp_path / "users.csv").write_text(text)
    assert terminal("user", "import", "users.csv", status=2) == ("", line)
