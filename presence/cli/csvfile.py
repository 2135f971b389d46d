"""The file of `presentity user import`: which row stands on which line, and which rows are none."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from pathlib import Path

from presence.provisioning.users import ImportRow
from presence.settings import StartError

COLUMNS = ("aor", "password", "display_name")
REQUIRED = 2

Refused = tuple[int, str]


def read_rows(file: Path) -> tuple[list[ImportRow], list[Refused]]:
    """The rows of a CSV file (RFC 4180, UTF-8), and those that cannot be rows, each with its first line.

    The first line names the columns, in any order; without it they are aor, password, display_name.

    Raises:
        StartError: the file cannot be read, or its first line names neither columns nor a user.
    """
    rows: list[ImportRow] = []
    refused: list[Refused] = []
    try:
        # Bytes that are no UTF-8 spoil their own row only: the service refuses what cannot be encoded.
        with file.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as lines:
            columns: tuple[str, ...] | None = None
            for line, fields in _numbered(lines):
                if isinstance(fields, str):
                    refused.append((line, fields))
                    continue
                if not any(field.strip() for field in fields):
                    continue
                if columns is None:
                    columns, is_header = _columns(file, fields)
                    if is_header:
                        continue
                if not REQUIRED <= len(fields) <= len(columns):
                    refused.append((line, f"{len(fields)} columns instead of {','.join(columns)}"))
                    continue
                named = dict(zip(columns, fields, strict=False))
                rows.append(
                    ImportRow(
                        line, named.get("aor", ""), named.get("password", ""), named.get("display_name", "")
                    )
                )
    except OSError as error:
        raise StartError(f"cannot read {file}: {error.strerror}") from None
    return rows, refused


def _numbered(lines: Iterable[str]) -> Iterator[tuple[int, list[str] | str]]:
    """Each row with the line that it begins on; a text in place of the row says why it is none."""
    reader = csv.reader(lines, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            yield line, next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield line, f"not CSV: {error}"


def _columns(file: Path, first: list[str]) -> tuple[tuple[str, ...], bool]:
    """The columns, and whether `first` named them."""
    names = tuple(field.strip().lower() for field in first)
    if set(COLUMNS[:REQUIRED]) <= set(names) <= set(COLUMNS):
        return names, True
    if "@" in first[0]:
        return COLUMNS, False
    raise StartError(f"{file}: the first line must be {','.join(COLUMNS)}")
