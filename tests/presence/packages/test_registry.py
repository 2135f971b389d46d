"""A new event package is one file and one line: the example of docs/packages.md, as it stands there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from presence import wiring
from presence.packages.registry import PACKAGES
from tests.presence.packages.watching import ALICE, BOB, Watching

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "packages.md"


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Watching:
    """A server with the package of the example."""
    (example,) = re.findall(r"^```python\n(.*?)^```", DOCUMENT.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    namespace: dict[str, Any] = {"__name__": "presence.packages.lunch"}
    exec(compile(f"from __future__ import annotations\n{example}", str(DOCUMENT), "exec"), namespace)
    monkeypatch.setattr(wiring, "PACKAGES", (*PACKAGES, namespace["LunchPackage"]))
    return Watching()


def test_it_is_published_and_watched(world: Watching) -> None:
    bob = world.subscribe("lunch", ALICE, BOB)
    assert [notify.body for notify in bob.heard()] == [b"nothing"]
    assert world.publish("lunch", ALICE, "text/plain", b"soup").status == 200
    assert [notify.body for notify in bob.heard()] == [b"soup"]


def test_what_it_refuses_is_refused(world: Watching) -> None:
    answer = world.publish("lunch", ALICE, "text/plain", b" ")
    assert (answer.status, answer.reason) == (400, "Nothing to eat")


def test_it_is_among_the_allowed_events(world: Watching) -> None:
    answer = world.subscribe("dinner", ALICE, BOB).answer
    assert (answer.status, answer.get("Allow-Events")) == (
        489,
        "presence, presence.winfo, dialog, message-summary, reg, lunch",
    )


def test_it_survives_a_restart(world: Watching) -> None:
    bob = world.subscribe("lunch", ALICE, BOB)
    world.publish("lunch", ALICE, "text/plain", b"soup")
    bob.heard()
    world.restart()
    world.house.after(1)
    assert [notify.body for notify in bob.heard()] == [b"soup"]


def test_the_packages_of_the_table_are_those_there_are(world: Watching) -> None:
    named = re.findall(r"^\| `([\w.-]+)` \|", DOCUMENT.read_text("utf-8"), re.MULTILINE)
    assert [*named, "lunch"] == list(world.house.parts.notifier.packages)
