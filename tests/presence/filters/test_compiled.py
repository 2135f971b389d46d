"""A filter is understood once for all who have it."""

from __future__ import annotations

import gc

import pytest

from presence.documents.simple_filter import CONTENT_TYPE
from presence.filters import CompiledFilters
from sip.errors import NotAcceptableHere
from sip.headers import MediaType

TYPE = MediaType.parse(CONTENT_TYPE)


def document(ident: str, path: str = "/presence/tuple") -> bytes:
    return (
        '<filter-set xmlns="urn:ietf:params:xml:ns:simple-filter">'
        f'<filter id="{ident}" uri="sip:{ident}@sip.test"><what><include>{path}</include></what>'
        "</filter></filter-set>"
    ).encode()


@pytest.fixture
def filters() -> CompiledFilters:
    return CompiledFilters("presence")


def test_the_same_text_is_the_same_filter(filters: CompiledFilters) -> None:
    one = filters.read(CONTENT_TYPE, document("a"))
    assert filters.read(CONTENT_TYPE, document("a")) is one
    assert filters.read(CONTENT_TYPE, document("b")) is not one


def test_it_goes_with_the_last_who_has_it(filters: CompiledFilters) -> None:
    one = filters.read(CONTENT_TYPE, document("a"))
    assert len(filters._all) == 1
    del one
    gc.collect()
    assert len(filters._all) == 0


def test_the_same_update_of_the_same_filter_is_made_once(filters: CompiledFilters) -> None:
    before, other = (filters.read(CONTENT_TYPE, document(name)) for name in "ab")
    after = filters.updated(before, TYPE, document("c"))
    assert filters.updated(before, TYPE, document("c")) is after
    assert filters.updated(other, TYPE, document("c")) is not after
    assert (b'id="a"' in after.document(), b'id="c"' in after.document()) == (True, True)


def test_another_body_is_another_update(filters: CompiledFilters) -> None:
    after = filters.updated(filters.nothing, TYPE, document("c"))
    assert b'id="d"' in filters.updated(filters.nothing, TYPE, document("d")).document()
    assert b'id="d"' not in after.document()


def test_what_is_refused_is_refused_each_time(filters: CompiledFilters) -> None:
    for _ in range(2):
        with pytest.raises(NotAcceptableHere):
            filters.read(CONTENT_TYPE, document("a", "/presence/tuple[1]"))
