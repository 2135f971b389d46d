"""What in rules is valid and yet hardly does what its writer wants; told to whoever sets them."""

from __future__ import annotations

from collections.abc import Iterable

from presence.policy.model import Identity, One, Rule, Unknown


def doubts(rules: Iterable[Rule]) -> list[str]:
    """One line for each: identities that no watcher has, and conditions that nobody here can judge."""
    found: list[str] = []
    for rule in rules:
        for condition in rule.conditions:
            if isinstance(condition, Identity):
                found += [
                    f"rule {rule.id}: no watcher is {identity}: here they are known by SIP addresses"
                    for identity in _ids(condition)
                    if not identity.startswith("sip:")
                ]
        if not any(isinstance(it, Identity) for it in rule.conditions):
            found += [
                f"rule {rule.id}: condition {it.name} is not supported and never holds; as the rule names"
                " everybody, the default policy counts for nobody"
                for it in rule.conditions
                if isinstance(it, Unknown)
            ]
    return found


def _ids(identity: Identity) -> list[str]:
    ids: list[str] = []
    for member in identity.members:
        ids += [member.id] if isinstance(member, One) else sorted(member.except_ids)
    return ids
