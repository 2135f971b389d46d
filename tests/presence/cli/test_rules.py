"""`presentity rules`: presence rules at the terminal, without a running server."""

from __future__ import annotations

import io
import re
import sys

import pytest

from presence.cli.command import run
from presence.settings import Settings
from tests.presence.policy.documents import RFC_5025_6, handling, one, rule, ruleset


class Terminal:
    """Runs commands on one data folder."""

    def __init__(self, capsysbinary, monkeypatch) -> None:
        self.capsys = capsysbinary
        self.monkeypatch = monkeypatch

    def __call__(self, *arguments: str, text: bytes = b"", status: int = 0) -> tuple[str, str]:
        self.monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text)))
        done = run([*arguments, "--data", "data"])
        out, err = (it.decode() for it in self.capsys.readouterr())
        assert done == status, err
        return out, err


@pytest.fixture
def terminal(capsysbinary, monkeypatch, tmp_path):
    for name in (*Settings.model_fields, "config"):
        monkeypatch.delenv(f"PRESENTITY_{name.upper()}", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rules.xml").write_bytes(RFC_5025_6)
    it = Terminal(capsysbinary, monkeypatch)
    it("user", "add", "alice@example.com", "--password", "p")
    return it


def test_rules_are_set_shown_listed_and_deleted(terminal):
    assert terminal("rules", "set", "alice@example.com", "rules.xml") == (
        "set the rules of alice@example.com\n", "",
    )  # fmt: skip
    assert terminal("rules", "show", "alice@example.com") == (RFC_5025_6.decode(), "")
    out, _ = terminal("rules", "list")
    assert re.fullmatch(
        rf"alice@example\.com\trules\tindex\t{len(RFC_5025_6)}\t20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00\n", out
    )
    assert terminal("rules", "delete", "alice@example.com") == (
        "deleted the rules of alice@example.com\n",
        "",
    )
    assert terminal("rules", "list") == ("", "")


@pytest.mark.parametrize(
    ("conditions", "notes"),
    [
        (one("sip:bob@example.com") + "<x:anonymous-request xmlns:x='urn:x'/>", []),
        (one("pres:bob@example.com"), ["rule r: no watcher is pres:bob@example.com: "]),
        (
            "<cr:identity><cr:many><cr:except id='tel:+1-212'/></cr:many></cr:identity>",
            ["rule r: no watcher is tel:+1212: "],
        ),
        ("<cr:sphere value='work'/>", []),
        (
            "<x:other-identity xmlns:x='urn:oma:xml:xdm:common-policy'/>",
            ["rule r: condition other-identity is not supported and never holds; "],
        ),
    ],
)
def test_what_hardly_does_what_is_wanted_is_noted_when_it_is_set(terminal, conditions, notes):
    text = ruleset(rule("r", conditions=conditions, actions=handling("allow")))
    out, err = terminal("rules", "set", "alice@example.com", "-", text=text)
    assert out == "set the rules of alice@example.com\n"
    assert [line[: len(note) + 6] for line, note in zip(err.splitlines(), notes, strict=True)] == [
        f"note: {note}" for note in notes
    ]


def test_rules_may_come_from_standard_input(terminal):
    terminal("rules", "set", "alice@example.com", "-", text=RFC_5025_6)
    assert terminal("rules", "show", "alice@example.com")[0] == RFC_5025_6.decode()


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (b"allow everybody", "presence rules: Start tag expected, '<' not found, line 1"),
        (
            RFC_5025_6.replace(b">allow<", b">yes<"),
            "presence rules: sub-handling: must be one of block, confirm, polite-block, allow, not 'yes',"
            " line 12",
        ),
    ],
)  # fmt: skip
def test_a_document_that_is_no_rules_is_one_line_with_the_fault_and_exit_1(terminal, text, line):
    out, err = terminal("rules", "set", "alice@example.com", "-", text=text, status=1)
    assert out == ""
    assert err.startswith(f"presentity: {line}")
    assert err.count("\n") == 1
    assert terminal("rules", "list") == ("", "")


@pytest.mark.parametrize(
    ("command", "status", "line"),
    [
        (
            ("set", "alice@example.com", "missing.xml"),
            2,
            "cannot read missing.xml: No such file or directory",
        ),
        (("set", "bob@example.com", "rules.xml"), 1, "there is no user bob@example.com"),
        (("set", "bob", "rules.xml"), 1, "'bob' is not a valid address: write name@domain"),
        (("show", "alice@example.com"), 1, "alice@example.com has no rules"),
        (("delete", "alice@example.com"), 1, "alice@example.com has no rules"),
    ],
)
def test_what_cannot_be_done_is_one_line(terminal, command, status, line):
    assert terminal("rules", *command, status=status) == ("", f"presentity: {line}\n")
