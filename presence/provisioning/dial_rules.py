"""Dialing rules: how a number is changed before it is dialled, or before it is looked up in the directory.

A rule applies to numbers that begin with `begins_with` and have `number_of_digits` characters; 0 is any
length.  A "+" counts, blanks and the marks that people put between digits do not.  Then `digits_to_remove`
characters go from the front (all, if there are fewer) and `prefix` is put there.  Of the rules that apply,
the first by priority, then by name, is the one; no rule is applied to the result of another.

The values need not go together (R76 prints a rule for numbers of one digit that begin with 89): such a rule
is kept, shown, and applies to nothing (`DialingRule.faults`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final

from presence.provisioning.catalogue import checked_text
from presence.provisioning.errors import ProvisioningError
from presence.provisioning.news import DIAL_RULE_ADDED, DIAL_RULE_CHANGED, DIAL_RULE_DELETED, SYSTEM

APPLICATION: Final = 1
DIRECTORY: Final = 2
KINDS: Final[Mapping[int, str]] = MappingProxyType({APPLICATION: "application", DIRECTORY: "directory"})
"""By their numbers on the wire (R76)."""

HIGHEST_PRIORITY: Final = 1_000_000
MOST_DIGITS: Final = 100
_NAME_LENGTH: Final = 64
_DESCRIPTION_LENGTH: Final = 255

_DIALLED: Final = re.compile(r"[0-9+*#]*", re.ASCII)
_NUMBER: Final = re.compile(r"\+?[0-9*#]+", re.ASCII)
_BETWEEN: Final = re.compile(r"[\s().\-/]")


@dataclass(frozen=True, slots=True)
class DialingRule:
    """See the module; `kind`: APPLICATION or DIRECTORY. A rule is known by its kind and name."""

    kind: int
    name: str
    description: str = ""
    priority: int = 1
    begins_with: str = ""
    number_of_digits: int = 0
    digits_to_remove: int = 0
    prefix: str = ""

    @property
    def key(self) -> tuple[int, str]:
        return self.kind, self.name

    def applies(self, number: str) -> bool:
        """Whether it applies to a number without marks between its digits."""
        return number.startswith(self.begins_with) and self.number_of_digits in (0, len(number))

    def dialled(self, number: str) -> str:
        """What becomes of a number that it applies to."""
        return self.prefix + number[self.digits_to_remove :]

    def faults(self) -> list[str]:
        """What does not go together in it; it is kept all the same."""
        found = []
        if 0 < self.number_of_digits < len(self.begins_with):
            found.append(
                f"it applies to nothing: {self.begins_with!r} is longer than {self.number_of_digits} digits"
            )
        if 0 < self.number_of_digits < self.digits_to_remove:
            found.append(f"it removes {self.digits_to_remove} of {self.number_of_digits} digits")
        if self.digits_to_remove == 0 and not self.prefix:
            found.append("it changes nothing")
        return found

    def told(self) -> dict[str, str]:
        """As clients are told, all texts, in the order of R76."""
        return {
            "type": str(self.kind),
            "name": self.name,
            "description": self.description,
            "priority": str(self.priority),
            "number-begins-with": self.begins_with,
            "number-of-digits": str(self.number_of_digits),
            "digits-to-be-removed": str(self.digits_to_remove),
            "prefix": self.prefix,
        }


COLUMNS: Final = tuple(DialingRule(APPLICATION, "").told())
"""The names of the fields on the wire and in a file."""


@dataclass(frozen=True, slots=True)
class Edit:
    """A rule that came, changed or went."""

    old: DialingRule | None
    new: DialingRule | None

    def news(self) -> tuple[str, str, dict[str, Any]]:
        """The entry of the outbox."""
        topic = DIAL_RULE_CHANGED
        if self.old is None:
            topic = DIAL_RULE_ADDED
        elif self.new is None:
            topic = DIAL_RULE_DELETED
        sides = {"old": self.old, "new": self.new}
        return topic, SYSTEM, {side: it.told() for side, it in sides.items() if it is not None}


@dataclass(slots=True)
class RuleBook:
    """All rules and what is being done to them."""

    rules: dict[tuple[int, str], DialingRule]
    edits: list[Edit] = field(default_factory=list)

    def put(self, rule: DialingRule, old: DialingRule | None = None) -> None:
        """Add a rule or, if it is there, change it; `old`: in the place of that one."""
        old = old or self.rules.get(rule.key)
        if old == rule:
            return
        if old is not None:
            del self.rules[old.key]
        self.rules[rule.key] = rule
        self.edits.append(Edit(old, rule))

    def remove(self, rule: DialingRule) -> None:
        del self.rules[rule.key]
        self.edits.append(Edit(rule, None))


def in_order(rules: Iterable[DialingRule]) -> list[DialingRule]:
    return sorted(rules, key=lambda it: (it.kind, it.priority, it.name))


def checked_kind(kind: int | str) -> int:
    """Raises ProvisioningError: there is no such kind."""
    wanted = str(kind).strip().lower()
    for number, word in KINDS.items():
        if wanted in (str(number), word):
            return number
    allowed = " or ".join(f"{word} ({number})" for number, word in KINDS.items())
    raise ProvisioningError(f"there is no kind {str(kind).strip()!r} of rules: it is {allowed}")


def checked(rule: DialingRule) -> DialingRule:
    """The rule without blanks around its texts. Raises ProvisioningError: a field cannot be that."""
    name = checked_text("the name of a rule", rule.name, _NAME_LENGTH)
    if not name:
        raise ProvisioningError("the name of a rule cannot be empty")
    description = checked_text("the description", rule.description, _DESCRIPTION_LENGTH)
    _check_range("priority", rule.priority, HIGHEST_PRIORITY)
    _check_range("number-of-digits", rule.number_of_digits, MOST_DIGITS)
    _check_range("digits-to-be-removed", rule.digits_to_remove, MOST_DIGITS)
    return replace(
        rule,
        kind=checked_kind(rule.kind),
        name=name,
        description=description,
        begins_with=_digits("number-begins-with", rule.begins_with),
        prefix=_digits("prefix", rule.prefix),
    )


def bare_number(number: str) -> str:
    """A number without blanks and marks. Raises ProvisioningError: that is none."""
    bare = _BETWEEN.sub("", number)
    if not _NUMBER.fullmatch(bare) or len(bare) > MOST_DIGITS:
        raise ProvisioningError(f"{number!r} is not a number to dial: digits, *, # and a + in front")
    return bare


def _check_range(what: str, value: int, highest: int) -> None:
    if not 0 <= value <= highest:
        raise ProvisioningError(f"{what} is {value}: it is a number from 0 to {highest}")


def _digits(what: str, text: str) -> str:
    text = text.strip()
    if not _DIALLED.fullmatch(text):
        raise ProvisioningError(f"{what} {text!r} may have digits, +, * and # only")
    if len(text) > MOST_DIGITS:
        raise ProvisioningError(f"{what} is longer than {MOST_DIGITS} characters")
    return text
