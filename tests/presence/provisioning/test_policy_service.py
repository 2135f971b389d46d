"""Setting rules, without a database: what is kept, what is refused and how."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from presence.policy import cisco
from presence.policy.stored import CISCO, PolicyDocument
from presence.provisioning.errors import ProvisioningError
from presence.provisioning.policies import PolicyService
from tests.presence.policy.documents import RFC_5025_6, handling, rule, ruleset

ALICE = "sip:alice@example.com"


class Memory:
    """The smallest repository; alice is the only user."""

    def __init__(self) -> None:
        self.documents: dict[tuple[str, str, str], PolicyDocument] = {}

    def put(self, document: PolicyDocument) -> bool:
        if document.owner != ALICE:
            return False
        self.documents[document.owner, document.source, document.name] = document
        return True

    def get(self, owner: str, source: str, name: str) -> PolicyDocument | None:
        return self.documents.get((owner, source, name))

    def delete(self, owner: str, source: str, name: str) -> bool:
        return self.documents.pop((owner, source, name), None) is not None

    def list(self, owner: str | None = None, source: str | None = None) -> Iterator[PolicyDocument]:
        for it in self.documents.values():
            if owner in (None, it.owner) and source in (None, it.source):
                yield it


@pytest.fixture
def memory() -> Memory:
    return Memory()


@pytest.fixture
def policies(memory: Memory) -> PolicyService:
    return PolicyService(memory, clock=lambda: 1000.0)


def test_a_document_is_kept_as_it_was_given(policies: PolicyService) -> None:
    made = policies.set("alice@EXAMPLE.com", RFC_5025_6)
    expected = PolicyDocument(ALICE, "rules", "index", "application/auth-policy+xml", RFC_5025_6, 1000.0)
    assert made == policies.get("sip:alice@example.com") == expected


def test_another_document_replaces_it_and_other_sources_stand_beside_it(policies: PolicyService) -> None:
    policies.set("alice@example.com", RFC_5025_6)
    policies.set("alice@example.com", ruleset())
    policies.set(
        "alice@example.com",
        cisco.render_cisco_rule(cisco.CiscoRule("friends")),
        source=CISCO,
        name="friends",
        content_type=cisco.CONTENT_TYPE,
    )
    kept = [(it.source, it.name, it.document == RFC_5025_6) for it in policies.list("alice@example.com")]
    assert kept == [("rules", "index", False), ("cisco", "friends", False)]
    assert [it.name for it in policies.list(source=CISCO)] == ["friends"]


def test_a_document_that_is_no_rules_is_refused_with_its_fault_and_nothing_is_kept(
    policies: PolicyService, memory: Memory
) -> None:
    bad = ruleset(rule("a", actions=handling("maybe")))
    with pytest.raises(
        ProvisioningError,
        match=r"^presence rules: sub-handling: must be one of block, confirm, polite-block, allow, "
        r"not 'maybe', line 4$",
    ):
        policies.set("alice@example.com", bad)
    assert memory.documents == {}


def test_a_document_that_is_too_large_is_refused(policies: PolicyService) -> None:
    with pytest.raises(ProvisioningError, match=r"^presence rules: more than 65536 bytes$"):
        policies.set("alice@example.com", b" " * 70_000)


def test_rules_of_somebody_who_is_no_user_are_refused(policies: PolicyService) -> None:
    with pytest.raises(ProvisioningError, match=r"^there is no user bob@example.com$"):
        policies.set("bob@example.com", RFC_5025_6)
    with pytest.raises(ProvisioningError, match=r"^'bob' is not a valid address: write name@domain$"):
        policies.set("bob", RFC_5025_6)


def test_where_there_are_no_rules_none_are_shown_or_deleted(policies: PolicyService) -> None:
    for refused in (policies.get, policies.delete):
        with pytest.raises(ProvisioningError, match=r"^alice@example.com has no rules$"):
            refused("alice@example.com")
    with pytest.raises(ProvisioningError, match=r"^alice@example.com has no rules cisco/friends$"):
        policies.delete("alice@example.com", source=CISCO, name="friends")


def test_deleted_rules_are_gone(policies: PolicyService, memory: Memory) -> None:
    policies.set("alice@example.com", RFC_5025_6)
    policies.delete("alice@example.com")
    assert memory.documents == {}
