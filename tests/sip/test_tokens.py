"""Tokens: never the same twice, as long as a tag needs to be."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from sip.tokens import Tokens, longer_tokens


@pytest.mark.parametrize("kind", [Tokens, longer_tokens])
def test_no_token_is_given_out_twice_over_several_stocks(kind: Callable[[], Tokens]) -> None:
    tokens = kind()
    assert len({tokens.next() for _ in range(1000)}) == 1000


def test_a_token_is_sixteen_hex_digits() -> None:
    tokens = Tokens()
    for _ in range(300):
        token = tokens.next()
        assert len(token) == 16
        assert int(token, 16) >= 0


def test_a_longer_one_is_twelve_characters_of_six_bits() -> None:
    tokens = longer_tokens()
    for _ in range(300):
        assert re.fullmatch(r"[A-Za-z0-9_-]{12}", tokens.next())
