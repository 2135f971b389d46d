"""What `docs/administration.md` shows is what the command says; and what the page does not show."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from presence.cli.command import presentity, run
from presence.settings import Settings

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "administration.md").read_text("utf-8")
SESSIONS = re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL)
(RULES,) = re.findall(r"```csv\n(.*?)```", PAGE, re.DOTALL)
WRONG = "type,name,priority\n1,town,high\n3,town,1\n"


@pytest.fixture
def terminal(capsys, monkeypatch, tmp_path):
    """Runs commands on one data folder in which alice and bob are users."""
    for name in (*Settings.model_fields, "config"):
        monkeypatch.delenv(f"PRESENTITY_{name.upper()}", raising=False)
    monkeypatch.chdir(tmp_path)

    def command(*arguments: str, status: int | None = 0) -> tuple[str, str]:
        done = run([*arguments, "--data", "data"])
        out, err = capsys.readouterr()
        # What a bar of progress draws stands for nothing in a test.
        err = "".join(line + "\n" for line in re.split(r"[\r\n]+", err) if line and "%|" not in line)
        assert status in (None, done), err
        return out, err

    for name in ("alice", "bob"):
        command("user", "add", f"{name}@example.com", "--password", "x")
    return command


def test_the_page_shows_what_the_command_says(terminal) -> None:
    Path("rules.csv").write_text(RULES)
    Path("wrong.csv").write_text(WRONG)
    steps = 0
    for session in SESSIONS:
        for step in re.split(r"(?m)^\$ ", session)[1:]:
            line, _, expected = step.partition("\n")
            said = "".join(terminal(*shlex.split(line)[1:], status=None))
            assert (line, said) == (line, expected)
            steps += 1
    assert steps > 30


def test_every_command_has_a_help() -> None:
    for group in ("config", "dialrule", "host", "pilot", "profile"):
        commands = presentity.commands[group]
        assert isinstance(commands, click.Group)
        assert commands.help
        for name, command in commands.commands.items():
            assert command.help, name


@pytest.mark.parametrize(
    ("arguments", "status", "line"),
    [
        (["config", "set", "Securty", "1"], 1, "there is no property 'Securty'; did you mean Security?"),
        (["config", "set", "a=1", "b"], 2, "'b' is not NAME=VALUE"),
        (["config", "set", "IM.enable", "yes"], 1, "IM.enable cannot be 'yes': it is one of TRUE, FALSE"),
        (
            ["config", "set", "Privacy.Default.Local=hide", "Security=1"],
            1,
            "Privacy.Default.Local cannot be 'hide': it is one of allow, confirm, polite-block, block, ",
        ),
        (["config", "set", "Security", "a\nb"], 1, "Security has a character in it that cannot be shown"),
        (["config", "unset", "Directory.Map.orgainzationNam"], 1, "there is no property"),
        (["config", "list", "--user", "eve@example.com"], 1, "there is no user eve@example.com"),
        (["config", "import", "missing.toml"], 2, "cannot read missing.toml: No such file or directory"),
        (["config", "export", "missing/file"], 2, "cannot write missing/file: No such file or directory"),
        (["dialrule", "add", "x", "--kind", "3"], 1, "there is no kind '3' of rules: it is application (1)"),
        (["dialrule", "add", "x", "--prefix", "a"], 1, "prefix 'a' may have digits, +, * and # only"),
        (["dialrule", "add", "x", "--digits", "-1"], 1, "number-of-digits is -1: it is a number from 0"),
        (["dialrule", "modify", "x", "--prefix", "1"], 1, "there is no rule 'x' of application"),
        (["dialrule", "modify", "x"], 2, "nothing to change: give at least one option"),
        (["dialrule", "delete", "x"], 1, "there is no rule 'x' of application"),
        (["dialrule", "test", "12x"], 1, "'12x' is not a number to dial: digits, *, # and a + in front"),
        (["dialrule", "import", "missing.csv"], 2, "cannot read missing.csv: No such file or directory"),
        (["host", "set", "mail", "a", "b"], 1, "there is no family 'mail': it is one of voicemail, "),
        (["host", "delete", "ldap", "a"], 1, "there is no host 'a' of ldap"),
        (["pilot", "delete", "a"], 1, "there is no pilot 'a'"),
        (["profile", "set", "ldap", "a", "--attribute", "DN"], 2, "'DN' is not NAME=VALUE"),
        (["profile", "show", "ldap", "a"], 1, "there is no profile 'a' of ldap"),
        (["profile", "delete", "ldap", "a"], 1, "there is no profile 'a' of ldap"),
        (["user", "profile", "alice@example.com", "ldap", "a"], 1, "there is no profile 'a' of ldap"),
        (["user", "licences"], 2, "give users, or --all"),
        (["user", "licences", "alice@example.com", "eve@example.com", "--im"], 1, "there is no user eve@"),
        (["user", "device", "eve@example.com", "SEP1"], 1, "there is no user eve@example.com"),
    ],
)
def test_what_is_refused_is_one_line(terminal, arguments: list[str], status: int, line: str) -> None:
    out, err = terminal(*arguments, status=status)
    assert out == ""
    assert err.startswith(f"presentity: {line}")
    assert err.count("\n") == 1
    assert terminal("config", "list", "--set") == ("", "")
    assert terminal("dialrule", "list") == terminal("host", "list") == terminal("profile", "list") == ("", "")
    assert terminal("user", "licences", "alice@example.com")[0].endswith("licences: none\n")


def test_a_list_for_a_user_says_where_each_value_comes_from_and_masks_the_password(terminal) -> None:
    terminal("profile", "set", "ldap", "sales", "--attribute", "Password=secret", "--attribute", "DN=cn=x")
    terminal("user", "profile", "alice@example.com", "ldap", "sales")
    terminal("config", "set", "Security", "1")
    for user, password in (("alice", "********\tprofile sales of ldap"), ("bob", "\tdefault")):
        lines = terminal("config", "list", "--user", f"{user}@example.com")[0].splitlines()
        assert len(lines) == 79
        assert f"Directory.Password\t{password}" in lines
        assert "Security\t1\tset" in lines
        assert "Presence.Domain\texample.com\tdomain of the user" in lines
    get = ("config", "get", "directory.password", "--user", "alice@example.com")
    assert terminal(*get)[0] == "********\n"
    assert terminal(*get, "--show-passwords")[0] == "secret\n"
    assert "secret" not in terminal("profile", "show", "ldap", "sales")[0]
    assert (
        "Directory.Password\tsecret\n" in terminal("profile", "show", "ldap", "sales", "--show-passwords")[0]
    )


def test_rules_that_are_not_reached_are_named(terminal) -> None:
    for name, priority in (("late", "2"), ("early", "1")):
        terminal("dialrule", "add", name, "--prefix", "0", "--priority", priority)
    said = terminal("dialrule", "test", "5")[0].splitlines()
    assert [line.partition(" (")[0] for line in said] == [
        "rule early",
        "not reached: rule late",
        "dialled: 05",
    ]


def test_an_administrator_may_begin_before_there_is_a_user(terminal, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("properties.toml").write_text('[Directory.Map]\nuserid = "mail"\n')
    assert run(["config", "import", "properties.toml", "--data", "new"]) == 0
    assert run(["config", "get", "Directory.Map.UserID", "--data", "new"]) == 0
    assert run(["dialrule", "list", "--data", "nowhere"]) == 2


def test_a_file_that_is_no_text_is_named_with_its_line(terminal) -> None:
    Path("latin.csv").write_bytes(b"type,name\n1,caf\xe9\n")
    assert terminal("dialrule", "import", "latin.csv", status=2) == (
        "",
        "presentity: latin.csv:2: this is not UTF-8\n",
    )


def test_what_is_exported_can_be_read_by_its_owner_alone(terminal) -> None:
    terminal("config", "export", "properties.toml")
    assert Path("properties.toml").stat().st_mode & 0o777 == 0o600
