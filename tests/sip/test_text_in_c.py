"""What is written and read for every NOTIFY, in Python and in C: no difference is to be seen."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip.message.written import Parts, written_in_python
from sip.transaction.plain import SILENT, branch_in_python, says_no_more_in_python
from sip.usage.notifier import notify
from tests.presence.house import House
from tests.presence.watchers import BOB, Watcher
from tests.sip.transaction.test_plain import NOTIFY, OK
from tests.support.extensions import loaded


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return loaded("sip._text", tmp_path_factory.mktemp("text"))


LINES = OK.removesuffix(b"\r\n\r\n").split(b"\r\n")
PIECES = [
    *LINES,
    *(name + b": x" for name in sorted(SILENT)),
    b"",
    b" folded",
    b"Event: presence",
    b"Servers: x",
    b"Server",
    b"Require: x",
    b"v: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKours",
    b"Via: SIP/2.0/UDP 192.0.2.1",
    b"Via: SIP/2.0/UDP 192.0.2.1;branch=",
    b"Via: SIP/2.0/UDP 192.0.2.1;branch=\xff\xc3\xa4;x",
    b"Via: SIP/2.0/UDP 192.0.2.1;branch=a, SIP/2.0/UDP 192.0.2.2",
    b"Content-Length: 00",
    b"Content-Length: 4",
    b"CSeq: 8 NOTIFY",
    b"a\nb",
    b"a\rb",
    b"Server: \0",
]
ENDS = [b"\r\n\r\n", b"\r\n", b"", b"\n\n", b"\r\n\r\n\r\n", b"\r\n\r\nbody", b"\r\n\r\nbody\r\n\r\n"]


def same(text: Any, data: bytes, sent: bytes = NOTIFY) -> None:
    assert text.branch_of(data) == branch_in_python(data)
    # It is only asked about what has a branch.
    if branch_in_python(data) is not None:
        assert text.says_no_more(data, sent) == says_no_more_in_python(data, sent)


def test_the_usual_answer_is_seen_for_what_it_is(text: Any) -> None:
    assert text.branch_of(OK) == "z9hG4bKours"
    assert text.says_no_more(OK, NOTIFY) is True


@pytest.mark.parametrize("name", sorted(SILENT))
def test_the_same_header_fields_say_nothing(text: Any, name: bytes) -> None:
    assert text.says_no_more(OK.replace(b"User-Agent", name), NOTIFY) is True


@given(st.lists(st.sampled_from(PIECES), max_size=14), st.sampled_from(ENDS))
def test_any_lines_after_a_status_line(text: Any, lines: list[bytes], end: bytes) -> None:
    same(text, b"\r\n".join([LINES[0], *lines]) + end)


@given(st.permutations(LINES[2:]), st.lists(st.sampled_from(PIECES), max_size=2))
def test_the_lines_of_an_answer_in_any_order_and_one_or_two_more(
    text: Any, lines: list[bytes], more: list[bytes]
) -> None:
    same(text, b"\r\n".join([*LINES[:2], *lines, *more]) + b"\r\n\r\n")


@given(
    st.integers(0, len(OK)),
    st.integers(0, 3),
    st.sampled_from([b"", b"\r", b"\n", b"\0", b"\r\n", b":", b"x"]),
)
def test_an_answer_with_a_fault_anywhere(text: Any, at: int, lost: int, more: bytes) -> None:
    same(text, OK[:at] + more + OK[at + lost :])


@given(st.binary(max_size=200))
def test_any_bytes(text: Any, data: bytes) -> None:
    same(text, data)
    same(text, OK, data)


@pytest.mark.parametrize("sent", [b"", b"NOTIFY", NOTIFY[:100], NOTIFY.replace(b"\r\n", b"\n")])
def test_nothing_names_what_was_not_sent_like_this(text: Any, sent: bytes) -> None:
    assert text.says_no_more(OK, sent) is False


# -- writing -----------------------------------------------------------------------------------------------

VALUES = st.one_of(
    st.text(max_size=12),
    st.text(st.sampled_from("ab\r\n\0ä"), max_size=6),
    st.integers(0, 2**31),
    st.just("\udcff"),
)


@given(st.lists(VALUES, max_size=40), st.binary(max_size=20))
def test_parts_become_the_same_bytes(text: Any, parts: Parts, body: bytes) -> None:
    try:
        expected = written_in_python(parts, body)
    except UnicodeEncodeError:
        with pytest.raises(UnicodeEncodeError):
            text.written(parts, body)
        return
    assert text.written(parts, body) == expected


@pytest.mark.parametrize("break_", ["\r", "\n", "\0"])
def test_a_value_that_would_end_a_line_is_not_written(text: Any, break_: str) -> None:
    parts: Parts = ["To: ", f"a{break_}b", "\r\n"]
    assert text.written(parts, b"") is written_in_python(parts, b"") is None


def test_what_is_ours_may_end_lines(text: Any) -> None:
    parts: Parts = ["CSeq: ", 1, " NOTIFY\r\nContent-Length: ", 2, "\r\n\r\n"]
    assert text.written(parts, b"ab") == b"CSeq: 1 NOTIFY\r\nContent-Length: 2\r\n\r\nab"


@pytest.mark.parametrize("number", [0, 9, 10, 2**31 - 1, 2**63 - 1])
def test_numbers_are_written_in_digits(text: Any, number: int) -> None:
    assert text.written(["", number], b"") == b"%d" % number


@pytest.mark.parametrize("part", [-1, 2**63, None, 1.5, b"a", True])
def test_what_is_no_part_is_refused(text: Any, part: Any) -> None:
    with pytest.raises(TypeError):
        text.written(["", part], b"")


def test_of_very_many_parts_a_message_is_to_be_made(text: Any) -> None:
    assert text.written(["a"] * 128, b"") == b"a" * 128
    assert text.written(["a"] * 129, b"") is None


@pytest.mark.parametrize("count", [45, 46, 60])
def test_a_watcher_with_very_many_routes_is_told(
    text: Any, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    monkeypatch.setattr(notify, "written", text.written)
    house = House()
    watcher = Watcher(house, BOB)
    routes = [f"<sip:{watcher.flow.remote[0]}:{watcher.flow.remote[1]};lr>"] * count
    assert watcher.subscribe(*(f"Record-Route: {route}" for route in routes)).status == 200
    (told,) = watcher.news()
    assert told.get_all("Route") == routes
    assert told.cseq.number == 1
