"""Files that commands read and write; "-" is standard input or output."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from presence.settings import StartError

STANDARD = "-"


def read_text(file: str) -> str:
    """The text of a file, which is UTF-8. Raises StartError: it cannot be read."""
    try:
        data = sys.stdin.buffer.read() if file == STANDARD else Path(file).read_bytes()
    except OSError as error:
        raise StartError(f"cannot read {file}: {error.strerror}") from None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise StartError(f"{file}:{line}: this is not UTF-8") from None


def write_text(file: str, text: str) -> None:
    """Write a file, readable by its owner alone: it may hold what is not for all. Raises StartError."""
    if file == STANDARD:
        click.echo(text, nl=False)
        return
    try:
        path = Path(file)
        path.touch(mode=0o600)
        path.write_text(text, "utf-8")
    except OSError as error:
        raise StartError(f"cannot write {file}: {error.strerror}") from None
