"""What a watcher filter delivers, and when, in the examples of RFC 4660 §7 and RFC 4661 §6."""

from __future__ import annotations

import pytest
from lxml import etree

from tests.presence.filters.filtering import ME, RICH, canonical, read, tags
from tests.presence.filters.rfc_examples import (
    ACTIVE,
    ACTIVE_RESULT,
    BOTH_CLOSED,
    BUDDIES,
    CLASSES,
    CLOSED_TO_OPEN,
    GAME,
    IM_OPEN,
    LONGER,
    LONGER_RESULT,
    MESSAGING,
    MESSAGING_RESULT,
    NAMESPACE,
    OPEN,
    OPEN_RESULT,
    PENDING_WATCHERS,
    PRESENCE,
    REJECTED,
    REJECTED_RESULT,
    TO_OPEN,
    TWO_REJECTED,
    WATCHERS,
)


@pytest.mark.parametrize(
    ("filters", "package", "document", "result"),
    [
        (MESSAGING, "presence", PRESENCE, MESSAGING_RESULT),
        (OPEN, "presence", PRESENCE, OPEN_RESULT),
        (ACTIVE, "presence.winfo", WATCHERS, ACTIVE_RESULT),
        (LONGER, "presence.winfo", WATCHERS, LONGER_RESULT),
        (REJECTED, "presence.winfo", TWO_REJECTED, REJECTED_RESULT),
    ],
    ids=["7.1.1", "7.1.2", "7.2.1", "7.2.2", "7.2.3"],
)
def test_the_contents_of_rfc_4660_section_7(
    filters: bytes, package: str, document: bytes, result: bytes
) -> None:
    assert canonical(read(filters, package).apply(document, ME)) == canonical(result)


def test_the_trigger_of_rfc_4660_section_7_1_3() -> None:
    wanted = read(TO_OPEN)
    assert wanted.triggered(None, PRESENCE)  # the first NOTIFY comes without triggers being asked
    assert not wanted.triggered(PRESENCE, BOTH_CLOSED)
    assert wanted.triggered(BOTH_CLOSED, IM_OPEN)
    assert wanted.apply(IM_OPEN, ME) == IM_OPEN


def test_the_trigger_of_rfc_4660_section_7_2_3() -> None:
    wanted = read(REJECTED, "presence.winfo")
    assert wanted.triggered(WATCHERS, TWO_REJECTED, ME)
    assert not wanted.triggered(TWO_REJECTED, TWO_REJECTED.replace(b'"20"', b'"21"'), ME)


def test_rfc_4661_6_1_classes() -> None:
    assert tags(etree.fromstring(read(CLASSES).apply(RICH, ME))) == ["presence", "tuple", "status", "basic"]


def test_rfc_4661_6_2_compares_basic_without_case() -> None:
    wanted = read(CLOSED_TO_OPEN)
    assert wanted.triggered(BOTH_CLOSED, IM_OPEN)
    assert not wanted.triggered(IM_OPEN, BOTH_CLOSED)


def test_rfc_4661_6_3_tells_of_a_new_watcher_who_is_pending() -> None:
    wanted = read(PENDING_WATCHERS, "presence.winfo")
    nobody = WATCHERS[: WATCHERS.index(b"<watcher ")] + b"</watcher-list></watcherinfo>"
    assert wanted.triggered(nobody, WATCHERS, ME)
    assert wanted.apply(WATCHERS, ME).count(b"<watcher ") == 1


def test_rfc_4661_6_4_namespace() -> None:
    root = etree.fromstring(read(NAMESPACE).apply(RICH, "sip:buddylist@example.com"))
    assert {etree.QName(element).namespace for element in root.iter()} == {"urn:ietf:params:xml:ns:pidf"}
    assert len(root.findall("{*}tuple")) == 2


def test_rfc_4661_6_5_uses_a_prefix_that_it_does_not_bind() -> None:
    label = b'<g:label xmlns:g="urn:ietf:params:xml:ns:game-ext">game-X</g:label>'
    game = RICH.replace(b"<basic>open</basic>", b"<basic>open</basic>" + label)
    root = etree.fromstring(read(GAME).apply(game, ME))
    assert tags(root) == ["presence", "tuple", "status", "basic", "label"]


def test_rfc_4661_6_6_each_member_has_his_filter() -> None:
    filters = read(BUDDIES)
    bob = filters.for_resource("sip:bob@example.com", ["sip:buddies@example.com"])
    other = filters.for_resource("sip:alice@example.com", ["sip:buddies@example.com"])
    assert bob is not None
    assert other is not None
    assert tags(etree.fromstring(bob.apply(RICH, "sip:bob@example.com"))).count("contact") == 2
    service = RICH.replace(b"IM<", b"service<")
    assert tags(etree.fromstring(other.apply(service, "sip:alice@example.com"))) == [
        "presence",
        "tuple",
        "status",
        "basic",
    ]
    assert filters.for_resource("sip:alice@example.com") is None
