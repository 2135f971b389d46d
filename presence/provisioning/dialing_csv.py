"""Dialing rules as CSV (RFC 4180): one a line, the first line names the columns, in any order."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from presence.provisioning.dial_rules import COLUMNS, DialingRule, checked, checked_kind
from presence.provisioning.errors import ProvisioningError

REQUIRED: Final = ("type", "name")
_DEFAULTS: Final = DialingRule(1, "").told()
_TELL_EVERY: Final = 500
_LONGEST_NUMBER: Final = 20

Refused = tuple[int, str]


def write_rules(rules: Iterable[DialingRule]) -> str:
    """The text of a file."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(it.told() for it in rules)
    return text.getvalue()


def read_rules(text: str, progress: Callable[[int], None]) -> tuple[list[DialingRule], list[Refused]]:
    """The rules of a file, and (line, why) of everything that is wrong with it.

    `progress` is called with the number of lines read since its last call.  A column that is missing, or a
    field that is empty, is the default; `type` and `name` have none.  A type is its number or its word.
    """
    rules: dict[tuple[int, str], int] = {}
    found: list[DialingRule] = []
    refused: list[Refused] = []
    columns: list[str] | None = None
    told = 0
    for line, row in _numbered(text.removeprefix("\ufeff")):
        if line - told > _TELL_EVERY:
            progress(line - told)
            told = line
        try:
            if isinstance(row, str):
                raise ProvisioningError(row)
            if not any(it.strip() for it in row):
                continue
            if columns is None:
                columns = _columns(row)
                continue
            if len(row) != len(columns):
                raise ProvisioningError(f"{len(row)} fields instead of {len(columns)}")
            rule = _rule(dict(zip(columns, row, strict=True)))
            if rule.key in rules:
                raise ProvisioningError(f"rule {rule.name!r} is on line {rules[rule.key]} already")
            rules[rule.key] = line
            found.append(rule)
        except ProvisioningError as error:
            refused.append((line, str(error)))
            if columns is None:
                # Without columns no line can be understood.
                break
    if columns is None and not refused:
        refused.append((1, f"no line names the columns: {','.join(COLUMNS)}"))
    progress(text.count("\n") - told)
    return found, refused


def _numbered(text: str) -> Iterator[tuple[int, list[str] | str]]:
    """Each row with the line that it begins on; a text in place of the row says why it is none."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    while True:
        line = reader.line_num + 1
        try:
            yield line, next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield line, f"not CSV: {error}"


def _columns(row: list[str]) -> list[str]:
    names = [it.strip().lower() for it in row]
    for name in names:
        if name not in COLUMNS:
            raise ProvisioningError(f"there is no column {name!r}; they are {','.join(COLUMNS)}")
        if names.count(name) > 1:
            raise ProvisioningError(f"column {name} is named twice")
    for name in REQUIRED:
        if name not in names:
            raise ProvisioningError(f"column {name} is missing")
    return names


def _rule(row: Mapping[str, str]) -> DialingRule:
    values = {name: row.get(name, "").strip() or _DEFAULTS[name] for name in COLUMNS}
    return checked(
        DialingRule(
            checked_kind(row["type"]),
            values["name"],
            values["description"],
            _number("priority", values),
            values["number-begins-with"],
            _number("number-of-digits", values),
            _number("digits-to-be-removed", values),
            values["prefix"],
        )
    )


def _number(name: str, values: Mapping[str, str]) -> int:
    text = values[name]
    if not (text.isascii() and text.isdecimal()) or len(text) > _LONGEST_NUMBER:
        raise ProvisioningError(f"{name} is {text!r}: it is a number")
    return int(text)
