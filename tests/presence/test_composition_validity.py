"""Whatever is published, what goes out is valid against all schemas of presence: generated inputs."""

from __future__ import annotations

from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from presence.composition import REGISTERED, Component, CompositionSettings, compose, render
from presence.documents.pidf_plain import read_plain
from presence.documents.pidf_reader import parse_pidf, read_child, read_thoroughly
from sip.errors import BadRequest
from tests.presence.documents.test_pidf import NS, pidf, said
from tests.presence.schemas import check

ALICE = "sip:alice@example.com"
DEFAULT = CompositionSettings()
NAMESPACES = (
    " ".join(
        f'xmlns:{prefix}="urn:ietf:params:xml:ns:pidf:{name}"'
        for prefix, name in (("c", "cipid"), ("caps", "caps"), ("ts", "timed-status"))
    )
    + ' xmlns:x="urn:example:x" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
)

IDS = st.sampled_from(["t", "t1", "1", "a b", "ä", "x.y-z", "p"])
TEXT = st.sampled_from(["", "hi", " ", "a < b & c", "ümlaut", "<![CDATA[<x/>]]>"]).map(
    lambda text: text if text.startswith("<!") else text.replace("&", "&amp;").replace("<", "&lt;")
)
LANG = st.sampled_from(["", "", ' xml:lang="en"', ' xml:lang="de-AT"', ' xml:lang="not a language"'])
DATE = st.sampled_from(
    [
        "2026-11-22T04:17:04Z",
        "2026-11-22T04:17:04.5+02:00",
        "2026-11-22 04:17:04",
        "20261122T041704Z",
        "2026-13-01T00:00:00Z",
        "now",
        "",
        " 2026-01-01T00:00:00Z ",
        "2031-01-01T00:00:00",
        "0001-01-01T00:00:00+14:00",
        "2026-11-22T24:00:00Z",
    ]
)
URIS = st.sampled_from(
    ["sip:a@b", "", "tel:+1", "not a uri",
     "sip:%zz@b", " sip:a@b;x=%20 ", "sip:a@[2001:db8::1]:5070", "//[x",
     "http://[::1]:80/a", "1:2", ":x", "#a#b", "sip:a&amp;b@c", "http://b:x/",
     "x", "?a", "//a@b@c", "urn:x:1",
     "sip:ä@b", "a:[", "http://u:p@h:99999999999/"]
)  # fmt: skip
WORDS = (
    "unknown busy away meeting on-the-phone steering happy in_awe home work noisy quiet dark ok other"
    " friend courier audio video text nonsense note"
).split()


def element(
    name: str | st.SearchStrategy[str], *children: st.SearchStrategy[str], attributes: st.SearchStrategy[str]
) -> st.SearchStrategy[str]:
    names = st.just(name) if isinstance(name, str) else name
    content = st.lists(st.one_of(*children), max_size=4).map("".join) if children else st.just("")
    return st.builds("<{0}{1}>{2}</{0}>".format, names, attributes, content)


def with_id(name: str, *children: st.SearchStrategy[str], many: int = 6) -> st.SearchStrategy[str]:
    content = st.lists(st.one_of(*children), max_size=many).map("".join)
    return st.builds(f'<{name} id="{{}}">{{}}</{name}>'.format, IDS, content)


def some(*attributes: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Some of the attributes, each at most once."""
    return st.tuples(*(st.one_of(st.just(""), one) for one in attributes)).map("".join)


FROM, UNTIL, LAST = (st.builds(f' {name}="{{}}"'.format, DATE) for name in ("from", "until", "last-input"))
NUMBER = st.sampled_from(["5", "-3", "0", "x", "", " 7 ", "99999999999999999999999999"])
ODD = st.sampled_from(
    [
        ' id="t"',
        ' x:y="1"',
        ' z="1"',
        ' xsi:type="x:none"',
        ' xml:id="t"',
        ' xml:space="odd"',
        ' xsi:nil="true"',
    ]
)
ATTRIBUTES = some(FROM, UNTIL, ODD, LANG.filter(bool))
WORD = st.builds(
    "<{0}>{1}</{0}>".format,
    st.sampled_from(
        [f"rpid:{word}" for word in WORDS] + ["x:own", "plain", "dm:person", "presence", "basic"]
    ),
    st.one_of(st.just(""), TEXT),
)
DEEP = element(
    st.sampled_from(["rpid:audio", "rpid:video", "rpid:text", "x:deep"]), WORD, attributes=st.just("")
)
RPID = st.one_of(
    element(
        st.sampled_from(
            "rpid:activities rpid:mood rpid:place-is rpid:place-type rpid:privacy rpid:relationship"
            " rpid:service-class rpid:sphere rpid:new".split()
        ),
        WORD, DEEP, TEXT,
        attributes=ATTRIBUTES,
    ),
    element("rpid:user-input", st.sampled_from(["idle", " Active ", "odd"]),
            attributes=some(LAST, ODD, NUMBER.map(' idle-threshold="{}"'.format))),
    element("rpid:time-offset", NUMBER, attributes=some(FROM, ODD, LANG.map(lambda _: ' description="d"'))),
    element("rpid:status-icon", URIS, attributes=ATTRIBUTES),
    element("rpid:class", TEXT, attributes=ATTRIBUTES),
)  # fmt: skip
CIPID = element(
    st.sampled_from("c:card c:display-name c:homepage c:icon c:map c:sound c:new".split()),
    URIS, attributes=some(ODD, LANG.filter(bool)),
)  # fmt: skip
CAPABILITY = element(
    st.sampled_from(
        [f"caps:{name}" for name in (
            "audio video text type description mobility methods priority schemes languages class supported"
            " notsupported INVITE s l range equals fixed business".split()
        )]
    ),
    st.sampled_from(["true", " TRUE", "no",
                     "<caps:supported><caps:INVITE/><caps:s>sip</caps:s></caps:supported>",
                     '<caps:supported><caps:range minvalue="1" maxvalue="2"/><caps:equals/></caps:supported>',
                     "<caps:notsupported/><caps:supported><caps:fixed>x</caps:fixed></caps:supported>",
                     "<x:more/>"]),
    attributes=some(ODD),
)  # fmt: skip
CAPS = element(st.sampled_from(["caps:servcaps", "caps:devcaps"]), CAPABILITY, attributes=some(ODD))
TIMED = element(
    "ts:timed-status",
    st.sampled_from(
        ["<ts:basic>open</ts:basic>", "<ts:basic>odd</ts:basic>", "<ts:note>n</ts:note>", "<x:y/>", "t"]
    ),
    attributes=some(FROM, UNTIL, ODD),
)
FOREIGN = st.sampled_from(
    [
        "<x:a/>",
        '<x xmlns="urn:x">mixed <y/> text</x>',
        '<plain xmlns=""/>',
        '<r:user-input xmlns:r="urn:ietf:params:xml:ns:pidf:rpid:status:rpid">active</r:user-input>',
        '<x:a xsi:type="x:b"><rpid:mood/><dm:person id="t"/><c:card>: :</c:card><x:b id="t"/></x:a>',
        "<x:a>text <rpid:mood/> and <presence/> more</x:a>",
        "<dm:deviceID>urn:x:1</dm:deviceID>",
        "<dm:deviceID>not one</dm:deviceID>",
        "<unknown/>",
        "stray text",
        "<!-- a comment --><?pi?>",
    ]
)
EXTENSION = st.one_of(RPID, RPID, CIPID, CAPS, TIMED, FOREIGN)
NOTE = st.builds("<note{}>{}</note>".format, LANG, TEXT)
DM_NOTE = st.builds("<dm:note{}>{}</dm:note>".format, LANG, TEXT)
STATUS = st.builds(
    "<status>{}</status>".format,
    st.lists(
        st.one_of(st.sampled_from(["<basic>open</basic>", "<basic> Closed </basic>"]), EXTENSION), max_size=3
    ).map("".join),
)
CONTACT = st.builds(
    "<contact{}>{}</contact>".format,
    st.sampled_from(["", ' priority="0.5"', ' priority="1"', ' priority="2"', ' priority="0.12345" x="y"']),
    URIS,
)
TIMESTAMP = st.builds("<timestamp>{}</timestamp>".format, DATE)
TUPLE = with_id("tuple", STATUS, CONTACT, NOTE, TIMESTAMP, EXTENSION)
PERSON = with_id("dm:person", DM_NOTE, NOTE, TIMESTAMP, TIMESTAMP.map(lambda x: x.replace("time", "dm:time")),
                 RPID, EXTENSION)  # fmt: skip
DEVICE = with_id("dm:device", DM_NOTE, EXTENSION, many=3).flatmap(
    lambda xml: st.sampled_from(["urn:x:1", "urn:x:2", "sip:[::1]"]).map(
        lambda name: xml.replace("</dm:device>", f"<dm:deviceID>{name}</dm:deviceID></dm:device>")
    )
)
DOCUMENT = (
    st.lists(st.one_of(TUPLE, TUPLE, PERSON, PERSON, DEVICE, NOTE, EXTENSION), max_size=5)
    .map("".join)
    .map(lambda content: pidf(content, NAMESPACES))
)


def component(number: int, document: bytes, priority: float = 0.0) -> Component:
    try:
        parsed = parse_pidf(document)
    except BadRequest:
        # What is refused has a reason and changes nothing.
        return REGISTERED._replace(key=str(number))
    return Component(str(number), "test", priority, float(number), parsed)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    documents=st.lists(st.tuples(DOCUMENT, st.sampled_from([0.0, 1.0])), max_size=4),
    now=st.sampled_from([0.0, 1795320900.0, 2e9]),
)
def test_any_mix_of_inputs_comes_out_valid(
    shared: Path, documents: list[tuple[bytes, float]], now: float
) -> None:
    parts = [component(number, data, priority) for number, (data, priority) in enumerate(documents)]
    composed = compose(parts, now, DEFAULT)
    document = render(ALICE, composed)
    root = check(shared, document)
    assert root.get("entity") == ALICE
    assert len(root.findall("dm:person", NS)) <= 1
    assert document == render(ALICE, compose(parts[::-1], now, DEFAULT))
    # What goes out can come in again, and is the same then.
    again = render(ALICE, compose([Component("1", "test", 0.0, 0.0, parse_pidf(document))], now, DEFAULT))
    assert len(etree.fromstring(again)) == len(root)
    check(shared, again)


@settings(max_examples=200, deadline=None)
@given(document=DOCUMENT)
def test_both_ways_of_reading_agree(document: bytes) -> None:
    plain = read_plain(document, 32, read_child)
    if plain is not None:
        assert said(plain) == said(read_thoroughly(document))


PLAIN = b"""<?xml version="1.0" encoding="UTF-8"?>
<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model"
 xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid" xmlns:x="urn:x" entity="sip:a@b">
 <tuple id="t1"><status><basic>open</basic></status><x:y>1</x:y><contact priority="0.8">sip:a@b</contact>
  <note xml:lang="en">n &amp; m</note><timestamp>2026-11-22T04:17:04Z</timestamp></tuple>
 <tuple id="t2"><status><basic>closed</basic><x:z a="b"/></status></tuple><note>n</note>
 <dm:person id="p1"><rpid:activities><rpid:busy/></rpid:activities><dm:note>n</dm:note></dm:person>
</presence>
"""
PIECES = st.sampled_from(
    [b"", b"<", b">", b"/", b"&", b"]]>", b'"', b" ", b"\x0b", b"\r", b"\xff", b"\xef\xbf\xbf", b"x:",
     b"<x:y>", b"</x:y>", b"<!-- -->", b"<!--", b"<![CDATA[", b"<?p ?>", b"t1", b"&lt;", b"<dm:note/>",
     b"</tuple>", b' xmlns:x="urn:x"', b"<status/>", b"<note>n</note>", b"\xc3\xa4", b"<!DOCTYPE x>"]
)  # fmt: skip


@settings(max_examples=600, deadline=None)
@given(
    edits=st.lists(
        st.tuples(st.integers(0, len(PLAIN)), st.sampled_from([0, 0, 1, 4, 9]), PIECES),
        min_size=1,
        max_size=3,
    )
)
def test_what_is_recognised_at_once_is_well_formed_and_means_the_same(
    edits: list[tuple[int, int, bytes]],
) -> None:
    data = PLAIN
    for at, taken, put in edits:
        data = data[:at] + put + data[at + taken :]
    plain = read_plain(data, 32, read_child)
    if plain is not None:
        assert said(plain) == said(read_thoroughly(data))


def test_the_document_that_is_spoilt_above_is_recognised() -> None:
    assert read_plain(PLAIN, 32, read_child) is not None
