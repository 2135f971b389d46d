"""Partial presence documents: the examples of RFC 5262, 5263 and 5264, and that a difference is exact."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from presence.documents.pidf_diff import apply_diff, apply_published_patch, make_diff, pidf_full
from presence.documents.xml_patch import PatchError
from sip.errors import SipError

# RFC 5262 §6, RFC 5263 §5 and RFC 5264 §6, as printed.
FULL_567 = b"""\
<?xml version="1.0" encoding="UTF-8"?>
<p:pidf-full xmlns="urn:ietf:params:xml:ns:pidf"
       xmlns:p="urn:ietf:params:xml:ns:pidf-diff"
       xmlns:r="urn:ietf:params:xml:ns:pidf:rpid"
       xmlns:ci="urn:ietf:params:xml:ns:pidf:cipid"
       xmlns:c="urn:ietf:params:xml:ns:pidf:caps"
       xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model"
       entity="pres:someone@example.com"
       version="567">
 <tuple id="sg89ae">
  <status>
   <basic>open</basic>
  </status>
  <c:servcaps>
   <c:audio>true</c:audio>
   <c:message>true</c:message>
   <c:video>false</c:video>
  </c:servcaps>
  <contact priority="0.8">tel:09012345678</contact>
 </tuple>
 <tuple id="cg231jcr">
  <status>
   <basic>open</basic>
  </status>
  <contact priority="1.0">im:pep@example.com</contact>
 </tuple>
 <tuple id="r1230d">
  <status>
   <basic>closed</basic>
  </status>
  <ci:homepage>http://example.com/~pep/</ci:homepage>
  <ci:icon>http://example.com/~pep/icon.gif</ci:icon>
  <ci:card>http://example.com/~pep/card.vcd</ci:card>
  <contact priority="0.9">sip:pep@example.com</contact>
 </tuple>
 <note xml:lang="en">Full state presence document</note>
 <dm:person id="p123">
  <r:activities>
   <r:on-the-phone/>
   <r:busy/>
  </r:activities>
 </dm:person>
 <dm:device id="u600b40c7">
  <c:devcaps>
   <c:mobility>
    <c:supported>
     <c:mobile/>
    </c:supported>
   </c:mobility>
  </c:devcaps>
  <dm:deviceID>urn:esn:600b40c7</dm:deviceID>
 </dm:device>
</p:pidf-full>
"""
DIFF_568 = b"""\
<?xml version="1.0" encoding="UTF-8"?>
<p:pidf-diff
     xmlns="urn:ietf:params:xml:ns:pidf"
     xmlns:p="urn:ietf:params:xml:ns:pidf-diff"
     xmlns:r="urn:ietf:params:xml:ns:pidf:rpid"
     xmlns:d="urn:ietf:params:xml:ns:pidf:data-model"
     entity="pres:someone@example.com"
     version="568">
<p:add sel="presence/note" pos="before">
 <tuple id="ert4773">
  <status>
   <basic>open</basic>
  </status>
  <contact priority="0.4">mailto:pep@example.com</contact>
  <note xml:lang="en">This is a new tuple inserted
       between the last tuple and person element</note>
 </tuple>
</p:add>
<p:replace sel="*/tuple[@id='r1230d']/status/basic/text()"
   >open</p:replace>
<p:remove sel="*/d:person/r:activities/r:busy" ws="after"/>
<p:replace sel="*/tuple[@id='cg231jcr']/contact/@priority"
   >0.7</p:replace>
</p:pidf-diff>
"""
FULL_568 = b"""\
<?xml version="1.0" encoding="UTF-8"?>
<p:pidf-full xmlns="urn:ietf:params:xml:ns:pidf"
       xmlns:p="urn:ietf:params:xml:ns:pidf-diff"
       xmlns:r="urn:ietf:params:xml:ns:pidf:rpid"
       xmlns:ci="urn:ietf:params:xml:ns:pidf:cipid"
       xmlns:c="urn:ietf:params:xml:ns:pidf:caps"
       xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model"
       entity="pres:someone@example.com"
       version="568">
 <tuple id="sg89ae">
  <status>
   <basic>open</basic>
  </status>
  <c:servcaps>
   <c:audio>true</c:audio>
   <c:message>true</c:message>
   <c:video>false</c:video>
  </c:servcaps>
  <contact priority="0.8">tel:09012345678</contact>
 </tuple>
 <tuple id="cg231jcr">
  <status>
   <basic>open</basic>
  </status>
  <contact priority="0.7">im:pep@example.com</contact>
 </tuple>
 <tuple id="r1230d">
  <status>
   <basic>open</basic>
  </status>
  <ci:homepage>http://example.com/~pep/</ci:homepage>
  <ci:icon>http://example.com/~pep/icon.gif</ci:icon>
  <ci:card>http://example.com/~pep/card.vcd</ci:card>
  <contact priority="0.9">sip:pep@example.com</contact>
 </tuple>
 <tuple id="ert4773">
  <status>
   <basic>open</basic>
  </status>
  <contact priority="0.4">mailto:pep@example.com</contact>
  <note xml:lang="en">This is a new tuple inserted
      between the last tuple and note element</note>
 </tuple>
 <note xml:lang="en">Full state presence document</note>
 <dm:person id="p123">
  <r:activities>
   <r:on-the-phone/>
  </r:activities>
 </dm:person>
 <dm:device id="u600b40c7">
  <c:devcaps>
   <c:mobility>
    <c:supported>
     <c:mobile/>
    </c:supported>
   </c:mobility>
  </c:devcaps>
  <dm:deviceID>urn:esn:600b40c7</dm:deviceID>
 </dm:device>
</p:pidf-full>
"""
NOTIFY_1 = b"""\
<?xml version="1.0" encoding="UTF-8"?>
   <p:pidf-full xmlns="urn:ietf:params:xml:ns:pidf"
          xmlns:p="urn:ietf:params:xml:ns:pidf-diff"
          xmlns:r="urn:ietf:params:xml:ns:pidf:rpid"
          xmlns:c="urn:ietf:params:xml:ns:pidf:caps"
          xmlns:cp="urn:ietf:params:xml:ns:pidf:cipid"
          xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model"
          entity="sip:resource@example.com"
          version="1">
    <tuple id="sg89ae">
     <status>
      <basic>open</basic>
     </status>
     <c:servcaps>
      <c:audio>true</c:audio>
      <c:video>false</c:video>
      <c:message>true</c:message>
     </c:servcaps>
      <r:relationship><r:assistant/></r:relationship>
     <contact priority="0.8">tel:09012345678</contact>
    </tuple>
    <tuple id="cg231jcr">
     <status>
      <basic>open</basic>
     </status>
     <contact priority="1.0">im:res@example.com</contact>
    </tuple>
    <tuple id="r1230d">
     <status>
      <basic>closed</basic>
     </status>
     <cp:homepage>http://example.com/~res/</cp:homepage>
     <cp:icon>http://example.com/~res/icon.gif</cp:icon>
     <cp:card>http://example.com/~res/card.vcd</cp:card>
     <contact priority="0.9">sip:resource@example.com</contact>
    </tuple>
    <note xml:lang="en">Full state presence document</note>
    <dm:person id="fdkfj">
      <r:activities>
       <r:on-the-phone/>
       <r:busy/>
      </r:activities>
    </dm:person>
    <dm:device id="u00b40c7">
      <c:devcaps>
       <c:mobility>
        <c:supported>
         <c:mobile/>
        </c:supported>
       </c:mobility>
      </c:devcaps>
      <dm:deviceID>mac:xxx</dm:deviceID>
    </dm:device>
   </p:pidf-full>
"""
NOTIFY_2 = b"""\
<?xml version="1.0" encoding="UTF-8"?>
<p:pidf-diff xmlns="urn:ietf:params:xml:ns:pidf"
             xmlns:p="urn:ietf:params:xml:ns:pidf-diff"
             xmlns:r="urn:ietf:params:xml:ns:pidf:rpid"
             xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model"
          entity="sip:resource@example.com"
          version="2">
 <p:add sel="presence/note" pos="before"><tuple id="ert4773">
  <status>
   <basic>open</basic>
  </status>
  <contact priority="0.4">mailto:res@example.com</contact>
  <note xml:lang="en">This is a new tuple inserted
        between the last tuple and note element</note>
 </tuple>
 </p:add>
 <p:replace sel="*/tuple[@id='r1230d']/status/basic/text()"
  >open</p:replace>
 <p:remove sel="*/dm:person/r:activities/r:busy"/>
 <p:replace sel="*/tuple[@id='cg231jcr']/contact/@priority"
  >0.7</p:replace>
</p:pidf-diff>
"""
PUBLISH_1 = b"""\
<?xml version="1.0" encoding="UTF-8"?>
<p:pidf-full xmlns="urn:ietf:params:xml:ns:pidf"
       xmlns:p="urn:ietf:params:xml:ns:pidf-diff"
       xmlns:r="urn:ietf:params:xml:ns:pidf:rpid"
       xmlns:c="urn:ietf:params:xml:ns:pidf:caps"
       entity="pres:someone@example.com">
 <tuple id="sg89ae">
  <status>
   <basic>open</basic>
   <r:relationship>assistant</r:relationship>
  </status>
  <c:servcaps>
   <c:audio>true</c:audio>
   <c:video>false</c:video>
   <c:message>true</c:message>
  </c:servcaps>
  <contact priority="0.8">tel:09012345678</contact>
 </tuple>
 <tuple id="cg231jcr">
  <status>
   <basic>open</basic>
  </status>
  <contact priority="1.0">im:pep@example.com</contact>
 </tuple>
 <tuple id="r1230d">
  <status>
   <basic>closed</basic>
   <r:activity>meeting</r:activity>
  </status>
  <r:homepage>http://example.com/~pep/</r:homepage>
  <r:icon>http://example.com/~pep/icon.gif</r:icon>
  <r:card>http://example.com/~pep/card.vcd</r:card>
  <contact priority="0.9">sip:pep@example.com</contact>
 </tuple>
 <note xml:lang="en">Full state presence document</note>
 <r:person>
  <r:status>
   <r:activities>
    <r:on-the-phone/>
    <r:busy/>
   </r:activities>
  </r:status>
 </r:person>
 <r:device id="urn:esn:600b40c7">
  <r:status>
   <c:devcaps>
    <c:mobility>
     <c:supported>
      <c:mobile/>
     </c:supported>
    </c:mobility>
   </c:devcaps>
  </r:status>
 </r:device>
</p:pidf-full>
"""
PUBLISH_2 = b"""\
<?xml version="1.0" encoding="UTF-8"?>
<p:pidf-diff xmlns="urn:ietf:params:xml:ns:pidf"
             xmlns:p="urn:ietf:params:xml:ns:pidf-diff"
             xmlns:r="urn:ietf:params:xml:ns:pidf:rpid"
             entity="pres:someone@example.com">
 <p:add sel="presence/note" pos="before"><tuple id="ert4773">
  <status>
   <basic>open</basic>
  </status>
  <contact priority="0.4">mailto:pep@example.com</contact>
  <note xml:lang="en">This is a new tuple inserted
        between the last tuple and note element</note>
 </tuple>
 </p:add>
 <p:replace sel="*/tuple[@id='r1230d']/status/basic/text()"
  >open</p:replace>
 <p:remove sel="*/r:person/r:status/r:activities/r:busy"/>
 <p:replace sel="*/tuple[@id='cg231jcr']/contact/@priority"
  >0.7</p:replace>
</p:pidf-diff>
"""

ENTITY = "sip:alice@example.com"
P = "{urn:ietf:params:xml:ns:pidf}"


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


def canonical(document: bytes) -> bytes:
    return etree.tostring(etree.fromstring(document), method="c14n")


def without_space(document: bytes) -> str:
    return "".join(canonical(document).decode().split())


def doc(*parts: str) -> bytes:
    """As the server writes documents."""
    body = "\n".join(parts)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<presence xmlns="urn:ietf:params:xml:ns:pidf"'
        ' xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid"'
        f' entity="{ENTITY}">\n{body}\n</presence>\n'
    ).encode()


def tuple_(ident: str, basic: str = "open", more: str = "") -> str:
    return f'<tuple id="{ident}"><status><basic>{basic}</basic></status>{more}</tuple>'


def operations(diff: bytes | None) -> list[tuple[str, str]]:
    assert diff is not None
    return [(etree.QName(each).localname, each.get("sel")) for each in etree.fromstring(diff)]


BIG = [
    tuple_(f"t{n}", more=f"<contact>sip:alice@192.0.2.{n}</contact><note>number {n}</note>")
    for n in range(1, 9)
]


def test_rfc_5262_example() -> None:
    document = apply_diff(FULL_567, DIFF_568)
    full = pidf_full(document, 568)
    # The RFC prints the note of the new tuple differently in the patch and in the result.
    expected = FULL_568.replace(b"and note element", b"and person element")
    assert without_space(full) == without_space(expected)


def test_rfc_5263_example() -> None:
    document = apply_diff(NOTIFY_1, NOTIFY_2)
    root = etree.fromstring(document)
    assert root.tag == f"{P}presence"
    assert [each.get("id") for each in root.iter(f"{P}tuple")] == ["sg89ae", "cg231jcr", "r1230d", "ert4773"]
    assert [each.text for each in root.iter(f"{P}basic")] == ["open", "open", "open", "open"]
    assert [each.get("priority") for each in root.iter(f"{P}contact")] == ["0.8", "0.7", "0.9", "0.4"]
    assert b"busy" not in document
    assert b"on-the-phone" in document


def test_rfc_5264_example() -> None:
    first = apply_published_patch(None, PUBLISH_1)
    assert etree.fromstring(first).tag == f"{P}presence"
    assert "version" not in etree.fromstring(first).attrib
    second = apply_published_patch(first, PUBLISH_2)
    assert b"busy" not in second
    assert second.count(b"<tuple") == 4


def test_our_own_difference_of_the_rfc_5262_documents_is_exact() -> None:
    before, after = apply_diff(b"", FULL_567), apply_diff(b"", FULL_568)
    diff = make_diff(before, after, 568, "pres:someone@example.com")
    assert diff is not None
    assert canonical(apply_diff(before, diff)) == canonical(after)


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


BASE = doc(tuple_("t1"), "<dm:person id='p1'/>")


def publish(content: str, base: bytes | None = BASE, attributes: str = "") -> bytes:
    return apply_published_patch(
        base,
        (
            '<p:pidf-diff xmlns="urn:ietf:params:xml:ns:pidf" xmlns:p="urn:ietf:params:xml:ns:pidf-diff"'
            f" {attributes}>{content}</p:pidf-diff>"
        ).encode(),
    )


def test_ids_are_known_to_the_id_function() -> None:
    assert b'"t1"' not in publish("<p:remove sel=\"id('t1')\"/>")


@pytest.mark.parametrize("root", ["presence", "*", "p:pidf-full", "/presence"])
def test_the_root_has_several_names(root: str) -> None:
    assert b'"t1"' not in publish(f'<p:remove sel="{root}/tuple"/>')


@pytest.mark.parametrize(
    ("content", "base", "attributes", "reason"),
    [
        ("", None, "", "Invalid Partial Publication: the first one must be pidf-full"),
        ("", BASE, 'entity="sip:bob@example.com"', "pidf-diff: the entity is not that of the publication"),
        (
            "<p:remove sel=\"*/tuple[@id='t9']\"/>",
            BASE,
            "",
            "Patch: unlocated-node: no node found by the selector",
        ),
        (
            '<p:remove sel="*"/>',
            BASE,
            "",
            "Patch: invalid-root-element-operation: the root cannot be removed",
        ),
        (
            '<p:replace sel="*"><x/></p:replace>',
            BASE,
            "",
            "Patch: invalid-root-element-operation: the root must stay",
        ),
        ("", b"<x/>", "", "PIDF: the root is x, not presence"),
    ],
)
def test_a_partial_publication_that_cannot_be_is_refused(
    content: str, base: bytes | None, attributes: str, reason: str
) -> None:
    with pytest.raises(SipError) as caught:
        publish(content, base, attributes)
    assert (caught.value.status, caught.value.reason) == (400, reason)


@pytest.mark.parametrize(
    ("patch", "reason"),
    [
        (b"", "pidf-diff: the body is empty or not XML"),
        (b"<!DOCTYPE x><x/>", "pidf-diff: a DTD is not accepted"),
        (BASE, "pidf-diff: the root is presence, neither pidf-full nor pidf-diff"),
    ],
)
def test_what_is_no_patch_is_refused(patch: bytes, reason: str) -> None:
    with pytest.raises(SipError) as caught:
        apply_published_patch(BASE, patch)
    assert (caught.value.status, caught.value.reason) == (400, reason)


def test_a_patch_does_not_make_a_document_larger_than_one_may_be() -> None:
    note = "<note>" + "x" * 40_000 + "</note>"
    once = publish(f'<p:add sel="*/tuple" pos="after">{note}</p:add>')
    with pytest.raises(SipError) as caught:
        publish(f'<p:add sel="*/tuple" pos="after">{note}</p:add>', once)
    assert (caught.value.status, caught.value.reason) == (413, "PIDF after the patch: more than 65536 bytes")


def test_a_refused_patch_says_which_operation_failed() -> None:
    with pytest.raises(PatchError) as caught:
        publish('<p:remove sel="*/tuple"/><p:remove sel="*/tuple"/>')
    assert caught.value.name == "unlocated-node"
    assert caught.value.operation.startswith(b"<p:remove")
