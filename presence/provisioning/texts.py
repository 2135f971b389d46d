"""Texts that people give: names, nicknames, values."""

from __future__ import annotations

import re
from typing import Final

LONGEST_NAME: Final = 255
"""Characters of a name."""

# XML has no place for these at all.
_NO_CHARACTER: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


def check_text(text: str, longest: int = LONGEST_NAME) -> None:
    """Raise ValueError if it is no text of one line with at most `longest` characters."""
    # They go into XML, and into lines of a terminal.
    if _CONTROL.search(text):
        raise ValueError(f"{text[:longest]!r} has a character in it that is none")
    check_value(text, longest)


def check_value(text: str, longest: int) -> None:
    """Raise ValueError if XML cannot hold it (lines and tabs it can) or it is longer than `longest`."""
    if len(text) > longest:
        raise ValueError(f"more than {longest} characters")
    if _NO_CHARACTER.search(text):
        raise ValueError(f"{text!r} has a character in it that is none")
