"""Who may do what at the command line: whoever has the data folder, and no other account of the computer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import click
import pytest

from presence.cli.command import presentity
from tests.access import commands
from tests.access.table import Cell, check_complete, parametrised
from tests.support.server import ROOT, clean_environment

SECTION = "Command line"
ROLES = ("another account", "an administrator")

Said = Mapping[str, Mapping[str, tuple[int, str]]]


@pytest.fixture(scope="module")
def said() -> Said:
    """What each command said to each of both."""
    if os.geteuid() != 0:
        pytest.skip("only root can become another account to try")
    # Not the folder of the test, which nobody else may enter: another account is to come as far as the data.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as made:
        folder = Path(made)
        folder.chmod(0o755)
        for name, text in commands.FILES.items():
            (folder / name).write_text(text)
        done = subprocess.run(
            [sys.executable, commands.__file__, str(folder / "data")],
            cwd=folder,
            env=clean_environment() | {"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert done.returncode == 0, done.stderr
    found: Said = json.loads(done.stdout)
    return found


def outcome(answers: Sequence[tuple[int, str]]) -> str:
    """What becomes of a command with all its subcommands; 1: it was done, and there was nothing to do."""
    if all(status in (0, 1) for status, _ in answers):
        return "done"
    if all(status == 2 and text.endswith("Permission denied") for status, text in answers):
        return "2 Permission denied"
    return str(answers)


@parametrised(SECTION, ROLES)
def test_everybody_gets_what_the_table_says(said: Said, cell: Cell) -> None:
    answers = defaultdict(list)
    for command, answer in said[cell.role].items():
        answers[command.partition(" ")[0]].append(answer)
    assert outcome(answers[cell.request]) == cell.outcome


def leaves(command: click.Command, names: tuple[str, ...] = ()) -> Iterator[str]:
    if isinstance(command, click.Group):
        for name, below in command.commands.items():
            yield from leaves(below, (*names, name))
    else:
        yield " ".join(names)


def test_the_table_has_a_row_for_each_command_and_each_subcommand_is_tried() -> None:
    there = set(leaves(presentity))
    tried = {
        next(name for name in there if f"{command} ".startswith(f"{name} ")) for command in commands.COMMANDS
    }
    assert tried == there - {"serve"}
    check_complete(SECTION, presentity.commands, ROLES)
