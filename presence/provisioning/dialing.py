"""Dialing rules: adding, changing, deleting, importing and trying them; a repository keeps them.

What a rule does is in `presence.provisioning.dial_rules`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar

from presence.provisioning.dial_rules import (
    APPLICATION,
    DIRECTORY,
    KINDS,
    DialingRule,
    RuleBook,
    bare_number,
    checked,
    checked_kind,
    in_order,
)
from presence.provisioning.dialing_csv import read_rules, write_rules
from presence.provisioning.errors import ProvisioningError

__all__ = [
    "APPLICATION",
    "DIRECTORY",
    "KINDS",
    "DialingRepository",
    "DialingRule",
    "DialingService",
    "ImportRefused",
    "Imported",
]

T = TypeVar("T")


class DialingRepository(Protocol):
    """Keeps rules; every change is announced in the same transaction."""

    def read(self) -> RuleBook:
        """All rules, as of one moment."""

    def edit(self, work: Callable[[RuleBook], T]) -> T:
        """Have `work` change the book and store its edits, in one transaction."""


@dataclass(frozen=True, slots=True)
class Imported:
    """How many rules an import added, changed, found as they are, and deleted."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    deleted: int = 0


class ImportRefused(ProvisioningError):
    """Nothing was imported; `errors`: (line, why) of everything that is wrong with the text."""

    def __init__(self, errors: Sequence[tuple[int, str]]) -> None:
        count = len(errors)
        super().__init__(f"nothing was imported: {count} line{'s are' if count > 1 else ' is'} refused")
        self.errors = tuple(errors)


class DialingService:
    """What may be done with dialing rules.

    All methods raise ProvisioningError with one clear line; then nothing was changed.  A kind is its number
    or its word; a rule is known by its kind and name.
    """

    __slots__ = ("_repository",)

    def __init__(self, repository: DialingRepository) -> None:
        self._repository = repository

    def list(self, kind: int | str | None = None) -> list[DialingRule]:
        """Those of a kind by priority, then name; or of all kinds, one after the other."""
        wanted = None if kind is None else checked_kind(kind)
        return in_order(it for it in self._repository.read().rules.values() if wanted in (None, it.kind))

    def get(self, kind: int | str, name: str) -> DialingRule:
        return _found(self._repository.read(), checked_kind(kind), name)

    def add(self, rule: DialingRule) -> DialingRule:
        """The rule as it is kept."""
        made = checked(rule)

        def work(book: RuleBook) -> None:
            if made.key in book.rules:
                raise ProvisioningError(f"there is a rule {made.name!r} of {KINDS[made.kind]} already")
            book.put(made)

        self._repository.edit(work)
        return made

    def modify(self, kind: int | str, name: str, /, **changes: Any) -> tuple[DialingRule, DialingRule]:
        """Change fields of a rule by their names in `DialingRule`; as it was and as it is."""
        which = checked_kind(kind)

        def work(book: RuleBook) -> tuple[DialingRule, DialingRule]:
            old = _found(book, which, name)
            new = checked(replace(old, **changes))
            if new.key != old.key and new.key in book.rules:
                raise ProvisioningError(f"there is a rule {new.name!r} of {KINDS[new.kind]} already")
            book.put(new, old)
            return old, new

        return self._repository.edit(work)

    def delete(self, kind: int | str, name: str) -> DialingRule:
        """The rule as it was."""
        which = checked_kind(kind)

        def work(book: RuleBook) -> DialingRule:
            rule = _found(book, which, name)
            book.remove(rule)
            return rule

        return self._repository.edit(work)

    def apply(self, number: str, kind: int | str = APPLICATION) -> tuple[DialingRule | None, str]:
        """The rule of a kind that applies to a number, if any, and what is dialled."""
        bare = bare_number(number)
        rule = next((it for it in self.list(kind) if it.applies(bare)), None)
        return rule, bare if rule is None else rule.dialled(bare)

    def import_rules(self, rules: Iterable[DialingRule], *, replace_all: bool = False) -> Imported:
        """Add rules and change those that are there, in one transaction; `replace_all`: delete all others."""
        wanted = [checked(it) for it in rules]

        def work(book: RuleBook) -> Imported:
            before = len(book.rules)
            for rule in wanted:
                book.put(rule)
            added = len(book.rules) - before
            changed = len(book.edits) - added
            gone: Sequence[DialingRule] = ()
            if replace_all:
                kept = {it.key for it in wanted}
                gone = [it for it in in_order(book.rules.values()) if it.key not in kept]
            for rule in gone:
                book.remove(rule)
            return Imported(added, changed, len(wanted) - added - changed, len(gone))

        return self._repository.edit(work)

    def import_csv(
        self, text: str, *, replace_all: bool = False, progress: Callable[[int], None] = lambda lines: None
    ) -> Imported:
        """Import rules from CSV (`presence.provisioning.dialing_csv`), all or none.

        `progress` is called with the number of lines read since its last call.
        Raises ImportRefused: with every line that is wrong.
        """
        rules, errors = read_rules(text, progress)
        if errors:
            raise ImportRefused(errors)
        return self.import_rules(rules, replace_all=replace_all)

    def export_csv(self) -> str:
        """All rules as CSV that `import_csv` reads."""
        return write_rules(self.list())


def _found(book: RuleBook, kind: int, name: str) -> DialingRule:
    rule = book.rules.get((kind, name.strip()))
    if rule is None:
        raise ProvisioningError(f"there is no rule {name.strip()!r} of {KINDS[kind]}")
    return rule
