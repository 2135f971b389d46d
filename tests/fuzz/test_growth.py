"""No input costs more than in proportion to its length: twice as much of it costs about twice as much."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.fuzz.growth import MOST, RUNS, as_it_is, growth
from tests.fuzz.toomuch import DOCUMENTS, MESSAGES
from tests.support.costs import interpreted

pytestmark = pytest.mark.skipif(not interpreted(), reason="the compiled form has no bytecode to count")


@pytest.mark.parametrize("name", MESSAGES)
def test_a_message_is_read_in_linear_time(name: str) -> None:
    instructions, time = growth(RUNS["message"], MESSAGES[name])
    assert (instructions < MOST, time < MOST) == (True, True), (instructions, time)


@pytest.mark.parametrize("name", MESSAGES)
def test_a_stream_is_cut_in_linear_time(name: str) -> None:
    instructions, time = growth(RUNS["stream"], MESSAGES[name])
    assert (instructions < MOST, time < MOST) == (True, True), (instructions, time)


@pytest.mark.parametrize("name", MESSAGES)
def test_a_server_deals_with_a_message_in_linear_time(name: str) -> None:
    instructions, _ = growth(RUNS["server"], MESSAGES[name], timed=False)
    assert instructions < MOST


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document_is_read_in_linear_time(name: str) -> None:
    target, make = DOCUMENTS[name]
    instructions, time = growth(RUNS[target], make)
    assert (instructions < MOST, time < MOST) == (True, True), (instructions, time)


def squared_in_python(data: bytes) -> None:
    for start in range(0, len(data), 16):
        for _ in range(0, start, 16):
            pass


def squared_in_c(data: bytes) -> None:
    for _ in data[::128]:
        sorted(data)


@pytest.mark.parametrize("run", [squared_in_python, squared_in_c])
def test_what_grows_with_the_square_is_noticed(run: Callable[[bytes], None]) -> None:
    # Other work on the machine makes a growth seem less, so that nothing is blamed for it; not three times.
    assert any(growth(as_it_is(run), bytes)[1] > MOST for _ in range(3))
