"""Who may watch whom, as the presence package asks it: everybody's rules, held against now.

Beside the rules, three things decide: the default of the watcher's domain, the time (validity of a rule) and
the sphere that the presentity publishes.  Whenever one of them may have changed, `on_change` is called.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from presence.directory import Directory
from presence.policy.book import PolicyBook
from presence.policy.decide import Decision, DefaultHandling, decide
from presence.policy.identity import domain_of
from presence.policy.model import Handling, Rule, Watcher
from presence.policy.view import View
from sip.errors import Forbidden
from sip.kept import make_room
from sip.timers import Timer, TimerWheel
from sip.usage.notifier import Authorization

_LONGEST_WAIT: Final = 3600.0
"""Seconds after which a moment is waited for anew: the clock on the wall may have been set meanwhile."""
_ANONYMOUS: Final = "anonymous.invalid"
"""The domain of those who do not say who they are (RFC 3323 §4.1.1.3)."""


_MOST_PRESENTITIES: Final = 100_000
_MOST_WATCHERS: Final = 100_000
"""For whom outcomes are kept, of one presentity."""
_MOST_DOMAINS: Final = 10_000
_MOST_OUTCOMES: Final = 10_000


class _Outcome(NamedTuple):
    """What counts of a decision, without the reasons."""

    handling: Handling
    view: View


class _Known:
    """The outcomes for the watchers of one presentity, as long as nothing that decides has changed."""

    __slots__ = ("outcomes", "rules", "since", "sphere", "until", "wants_sphere")

    def __init__(
        self, rules: tuple[Rule, ...], sphere: str | None, since: float, until: float | None
    ) -> None:
        self.rules = rules
        self.wants_sphere = any(rule.wants_sphere for rule in rules)
        self.sphere = sphere
        self.since = since
        self.until = until
        """Epoch seconds, as `since`: when the validity of a rule next begins or ends."""
        self.outcomes: dict[str, _Outcome] = {}

    def holds(self, rules: tuple[Rule, ...], now: float) -> bool:
        """Whether the rules are the same, and it is neither too late nor (a clock set back) too early."""
        return rules is self.rules and self.since <= now and (self.until is None or now < self.until)


class PresencePolicy:
    """Decides for watchers of presence.

    Args:
        book: everybody's rules.
        directory: knows aliases, and which domains are ours.
        defaults: for watchers whom no rule names.
        sphere: the sphere of an AOR at a time in epoch seconds, None if it is not known.
        timers: for rules that begin or cease to be valid.
        wall: the time in epoch seconds.
        on_change: called with the AOR of a presentity whose watchers may get something else now.
    """

    __slots__ = (
        "_defaults",
        "_directory",
        "_known",
        "_on_change",
        "_shared",
        "_sphere",
        "_timers",
        "_unruled",
        "_waits",
        "_wall",
        "book",
    )

    def __init__(
        self,
        book: PolicyBook,
        *,
        directory: Directory,
        defaults: DefaultHandling,
        sphere: Callable[[str, float], str | None],
        timers: TimerWheel,
        wall: Callable[[], float],
        on_change: Callable[[str], None],
    ) -> None:
        self.book = book
        self._directory = directory
        self._defaults = defaults
        self._sphere = sphere
        self._timers = timers
        self._wall = wall
        self._on_change = on_change
        self._waits: dict[str, tuple[float, Timer]] = {}
        self._known: dict[str, _Known] = {}
        self._unruled: dict[str, _Outcome] = {}
        """What watchers get of all who have no rules, by the watchers' domain: defaults ask for no more."""
        self._shared: dict[_Outcome, _Outcome] = {}
        book.on_change.append(self._rules_changed)

    def decision(self, watcher: str, aor: str, now_wall: float | None = None) -> Decision:
        """What `watcher` gets of `aor`, both AORs, and why; `now_wall` is epoch seconds, None for now."""
        now = self._wall() if now_wall is None else now_wall
        resolved = self._known_as(watcher)
        who = Watcher(resolved, domain_of(watcher) != _ANONYMOUS, self._directory.aliases_of(resolved))
        is_local = self._directory.is_local_domain(domain_of(who.aor))
        sphere = self._sphere(aor, now) if self.book.wants_sphere(aor) else None
        default = self._defaults.of(who, is_local)
        return decide(self.book.rules_of(aor), who, aor, now, sphere, default)

    def authorize(self, watcher: str, aor: str) -> Authorization:
        """Who is blocked politely may watch like anybody: he is to notice nothing.

        Raises:
            Forbidden: `watcher` is blocked.
        """
        handling = self._outcome(watcher, aor).handling
        if handling == "block":
            raise Forbidden
        return "pending" if handling == "confirm" else "active"

    def view_of(self, watcher: str, aor: str) -> View:
        """What he sees; equal for all who see the same."""
        return self._outcome(watcher, aor).view

    def hides(self, watcher: str, aor: str) -> str:
        """Why nothing that `aor` publishes is seen by `watcher`, one word; empty if he is allowed."""
        handling = self._outcome(watcher, aor).handling
        return "" if handling == "allow" else handling

    def set_defaults(self, defaults: DefaultHandling) -> bool:
        """Another default from now on; whether it is another one, so that everybody is to be judged anew."""
        if defaults == self._defaults:
            return False
        self._defaults = defaults
        self._known.clear()
        self._unruled.clear()
        return True

    def sees_services(self, watcher: str, aor: str) -> bool:
        """Whether he is shown all services; the calls of the user are of these."""
        outcome = self._outcome(watcher, aor)
        return outcome.handling == "allow" and outcome.view.shows_services

    def forget(self, aor: str) -> None:
        """The user is no more."""
        self._known.pop(aor, None)

    def names_changed(self, renamed: Mapping[str, frozenset[str]]) -> None:
        """Users by their AORs, and the aliases that they have got or lost.

        Rules speak of watchers by any of their names, so what the rules say that mention one of these is
        decided anew; the AOR counts as well, as who watched under an alias is he from now on.
        """
        mentioned: set[str] = set()
        for aor, aliases in renamed.items():
            mentioned |= {aor, *aliases}
            mentioned |= {domain_of(alias) for alias in aliases} - {domain_of(aor)}
        for owner in self.book.mentioning(frozenset(mentioned)):
            self._known.pop(owner, None)
            self._on_change(owner)

    def follows_state(self, aor: str) -> bool:
        """Whether what `aor` publishes may change who may watch him (his sphere does)."""
        return self.book.wants_sphere(aor)

    def wait_for_all(self) -> None:
        """After the rules were loaded: wait for the times at which they begin or cease to be valid."""
        for owner in self.book.owners():
            self._wait(owner)

    def _outcome(self, watcher: str, aor: str) -> _Outcome:
        """As `decision`, out of memory: it is asked for every watcher at every change."""
        rules = self.book.rules_of(aor)
        who = self._known_as(watcher)
        if not rules and who != aor:
            # Of other identities than SIP's what follows an "@" is no domain.
            domain = "@" + who.rpartition("@")[2] if who[:4] == "sip:" else who
            outcome = self._unruled.get(domain)
            if outcome is None:
                make_room(self._unruled, _MOST_DOMAINS)
                outcome = self._unruled[domain] = self._shared_outcome(self.decision(who, aor))
            return outcome
        now = self._wall()
        known = self._known.get(aor)
        if known is None or not known.holds(rules, now):
            if known is None:
                make_room(self._known, _MOST_PRESENTITIES)
            known = self._known[aor] = _Known(rules, None, now, self.book.changes_at(aor, now))
        if known.wants_sphere:
            sphere = self._sphere(aor, now)
            if sphere != known.sphere:
                known.sphere = sphere
                known.outcomes.clear()
        outcome = known.outcomes.get(who)
        if outcome is None:
            decision = self.decision(who, aor, now)
            make_room(known.outcomes, _MOST_WATCHERS)
            outcome = known.outcomes[who] = self._shared_outcome(decision)
        return outcome

    def _shared_outcome(self, decision: Decision) -> _Outcome:
        """Most outcomes are one of a few: then all have the same object."""
        make_room(self._shared, _MOST_OUTCOMES)
        outcome = _Outcome(decision.handling, decision.view)
        return self._shared.setdefault(outcome, outcome)

    def judge(self, aor: str) -> None:
        """Have all watchers of `aor` judged anew."""
        self._on_change(aor)

    def _known_as(self, watcher: str) -> str:
        """The user's own address, or that of a stranger as rules have it."""
        name = self._directory.known_as(watcher)
        return self._directory.known_as(name[:-1]) if name[-1:] == "." else name

    def _rules_changed(self, aor: str) -> None:
        self._wait(aor)
        self._on_change(aor)

    def _wait(self, aor: str) -> None:
        waiting = self._waits.pop(aor, None)
        if waiting is not None:
            waiting[1].cancel()
        now = self._wall()
        moment = self.book.changes_at(aor, now)
        if moment is not None:
            # A moment later it has come in any clock's rounding.
            delay = min(max(moment - now, 0.0) + 0.001, _LONGEST_WAIT)
            self._waits[aor] = (moment, self._timers.after(delay, self._moment_came, aor))

    def _moment_came(self, aor: str) -> None:
        moment, _ = self._waits[aor]
        self._wait(aor)
        if self._wall() >= moment:
            self._on_change(aor)
