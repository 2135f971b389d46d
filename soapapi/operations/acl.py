"""get-acl, add-acl, delete-acl (SPEC R92 to R95; Examples 59 to 64): who a presence rule is about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from presence.provisioning.presence_rules import Outcome
from soapapi.messages import Attribute, Message, Text, Value, many
from soapapi.operation import Call, Service, operation
from soapapi.operations.presence_rules import INVALID_NAME, RulesByName, status_text

_Outcomes = Sequence[Sequence[Outcome] | None]


class AclRule(Message):
    """The watchers of a rule as full URIs, or that there is no such rule."""

    name = Attribute
    acl = many(Text)
    text = Value

    _unprefixed: ClassVar[frozenset[str]] = frozenset({"acl"})


class Acls(Message):
    """One a rule that was asked for."""

    rule = many(AclRule)

    _unprefixed: ClassVar[frozenset[str]] = frozenset({"rule"})


class WatchersOfRule(Message):
    """Watchers by bare ids or addresses."""

    name = Attribute
    watcher = many(Text)


class WatchersByRule(Message):
    """Any number of rules."""

    rule = many(WatchersOfRule)


class WatcherStatus(Message):
    """What became of a watcher."""

    watcher = Attribute
    text = Value


class AclStatus(Message):
    """What became of the watchers of a rule, or that there is no such rule."""

    name = Attribute
    status = many(WatcherStatus)
    text = Value


class AclAdditions(Message):
    """One a rule, in their order; Example 62 prints it in the namespace."""

    rule = many(AclStatus)


class AclRemovals(Message):
    """One a rule, in their order; Example 64 prints it in none."""

    rule = many(AclStatus)

    _unprefixed: ClassVar[frozenset[str]] = frozenset({"rule"})


class AccessLists(Service):
    """The watchers whom rules are about."""

    @operation("get-acl", RulesByName, Acls)
    def get_acl(call: Call, request: RulesByName) -> Acls:
        """The watchers of rules (R92, R95; Examples 59 and 60)."""
        items = request.rule or []
        found = call.services.presence_rules.acl(call.owner, [it.name or "" for it in items])
        return Acls(
            rule=[
                AclRule(name=it.name, text=INVALID_NAME) if acl is None else AclRule(name=it.name, acl=acl)
                for it, acl in zip(items, found, strict=True)
            ]
        )

    @operation("add-acl", WatchersByRule, AclAdditions)
    def add_acl(call: Call, request: WatchersByRule) -> AclAdditions:
        """Watchers to rules: who is no user fails (R93, Q46, Q47; Examples 61 and 62)."""
        changes = _changes(request)
        return AclAdditions(
            rule=_statuses(request, call.services.presence_rules.add_to_acls(call.owner, changes))
        )

    @operation("delete-acl", WatchersByRule, AclRemovals)
    def delete_acl(call: Call, request: WatchersByRule) -> AclRemovals:
        """Watchers off rules: who is not listed fails (R94, Q46, Q47; Examples 63 and 64)."""
        changes = _changes(request)
        return AclRemovals(
            rule=_statuses(request, call.services.presence_rules.delete_from_acls(call.owner, changes))
        )


def _changes(request: WatchersByRule) -> list[tuple[str, list[str]]]:
    return [(it.name or "", it.watcher or []) for it in request.rule or ()]


def _statuses(request: WatchersByRule, outcomes: _Outcomes) -> list[AclStatus]:
    return [_status(rule, found) for rule, found in zip(request.rule or (), outcomes, strict=True)]


def _status(rule: WatchersOfRule, outcomes: Sequence[Outcome] | None) -> AclStatus:
    if outcomes is None:
        return AclStatus(name=rule.name, text=INVALID_NAME)
    return AclStatus(
        name=rule.name,
        status=[
            WatcherStatus(watcher=watcher.strip(), text=status_text(outcome))
            for watcher, outcome in zip(rule.watcher or (), outcomes, strict=True)
        ],
    )
