"""A publication that is refused changes nothing and tells nobody, by the whole server."""

from __future__ import annotations

import pytest

from tests.presence.house import House
from tests.presence.watchers import ALICE, CAROL, PIDF, pidf, watch


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"garbage", 400),
        (b'<!DOCTYPE x [<!ENTITY a "b">]><presence xmlns="urn:ietf:params:xml:ns:pidf" entity="x"/>', 400),
        (
            b'<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:alice@sip.test"><tuple/></presence>',
            400,
        ),
        (b"<a>" * 200 + b"</a>" * 200, 400),
        (pidf("open", "x" * 70_000), 413),
    ],
    ids=["no XML", "a DTD", "not as the schema has it", "too deep", "too large"],
)
def test_what_cannot_be_read_leaves_what_was_published_and_tells_nobody(body: bytes, status: int) -> None:
    house = House()
    etag = house.publish(ALICE, pidf("open", "here"))
    bob = watch(house)
    house.modify(etag, PIDF, body, status=status)
    assert bob.news() == []
    assert b"here" in watch(house, CAROL).notifies[-1].body
    house.modify(etag, PIDF, pidf("open", "still"))
    (notify,) = bob.news()
    assert b"still" in notify.body
