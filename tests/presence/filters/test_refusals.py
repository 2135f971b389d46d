"""Watcher filters that are refused (RFC 4660 §5.4): 488 with the fault, 415, and the bounds (§8)."""

from __future__ import annotations

from xml.sax.saxutils import escape

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from presence.filters import WatcherFilter
from sip.errors import NotAcceptableHere
from tests.presence.filters.filtering import ME, RICH, SET, TYPE, one, read, what
from tests.presence.filters.rfc_examples import NAMESPACE

_PIECES = [
    "/",
    "//",
    "*",
    "@",
    "[",
    "]",
    "tuple",
    "rpid:class",
    "w:x",
    "@id",
    "@w:x",
    "=",
    "<",
    ">",
    "'open'",
    '"IM"',
    "0.5",
    " and ",
    " or ",
    ".",
    "..",
    "//tuple",
    "/presence",
    "//*[@id='t1']",
    "(",
    "|",
    "!",
    ":",
    " ",
    "\n",
    "\u00e4",
]

TWO = "has two filters, the second is"


def refused(body: bytes, kind: str | None = TYPE, package: str = "presence") -> str:
    before = read(what("<include>//basic</include>", 'uri="sip:z@z.example"'))
    with pytest.raises(Exception, match=r"^4\d\d ") as first:
        WatcherFilter.read(kind, body, package)
    if package == "presence":
        with pytest.raises(Exception, match=r"^4\d\d ") as second:
            before.updated(kind, body)
        assert str(second.value) == str(first.value)
    return str(first.value)


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("tuple/note", "it must begin with '/'"),
        ("//tuple[1]", "the name of an element expected"),
        ("//tuple[status]", "a comparison with '=', '<' or '>' expected"),
        ("//tuple[a!='b']", "'!' is not supported"),
        ("//tuple[a&lt;='b']", "'<' is not supported"),
        ("//tuple[contains(a,'b')]", "'(' is not supported"),
        ("//tuple/text()", "'(' is not supported"),
        ("//tuple|//note", "'|' is not supported"),
        ("/child::tuple", "':' is not supported"),
        ("//tuple[a='b'][c='d']", "'[' is not supported here"),
        ("//tuple[a=b]", "a value in quotation marks, or a number, expected"),
        ("//tuple[(a='b')]", "'(' is not supported"),
        ("//tuple[a='b' xor c='d']", "'and', 'or' or ']' expected"),
        ("//tuple[a='b'", "'and', 'or' or ']' expected"),
        ("//tuple[a='b]", '"\'" is not supported'),
        ("//tuple[//a='b']", "the name of an element expected"),
        ("//no:tuple", "the prefix 'no' is not bound"),
        ("/", "the name of an element expected"),
        ("//@a/b", "'/' is not supported here"),
        ("/a" * 17, "more than 16 steps"),
        ("//a[" + " or ".join(["a=1"] * 17) + "]", "more than 16 comparisons"),
        ("/" + "a" * 1024, "an expression of more than 1024 characters"),
    ],
)
def test_expressions_beyond_the_subset_are_refused_with_488(expression: str, why: str) -> None:
    assert refused(what(f"<include>{expression}</include>")).startswith(f"488 Filter: 1: {why}")


def test_a_trigger_takes_no_condition() -> None:
    assert refused(one("<trigger><added>//tuple[a='b']</added></trigger>")).startswith(
        "488 Filter: 1: a trigger takes no condition in brackets"
    )


def test_other_media_types_get_415_and_what_is_accepted() -> None:
    with pytest.raises(Exception, match="415 A filter is application/simple-filter") as caught:
        WatcherFilter.read("text/plain", b"x")
    assert caught.value.headers == (("Accept", TYPE),)
    assert refused(b"x", None).startswith("415 ")


def test_a_refusal_warns_as_well() -> None:
    with pytest.raises(Exception, match="488") as caught:
        read(one(""))
    assert caught.value.headers == (
        ("Warning", '399 presentity "the filter 1 has neither what nor trigger"'),
    )


@pytest.mark.parametrize(
    ("body", "package", "answer"),
    [
        (
            NAMESPACE,
            "message-summary",
            "488 Filter: documents of the package message-summary cannot be filtered",
        ),
        (
            NAMESPACE.replace(b"<filter-set", b'<filter-set package="dialog"'),
            "presence",
            "488 Filter: it is for the package dialog, this is presence",
        ),
        (
            SET.replace(b'domain="A.example"', b'uri="sip:bob@A.example"'),
            "presence",
            f"488 Filter: sip:bob@a.example {TWO} a",
        ),
        (
            SET.replace(b' domain="A.example"', b""),
            "presence",
            f"488 Filter: what is subscribed to {TWO} all",
        ),
        (what("<include>//a</include>" * 41), "presence", "488 Filter: more than 40 rules"),
        (
            b'<filter-set xmlns="urn:ietf:params:xml:ns:simple-filter">'
            + b"".join(b'<filter id="%d" uri="sip:%d@x" enabled="false"/>' % (n, n) for n in range(41))
            + b"</filter-set>",
            "presence",
            "488 Filter: more than 40 filters",
        ),
    ],
)
def test_what_cannot_be_met_is_refused_with_488(body: bytes, package: str, answer: str) -> None:
    assert refused(body, TYPE, package) == answer


def test_a_refused_update_leaves_the_filter_as_it_was() -> None:
    before = read(what("<include>//basic</include>"))
    with pytest.raises(Exception, match="488"):
        before.updated(TYPE, what("<include>//basic</include>").replace(b'id="1"', b'id="2"'))
    assert before.apply(RICH, ME) == read(what("<include>//basic</include>")).apply(RICH, ME)


def test_expressions_have_a_bound_together() -> None:
    conditions = " or ".join(["a/b/c='x'"] * 5)
    assert refused(what(f"<include>//a[{conditions}]</include>" * 10)) == (
        "488 Filter: 1: expressions of more than 120 parts together"
    )


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(_PIECES), max_size=12).map("".join))
def test_any_text_is_an_expression_or_refused(text: str) -> None:
    body = what(f"<include>{escape(text)}</include><exclude>{escape(text)}</exclude>", 'xmlns:w="urn:w"')
    try:
        found = read(body)
    except NotAcceptableHere:
        return
    etree.fromstring(found.apply(RICH, ME))
    assert read(found.document()).key == found.key
