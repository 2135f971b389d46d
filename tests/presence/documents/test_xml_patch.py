"""Patches of XML documents: the examples of RFC 5261, its rules of names and white space, every refusal."""

from __future__ import annotations

import pytest
from lxml import etree

from presence.documents.xml_patch import PatchError, apply_patch, error_document
from tests.presence.documents.patch_examples import EXAMPLES


def canonical(document: str | bytes) -> str:
    data = document if isinstance(document, bytes) else document.strip().encode()
    return etree.tostring(etree.fromstring(data), method="c14n", with_comments=True).decode()


def patched(target: str, *operations: str, declare: str = "") -> str:
    return apply_patch(target.encode(), f"<diff{declare}>{''.join(operations)}</diff>".encode()).decode()


def body(document: str) -> str:
    return document.partition("\n")[2].removesuffix("\n")


def refused(target: str, operation: str, declare: str = "") -> str:
    with pytest.raises(PatchError) as caught:
        patched(target, operation, declare=declare)
    assert caught.value.status == 400
    assert caught.value.reason.startswith(f"Patch: {caught.value.name}: ")
    return caught.value.name


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_examples_of_the_appendix(name: str) -> None:
    target, patch, result = EXAMPLES[name]
    got = canonical(apply_patch(target.encode(), patch.encode()))
    if name.startswith(("A.16 ", "A.18 ")):
        # Their results are printed with other white space than the operations leave.
        got, result = "".join(got.split()), "".join(canonical(result).split())
    else:
        result = canonical(result)
    assert got == result


@pytest.mark.parametrize(
    ("operation", "result"),
    [
        ('<add sel="a"><n/></add>', "<a>x<b>1</b> <b k='2'/><!--c--><n/></a>"),
        ('<add sel="a" pos="prepend">w<n/></add>', "<a>w<n/>x<b>1</b> <b k='2'/><!--c--></a>"),
        ('<add sel="a/b[2]" pos="before"><n/></add>', "<a>x<b>1</b> <n/><b k='2'/><!--c--></a>"),
        ('<add sel="a/b[1]" pos="after">y</add>', "<a>x<b>1</b>y <b k='2'/><!--c--></a>"),
        ('<add sel="*/text()[1]" pos="after">y<n/></add>', "<a>xy<n/><b>1</b> <b k='2'/><!--c--></a>"),
        ('<add sel="a/b[@k=\'2\']" type="@l">m</add>', "<a>x<b>1</b> <b k='2' l='m'/><!--c--></a>"),
        ("<replace sel=\"/a/b[.='1']\"> <n/> </replace>", "<a>x<n/> <b k='2'/><!--c--></a>"),
        ('<replace sel="a/b[2]/@k"/>', "<a>x<b>1</b> <b k=''/><!--c--></a>"),
        ('<replace sel="a/b[1]/text()"/>', "<a>x<b/> <b k='2'/><!--c--></a>"),
        ('<replace sel="a/comment()"><!--d--></replace>', "<a>x<b>1</b> <b k='2'/><!--d--></a>"),
        ('<remove sel="a/b[1]" ws="after"/>', "<a>x<b k='2'/><!--c--></a>"),
        ('<remove sel="a/b[2]" ws="before"/>', "<a>x<b>1</b><!--c--></a>"),
        ('<remove sel="a/b[1]"/>', "<a>x <b k='2'/><!--c--></a>"),
        ("<remove sel=\"a[b='1']/b[@k=&quot;2&quot;]/@k\"/>", "<a>x<b>1</b> <b/><!--c--></a>"),
    ],
)
def test_each_operation_changes_what_it_says_and_nothing_else(operation: str, result: str) -> None:
    assert canonical(patched("<a>x<b>1</b> <b k='2'/><!--c--></a>", operation)) == canonical(result)


def test_operations_see_what_those_before_them_left() -> None:
    got = patched("<a><b/><b/></a>", '<remove sel="a/b[1]"/>', '<add sel="a/b[1]" type="@k">v</add>')
    assert body(got) == '<a><b k="v"/></a>'


def test_a_selector_without_prefix_means_the_default_namespace_of_the_patch() -> None:
    got = apply_patch(
        b'<x:a xmlns:x="urn:x"><x:b/></x:a>',
        b'<p:diff xmlns="urn:x" xmlns:p="urn:p"><p:remove sel="a/b"/></p:diff>',
    )
    assert body(got.decode()) == '<x:a xmlns:x="urn:x"/>'


@pytest.mark.parametrize(
    ("scope", "prefix", "result"),
    [
        ('xmlns:b="urn:x"', "a", "b:n"),  # another prefix for the same namespace
        ('xmlns:a="urn:x" xmlns:b="urn:x"', "a", "a:n"),  # the patch's own, if it is there
        ('xmlns:x="urn:x" xmlns:y="urn:x"', "xx", "x:n"),  # the one just before it in the alphabet
        ('xmlns:x="urn:x" xmlns:y="urn:x"', "a", "x:n"),  # the first, if there is none before it
        ('xmlns="urn:x" xmlns:y="urn:x"', "a", "n"),  # the default namespace counts as the first
        ('xmlns:q="urn:q"', "a", 'a:n xmlns:a="urn:x"'),  # none: declared where it is needed
    ],
)
def test_added_elements_take_the_prefix_that_section_4_2_3_says(scope: str, prefix: str, result: str) -> None:
    got = apply_patch(
        f'<o:r xmlns:o="urn:o" {scope}/>'.encode(),
        f'<diff xmlns:{prefix}="urn:x"><add sel="*"><{prefix}:n/></add></diff>'.encode(),
    ).decode()
    assert f"<{result}/></o:r>" in got


def test_of_several_prefixes_that_of_the_element_around_comes_before_the_alphabet() -> None:
    got = apply_patch(
        b'<m:r xmlns:a="urn:x" xmlns:m="urn:x" xmlns:z="urn:x"/>',
        b'<diff xmlns:c="urn:x"><add sel="*"><c:n/></add></diff>',
    ).decode()
    assert "<m:n/></m:r>" in got


def test_a_declaration_that_nothing_needs_any_more_stays() -> None:
    got = patched('<a xmlns:q="urn:q"><q:b/></a>', '<remove sel="a/q:b"/>', declare=' xmlns:q="urn:q"')
    assert body(got) == '<a xmlns:q="urn:q"/>'


def test_without_a_default_namespace_a_name_without_prefix_means_none() -> None:
    assert refused('<a xmlns="urn:x"><b/></a>', '<remove sel="*/b"/>') == "unlocated-node"
    got = apply_patch(b'<x:a xmlns:x="urn:x"><b/></x:a>', b'<diff><remove sel="*/b"/></diff>')
    assert body(got.decode()) == '<x:a xmlns:x="urn:x"/>'


@pytest.mark.parametrize(
    ("target", "operation"),
    [
        ("<a>one<b/>two</a>", '<remove sel="a/b"/>'),
        ("<a>one</a>", '<add sel="a">two</add>'),
        ("<a>one</a>", '<add sel="a" pos="prepend">two</add>'),
        ("<a>one</a>", '<add sel="a/text()" pos="before">two</add>'),
        ("<a>one</a>", '<add sel="a/text()" pos="after">two</add>'),
    ],
)
def test_texts_that_come_together_are_one_node(target: str, operation: str) -> None:
    assert body(patched(target, operation, '<replace sel="a/text()[1]">all</replace>')) == "<a>all</a>"


def test_white_space_on_both_sides_goes() -> None:
    assert body(patched("<a><c/> <b/>\n<d/></a>", '<remove sel="a/b" ws="both"/>')) == "<a><c/><d/></a>"


def test_declarations_within_added_content_are_copied_unaltered() -> None:
    got = patched('<r xmlns:b="urn:x"/>', '<add sel="r"><a:n xmlns:a="urn:x"/></add>')
    assert body(got) == '<r xmlns:b="urn:x"><a:n xmlns:a="urn:x"/></r>'


def test_added_elements_of_no_namespace_stay_so() -> None:
    got = apply_patch(b'<r xmlns="urn:r"/>', b'<diff><add sel="*"><n/></add></diff>').decode()
    assert body(got) == '<r xmlns="urn:r"><n xmlns=""/></r>'


def test_prefixed_attributes_never_take_the_default_namespace() -> None:
    got = apply_patch(
        b'<r xmlns="urn:x"/>', b'<d xmlns:a="urn:x"><add sel="*" type="@a:k">v</add></d>'
    ).decode()
    assert body(got) == '<r xmlns="urn:x" xmlns:a="urn:x" a:k="v"/>'


def test_comments_and_instructions_beside_the_root_can_be_patched() -> None:
    got = patched(
        "<!--old--><a/>",
        '<replace sel="comment()"><!--new--></replace>',
        '<add sel="a" pos="after"><?x y?></add>',
    )
    assert got.split("\n")[1:] == ["<!--new-->", "<a/>", "<?x y?>", ""]


def test_xml_id_is_known_to_id() -> None:
    assert body(patched('<a><b xml:id="i"/></a>', "<remove sel=\"id('i')\"/>")) == "<a/>"


@pytest.mark.parametrize(
    ("name", "target", "operation"),
    [
        ("unlocated-node", "<a/>", '<remove sel="a/b"/>'),
        ("unlocated-node", "<a><b/><b/></a>", '<remove sel="a/b"/>'),
        ("unlocated-node", "<a/>", '<replace sel="a/@k">v</replace>'),
        ("unlocated-node", "<a/>", "<remove sel=\"id('x')\"/>"),
        ("invalid-attribute-value", "<a/>", '<remove sel=""/>'),
        ("invalid-attribute-value", "<a/>", '<remove sel="a//b"/>'),
        ("invalid-attribute-value", "<a/>", '<remove sel="a/following::b"/>'),
        ("invalid-attribute-value", "<a/>", '<remove sel="count(a)"/>'),
        ("invalid-attribute-value", "<a/>", '<remove sel="a[0]"/>'),
        ("invalid-attribute-value", "<a/>", '<remove sel="a/@k/b"/>'),
        ("invalid-attribute-value", "<a>x</a>", "<remove sel=\"a/text()[@k='1']\"/>"),
        ("invalid-attribute-value", "<a/>", f'<remove sel="{"a/" * 600}a"/>'),
        ("invalid-attribute-value", "<a/>", '<add sel="a" pos="beside"><b/></add>'),
        ("invalid-attribute-value", "<a/>", '<add sel="a" type="k">v</add>'),
        ("invalid-attribute-value", "<a k='1'/>", '<add sel="a/@k">v</add>'),
        ("invalid-attribute-value", "<a><b/></a>", '<remove sel="a/b" ws="around"/>'),
        ("invalid-attribute-value", "<a k='1'/>", '<remove sel="a/@k" ws="after"/>'),
        ("invalid-namespace-prefix", "<a/>", '<remove sel="q:a"/>'),
        ("invalid-namespace-prefix", "<q:a xmlns:q='urn:q'/>", '<remove sel="*/namespace::q"/>'),
        ("invalid-namespace-uri", "<a/>", '<remove sel="a/namespace::q"/>'),
        ("invalid-namespace-uri", "<a/>", '<add sel="a" type="namespace::q"/>'),
        ("invalid-node-types", "<a><b/></a>", '<replace sel="a/b">text</replace>'),
        ("invalid-node-types", "<a><b/></a>", '<replace sel="a/b"><c/><d/></replace>'),
        ("invalid-namespace-uri", "<a xmlns:q='urn:q'><b/></a>", '<remove sel="a/b/namespace::q"/>'),
        (
            "invalid-namespace-uri",
            "<a xmlns:q='urn:q'><b/></a>",
            '<replace sel="a/b/namespace::q">urn:r</replace>',
        ),
        ("invalid-node-types", "<a/>", '<add sel="a" type="@k"><c/></add>'),
        ("invalid-patch-directive", "<a>x</a>", '<add sel="a/text()" type="@k">v</add>'),
        ("invalid-node-types", "<a k='1'/>", '<replace sel="a/@k"><c/></replace>'),
        ("invalid-patch-directive", "<a k='1'/>", '<add sel="a" type="@k">2</add>'),
        ("invalid-patch-directive", "<a>x</a>", '<add sel="a/text()"><b/></add>'),
        ("invalid-root-element-operation", "<a/>", '<remove sel="a"/>'),
        ("invalid-root-element-operation", "<a/>", '<add sel="a" pos="after"><b/></add>'),
        ("invalid-whitespace-directive", "<a><b/></a>", '<remove sel="a/b" ws="before"/>'),
        ("invalid-whitespace-directive", "<a> <b/>x</a>", '<remove sel="a/b" ws="both"/>'),
        ("invalid-diff-format", "<a/>", "<remove/>"),
        ("invalid-diff-format", "<a/>", '<move sel="a"/>'),
        ("invalid-diff-format", "<a/>", "<remove"),
    ],
)
def test_what_cannot_be_done_is_refused_by_its_name(name: str, target: str, operation: str) -> None:
    assert refused(target, operation) == name


def test_nothing_takes_long() -> None:
    many = "<a>" + "<b><c/></b>" * 5000 + "</a>"
    operations = "".join(f"<add sel=\"a/*/c[.='{n}']\"/>" for n in range(900))
    assert refused(many, operations) == "unlocated-node"
    operations = "".join(
        '<add sel="a/b[5000]" type="@k">v</add><remove sel="a/b[5000]/@k"/>' for n in range(400)
    )
    assert refused(many, operations) == "invalid-patch-directive"


def test_nothing_gets_deep() -> None:
    deeper = "".join(f'<add sel="*{"/*" * n}"><b/></add>' for n in range(70))
    assert refused("<a/>", deeper) == "invalid-patch-directive"


def test_the_error_document_names_the_fault_and_shows_the_operation() -> None:
    with pytest.raises(PatchError) as caught:
        apply_patch(b"<a/>", b'<p:d xmlns:p="urn:p"><p:remove sel="b/c"/></p:d>')
    root = etree.fromstring(error_document(caught.value))
    assert root.tag == "{urn:ietf:params:xml:ns:patch-ops-error}patch-ops-error"
    (error,) = root
    assert error.tag == "{urn:ietf:params:xml:ns:patch-ops-error}unlocated-node"
    assert error.get("phrase") == "no node found by the selector"
    assert (error[0].tag, error[0].get("sel")) == ("{urn:p}remove", "b/c")
