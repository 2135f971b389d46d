"""The sphere of a presentity (RFC 5025 §3.1.2, RFC 4480 §3.11)."""

from __future__ import annotations

from pathlib import Path

import pytest

from presence.composition import Component
from presence.policy.sphere import sphere_of
from presence.policy.view import ALLOW_ALL
from tests.presence.policy.seeing import NOW, Seen, component


def person(sphere: str) -> Component:
    return component(f'<dm:person id="p">{sphere}</dm:person>')


@pytest.mark.parametrize(
    ("spheres", "value"),
    [
        ([], None),
        ([""], None),
        (["<rpid:sphere><rpid:work/></rpid:sphere>"], "work"),
        (["<rpid:sphere><foo:travel/></rpid:sphere>", ""], "travel"),
        (["<rpid:sphere><rpid:work/></rpid:sphere>"] * 2, "work"),
        (["<rpid:sphere><rpid:work/></rpid:sphere>", "<rpid:sphere><rpid:home/></rpid:sphere>"], None),
        (
            [
                '<rpid:sphere until="2026-01-01T11:00:00Z"><rpid:home/></rpid:sphere>',
                "<rpid:sphere><rpid:work/></rpid:sphere>",
            ],
            "work",
        ),
    ],
)
def test_the_sphere_is_what_all_who_name_one_agree_on(spheres: list[str], value: str | None) -> None:
    assert sphere_of([person(it) for it in spheres], NOW) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [(" Work ", "work"), ("unknown", "unknown"), (" bowling\n league ", "bowling league"), ("", None)],
)
def test_a_sphere_that_is_written_as_text_is_one_all_the_same(
    shared: Path, text: str, value: str | None
) -> None:
    """As the example of RFC 4480 §5 has it."""
    said = component(f'<dm:person id="p"><rpid:sphere>{text}</rpid:sphere></dm:person>')
    assert sphere_of([said], NOW) == value
    seen = Seen(shared, ALLOW_ALL, said)
    words = [value] if value == "bowling league" else [""] * (value is not None)
    assert seen("//rpid:sphere/*") == words
