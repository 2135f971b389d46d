"""What a watcher filter leaves of a document (RFC 4661 §3.5): include, then exclude, and it stays valid."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from tests.presence.filters.filtering import ME, RICH, canonical, read, tags, what
from tests.presence.schemas import check

_SELECTIONS = [
    "//*",
    "//tuple",
    "//status",
    "//basic",
    "//rpid:activities",
    "//rpid:busy",
    "//rpid:note",
    "//@id",
    "//rpid:happy",
    "//rpid:mood",
    "//dm:deviceID",
    "//dm:device",
    "//@until",
    "//contact",
    "//*/*/*",
    "//@entity",
]
_NAMESPACES = [
    "urn:ietf:params:xml:ns:pidf",
    "urn:ietf:params:xml:ns:pidf:rpid",
    "urn:ietf:params:xml:ns:pidf:data-model",
]
_RULES = [f"<{kind}>{each}</{kind}>" for kind in ("include", "exclude") for each in _SELECTIONS]
_RULES += [
    f"<{kind} type='namespace'>{each}</{kind}>" for kind in ("include", "exclude") for each in _NAMESPACES
]


def delivered(rules: str, document: bytes = RICH) -> etree._Element:
    return etree.fromstring(read(what(rules)).apply(document, ME))


@pytest.mark.parametrize(
    ("rules", "result"),
    [
        ("<include>//rpid:busy</include>", "presence person activities busy"),
        (
            "<include>/presence/dm:person</include>",
            "presence person activities note busy away mood happy note",
        ),
        ("<include>//contact[@priority&gt;0.5]</include>", "presence tuple status basic contact"),
        ("<include>//contact[@priority&lt;0.5]</include>", "presence"),
        (
            "<include>/*/*[rpid:user-input='idle']/rpid:user-input</include>",
            "presence device user-input deviceID",
        ),
        ("<include>//basic[.='closed']</include>", "presence tuple status basic"),
        ("<include>//basic[..='closed' and .='closed']</include>", "presence tuple status basic"),
        (
            "<include>//tuple[status/basic='open' or contact='x']/note</include>",
            "presence tuple status basic note",
        ),
        (
            "<include>//rpid:mood</include><include>//timestamp</include>",
            "presence tuple status basic timestamp person mood happy",
        ),
        (
            "<include type='namespace'>urn:ietf:params:xml:ns:pidf:rpid</include>"
            "<exclude>//rpid:class</exclude>"
            "<exclude>//dm:person</exclude>",
            "presence tuple status basic device user-input deviceID",
        ),
        (
            "<include>//tuple</include><exclude>//note</exclude><exclude>//contact</exclude>",
            "presence tuple status basic class timestamp tuple status basic",
        ),
        ("<exclude>//tuple</exclude><exclude>//dm:*</exclude>", None),
        (
            "<exclude>//tuple</exclude><exclude>/presence/note</exclude><exclude>/presence/dm:person</exclude>",
            "presence device user-input deviceID",
        ),
        ("<include>/presence/nothing</include>", "presence"),
        ("<include>//rpid:activities/@until</include>", "presence person activities busy"),
    ],
)
def test_include_then_exclude(rules: str, result: str | None, shared: Path) -> None:
    if result is None:
        with pytest.raises(Exception, match="488"):
            read(what(rules))
        return
    document = read(what(rules)).apply(RICH, ME)
    assert " ".join(tags(etree.fromstring(document))) == result
    check(shared, document)


@pytest.mark.parametrize(
    "rule",
    ["//status", "//basic", "//tuple/@id", "/presence", "/presence/@entity", "//dm:deviceID", "//rpid:happy"],
)
def test_what_a_valid_document_needs_cannot_be_excluded(rule: str, shared: Path) -> None:
    document = read(what(f"<exclude>{rule}</exclude>")).apply(RICH, ME)
    assert canonical(document) == canonical(RICH)
    check(shared, document)


def test_an_attribute_that_is_not_needed_is_excluded() -> None:
    root = delivered("<exclude>//contact/@priority</exclude>")
    assert [dict(element.attrib) for element in root.iter("{*}contact")] == [{}, {}]


def test_an_attribute_alone_comes_with_its_element_and_no_other_attribute() -> None:
    root = delivered("<include>//@id</include>", RICH.replace(b"<rpid:mood>", b'<rpid:mood from="x" id="m">'))
    (mood,) = root.iter("{*}mood")
    assert dict(mood.attrib) == {"id": "m"}


def test_the_prefixes_of_the_document_stay() -> None:
    document = read(what("<include>//rpid:busy</include>")).apply(RICH, ME)
    assert b"<rpid:busy/>" in document
    assert b'xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid"' in document


def test_the_worst_filter_over_the_largest_document_is_linear() -> None:
    document = RICH.replace(b"<note>about all</note>", b"<note>about all</note>" * 2500)
    conditions = " or ".join(["*/*/*='x'", "..='y'", ".='z'"] * 5)
    heavy = read(what(f"<include>//*//*//*[{conditions}]</include>" * 3))
    assert tags(etree.fromstring(heavy.apply(document, ME))) == ["presence"]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(_RULES), min_size=1, max_size=6).map("".join))
def test_any_rules_leave_a_valid_document(shared: Path, rules: str) -> None:
    check(shared, read(what(rules)).apply(RICH, ME))
