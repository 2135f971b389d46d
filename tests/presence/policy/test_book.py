"""The rules in memory: loaded, followed, and what of them changes by itself."""

from __future__ import annotations

import pytest

from presence.directory import Change, Credentials, User
from presence.documents.xsd import epoch
from presence.policy import book as book_module
from presence.policy import cisco, ruleset
from presence.policy.book import PolicyBook
from presence.policy.documents import compile_document
from presence.policy.model import Rule
from presence.policy.stored import CISCO, POLICY_CHANGED, RULES, PolicyDocument
from sip.errors import BadRequest
from tests.presence.policy.documents import handling, one, rule
from tests.presence.policy.documents import ruleset as rules

ALICE, BOB = "sip:alice@example.com", "sip:bob@example.com"
ALLOW_BOB = rules(rule("a", conditions=one(BOB), actions=handling("allow")))
BLOCK_BOB = rules(rule("a", conditions=one(BOB), actions=handling("block")))
DAY = (
    "<cr:validity><cr:from>2026-01-01T08:00:00Z</cr:from><cr:until>2026-01-01T18:00:00Z</cr:until>"
    "</cr:validity>"
)


def document(text: bytes, name: str = "index", owner: str = ALICE) -> PolicyDocument:
    return PolicyDocument(owner, RULES, name, ruleset.CONTENT_TYPE, text, 1.0)


def changed(*documents: PolicyDocument, owner: str = ALICE) -> Change:
    return Change(1, 1.0, POLICY_CHANGED, owner, {}, None, documents)


def labels(book: PolicyBook, aor: str = ALICE) -> list[str]:
    return [it.label for it in book.rules_of(aor)]


@pytest.fixture
def book() -> PolicyBook:
    it = PolicyBook()
    it.load([document(ALLOW_BOB)])
    return it


@pytest.fixture
def told(book: PolicyBook) -> list[str]:
    heard: list[str] = []
    book.on_change.append(heard.append)
    return heard


def test_what_was_loaded_is_there_and_of_others_there_is_nothing(book: PolicyBook) -> None:
    assert labels(book) == ["rules/a"]
    assert book.documents_of(ALICE) == (document(ALLOW_BOB),)
    assert book.rules_of(BOB) == book.documents_of(BOB) == ()
    assert (len(book), list(book.owners())) == (1, [ALICE])


def test_many_changes_of_an_owner_that_are_read_at_once_are_one(
    book: PolicyBook, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled: list[str] = []
    compile_safely = book_module.compile_safely

    def counted(one: PolicyDocument) -> tuple[tuple[Rule, ...], str | None]:
        compiled.append(one.name)
        return compile_safely(one)

    monkeypatch.setattr(book_module, "compile_safely", counted)
    now = [document(BLOCK_BOB, f"d{number}") for number in range(5)]
    book.apply([changed(*now) for _ in now])
    assert compiled == [f"d{number}" for number in range(5)], "each once, and not once for each change"
    assert told == [ALICE]


def test_rules_of_all_sources_and_documents_apply_together(book: PolicyBook) -> None:
    visible = cisco.render_cisco_rule(cisco.CiscoRule("friends", acl=(BOB,)))
    book.apply(
        [
            changed(
                document(ALLOW_BOB, "index"),
                document(rules(rule("b")), "more"),
                PolicyDocument(ALICE, CISCO, "friends", cisco.CONTENT_TYPE, visible),
            )
        ]
    )
    assert labels(book) == ["cisco/friends", "rules/a", "rules/b"]


def test_a_change_is_told_once_with_the_owner(book: PolicyBook, told: list[str]) -> None:
    book.apply([changed(document(BLOCK_BOB))] * 2)
    assert told == [ALICE]
    assert book.rules_of(ALICE)[0].permissions.handling == "block"


def test_a_document_that_says_the_same_changes_nothing(book: PolicyBook, told: list[str]) -> None:
    book.apply([changed(document(ALLOW_BOB.replace(b"<cr:rule ", b"\n  <cr:rule ")))])
    assert told == []


def test_rules_that_were_deleted_are_gone_and_so_are_those_of_a_deleted_user(
    book: PolicyBook, told: list[str]
) -> None:
    book.apply([changed()])
    assert (labels(book), told) == ([], [ALICE])
    book.apply([changed(document(ALLOW_BOB)), Change(2, 1.0, "user.deleted", ALICE, {})])
    assert (labels(book), told) == ([], [ALICE] * 3)


def test_other_news_are_left_alone(book: PolicyBook, told: list[str]) -> None:
    alice = User(ALICE, "Alice", 1.0, Credentials.of(ALICE, "x"))
    book.apply([Change(1, 1.0, "user.changed", ALICE, {}), Change(1, 1.0, "user.deleted", ALICE, {}, alice)])
    assert (labels(book), told) == (["rules/a"], [])


def test_a_document_that_cannot_be_read_any_more_allows_nobody_anything(
    book: PolicyBook, told: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    book.apply([changed(document(b"<broken"))])
    (it,) = book.rules_of(ALICE)
    assert told == [ALICE]
    assert (it.label, it.permissions.handling) == ("rules/index", None)
    (record,) = [it for it in caplog.records if it.message == "policy.unreadable"]
    assert record.__dict__["owner"] == ALICE
    assert record.__dict__["reason"].startswith("presence rules: ")


def test_a_content_type_without_a_reader_is_refused() -> None:
    with pytest.raises(BadRequest, match="text/plain is not a format of rules"):
        compile_document(PolicyDocument(ALICE, RULES, "index", "text/plain", b"everybody"))


@pytest.mark.parametrize(
    ("now", "then"),
    [
        ("2026-01-01T07:00:00Z", "2026-01-01T08:00:00Z"),
        ("2026-01-01T08:00:00Z", "2026-01-01T18:00:00Z"),
        ("2026-01-01T18:00:00Z", None),
    ],
)
def test_the_next_time_a_validity_begins_or_ends_is_known(
    book: PolicyBook, now: str, then: str | None
) -> None:
    book.apply([changed(document(rules(rule("a"), rule("b", conditions=DAY))))])
    assert book.changes_at(ALICE, epoch(now) or 0) == (None if then is None else epoch(then))
    assert book.changes_at(BOB, epoch(now) or 0) is None


def test_it_is_known_whose_rules_depend_on_the_sphere(book: PolicyBook) -> None:
    assert not book.wants_sphere(ALICE)
    book.apply([changed(document(rules(rule("a", conditions='<cr:sphere value="work"/>'))))])
    assert book.wants_sphere(ALICE)
