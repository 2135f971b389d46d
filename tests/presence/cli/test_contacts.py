"""`presentity contacts`: contact lists at the terminal, without a running server."""

from __future__ import annotations

import pytest

from presence.cli.command import run
from presence.settings import Settings


@pytest.fixture
def terminal(capsys, monkeypatch, tmp_path):
    """Runs commands on one data folder in which alice, bob and carol are users."""
    for name in (*Settings.model_fields, "config"):
        monkeypatch.delenv(f"PRESENTITY_{name.upper()}", raising=False)
    monkeypatch.chdir(tmp_path)

    def command(*arguments: str, status: int = 0) -> tuple[str, str]:
        done = run([*arguments, "--data", "data"])
        out, err = capsys.readouterr()
        assert done == status, err
        return out, err

    for name in ("alice", "bob", "carol"):
        command("user", "add", f"{name}@example.com", "--password", "x")
    return command


def test_contacts_are_added_listed_and_removed(terminal):
    assert terminal("contacts", "add", "alice@example.com", "bob") == ("added bob\n", "")
    added = terminal(
        "contacts", "add", "alice@example.com", "sip:carol@example.com",
        "--group", "my friends", "--nickname", "Caro", "--index", "-2.50", "--phone",
    )  # fmt: skip
    assert added == ("added carol@example.com in group my friends\n", "")
    terminal("contacts", "add", "alice@example.com", "bob", "--group", "my friends")
    assert terminal("contacts", "list", "alice@example.com")[0] == (
        "\t1\tbob@example.com\n"
        "my friends\t-2.5\tcarol@example.com\tCaro\tphone\n"
        "my friends\t-1.5\tbob@example.com\n"
    )
    removed = terminal("contacts", "remove", "alice@example.com", "carol", "--group", "my friends")
    assert removed == ("removed carol in group my friends\n", "")
    assert (
        terminal("contacts", "remove", "alice@example.com", "bob@example.com")[0]
        == "removed bob@example.com\n"
    )
    assert terminal("contacts", "list", "alice@example.com")[0] == "my friends\n"
    assert (
        terminal("contacts", "remove-group", "alice@example.com", "my friends")[0]
        == "removed group my friends\n"
    )
    assert terminal("contacts", "list", "alice@example.com") == ("", "")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["list", "nobody@example.com"], "there is no user nobody@example.com"),
        (["add", "alice@example.com", "nobody"], "there is no user nobody@example.com"),
        (["add", "alice@example.com", "nobody", "--group", "new"], "there is no user nobody@example.com"),
        (["add", "alice@example.com", "bob", "--index", "first"], "index 'first' is not a decimal number"),
        (["add", "alice@example.com", "tel:+1234"], "'tel:+1234' is not a SIP address"),
        (["add", "alice@example.com", "mailto:x@example.com"], "'mailto:x@example.com' is not a SIP address"),
        (["add", "alice@example.com", ""], "'' is not a SIP address"),
        (["add", "alice@example.com", "x@remote..example"], "'x@remote..example' is not a SIP address"),
        (["add", "alice@example.com", "alice+contacts.x"], "there is no group 'x'"),
        (
            ["add", "alice@example.com", "bob+contacts"],
            "bob+contacts@example.com is a contact list of bob@example.com, and for nobody else",
        ),
        (["remove", "alice@example.com", "bob"], "bob is in no group"),
        (["remove", "alice@example.com", "bob", "--group", ""], "bob@example.com is not in group ''"),
        (["remove", "alice@example.com", "bob", "--group", "x"], "there is no group 'x'"),
        (["remove-group", "alice@example.com", "x"], "there is no group 'x'"),
        (["remove-group", "alice@example.com", ""], "the default group cannot be deleted"),
    ],
)
def test_what_is_refused_is_one_line_and_exit_1_and_changes_nothing(terminal, arguments, line):
    assert terminal("contacts", *arguments, status=1) == ("", f"presentity: {line}\n")
    assert terminal("contacts", "list", "alice@example.com") == ("", "")


def test_one_who_is_there_already_is_changed_and_it_says_so(terminal):
    terminal("contacts", "add", "alice@example.com", "bob")
    assert terminal("contacts", "add", "alice@example.com", "bob", "--nickname", "B") == ("changed bob\n", "")
    assert terminal("contacts", "list", "alice@example.com")[0] == "\t1\tbob@example.com\tB\n"


def test_a_list_of_the_same_user_may_be_within_a_list(terminal):
    terminal("contacts", "add", "alice@example.com", "bob", "--group", "my friends")
    added = terminal("contacts", "add", "alice@example.com", "alice+contacts.my%20friends", "--group", "all")
    assert added == ("added alice+contacts.my%20friends in group all\n", "")
    terminal("contacts", "add", "alice@example.com", "sip:alice+contacts@example.com", "--group", "all")
    assert terminal("contacts", "list", "alice@example.com")[0].splitlines()[1:] == [
        "all\t1\talice+contacts.my%20friends@example.com",
        "all\t2\talice+contacts@example.com",
    ]
    removed = terminal("contacts", "remove", "alice@example.com", "alice+contacts", "--group", "all")
    assert removed == ("removed alice+contacts in group all\n", "")


def test_lists_within_lists_go_by_the_pattern_of_the_settings(terminal, monkeypatch):
    monkeypatch.setenv("PRESENTITY_LIST_URI", "friends-of-{user}")
    terminal("contacts", "add", "alice@example.com", "friends-of-alice", "--group", "all")
    _, err = terminal("contacts", "add", "alice@example.com", "alice+contacts", "--group", "all", status=1)
    assert err == "presentity: there is no user alice+contacts@example.com\n"


def test_no_more_contacts_are_added_than_a_list_may_have(terminal, monkeypatch):
    monkeypatch.setenv("PRESENTITY_MAX_LIST_MEMBERS", "1")
    terminal("contacts", "add", "alice@example.com", "bob")
    _, err = terminal("contacts", "add", "alice@example.com", "carol", status=1)
    assert err == "presentity: there are 1 contacts already\n"
