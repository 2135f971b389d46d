"""What changed, alone, for the watcher who takes it (RFC 5263), by the whole server."""

from __future__ import annotations

import pytest
from lxml import etree

from presence.documents.pidf_diff import apply_diff
from presence.packages.presence_view import takes_changes
from sip.message import Request
from tests.presence.house import House
from tests.presence.packages.presence_filters import BASIC_ALONE
from tests.presence.watchers import ALICE, BOB, CAROL, DIFF, PARTIAL, Watcher, pidf, watch


def same(one: bytes, other: bytes) -> bool:
    return etree.tostring(etree.fromstring(one), method="c14n") == etree.tostring(
        etree.fromstring(other), method="c14n"
    )


class TestPartialNotification:
    """RFC 5263."""

    def setup_method(self) -> None:
        self.house = House()
        notes = "".join(f"<note>note number {n}</note>" for n in range(10))
        self.base = pidf("open", "hello").replace(b"<note>hello", f"{notes}<note>hello".encode())
        self.etag = self.house.publish(ALICE, self.base)

    def change(self, note: str) -> None:
        body = self.base.replace(b"hello", note.encode())
        self.etag = self.house.modify(self.etag, "application/pidf+xml", body)

    def root(self, notify: Request) -> tuple[str, str]:
        assert notify.get("Content-Type") == DIFF
        root = etree.fromstring(notify.body)
        return etree.QName(root).localname, root.get("version")

    def test_first_the_whole_then_what_has_changed_by_versions(self) -> None:
        bob = watch(self.house, BOB, f"Accept: {PARTIAL}")
        self.change("one")
        self.change("two")
        bob.news()
        assert [self.root(notify) for notify in bob.notifies] == [
            ("pidf-full", "1"), ("pidf-diff", "2"), ("pidf-diff", "3"),
        ]  # fmt: skip

    def test_the_changes_make_the_document_that_others_get(self) -> None:
        bob, carol = watch(self.house, BOB, f"Accept: {PARTIAL}"), watch(self.house, CAROL)
        local = b""
        for note in ("one", "two", "three"):
            self.change(note)
            bob.news(), carol.news()
        for notify in bob.notifies:
            local = apply_diff(local, notify.body)
        assert same(local, carol.notifies[-1].body)

    def test_after_a_subscribe_the_whole_with_the_next_version(self) -> None:
        bob = watch(self.house, BOB, f"Accept: {PARTIAL}")
        self.change("one")
        bob.news()
        bob.subscribe(f"Accept: {PARTIAL}")
        assert self.root(bob.notifies[-1]) == ("pidf-full", "3")

    def test_after_a_notify_that_failed_the_whole_with_a_version_not_used_before(self) -> None:
        bob = watch(self.house, BOB, f"Accept: {PARTIAL}")
        self.change("one")
        bob.answer(500)
        self.change("two")
        assert self.root(bob.notifies[-1]) == ("pidf-full", "3")

    def test_changes_while_a_notify_is_under_way_come_together_on_top_of_it(self) -> None:
        bob = watch(self.house, BOB, f"Accept: {PARTIAL}")
        self.change("one")
        self.change("two")
        self.change("three")
        bob.answer()
        first, second, third = bob.notifies
        assert (self.root(second), self.root(third)) == (("pidf-diff", "2"), ("pidf-diff", "3"))
        local = apply_diff(apply_diff(apply_diff(b"", first.body), second.body), third.body)
        assert b"three" in local

    def test_a_small_document_comes_whole(self) -> None:
        house = House()
        etag = house.publish(ALICE, pidf("open"))
        bob = watch(house, BOB, f"Accept: {PARTIAL}")
        house.modify(etag, "application/pidf+xml", pidf("closed", "x" * 500, "sad"))
        (notify,) = bob.news()
        assert self.root(notify) == ("pidf-full", "2")

    def test_the_entity_tag_is_that_of_the_whole_state(self) -> None:
        bob = watch(self.house, BOB, f"Accept: {PARTIAL}")
        self.change("one")
        bob.news()
        carol = watch(self.house, CAROL, f"Accept: {PARTIAL}")
        difference, whole = bob.notifies[-1], carol.notifies[-1]
        assert (self.root(difference)[0], self.root(whole)[0]) == ("pidf-diff", "pidf-full")
        assert difference.get("SIP-ETag") == whole.get("SIP-ETag")

    def test_the_same_state_has_another_entity_tag_in_another_format(self) -> None:
        bob, carol = watch(self.house, BOB, f"Accept: {PARTIAL}"), watch(self.house, CAROL)
        etags = [one.notifies[-1].get("SIP-ETag") for one in (bob, carol)]
        assert len(set(etags)) == 2
        assert carol.subscribe(f"Suppress-If-Match: {etags[0]}").status == 200
        assert bob.subscribe(f"Suppress-If-Match: {etags[0]}").status == 204

    def test_the_entity_tag_is_known_after_a_restart(self) -> None:
        bob = watch(self.house)
        etag = bob.notifies[-1].get("SIP-ETag")
        self.house.restart()
        self.house.after(1)
        bob.news()
        assert bob.subscribe(f"Suppress-If-Match: {etag}").status == 204

    def test_who_has_the_state_already_gets_it_whole_again_when_it_changes(self) -> None:
        bob = watch(self.house, BOB, f"Accept: {PARTIAL}")
        etag = bob.notifies[-1].get("SIP-ETag")
        other = Watcher(self.house)
        other.subscribe(f"Accept: {PARTIAL}", f"Suppress-If-Match: {etag}")
        assert other.notifies[-1].body == b""
        self.change("one")
        assert self.root(other.notifies[-1]) == ("pidf-full", "1")

    def test_filters_come_before_differences(self) -> None:
        bob = watch(self.house, BOB, f"Accept: {PARTIAL}", body=BASIC_ALONE)
        assert self.root(bob.notifies[0]) == ("pidf-full", "1")
        self.change("one")
        assert bob.news() == []

    def test_versions_go_on_after_a_restart(self) -> None:
        bob = watch(self.house, BOB, f"Accept: {PARTIAL}")
        self.change("one")
        bob.news()
        self.house.journal.write(self.house.parts.notifier.settle(), lambda error: None)
        self.house.restart()
        self.house.after(1)
        assert self.root(bob.notifies[-1]) == ("pidf-full", "3")

    def test_versions_never_go_back_after_a_crash(self) -> None:
        bob = watch(self.house, BOB, f"Accept: {PARTIAL}")
        self.change("one")
        bob.news()
        self.house.restart()
        self.house.after(1)
        name, version = self.root(bob.notifies[-1])
        assert name == "pidf-full"
        assert int(version) > 2

    @pytest.mark.parametrize(
        ("accept", "partial"),
        [
            ("application/pidf+xml", False),
            ("*/*", False),
            ("application/*", False),
            (PARTIAL, True),
            (DIFF, True),
            (f"application/pidf+xml;q=0.3, {DIFF};q=1", True),
            (f"application/pidf+xml, {DIFF};q=0.3", False),
            (f"application/pidf+xml, {DIFF};q=0", False),
            (f"application/pidf+xml, {DIFF.upper()} ; q = 1", True),
        ],
    )
    def test_who_names_the_type_and_does_not_prefer_the_other_gets_it(
        self, accept: str, partial: bool
    ) -> None:
        assert takes_changes(tuple(accept.split(","))) is partial
        bob = watch(self.house, BOB, f"Accept: {accept}")
        assert (bob.notifies[0].get("Content-Type") == DIFF) is partial
