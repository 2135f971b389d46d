"""A document without one of its tuples."""

from __future__ import annotations

import pytest

from presence.documents.pidf_reader import parse_pidf
from presence.documents.pidf_withdraw import without_tuple

TWO = b"""<?xml version="1.0"?>
<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model"
  xmlns:r="urn:ietf:params:xml:pidf:rpid" entity="sip:alice@example.com">
  <tuple id="phone"><status><basic>open</basic></status><note>\xc3\xa9</note></tuple>
  <tuple id=" cupc-override "><status><basic>closed</basic></status></tuple>
  <dm:person id="p"><r:activities><r:away/></r:activities></dm:person>
</presence>"""


def test_only_that_tuple_leaves() -> None:
    left = without_tuple(TWO, "cupc-override")
    assert left is not None
    whole, rest = parse_pidf(TWO), parse_pidf(left)
    assert [it.id for it in rest.tuples] == ["phone"]
    assert [it.xml for it in rest.tuples] == [it.xml for it in whole.tuples if it.id == "phone"]
    assert [it.xml for it in rest.persons] == [it.xml for it in whole.persons]


def test_of_its_only_tuple_nothing_is_left_though_there_is_a_person() -> None:
    left = without_tuple(TWO, "cupc-override")
    assert left is not None
    assert without_tuple(left, " phone") is None


@pytest.mark.parametrize("ident", ["", "p", "Phone", "cupc"])
def test_a_tuple_that_is_not_there_is_said_so(ident: str) -> None:
    with pytest.raises(LookupError):
        without_tuple(TWO, ident)


def test_an_id_is_the_one_that_the_client_wrote_though_watchers_are_shown_another() -> None:
    numbered = TWO.replace(b'"phone"', b'"17"')
    left = without_tuple(numbered, "17")
    assert left is not None
    assert len(parse_pidf(left).tuples) == 1
