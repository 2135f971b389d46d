"""Foreign XML taken out of an envelope: what goes with it, and how much work that may be."""

from __future__ import annotations

import time

import pytest
from lxml import etree

from soapapi.markup import TooLarge, inner_xml, outer_xml

PLENTY = 1_000_000
MANY = " ".join(f'xmlns:a{number}="urn:{number}"' for number in range(3000))


def inner(text: str) -> str:
    return inner_xml(etree.fromstring(text), PLENTY)


@pytest.mark.parametrize(
    ("inside", "taken"),
    [
        ("<x/>", "<x/>"),
        ("<x>p:v</x>", '<x xmlns:p="urn:p">p:v</x>'),
        ('<x t="(p:v)"/>', '<x xmlns:p="urn:p" t="(p:v)"/>'),
        ("<x><y>//p:v</y></x>", '<x xmlns:p="urn:p"><y>//p:v</y></x>'),
        ("<p:x/>", '<p:x xmlns:p="urn:p"/>'),
        ("<x>up:v p v</x>", "<x>up:v p v</x>"),
        ('<x xmlns:p="urn:q">p:v</x>', '<x xmlns:p="urn:q">p:v</x>'),
        ("p:v <x/> q", "p:v <x/> q"),
    ],
)
def test_an_element_has_the_namespaces_that_its_names_and_values_need(inside: str, taken: str) -> None:
    assert inner(f'<data xmlns:p="urn:p" xmlns:unused="urn:u">{inside}</data>') == taken


def test_a_whole_element_brings_what_is_declared_around_it() -> None:
    (child,) = etree.fromstring('<data xmlns:p="urn:p"><x>p:v</x></data>')
    assert outer_xml(child) == '<x xmlns:p="urn:p">p:v</x>'


@pytest.mark.parametrize(
    "data",
    [
        f"<data {MANY}>{'<x>a1:</x>' * 8000}</data>",
        f"<data {MANY}><y>{'<x>a1:</x>' * 8000}</y></data>",
        f"<data><x>{'a' * 250_000}</x></data>",
    ],
)
def test_many_namespaces_and_many_elements_are_no_work_to_speak_of(data: str) -> None:
    """Elements times namespaces took more than ten seconds."""
    began = time.process_time()
    inner(data)
    assert time.process_time() - began < 2


def test_work_ends_where_it_is_too_much() -> None:
    """A namespace that is declared once would stand in each of thirty thousand elements: 1.8 GB."""
    data = etree.fromstring(f'<data xmlns:a="urn:{"u" * 60_000}">{"<a:x/>" * 30_000}</data>')
    with pytest.raises(TooLarge):
        inner_xml(data, PLENTY)
