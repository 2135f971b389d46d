"""The short way of reading a URI takes nothing that the long way reads otherwise."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sip import uri
from sip.errors import BadRequest
from sip.uri import AnyUri, parse_uri

NAMES = st.text("abZ09-_.~%é٣", max_size=4)
HOSTS = st.text("aZ09-.[:]é", max_size=5)
PORTS = st.text("019٣ ", max_size=6)


class NoShortWay(str):
    """A text that has no plain part in it."""

    __slots__ = ()

    def partition(self, separator: str, /) -> tuple[str, str, str]:
        head, found, rest = super().partition(separator)
        return (head, found, NoShortWay(rest)) if separator == ":" else (self, "", "")


def read(text: str) -> AnyUri | str:
    try:
        return uri._parse(text)
    except BadRequest as error:
        return error.reason


@given(NAMES, HOSTS, st.booleans(), PORTS)
def test_both_ways_agree(name: str, host: str, has_port: bool, port: str) -> None:
    text = f"sip:{name}@{host}:{port}" if has_port else f"sip:{name}@{host}"
    assert read(text) == read(NoShortWay(text))


def test_the_plainest_uri_is_read() -> None:
    found = parse_uri("sip:alice@example.com:5062")
    assert found == uri.Uri("sip", "alice", None, "example.com", 5062)
