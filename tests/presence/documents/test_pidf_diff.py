"""Full documents with a version and differences (RFC 5262) that go to watchers: exact, valid, short."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from presence.documents.pidf_diff import apply_diff, make_diff, pidf_full
from tests.presence.documents.partial import ENTITY, canonical, doc, tuple_


@lru_cache(maxsize=1)
def schema(shared: Path) -> etree.XMLSchema:
    """The schema of RFC 5262, with that of RFC 5261, the data model and RPID."""
    folder = shared / "schemas"
    patch_ops = etree.tostring(
        etree.parse(folder / "patchops.xsd", etree.XMLParser(load_dtd=True, resolve_entities=True))
    )
    patch_ops = patch_ops[patch_ops.index(b"<xsd:schema") :]

    class Resolver(etree.Resolver):
        def resolve(self, url: str, public: str, context: object) -> object:
            if url.endswith("patch-ops"):
                return self.resolve_string(patch_ops, context)
            return None

    parser = etree.XMLParser()
    parser.resolvers.add(Resolver())
    together = (
        '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">'
        '<xs:import namespace="urn:ietf:params:xml:ns:pidf-diff" schemaLocation="rfc5262-pidf-diff.xsd"/>'
        '<xs:import namespace="urn:ietf:params:xml:ns:pidf:data-model" schemaLocation="data-model.xsd"/>'
        '<xs:import namespace="urn:ietf:params:xml:ns:pidf:rpid" schemaLocation="rpid.xsd"/></xs:schema>'
    )
    return etree.XMLSchema(etree.fromstring(together, parser, base_url=str(folder / "x.xsd")))


def check(shared: Path, document: bytes) -> None:
    found = schema(shared)
    assert found.validate(etree.fromstring(document)), f"{found.error_log}\n{document.decode()}"


def operations(diff: bytes | None) -> list[tuple[str, str]]:
    assert diff is not None
    return [(etree.QName(each).localname, each.get("sel")) for each in etree.fromstring(diff)]


BIG = [
    tuple_(f"t{n}", more=f"<contact>sip:alice@192.0.2.{n}</contact><note>number {n}</note>")
    for n in range(1, 9)
]


def test_a_full_document_is_the_document_with_a_version(shared: Path) -> None:
    document = doc(*BIG)
    full = pidf_full(document, 7)
    assert full.startswith(
        b'<?xml version="1.0" encoding="UTF-8"?>\n<p:pidf-full xmlns="urn:ietf:params:xml:ns:pidf"'
        b' xmlns:p="urn:ietf:params:xml:ns:pidf-diff" xmlns:dm="'
    )
    assert b' entity="sip:alice@example.com" version="7">\n<tuple id="t1">' in full
    check(shared, full)
    assert canonical(apply_diff(b"", full)) == canonical(document)


@pytest.mark.parametrize(
    "document",
    [
        b'<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="a:b"/>',
        b'<q:presence xmlns:q="urn:ietf:params:xml:ns:pidf" xmlns:p="urn:p" entity="a:b"><p:x/></q:presence>',
        b'<?xml version="1.0" encoding="UTF-8"?>\n<presence xmlns="urn:ietf:params:xml:ns:pidf"'
        b' xmlns:p="urn:p" entity="a:b"><p:x/></presence>',
    ],
)
def test_a_full_document_is_made_of_any_spelling(document: bytes, shared: Path) -> None:
    full = pidf_full(document, 1)
    check(shared, full)
    assert canonical(apply_diff(b"", full)) == canonical(document)


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        ([], []),
        ([1], [("replace", "*/tuple[@id='t2']/status")]),
        ([2], [("remove", "*/tuple[@id='t2']")]),
        ([3], [("add", "*/tuple[@id='t8']")]),
        ([4], [("add", "*")]),
        ([5], [("replace", "*/tuple[@id='t2']")]),
        ([6], [("remove", "*/tuple[@id='t1']"), ("add", "*/tuple[@id='t8']")]),
    ],
)
def test_a_difference_says_only_what_changed(
    after: list[int], expected: list[tuple[str, str]], shared: Path
) -> None:
    then = list(BIG)
    match after:
        case [1]:
            then[1] = then[1].replace("open", "closed")
        case [2]:
            del then[1]
        case [3]:
            then.append(tuple_("new"))
        case [4]:
            then.insert(0, tuple_("new"))
        case [5]:
            then[1] = tuple_("t2", "closed")
        case [6]:
            then.append(then.pop(0))
    diff = make_diff(doc(*BIG), doc(*then), 2, ENTITY)
    assert operations(diff) == expected
    assert diff is not None
    root = etree.fromstring(diff)
    assert (root.get("version"), root.get("entity")) == ("2", ENTITY)
    check(shared, diff)
    assert canonical(apply_diff(doc(*BIG), diff)) == canonical(doc(*then))


def test_a_difference_is_not_made_where_the_whole_is_no_longer() -> None:
    assert make_diff(doc(tuple_("a")), doc(tuple_("b")), 2, ENTITY) is None
    assert make_diff(doc(*BIG), doc(tuple_("b")), 2, ENTITY) is None


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_full_documents_and_differences_are_read_in_utf_8_and_utf_16(encoding: str) -> None:
    before, after = doc(*BIG), doc(*BIG, tuple_("new", more="<note>überall</note>"))
    diff = make_diff(before, after, 2, ENTITY)
    assert diff is not None

    def encoded(document: bytes) -> bytes:
        return document.decode().replace('encoding="UTF-8"', f'encoding="{encoding}"').encode(encoding)

    local = apply_diff(b"", encoded(pidf_full(before, 1)))
    assert canonical(apply_diff(local, encoded(diff))) == canonical(after)


def test_another_entity_is_another_document() -> None:
    assert make_diff(doc(*BIG), doc(*BIG).replace(b"alice@", b"bob@", 1), 2, ENTITY) is None


_IDS = st.sampled_from(["a", "b", "c", "d", "e'f", "g h"])
_WORDS = st.sampled_from(["", "x", "two words", "&amp;&lt;", "\u00e4", "long " * 20])
_NOTES = st.builds(
    lambda text, lang: f'<note xml:lang="{lang}">{text}</note>', _WORDS, st.sampled_from(["en", "fi"])
)
_EXTRAS = st.sampled_from(
    ["", "<rpid:class>c</rpid:class>", '<x:y xmlns:x="urn:x" x:k="v"><x:z/></x:y>', '<y xmlns="urn:y"/>']
)
_TUPLES = st.builds(
    lambda ident, basic, extra, contact, note: tuple_(
        ident, basic, f"{extra}<contact>{contact}</contact>{note}"
    ),
    _IDS,
    st.sampled_from(["open", "closed"]),
    _EXTRAS,
    st.sampled_from(["sip:a@b", "tel:+1"]),
    st.one_of(st.just(""), _NOTES),
)
_PERSONS = st.builds(
    lambda ident, activity, note: (
        f'<dm:person id="{ident}"><rpid:activities><rpid:{activity}/></rpid:activities>'
        f"<dm:note>{note}</dm:note></dm:person>"
    ),
    _IDS,
    st.sampled_from(["busy", "away", "meal"]),
    _WORDS,
)
_DOCUMENTS = st.builds(
    lambda tuples, notes, persons: doc(*tuples, *notes, *persons),
    st.lists(_TUPLES, max_size=6),
    st.lists(_NOTES, max_size=3),
    st.lists(_PERSONS, max_size=3),
)


@settings(max_examples=150, deadline=None)
@given(before=_DOCUMENTS, after=_DOCUMENTS)
def test_what_the_watcher_gets_is_what_we_have(before: bytes, after: bytes) -> None:
    diff = make_diff(before, after, 2, ENTITY)
    if diff is None:
        diff = pidf_full(after, 2)
    else:
        assert len(diff) < len(pidf_full(after, 2))
    assert canonical(apply_diff(before, diff)) == canonical(after)


@settings(max_examples=60, deadline=None)
@given(parts=st.lists(st.tuples(st.booleans(), _TUPLES), max_size=4), data=st.randoms(use_true_random=False))
def test_small_changes_of_large_documents(shared: Path, parts: list[tuple[bool, str]], data: object) -> None:
    before = doc(*BIG)
    then = list(BIG)
    for number, (drop, part) in enumerate(parts):
        part = part.replace("e'f", "e").replace("g h", "g").replace('<tuple id="', f'<tuple id="n{number}')
        if drop:
            del then[number]
        then.insert(data.randrange(len(then) + 1), part)  # type: ignore[attr-defined]
    diff = make_diff(before, doc(*then), 2, ENTITY)
    if diff is not None:
        check(shared, diff)
        assert canonical(apply_diff(before, diff)) == canonical(doc(*then))
