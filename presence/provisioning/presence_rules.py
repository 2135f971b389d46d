"""Presence rules and their ACLs as users set them (SPEC R84 to R95): what may be done, and who may be named.

What a change does to the rules of one user is in `presence.provisioning.rule_set`; a repository keeps them as
the documents of `presence.policy.cisco`, which the running server follows.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from typing import Protocol, TypeVar

from presence.policy.cisco import CiscoRule
from presence.policy.stored import PolicyDocument
from presence.provisioning.addresses import canonical_aor, canonical_domain
from presence.provisioning.errors import known
from presence.provisioning.members import Members, People
from presence.provisioning.rule_set import Outcome, RuleChanges, RuleSet, Status

__all__ = [
    "CiscoRule",
    "Outcome",
    "PresenceRulesRepository",
    "PresenceRulesService",
    "RuleChanges",
    "Status",
]

T = TypeVar("T")

RuleWork = Callable[[str, Sequence[PolicyDocument], People], tuple[T, RuleChanges]]
"""(AOR of the owner, his rules, who is a user) to a result and what is to be stored and told."""


class PresenceRulesRepository(Protocol):
    """Keeps the documents of rules; every change is announced to servers in the same transaction."""

    def read(self, owner: str) -> Sequence[PolicyDocument] | None:
        """The rules of the user with the AOR or alias `owner`, by name; None: there is no such user."""

    def edit(self, owner: str, work: RuleWork[T]) -> T | None:
        """Have `work` say what changes and store it, all in one transaction.  None: no such owner."""


class PresenceRulesService:
    """What users may do with their rules; `owner` is "name@domain" or an AOR, by an alias too.

    Rules are known by name, blanks around it and doubled ones within do not count.  A watcher is a SIP URI,
    "name@domain", or a name in the domain of the owner; an alias stands for its user.  Every method raises
    ProvisioningError when there is no such owner, and nothing else: what becomes of a change is its Outcome,
    and one that is refused undoes no other.
    """

    __slots__ = ("_clock", "_domains", "_repository")

    def __init__(
        self,
        repository: PresenceRulesRepository,
        domains: Collection[str] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`domains`: those that are served (None: that of the owner); `clock` tells epoch seconds."""
        self._repository = repository
        self._domains = None if domains is None else frozenset(map(canonical_domain, domains))
        self._clock = clock

    # -- rules

    def rules(self, owner: str) -> Sequence[CiscoRule]:
        """All rules that can be read, by name, with their ACLs."""
        aor = canonical_aor(owner)
        return RuleSet(aor, known(owner, self._repository.read(aor))).rules()

    def set(self, owner: str, rules: Sequence[CiscoRule]) -> Sequence[Outcome]:
        """Add rules, or replace those of the same name, in order.

        The ACL of a rule stays as it is and that of a new one is empty, whatever `acl` says (Q48).  FAILED is
        what no such rule can be: another visibility than the two (Q41), no name, too large, one too many.
        """
        return self._edit(owner, (), lambda kept, members: [kept.set(rule) for rule in rules])

    def delete(self, owner: str, names: Sequence[str]) -> Sequence[Outcome]:
        """Delete rules with their ACLs (Q48); NO_RULE: there is none of that name (R91)."""
        return self._edit(owner, (), lambda kept, members: [kept.delete(name) for name in names])

    # -- ACLs

    def acl(self, owner: str, names: Sequence[str]) -> Sequence[tuple[str, ...] | None]:
        """The AORs on the ACL of each rule; None where there is no such rule (R92)."""
        aor = canonical_aor(owner)
        kept = RuleSet(aor, known(owner, self._repository.read(aor)))
        return [None if rule is None else rule.acl for rule in map(kept.get, names)]

    def add_watchers(self, owner: str, rule: str, watchers: Sequence[str]) -> Sequence[Outcome] | None:
        """Put watchers on the ACL of a rule; None: there is no such rule (Q47).

        FAILED is who is no user of a domain that is served here; who is on it already is DONE (Q46).
        """
        (outcomes,) = self.add_to_acls(owner, [(rule, watchers)])
        return outcomes

    def delete_watchers(self, owner: str, rule: str, watchers: Sequence[str]) -> Sequence[Outcome] | None:
        """Take watchers off the ACL of a rule; None: there is no such rule (Q47).

        FAILED is who is not on it (Q46).
        """
        (outcomes,) = self.delete_from_acls(owner, [(rule, watchers)])
        return outcomes

    def replace_watcher(self, owner: str, rule: str, old: str, new: str) -> Outcome | None:
        """Put `new` in the place of `old`; None: there is no such rule.

        FAILED: `old` is not on the ACL, or `new` is on it already or nobody.
        """

        def work(kept: RuleSet, members: Members) -> Outcome:
            return kept.replace_watcher(rule, _listed(kept, rule, members, old), *_member(members, new))

        outcome = self._edit(owner, (old, new), work)
        return None if outcome.status is Status.NO_RULE else outcome

    def add_to_acls(
        self, owner: str, changes: Sequence[tuple[str, Sequence[str]]]
    ) -> Sequence[Sequence[Outcome] | None]:
        """As `add_watchers` for several rules, all in one transaction: (rule, watchers) each."""

        def work(kept: RuleSet, members: Members) -> list[list[Outcome] | None]:
            return [
                None
                if kept.get(rule) is None
                else [kept.add_watcher(rule, *_member(members, it)) for it in watchers]
                for rule, watchers in changes
            ]

        return self._edit(owner, _all(changes), work)

    def delete_from_acls(
        self, owner: str, changes: Sequence[tuple[str, Sequence[str]]]
    ) -> Sequence[Sequence[Outcome] | None]:
        """As `delete_watchers` for several rules, all in one transaction: (rule, watchers) each."""

        def work(kept: RuleSet, members: Members) -> list[list[Outcome] | None]:
            return [
                None
                if kept.get(rule) is None
                else [kept.delete_watcher(rule, _listed(kept, rule, members, it)) for it in watchers]
                for rule, watchers in changes
            ]

        return self._edit(owner, _all(changes), work)

    def _edit(self, owner: str, watchers: Sequence[str], change: Callable[[RuleSet, Members], T]) -> T:
        def work(aor: str, documents: Sequence[PolicyDocument], people: People) -> tuple[T, RuleChanges]:
            kept = RuleSet(aor, documents)
            result = change(kept, Members(aor, self._domains, people, watchers))
            return result, kept.changes(self._clock())

        return known(owner, self._repository.edit(canonical_aor(owner), work))


def _all(changes: Sequence[tuple[str, Sequence[str]]]) -> Sequence[str]:
    return [watcher for _, watchers in changes for watcher in watchers]


def _member(members: Members, text: str) -> tuple[str, bool]:
    """The AOR of who may be put on an ACL, and whether he may; the text itself for who has no address."""
    aor = members.aor(text)
    if aor is None:
        return text, False
    return aor, members.is_user(aor) or not members.is_local(aor)


def _listed(kept: RuleSet, name: str, members: Members, text: str) -> str:
    """Who is meant on the ACL of a rule."""
    rule = kept.get(name)
    # As it is written there: a telephone number, for one, is no member of anything.
    if rule is not None and text.strip() in rule.acl:
        return text.strip()
    return members.aor(text) or text
