"""Which changes of a document a watcher filter tells of (RFC 4661 §3.6): changed, added, removed."""

from __future__ import annotations

import pytest

from presence.filters import WatcherFilter
from tests.presence.filters.filtering import RICH, one, read, what


def trigger(conditions: str) -> WatcherFilter:
    return read(one(f"<trigger>{conditions}</trigger>"))


@pytest.mark.parametrize(
    ("condition", "old", "new", "fires"),
    [
        ("<changed>//basic</changed>", b"<basic>open", b"<basic>closed", True),
        ("<changed>//basic</changed>", b"one", b"two", False),
        ("<changed>//tuple/note</changed>", b"one", b" one ", False),
        ("<changed from='open'>//basic</changed>", b"<basic>open", b"<basic>closed", True),
        ("<changed from='closed'>//basic</changed>", b"<basic>open", b"<basic>closed", False),
        ("<changed to='closed'>//basic</changed>", b"<basic>open", b"<basic>closed", True),
        ("<changed to='open'>//basic</changed>", b"<basic>open", b"<basic>closed", False),
        ("<changed by='0.2'>//contact/@priority</changed>", b"0.8", b"0.6", True),
        ("<changed by='0.2'>//contact/@priority</changed>", b"0.8", b"1.0", True),
        ("<changed by='0.2'>//contact/@priority</changed>", b"0.8", b"0.7", False),
        ("<changed>//contact/@priority</changed>", b"0.8", b"0.80", False),
        ("<changed by='0.1' from='0.80' to='.5'>//@priority</changed>", b"0.8", b"0.5", True),
        ("<added>//tuple</added>", b'"t2"', b'"t3"', True),
        ("<removed>//tuple</removed>", b'"t2"', b'"t3"', True),
        ("<added>//rpid:meeting</added>", b"<rpid:busy/>", b"<rpid:meeting/>", True),
        ("<added>//rpid:busy</added>", b"<rpid:busy/>", b"<rpid:busy/><rpid:busy/>", True),
        ("<added>//rpid:busy</added>", b"<rpid:away/>", b"<rpid:meeting/>", False),
        ("<removed>//rpid:away</removed>", b"<rpid:busy/>", b"<rpid:meeting/>", False),
        ("<added>//contact/@priority</added>", b"<contact>", b"<contact priority='1'>", True),
        (
            "<added>//rpid:meeting</added><removed>//rpid:busy</removed>",
            b"<rpid:busy/>",
            b"<rpid:meeting/>",
            True,
        ),
        (
            "<added>//rpid:meeting</added><removed>//tuple</removed>",
            b"<rpid:busy/>",
            b"<rpid:meeting/>",
            False,
        ),
        ("", b"one", b"two", True),
    ],
)
def test_triggers(condition: str, old: bytes, new: bytes, fires: bool) -> None:
    assert trigger(condition).triggered(RICH, RICH.replace(old, new)) is fires


def test_one_of_several_triggers_is_enough() -> None:
    either = read(
        one("<trigger><added>//rpid:tv</added></trigger><trigger><changed>//basic</changed></trigger>")
    )
    assert either.triggered(RICH, RICH.replace(b"<basic>open", b"<basic>closed"))


def test_tuples_are_followed_by_their_ids_not_their_places() -> None:
    one_, two = RICH.index(b'<tuple id="t1"'), RICH.index(b'<tuple id="t2"')
    end = RICH.index(b"<note>about")
    swapped = RICH[:one_] + RICH[two:end] + RICH[one_:two] + RICH[end:]
    assert not trigger("<changed>//basic</changed>").triggered(RICH, swapped)


def test_without_trigger_every_change_tells() -> None:
    assert read(what("<include>//basic</include>")).triggered(RICH, RICH.replace(b"one", b"two"))
    assert not read(what("<include>//basic</include>")).triggered(RICH, RICH)
