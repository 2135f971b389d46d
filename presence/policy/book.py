"""Everybody's rules in memory: loaded at start, kept current by the outbox, asked at every subscription.

An outbox entry comes with the owner's documents as they are now (`Change.current`), so to apply one twice or
late changes nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

from presence.directory import USER_DELETED, Change
from presence.policy.documents import compile_safely
from presence.policy.model import Rule
from presence.policy.stored import POLICY_CHANGED, PolicyDocument

log = logging.getLogger(__name__)


class PolicyBook:
    """The rules of each owner, by source and document."""

    __slots__ = ("_documents", "_rules", "on_change")

    def __init__(self) -> None:
        self._documents: dict[str, tuple[PolicyDocument, ...]] = {}
        self._rules: dict[str, tuple[Rule, ...]] = {}
        self.on_change: list[Callable[[str], None]] = []
        """Called with the AOR of an owner whose rules became others."""

    def __len__(self) -> int:
        """The number of owners that have rules."""
        return len(self._documents)

    def rules_of(self, aor: str) -> tuple[Rule, ...]:
        """The rules of all sources, in the order of sources and names."""
        return self._rules.get(aor, ())

    def documents_of(self, aor: str) -> tuple[PolicyDocument, ...]:
        """What the rules are made of."""
        return self._documents.get(aor, ())

    def wants_sphere(self, aor: str) -> bool:
        """Whether what `aor` publishes may change who sees what (RFC 5025 §3.1.2)."""
        return any(rule.wants_sphere for rule in self.rules_of(aor))

    def changes_at(self, aor: str, now_wall: float) -> float | None:
        """When after `now_wall` the validity of a rule next begins or ends; epoch seconds, None: never."""
        times = [rule.changes_after(now_wall) for rule in self.rules_of(aor)]
        return min((time for time in times if time is not None), default=None)

    def mentioning(self, names: frozenset[str]) -> list[str]:
        """The owners in whose rules one of `names`, identities and domains, stands."""
        return [owner for owner, rules in self._rules.items() if any(rule.mentions(names) for rule in rules)]

    def owners(self) -> Iterable[str]:
        """All who have rules."""
        return tuple(self._documents)

    def load(self, documents: Iterable[PolicyDocument]) -> None:
        """Take in what is stored, in place of all that was known of these owners; tells nobody."""
        found: dict[str, list[PolicyDocument]] = {}
        for document in documents:
            found.setdefault(document.owner, []).append(document)
        for owner, theirs in found.items():
            self._set(owner, theirs)

    def apply(self, changes: Iterable[Change]) -> None:
        """Follow the outbox, and tell of each owner whose rules became others; leaves other topics alone."""
        for change in changes:
            if change.topic == POLICY_CHANGED:
                documents = [it for it in change.current if isinstance(it, PolicyDocument)]
            elif change.topic == USER_DELETED and change.user is None:
                documents = []
            else:
                continue
            if self._set(change.key, documents):
                for callback in self.on_change:
                    callback(change.key)

    def _set(self, owner: str, documents: Iterable[PolicyDocument]) -> bool:
        """Whether the rules are others than before."""
        ordered = tuple(sorted(documents, key=lambda it: (it.source, it.name)))
        # One request that changes a hundred documents is a hundred changes, each with all as they are now.
        if ordered == self._documents.get(owner, ()):
            return False
        before = self._rules.get(owner, ())
        if not ordered:
            self._documents.pop(owner, None)
            self._rules.pop(owner, None)
            return bool(before)
        rules: list[Rule] = []
        for document in ordered:
            compiled, fault = compile_safely(document)
            rules += compiled
            if fault is not None:
                log.error(
                    "policy.unreadable",
                    extra={
                        "owner": owner,
                        "source": document.source,
                        "document": document.name,
                        "reason": fault,
                    },
                )
        self._documents[owner] = ordered
        self._rules[owner] = tuple(rules)
        return self._rules[owner] != before
