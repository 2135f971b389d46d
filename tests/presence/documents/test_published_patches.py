"""Patches that publishers send (RFC 5264 §4.3): what they may name, and how they are refused."""

from __future__ import annotations

import pytest

from presence.documents.pidf_diff import apply_published_patch
from presence.documents.xml_patch import PatchError
from sip.errors import SipError
from tests.presence.documents.partial import doc, tuple_

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
