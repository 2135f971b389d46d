"""Filter documents: what they say, how they are refused, and that they are written as the schema has it."""

from __future__ import annotations

from pathlib import Path

import pytest
from lxml import etree

from presence.documents.simple_filter import (
    Changed,
    Filter,
    FilterSet,
    Rule,
    Trigger,
    What,
    read_filter_set,
    write_filter_set,
)
from sip.errors import SipError

DOCUMENT = b"""\
<?xml version="1.0" encoding="UTF-8"?>
<filter-set xmlns="urn:ietf:params:xml:ns:simple-filter" xmlns:e="urn:e" package="presence" e:more="1">
  <ns-bindings>
    <ns-binding prefix="pidf" urn="urn:ietf:params:xml:ns:pidf"/>
  </ns-bindings>
  <filter id="1" uri="sip:bob@example.com">
    <what>
      <include type="namespace"> urn:ietf:params:xml:ns:pidf </include>
      <include>//pidf:tuple</include>
      <exclude>
        /pidf:presence/pidf:tuple/pidf:note
      </exclude>
      <e:extension/>
    </what>
    <trigger>
      <changed from="closed" to="open">//pidf:basic</changed>
      <changed by="0.5">//@priority</changed>
      <added>//pidf:tuple</added>
      <removed>//pidf:note</removed>
    </trigger>
    <trigger/>
  </filter>
  <filter id="2" domain="Example.com" enabled="0"/>
  <filter id="3" remove="true"/>
</filter-set>
"""
BINDINGS = {"e": "urn:e", "pidf": "urn:ietf:params:xml:ns:pidf"}


def test_all_of_a_document_is_read() -> None:
    assert read_filter_set(DOCUMENT) == FilterSet(
        "presence",
        (
            Filter(
                "1",
                uri="sip:bob@example.com",
                what=What(
                    (Rule("urn:ietf:params:xml:ns:pidf", True), Rule("//pidf:tuple")),
                    (Rule("/pidf:presence/pidf:tuple/pidf:note"),),
                ),
                triggers=(
                    Trigger(
                        (Changed("//pidf:basic", "closed", "open"), Changed("//@priority", by="0.5")),
                        ("//pidf:tuple",),
                        ("//pidf:note",),
                    ),
                ),
                bindings=BINDINGS,
            ),
            Filter("2", domain="example.com", enabled=False, bindings=BINDINGS),
            Filter("3", remove=True, bindings=BINDINGS),
        ),
    )


def test_what_is_written_is_read_as_the_same_and_valid(shared: Path) -> None:
    filters = read_filter_set(DOCUMENT).filters[:2]
    bindings = {"pidf": "urn:ietf:params:xml:ns:pidf"}
    document = write_filter_set("presence", bindings, filters)
    again = read_filter_set(document)
    assert again == FilterSet("presence", tuple(each._replace(bindings=bindings) for each in filters))
    text = (shared / "schemas" / "rfc4661-simple-filter.xsd").read_bytes()
    text = text.replace(b"http://www.w3.org/2001/xml.xsd", b"xml.xsd")
    base = str(shared / "schemas" / "x.xsd")
    schema = etree.XMLSchema(etree.fromstring(text, base_url=base))
    assert schema.validate(etree.fromstring(document)), schema.error_log


def in_set(content: str) -> bytes:
    return f'<filter-set xmlns="urn:ietf:params:xml:ns:simple-filter">{content}</filter-set>'.encode()


def in_filter(content: str, attributes: str = 'id="1"') -> bytes:
    return in_set(f"<filter {attributes}>{content}</filter>")


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        (b"", 400, "simple-filter: the body is empty or not XML"),
        (b"<filter-set", 400, "simple-filter: "),
        (b"<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>", 400, "simple-filter: a DTD is not accepted"),
        (in_set("<a>" * 40 + "</a>" * 40), 400, "simple-filter: nested deeper than 32 elements"),
        (b"<a>" + b" " * 65536 + b"</a>", 413, "simple-filter: more than 65536 bytes"),
        (b"<presence/>", 488, "Filter: the root is presence, not filter-set"),
        (in_set(""), 488, "Filter: there is no filter"),
        (in_set("<filter/>"), 488, "Filter: a filter without an id"),
        (in_set('<filter id="1"/><filter id="1"/>'), 488, "Filter: the id 1 is there twice"),
        (in_set("<rule/>"), 488, "Filter: rule has no place in filter-set"),
        (in_set("<ns-bindings/>"), 488, "Filter: ns-bindings is empty"),
        (in_set("<ns-bindings><x/></ns-bindings>"), 488, "Filter: x has no place in ns-bindings"),
        (
            in_set('<ns-bindings><ns-binding prefix="a"/></ns-bindings>'),
            488,
            "Filter: an ns-binding without prefix or urn",
        ),
        (
            in_set(
                '<ns-bindings><ns-binding prefix="a" urn="u:1"/>'
                '<ns-binding prefix="a" urn="u:2"/></ns-bindings>'
            ),
            488,
            "Filter: the prefix a is bound twice",
        ),
        (
            in_set('<ns-bindings><ns-binding prefix="a" urn="u:{1}"/></ns-bindings>'),
            488,
            "Filter: an ns-binding whose urn is no URI",
        ),
        (in_filter("", 'id="1" uri="a:b" domain="c"'), 488, "Filter: the filter 1 has both uri and domain"),
        (in_filter("", 'id="1" enabled="yes"'), 488, "Filter: enabled is neither true nor false"),
        (in_filter("", 'id="1" remove=""'), 488, "Filter: remove is neither true nor false"),
        (in_filter("<what/><what/>"), 488, "Filter: the filter 1 has more than one what"),
        (in_filter("<when/>"), 488, "Filter: when has no place in a filter"),
        (in_filter("<what><only/></what>"), 488, "Filter: only has no place in what"),
        (in_filter("<what><include/></what>"), 488, "Filter: include is empty"),
        (in_filter("<what><include><a/></include></what>"), 488, "Filter: include has elements in it"),
        (
            in_filter('<what><include type="regex">a</include></what>'),
            488,
            "Filter: the type of include is neither xpath nor namespace",
        ),
        (in_filter("<trigger><gone>//a</gone></trigger>"), 488, "Filter: gone has no place in a trigger"),
        (in_filter("<trigger><added/></trigger>"), 488, "Filter: added is empty"),
        (
            in_filter('<trigger><changed by="much">//a</changed></trigger>'),
            488,
            "Filter: by of changed must be a decimal number",
        ),
        (
            in_filter('<trigger><changed by="-1">//a</changed></trigger>'),
            488,
            "Filter: by of changed must not be negative",
        ),
        (
            in_filter('<trigger><changed by="1" from="open">//a</changed></trigger>'),
            488,
            "Filter: from of changed must be a decimal number",
        ),
    ],
)
def test_each_malformed_document_has_its_answer(body: bytes, status: int, reason: str) -> None:
    with pytest.raises(SipError) as caught:
        read_filter_set(body)
    assert caught.value.status == status
    assert caught.value.reason.startswith(reason)
