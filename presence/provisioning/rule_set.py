"""The presence rules of one user and every rule of changing them, without a database.

A change is applied at once; documents are made of what has changed at the end.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from enum import Enum
from typing import Final, NamedTuple
from xml.sax.saxutils import escape

from presence.directory import shown
from presence.documents.xml import DEFAULT_LIMITS
from presence.policy.cisco import CONTENT_TYPE, CiscoRule, parse_cisco_rule, render_cisco_rule
from presence.policy.stored import CISCO, PolicyDocument
from presence.provisioning.news import (
    ACL_ADDED,
    ACL_CHANGED,
    ACL_DELETED,
    RULE_ADDED,
    RULE_CHANGED,
    RULE_DELETED,
)
from presence.provisioning.texts import check_text
from sip.errors import BadRequest, EntityTooLarge

MOST_RULES: Final = 200
"""Of one user."""

_ENTRY: Final = len("<epas:acl></epas:acl>")


class Status(Enum):
    """What became of one change."""

    DONE = "done"
    FAILED = "failed"
    NO_RULE = "no rule"


class Outcome(NamedTuple):
    """What became of one change, and for a refusal why, in one line for people."""

    status: Status
    why: str = ""

    @property
    def done(self) -> bool:
        return self.status is Status.DONE


DONE: Final = Outcome(Status.DONE)


class RuleChanges(NamedTuple):
    """What is to be stored and told."""

    documents: dict[str, PolicyDocument | None]
    """By name, as they are to be now; None: the rule goes."""
    news: list[tuple[str, dict[str, object]]]
    """(topic, payload) in order, as `presence.provisioning.news` has them."""


class RuleSet:
    """The rules of one user by name, and what has changed since it was made.

    A document that cannot be read stands for a rule that can be replaced and deleted, and is not listed.
    """

    __slots__ = ("_changed", "_news", "_owner", "_rules", "_size", "_unread")

    def __init__(self, owner: str, documents: Iterable[PolicyDocument]) -> None:
        """`owner` is an AOR, `documents` are his of this kind."""
        self._owner = owner
        self._rules: dict[str, CiscoRule | None] = {}
        self._unread: dict[str, str] = {}
        for document in documents:
            rule = self._rules[document.name] = _read(document)
            if rule is None:
                self._unread[document.name] = document.document.decode(errors="replace")
        self._size: dict[str, int] = {}
        self._changed: dict[str, None] = {}
        self._news: list[tuple[str, dict[str, object]]] = []

    def changes(self, now: float) -> RuleChanges:
        """All that has changed, at `now` (epoch seconds)."""
        return RuleChanges({name: self._document(name, now) for name in self._changed}, self._news)

    def rules(self) -> list[CiscoRule]:
        """Those that can be read, in the order of the names."""
        return [rule for _, rule in sorted(self._rules.items()) if rule is not None]

    def get(self, name: str) -> CiscoRule | None:
        """The rule, None if there is none that can be read."""
        return self._rules.get(_named(name))

    def set(self, rule: CiscoRule) -> Outcome:
        """Add or replace a rule; its ACL is the one that it has."""
        name = _named(rule.name)
        before = self._rules.get(name)
        if name not in self._rules and len(self._rules) >= MOST_RULES:
            return _failed(f"there are {MOST_RULES} rules already")
        try:
            check_text(name)
            # There and back: what is kept can be read.
            acl = () if before is None else before.acl
            rule = parse_cisco_rule(render_cisco_rule(replace(rule, name=name, acl=acl)))
        except (BadRequest, EntityTooLarge) as error:
            return _failed(error.reason)
        except ValueError as error:
            return _failed(str(error))
        if rule == before:
            return DONE
        new = {"name": name, "data": _data(rule)}
        if name in self._rules:
            self._news.append((RULE_CHANGED, {"old": self._told(name), "new": new}))
        else:
            self._news.append((RULE_ADDED, {"new": new}))
        self._size.pop(name, None)
        self._unread.pop(name, None)
        self._rules[name] = rule
        self._changed[name] = None
        return DONE

    def delete(self, name: str) -> Outcome:
        """Its ACL goes with it, entry by entry, and is told first."""
        name = _named(name)
        if name not in self._rules:
            return _no_rule(name)
        rule = self._rules[name]
        if rule is not None:
            self._news += ((ACL_DELETED, {"old": _entry(name, aor)}) for aor in rule.acl)
        self._news.append((RULE_DELETED, {"old": self._told(name)}))
        del self._rules[name]
        self._size.pop(name, None)
        self._unread.pop(name, None)
        self._changed[name] = None
        return DONE

    # -- ACLs

    def add_watcher(self, name: str, aor: str, is_somebody: bool) -> Outcome:
        """Put one at the end of an ACL; DONE, too, if he is on it."""
        rule = self.get(name)
        if rule is None:
            return _no_rule(name)
        if not is_somebody:
            return _nobody(aor)
        if aor in rule.acl:
            return DONE
        return self._set_acl(rule, (*rule.acl, aor), (ACL_ADDED, {"new": _entry(rule.name, aor)}))

    def delete_watcher(self, name: str, aor: str) -> Outcome:
        """Take one off an ACL."""
        rule = self.get(name)
        if rule is None:
            return _no_rule(name)
        if aor not in rule.acl:
            return _not_listed(rule, aor)
        rest = tuple(it for it in rule.acl if it != aor)
        return self._set_acl(rule, rest, (ACL_DELETED, {"old": _entry(rule.name, aor)}))

    def replace_watcher(self, name: str, old: str, new: str, is_somebody: bool) -> Outcome:
        """Put `new` where `old` is."""
        rule = self.get(name)
        if rule is None:
            return _no_rule(name)
        if old not in rule.acl:
            return _not_listed(rule, old)
        if not is_somebody:
            return _nobody(new)
        if old == new:
            return DONE
        if new in rule.acl:
            return _failed(f"{shown(new)} is on the ACL of rule {rule.name!r} already")
        told: dict[str, object] = {"old": _entry(rule.name, old), "new": _entry(rule.name, new)}
        acl = tuple(new if it == old else it for it in rule.acl)
        return self._set_acl(rule, acl, (ACL_CHANGED, told))

    def _set_acl(self, rule: CiscoRule, acl: tuple[str, ...], news: tuple[str, dict[str, object]]) -> Outcome:
        name = rule.name
        changed = replace(rule, acl=acl)
        # Rendered once a request: it may put a thousand watchers on one list.
        if name not in self._size:
            self._size[name] = len(render_cisco_rule(rule)) - _length(rule.acl)
        if len(acl) >= len(rule.acl) and self._size[name] + _length(acl) > DEFAULT_LIMITS.size:
            return _failed(f"the ACL of rule {name!r} is full")
        self._rules[name] = changed
        self._changed[name] = None
        self._news.append(news)
        return DONE

    def _document(self, name: str, now: float) -> PolicyDocument | None:
        rule = self._rules.get(name)
        if rule is None:
            return None
        return PolicyDocument(self._owner, CISCO, name, CONTENT_TYPE, render_cisco_rule(rule), now)

    def _told(self, name: str) -> dict[str, object]:
        rule = self._rules[name]
        # What cannot be read is told as it stands.
        return {"name": name, "data": self._unread[name] if rule is None else _data(rule)}


def _read(document: PolicyDocument) -> CiscoRule | None:
    try:
        return replace(parse_cisco_rule(document.document), name=document.name)
    except (BadRequest, EntityTooLarge):
        return None


def _named(name: str) -> str:
    return " ".join(name.split())


def _data(rule: CiscoRule) -> str:
    """The text of a rule without its ACL."""
    declaration, _, text = render_cisco_rule(replace(rule, acl=())).decode().partition("?>")
    return text.strip() if text else declaration


def _entry(name: str, aor: str) -> dict[str, object]:
    return {"rule": name, "watcher": aor}


def _length(acl: Iterable[str]) -> int:
    """Bytes of a document."""
    return sum(_ENTRY + len(escape(aor).encode()) for aor in acl)


def _failed(why: str) -> Outcome:
    return Outcome(Status.FAILED, why)


def _nobody(aor: str) -> Outcome:
    return _failed(f"there is no user {shown(aor)}")


def _not_listed(rule: CiscoRule, aor: str) -> Outcome:
    return _failed(f"{shown(aor)} is not on the ACL of rule {rule.name!r}")


def _no_rule(name: str) -> Outcome:
    return Outcome(Status.NO_RULE, f"there is no rule {_named(name)!r}")
