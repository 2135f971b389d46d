"""A new event package is one file and one line: the example of docs/packages.md, as it stands there."""

from __future__ import annotations

import re
import sys
from ast import literal_eval
from collections.abc import Iterator
from pathlib import Path

import pytest

from presence import packages
from presence.packages import registry
from sip.message import Request
from tests.presence.packages.watching import ALICE, BOB, CAROL, Watching
from tests.presence.watchers import rule, set_rules

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "packages.md"


EXAMPLE, LINE = re.findall(r"^```python\n(.*?)^```", DOCUMENT.read_text("utf-8"), re.DOTALL | re.MULTILINE)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Watching]:
    """A server with the package of the example: its file beside the others, its line in the table."""
    (tmp_path / "lunch.py").write_text(EXAMPLE, "utf-8")
    monkeypatch.setattr(packages, "__path__", [*packages.__path__, str(tmp_path)])
    monkeypatch.setattr(registry, "PACKAGES", (*registry.PACKAGES, *literal_eval(f"({LINE.strip()})")))
    yield Watching()
    sys.modules.pop("presence.packages.lunch", None)
    vars(packages).pop("lunch", None)


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
        "presence, presence.winfo, dialog, message-summary, reg, lunch, uc-config-change",
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
    assert [*named[:-1], "lunch", named[-1]] == list(world.house.parts.notifier.packages)


class TestRules:
    """A rule that changes in the middle of a subscription: the example itself does nothing about it."""

    def test_who_is_blocked_is_told_so_and_hears_nothing_more(self, world: Watching) -> None:
        bob = world.subscribe("lunch", ALICE, BOB)
        bob.heard()
        decide(world, "block")
        (last,) = bob.heard()
        assert (last.get("Subscription-State"), last.body) == ("terminated;reason=rejected", b"")
        world.publish("lunch", ALICE, "text/plain", b"secret cake")
        assert bob.heard() == []

    def test_who_has_to_wait_is_pending_until_he_is_allowed(self, world: Watching) -> None:
        bob = world.subscribe("lunch", ALICE, BOB)
        bob.heard()
        decide(world, "confirm")
        world.publish("lunch", ALICE, "text/plain", b"secret cake")
        assert [shown(notify) for notify in bob.heard()] == [("pending", b"")]
        decide(world, "allow")
        assert [shown(notify) for notify in bob.heard()] == [("active", b"secret cake")]

    def test_who_is_blocked_politely_sees_nothing_and_hears_of_no_change(self, world: Watching) -> None:
        world.publish("lunch", ALICE, "text/plain", b"soup")
        bob = world.subscribe("lunch", ALICE, BOB)
        assert [shown(notify) for notify in bob.heard()] == [("active", b"soup")]
        decide(world, "polite-block")
        assert [shown(notify) for notify in bob.heard()] == [("active", b"nothing")]
        world.publish("lunch", ALICE, "text/plain", b"secret cake")
        assert bob.heard() == []
        decide(world, "allow")
        assert [shown(notify) for notify in bob.heard()] == [("active", b"soup, secret cake")]

    def test_others_hear_nothing_of_it(self, world: Watching) -> None:
        carol = world.subscribe("lunch", ALICE, CAROL)
        carol.heard()
        for handling in ("block", "confirm", "polite-block", "allow"):
            decide(world, handling)
        assert carol.heard() == []


def decide(world: Watching, handling: str) -> None:
    """Alice decides on bob."""
    set_rules(world.house, rule("r", BOB, handling))


def shown(notify: Request) -> tuple[str, bytes]:
    return (notify.get("Subscription-State") or "").partition(";")[0], notify.body
