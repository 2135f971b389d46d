"""What the oldest Python that the project promises (3.11.0, in Debian 12 3.11.2) cannot do."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCES = [file for room in ("sip", "presence", "soapapi") for file in sorted((ROOT / room).rglob("*.py"))]
POSSESSIVE_GROUP = re.compile(r"\)(?:[*+?]|\{[0-9,]+\})\+")


def test_no_group_is_repeated_possessively() -> None:
    # Before Python 3.11.5 such a group matches wrongly if it has alternatives or repetitions inside
    # (python/cpython#106052): Debian 12's Python took no SIP URI.  Possessive characters are sound.
    lines = [(file.name, line) for file in SOURCES for line in file.read_text().splitlines()]
    assert len(lines) > 10_000
    wrong = [(name, line) for name, line in lines if POSSESSIVE_GROUP.search(line)]
    assert [(name, line) for name, line in wrong if "frozenset(" not in line] == []
