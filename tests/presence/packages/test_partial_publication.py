"""Publishing whole documents and patches of them as `application/pidf-diff+xml` (RFC 5264)."""

from __future__ import annotations

import pytest
from lxml import etree

from tests.presence.house import House
from tests.presence.watchers import ALICE, BOB, DIFF, is_open, pidf, watch

NAMES = 'xmlns="urn:ietf:params:xml:ns:pidf" xmlns:p="urn:ietf:params:xml:ns:pidf-diff"'
FULL = (
    f'<p:pidf-full {NAMES} entity="sip:alice@sip.test"><tuple id="t"><status><basic>open</basic></status>'
    "<note>hello</note></tuple></p:pidf-full>"
).encode()
PATCH = (
    f'<p:pidf-diff {NAMES} entity="sip:alice@sip.test">'
    "<p:replace sel=\"*/tuple[@id='t']/status/basic/text()\">closed</p:replace></p:pidf-diff>"
).encode()


class TestPartialPublication:
    """RFC 5264."""

    def test_first_the_whole_then_a_patch_for_the_entity_tag(self) -> None:
        house = House()
        bob = watch(house)
        etag = house.modify("", DIFF, FULL)
        house.modify(etag, DIFF, PATCH)
        first, second = bob.news()
        assert (is_open(first), is_open(second)) == (True, False)
        assert b"hello" in second.body

    def test_a_patch_goes_on_a_plain_document_as_well(self) -> None:
        house = House()
        house.modify(house.publish(ALICE, pidf("open")), DIFF, PATCH)
        assert b"<basic>closed</basic>" in house.document(ALICE, BOB)

    def test_what_is_kept_is_the_whole(self) -> None:
        house = House()
        house.modify(house.modify("", DIFF, FULL), DIFF, PATCH)
        (row,) = (row for (kind, _), row in house.journal.rows.items() if kind == "publication")
        assert row[4] == "application/pidf+xml"
        assert b"closed" in row[5]
        assert b"hello" in row[5]

    def test_a_patch_without_a_publication_is_400(self) -> None:
        house = House()
        house.modify("", DIFF, PATCH, 400)
        assert len(house.parts.publications) == 0

    def test_a_patch_that_does_not_fit_is_400_and_changes_nothing(self) -> None:
        house = House()
        etag = house.modify("", DIFF, FULL)
        house.modify(etag, DIFF, PATCH.replace(b"'t'", b"'other'"), 400)
        answer = house.peer.messages[-1]
        assert answer.reason == "Patch: unlocated-node: no node found by the selector"
        assert b"<basic>open</basic>" in house.document(ALICE, BOB)
        house.modify(etag, DIFF, PATCH)

    def test_a_pidf_full_takes_the_place_of_what_was_published(self) -> None:
        house = House()
        etag = house.publish(ALICE, pidf("closed", "from before", "happy"))
        house.modify(etag, DIFF, FULL)
        document = house.document(ALICE, BOB)
        assert b"<basic>open</basic>" in document
        assert b"from before" not in document
        assert b"happy" not in document

    def test_a_pidf_full_that_is_none_is_400_and_changes_nothing(self) -> None:
        house = House()
        etag = house.modify("", DIFF, FULL)
        house.modify(etag, DIFF, FULL.replace(b">open<", b">ajar<"), 400)
        assert b"<basic>open</basic>" in house.document(ALICE, BOB)
        house.modify(etag, DIFF, PATCH)

    def test_the_operations_are_applied_in_their_order(self) -> None:
        house = House()
        away = b"<p:remove sel=\"*/tuple[@id='t']/note\"/></p:pidf-diff>"
        back = b"<p:add sel=\"*/tuple[@id='t']\"><note>again</note></p:add></p:pidf-diff>"
        house.modify(house.modify("", DIFF, FULL), DIFF, (PATCH[:-14] + away)[:-14] + back)
        document = house.document(ALICE, BOB)
        assert b"<basic>closed</basic>" in document
        assert (b"hello" in document, b"again" in document) == (False, True)

    def test_when_its_time_is_over_nothing_of_it_is_left_not_even_the_first_whole(self) -> None:
        house = House()
        bob = watch(house)
        house.modify(house.modify("", DIFF, FULL), DIFF, PATCH)
        bob.news()
        house.after(601)
        assert (len(house.parts.publications), len(house.journal.load("publication"))) == (0, 0)
        document = house.document(ALICE, BOB)
        assert b"hello" not in document
        assert b"<basic>open</basic>" not in document

    def test_a_patch_that_cannot_be_stored_is_503_and_changes_nothing(self) -> None:
        house = House()
        etag = house.modify("", DIFF, FULL)
        house.journal.fail = True
        house.modify(etag, DIFF, PATCH, 503)
        house.journal.fail = False
        assert b"<basic>open</basic>" in house.document(ALICE, BOB)

    def test_the_refusal_of_a_patch_shows_the_operation_that_failed(self) -> None:
        house = House()
        etag = house.modify("", DIFF, FULL)
        house.modify(etag, DIFF, PATCH.replace(b"'t'", b"'other'"), 400)
        answer = house.peer.messages[-1]
        assert answer.get("Content-Type") == "application/patch-ops-error+xml"
        (error,) = etree.fromstring(answer.body)
        assert etree.QName(error).localname == "unlocated-node"
        assert error[0].get("sel") == "*/tuple[@id='other']/status/basic/text()"

    def test_an_operation_that_is_too_large_for_the_answer_is_not_shown(self) -> None:
        house = House()
        etag = house.modify("", DIFF, FULL)
        large = PATCH.replace(b"'t'", b"'o'").replace(b">closed<", b">%b<" % (b"x" * 999))
        house.modify(etag, DIFF, large, 400)
        answer = house.peer.messages[-1]
        assert (answer.get("Content-Type"), answer.body) == (None, b"")
        assert answer.reason == "Patch: unlocated-node: no node found by the selector"

    def test_a_fault_of_ours_is_500_and_changes_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        house = House()
        etag = house.modify("", DIFF, FULL)
        with monkeypatch.context() as broken:
            broken.setattr("presence.packages.presence.apply_published_patch", lambda *_: 1 / 0)
            house.modify(etag, DIFF, PATCH, 500)
            house.modify(etag, DIFF, FULL.replace(b"hello", b"other"), 500)
        assert b"hello" in house.document(ALICE, BOB)
        house.modify(etag, DIFF, PATCH)

    def test_a_patch_that_leaves_no_pidf_is_400(self) -> None:
        house = House()
        etag = house.modify("", DIFF, FULL)
        house.modify(etag, DIFF, PATCH.replace(b"closed<", b"ajar<"), 400)

    def test_a_patch_for_another_entity_tag_is_412(self) -> None:
        house = House()
        house.modify("", DIFF, FULL)
        house.modify("unknown", DIFF, PATCH, 412)

    def test_a_refusal_names_both_types(self) -> None:
        house = House()
        house.modify("", "text/plain", b"hello", 415)
        answer = house.peer.messages[-1]
        assert answer.get("Accept") == "application/pidf+xml, application/pidf-diff+xml"
