"""Tokens: never the same twice, as long as a tag needs to be."""

from __future__ import annotations

from sip.tokens import Tokens


def test_no_token_is_given_out_twice_over_several_stocks() -> None:
    tokens = Tokens()
    assert len({tokens.next() for _ in range(1000)}) == 1000


def test_a_token_is_sixteen_hex_digits() -> None:
    tokens = Tokens()
    for _ in range(300):
        token = tokens.next()
        assert len(token) == 16
        assert int(token, 16) >= 0
