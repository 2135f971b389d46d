"""Which filter of a set holds for whom (RFC 4661 §3.4), and how refreshes change the set (RFC 4660 §5.2)."""

from __future__ import annotations

import pytest

from presence.filters import WatcherFilter
from tests.presence.filters.filtering import ME, RICH, SET, TYPE, one, read, what
from tests.presence.filters.rfc_examples import (
    BUDDIES,
    CLASSES,
    CLOSED_TO_OPEN,
    GAME,
    LIST_FILTERS,
    MESSAGING,
    OPEN,
    TO_OPEN,
)


def test_a_filter_for_somebody_else_has_no_effect() -> None:
    other = read(what("<include>//basic</include>", 'uri="sip:other@example.com"'))
    assert other.apply(RICH, ME) == RICH


@pytest.mark.parametrize(
    "uri", ["sip:presentity@EXAMPLE.com", "pres:presentity@example.com", "sip:%70resentity@example.com"]
)
def test_resources_are_compared_as_uris(uri: str) -> None:
    assert read(what("<include>//basic</include>", f'uri="{uri}"')).apply(RICH, ME) != RICH


@pytest.mark.parametrize(
    ("uri", "lists", "expected"),
    [
        ("sip:bob@a.example", ["sip:list@a.example"], "bob"),
        ("sip:eve@a.example", ["sip:list@a.example"], "list"),
        ("sip:eve@a.example", [], "a"),
        ("sip:eve@a.example", ["sip:other@a.example"], "a"),
        ("sip:eve@b.example", ["sip:list@a.example"], "list"),
        ("sip:eve@b.example", ["sip:inner@c.example", "sip:list@a.example"], "list"),
        ("sip:eve@b.example", [], "all"),
    ],
)
def test_uri_beats_list_beats_domain_beats_none(uri: str, lists: list[str], expected: str) -> None:
    content = {"bob": "//basic", "a": "//contact", "list": "//timestamp", "all": "//dm:person"}[expected]
    found = read(SET).for_resource(uri, lists)
    assert found is not None
    assert found.key == read(what(f"<include>{content}</include>")).key


@pytest.mark.parametrize(
    ("domain", "whose", "cut"),
    [("Example.com", ME, True), ("example.net", ME, False), ("example.com", "sip:x@sub.example.com", False)],
)
def test_a_filter_for_a_domain_holds_for_its_resources_and_no_others(
    domain: str, whose: str, cut: bool
) -> None:
    wanted = read(what("<include>//basic</include>", f'domain="{domain}"'))
    assert (wanted.apply(RICH, whose) != RICH) is cut


def test_a_disabled_filter_is_as_good_as_none() -> None:
    filters = read(SET).updated(TYPE, one("", "").replace(b'id="1"', b'id="bob" enabled="false"'))
    found = filters.for_resource("sip:bob@a.example")
    assert found is not None
    assert found.key == read(what("<include>//contact</include>")).key


def test_a_refresh_switches_off_and_on_and_replaces_and_removes_by_id() -> None:
    first = read(what("<include>//basic</include>"))
    off = first.updated(TYPE, one("", 'enabled="false"'))
    assert off.apply(RICH, ME) == RICH
    assert off.updated(TYPE, one("")).key == first.key
    replaced = first.updated(TYPE, what("<include>//contact</include>"))
    assert replaced.key == read(what("<include>//contact</include>")).key
    gone = first.updated(TYPE, one("", 'remove="true"'))
    assert not gone
    assert gone.apply(RICH, ME) == RICH
    added = first.updated(
        TYPE, what("<include>//note</include>", 'uri="sip:x@y"').replace(b'id="1"', b'id="2"')
    )
    assert added.apply(RICH, ME) == first.apply(RICH, ME)
    assert added.for_resource("sip:x@y") is not None


def test_an_empty_body_changes_nothing() -> None:
    first = read(what("<include>//basic</include>"))
    assert first.updated(None, b"") is first
    assert WatcherFilter.read(None, b"").apply(RICH, ME) == RICH


def test_equal_filters_have_equal_keys_however_they_are_written() -> None:
    a = read(what("<include>//pidf:basic</include>"))
    b = read(
        b'<f:filter-set xmlns:f="urn:ietf:params:xml:ns:simple-filter"><f:ns-bindings>'
        b'<f:ns-binding prefix="x" urn="urn:ietf:params:xml:ns:pidf"/></f:ns-bindings>'
        b'<f:filter id="9"><f:what><f:include>\n // x:basic\n</f:include></f:what></f:filter></f:filter-set>'
    )
    assert a.key == b.key
    assert hash(a.key) == hash(b.key)
    assert a.key != read(what("<exclude>//pidf:basic</exclude>")).key
    told = read(one("<what><include>//pidf:basic</include></what><trigger><added>//tuple</added></trigger>"))
    assert told.key != a.key
    assert told.content_key == a.content_key


@pytest.mark.parametrize(
    "body", [LIST_FILTERS, MESSAGING, OPEN, TO_OPEN, CLASSES, CLOSED_TO_OPEN, GAME, BUDDIES, SET]
)
def test_what_is_stored_is_read_back_as_the_same(body: bytes) -> None:
    filters = read(body)
    again = read(filters.document())
    assert again.key == filters.key
    assert again.document() == filters.document()
