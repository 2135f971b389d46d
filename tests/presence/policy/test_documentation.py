"""What `docs/policy.md` shows is read, and means what it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from presence.policy.decide import decide
from presence.policy.model import Watcher
from presence.policy.ruleset import parse_ruleset
from presence.policy.view import ALLOW_ALL
from tests.presence.policy.documents import check

PAGE = Path(__file__).resolve().parents[3] / "docs" / "policy.md"
(EXAMPLE,) = re.findall(r"```xml\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)


def test_the_example_is_valid(shared: Path) -> None:
    check(shared, EXAMPLE.encode())


@pytest.mark.parametrize(
    ("watcher", "handling", "everything"),
    [
        ("bob", "allow", True),
        ("carol", "allow", False),
        ("mallory", "block", False),
    ],
)
def test_the_example_means_what_is_said_of_it(watcher: str, handling: str, everything: bool) -> None:
    rules = parse_ruleset(EXAMPLE.encode(), "rules")
    found = decide(rules, Watcher(f"sip:{watcher}@example.com"), "sip:alice@example.com", 0.0, None, "allow")
    assert found.handling == handling
    assert (found.view == ALLOW_ALL) is everything
