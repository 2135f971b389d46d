"""PIDF cut into its pieces, in Python and in C: no difference is to be seen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from presence.documents.pidf_plain import scan_in_python
from tests.support.extensions import loaded

DEPTH = 32
ROOT = (
    b'<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model"'
    b' xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid" xmlns:x="urn:x" entity="sip:a@b" xmlns:y="urn:y">'
)
DOCUMENT = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n' + ROOT + b"\n"
    b' <tuple id="t1"><status><basic>open</basic></status><x:y>1</x:y>'
    b'<contact priority="0.8">sip:a@b</contact>\n'
    b'  <note xml:lang="en-GB">n &amp; m</note><timestamp>2026-11-22T04:17:04Z</timestamp></tuple>\n'
    b' <tuple id="t2"><status><basic>closed</basic><x:z a="b"/></status></tuple><note>n</note>\n'
    b' <dm:person id="p1"><rpid:activities><rpid:busy/></rpid:activities><dm:note>n</dm:note>'
    b"<dm:timestamp>2026-11-22T04:17:04Z</dm:timestamp></dm:person>\n"
    b"</presence>\n"
)


@pytest.fixture(scope="module")
def scan(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return loaded("presence._pidf", tmp_path_factory.mktemp("pidf")).scan


def same(scan: Any, data: bytes, depth: int = DEPTH) -> None:
    assert scan(data, depth) == scan_in_python(data, depth)


def test_a_document_is_cut_into_its_pieces(scan: Any) -> None:
    assert [text for _, text in scan(DOCUMENT, DEPTH)] == [
        ROOT[9:-1].replace(b' entity="sip:a@b"', b""),
        b"t1",
        b"open",
        b"<x:y>1</x:y>",
        b"0.8",
        b'<contact priority="0.8">sip:a@b</contact>',
        b'<note xml:lang="en-GB">n &amp; m</note>',
        b"2026-11-22T04:17:04Z",
        b"</tuple>",
        b"t2",
        b'<status><basic>closed</basic><x:z a="b"/></status>',
        b"</tuple>",
        b"<note>n</note>",
        b"p1",
        b"<rpid:activities><rpid:busy/></rpid:activities>",
        b"<dm:note>n</dm:note>",
        b"2026-11-22T04:17:04Z",
        b"</dm:person>",
    ]
    same(scan, DOCUMENT)


@pytest.mark.parametrize("depth", range(20))
def test_the_same_depth_is_too_much(scan: Any, depth: int) -> None:
    same(scan, DOCUMENT, depth)


CHILDREN = [
    b"<status><basic>open</basic></status>",
    b"<status> <basic>closed</basic>\t</status>",
    b"<status><basic>away</basic></status>",
    b"<status/>",
    b"<status />",
    b"<status \n><x:y/></status>",
    b"<statusx></status>",
    b"<contact>sip:a@b</contact>",
    b'<contact priority="1.000">tel:+1</contact>',
    b'<contact priority="1.001">tel:+1</contact>',
    b'<contact priority="0.1234">tel:+1</contact>',
    b'<contact priority="0.">tel:+1</contact>',
    b'<contact priority="2">tel:+1</contact>',
    b"<contact>http://a</contact>",
    b"<contact>sip:</contact>",
    b"<contact>sip:a%20</contact>",
    b"<contact>sip:\xc3\xa4</contact>",
    b"<note>n</note>",
    b"<note></note>",
    b'<note xml:lang="de">\xc3\xa4 &quot;\t\n</note>',
    b'<note xml:lang="abcdefghi">n</note>',
    b'<note xml:lang="a-">n</note>',
    b'<note xml:lang="1">n</note>',
    b'<note  xml:lang="a">n</note>',
    b"<note>&apos;</note>",
    b"<note>\r</note>",
    b"<note>a<b/></note>",
    b"<dm:note>n</dm:note>",
    b'<dm:note xml:lang="en-1">n</dm:note>',
    b"<dm:other/>",
    b"<timestamp>2026-11-22T04:17:04+01:00</timestamp>",
    b"<timestamp></timestamp>",
    b"<timestamp>x</timestamp>",
    b"<dm:timestamp>2026-11-22T04:17:04.5Z</dm:timestamp>",
    b"<x:y/>",
    b"<x:y a='/'>t</x:y>",
    b"<x:y/ >",
    b"<x:y / >t</x:y>",
    b"<x:y>",
    b"<x:y></x:y >",
    b"<x:y></x:yz></x:y>",
    b"<x:y><x:y></x:y></x:y>",
    b"<x:y<></x:y>",
    b"<x:></x:>",
    b"<:y/>",
    b"<x:y:z/>",
    b"<x.-1:-.y>\0</x.-1:-.y>",
    b"<unknown/>",
    b"text",
    b"<!-- c -->",
    b"",
]
SPACES = st.sampled_from([b"", b" ", b"\r\n", b"\t", b"\x0b"])
CHILD = st.tuples(SPACES, st.sampled_from(CHILDREN)).map(b"".join)
ENDS = {b"<tuple": b"</tuple>", b"<dm:person": b"</dm:person\n>", b"<tuplex": b"</tuplex>"}
IDS = st.sampled_from(
    [b' id="t1">', b'\n id="_.-1" >', b' id="1">', b' id="">', b" id='t'>", b'id="t">', b" >"]
)


@st.composite
def elements(draw: Any) -> bytes:
    start = draw(st.sampled_from(sorted(ENDS)))
    end = draw(st.sampled_from([ENDS[start]] * 6 + [b"</tuple >", b""]))
    return b"".join([start, draw(IDS), *draw(st.lists(CHILD, max_size=5)), end])


HEADS = [
    *[ROOT] * 4,
    b"\n" + ROOT,
    b'<?xml version="1.0"?>' + ROOT,
    b'<?xml version="1.0" encoding="utf-8" standalone="yes" ?> ' + ROOT,
    b'<?xml version="1.0" standalone="no"?>\n' + ROOT,
    b'<?xml version="1.0" standalone="maybe"?>\n' + ROOT,
    b'<?xml version="1.0" encoding="latin-1"?>' + ROOT,
    b'<?xml version="1.1"?>' + ROOT,
    b"<presence>",
    b"<presence >",
    b'<presence entity="">',
    b'<presence entity="a" entity="b">',
    b'<presence xmlns="">',
    b'<presence xmlns="a b">',
    b'<presence xmlns:="a">',
    b'<presence xmlns:1="a">',
    b'<presence xmlns="a"xmlns:b="c">',
    b'<presence xmlns="\xff" entity="\xff">',
    b'<presence entity="\x1f">',
    b"<presencex>",
]
TOPS = st.one_of(elements(), CHILD)


@settings(max_examples=1500, deadline=None)
@given(
    st.sampled_from(HEADS),
    st.lists(TOPS, max_size=4),
    st.sampled_from([*[b"</presence>"] * 4, b" </presence\n>\n", b"</presence>x", b"</presence", b""]),
    st.sampled_from([3, 10, DEPTH]),
)
def test_any_pieces(scan: Any, head: bytes, tops: list[bytes], end: bytes, depth: int) -> None:
    same(scan, b"".join([head, *tops, end]), depth)


@settings(max_examples=1500, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, len(DOCUMENT)),
            st.sampled_from([0, 0, 1, 4, 9]),
            st.sampled_from([b"", *b'<>/&" :x\0\r\xff', b"x:", b"]]>", b"</x:y>", b"<status/>", b"&lt;"]).map(
                lambda piece: bytes([piece]) if isinstance(piece, int) else piece
            ),
        ),
        min_size=1,
        max_size=3,
    )
)
def test_a_document_that_was_spoilt(scan: Any, edits: list[tuple[int, int, bytes]]) -> None:
    data = DOCUMENT
    for at, taken, put in edits:
        data = data[:at] + put + data[at + taken :]
    same(scan, data)


@given(st.integers(0, len(DOCUMENT)))
def test_a_document_that_ends_too_early(scan: Any, length: int) -> None:
    same(scan, DOCUMENT[:length])


@given(st.binary(max_size=100))
def test_any_bytes(scan: Any, data: bytes) -> None:
    same(scan, data)
    same(scan, ROOT + data + b"</presence>")


def test_documents_of_phones(scan: Any, shared: Path) -> None:
    bodies = [path for path in shared.rglob("*.xml") if b"<presence" in path.read_bytes()]
    assert len(bodies) > 10
    for path in bodies:
        same(scan, path.read_bytes())


@pytest.mark.parametrize("wrong", [("", 3), (b"",), (b"", None), (b"", b"")])
def test_what_is_no_document_is_refused(scan: Any, wrong: tuple[Any, ...]) -> None:
    with pytest.raises(TypeError):
        scan(*wrong)
