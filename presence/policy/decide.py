"""The decision (RFC 4745 §10): the rules that match, combined, and the default for whom no rule names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Final, NamedTuple

from presence.policy.identity import shown
from presence.policy.model import Handling, Moment, Permissions, Rule, Watcher
from presence.policy.restriction import UNRESTRICTED, Restriction
from presence.policy.view import ALLOW_ALL, BLANK, View


class Verdict(NamedTuple):
    """What became of one rule, for `explain`."""

    rule: str
    """`Rule.label`; "owner" and "default" are no rules of anybody."""
    matched: bool
    why: str


@dataclass(frozen=True, slots=True)
class Decision:
    """What a watcher gets: `view` is worth looking at for allow and polite-block, it tells nothing else."""

    handling: Handling
    view: View
    verdicts: tuple[Verdict, ...] = ()


class DefaultHandling(NamedTuple):
    """For watchers that no rule names: those of our own domains, and all others."""

    local: Handling = "allow"
    foreign: Handling = "confirm"

    def of(self, watcher: Watcher, is_local: bool) -> Handling:
        """`is_local`: his domain is one of ours.  Who proved nothing is nobody of ours."""
        return self.local if is_local and watcher.authenticated else self.foreign


_VIEWS: Final[dict[Handling, View]] = {
    "allow": ALLOW_ALL,
    "polite-block": BLANK,
    "confirm": BLANK,
    "block": BLANK,
}


def decide(
    rules: Sequence[Rule],
    watcher: Watcher,
    owner: str,
    now_wall: float,
    sphere: str | None,
    default: Handling,
) -> Decision:
    """What `watcher` gets of `owner` (an AOR), who has these rules.

    The owner himself sees everything.  A rule names a watcher if its identity condition is true of him, or it
    has none; one that another condition keeps from matching grants nothing, and does not leave the watcher
    to the default either: who may see somebody at work may not see him at night because no rule matches
    then.

    `rules` come from all sources, `now_wall` is epoch seconds, `sphere` the presentity's (None: undefined),
    `default` is for a watcher that no rule names.
    """
    if watcher.aor == owner and watcher.authenticated:
        return Decision("allow", ALLOW_ALL, (Verdict("owner", True, "the presentity himself"),))
    moment = Moment(watcher, now_wall, sphere)
    verdicts: list[Verdict] = []
    matching: list[Rule] = []
    named: list[Rule] = []
    for rule in rules:
        holds, why = rule.look(moment)
        verdicts.append(Verdict(rule.label, holds, why))
        if holds:
            matching.append(rule)
        if holds or rule.names(moment):
            named.append(rule)
    if not named:
        verdicts.append(
            Verdict("default", True, f"no rule names {shown(watcher.aor)}: the default is {default}")
        )
        return Decision(default, _VIEWS[default], tuple(verdicts))
    unmatched = "" if matching else ", and no rule matches: block"
    verdicts.append(Verdict("default", False, f"{named[0].label} names {shown(watcher.aor)}{unmatched}"))
    combined = combine(matching)
    handling = combined.handling or "block"
    if handling != "allow":
        return Decision(handling, _VIEWS[handling], tuple(verdicts))
    return Decision("allow", View.of(combined, restrict(matching)), tuple(verdicts))


def combine(rules: Sequence[Rule]) -> Permissions:
    """The permissions of rules that match (RFC 4745 §10.2).

    Rules that restrict allow everything, because they have no words for less.  Where another rule matches
    that says what is allowed, theirs adds nothing to it.
    """
    granting = [rule for rule in rules if rule.restriction is None] or rules
    return reduce(or_, (rule.permissions for rule in granting), Permissions())


def restrict(rules: Sequence[Rule]) -> Restriction:
    """What the rules that match take away; those that take nothing away by nature have no say."""
    found = [rule.restriction for rule in rules if rule.restriction is not None]
    return reduce(or_, found) if found else UNRESTRICTED
