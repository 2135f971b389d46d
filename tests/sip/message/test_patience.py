"""Values that are not quite as they should be, and mean one thing all the same."""

from __future__ import annotations

import pytest

from sip.headers import Via
from sip.headers.grammar import parse_params
from sip.message import parse


@pytest.mark.parametrize("text", ["SIP/2.0/UDP 192.0.2.1;", "SIP/2.0/UDP h.example:5070;"])
def test_a_via_that_ends_in_a_semicolon_has_no_parameters(text: str) -> None:
    assert Via.parse(text).params == {}


@pytest.mark.parametrize(
    ("text", "params"),
    [
        (";name=José>", {"name": "José>"}),
        (";x=é\u00a0y", {"x": "é\u00a0y"}),
        (";branch=z9hG4bK\\x;x=é", {"branch": "z9hG4bK\\x", "x": "é"}),
        (";a>=1;a>=1", {"a>": "1"}),
        ("charset=utf\\8", {"charset": "utf\\8"}),
    ],
)
def test_odd_characters_in_parameters_are_taken_as_they_are(text: str, params: dict[str, str]) -> None:
    assert parse_params(text) == params


def test_blanks_around_values_do_not_come_back() -> None:
    request = parse(b"OPTIONS sip:a@b SIP/2.0\r\nX-Any: y\r\nCall-ID: \t   abc \t\r\n\r\n")
    assert request.render() == (
        b"OPTIONS sip:a@b SIP/2.0\r\nX-Any: y\r\nCall-ID: abc\r\nContent-Length: 0\r\n\r\n"
    )
