"""Who may watch whom, as the presence package asks it: everybody's rules, held against now.

Beside the rules, three things decide: the default of the watcher's domain, the time (validity of a rule) and
the sphere that the presentity publishes.  Whenever one of them may have changed, `on_change` is called.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from presence.policy.book import PolicyBook
from presence.policy.decide import Decision, DefaultHandling, decide
from presence.policy.identity import domain_of
from presence.policy.model import Watcher
from presence.policy.view import View
from sip.errors import Forbidden
from sip.identity import UserDirectory
from sip.timers import Timer, TimerWheel
from sip.usage.notifier import Authorization

_LONGEST_WAIT: Final = 3600.0
"""Seconds after which a moment is waited for anew: the clock on the wall may have been set meanwhile."""
_ANONYMOUS: Final = "anonymous.invalid"
"""The domain of those who do not say who they are (RFC 3323 §4.1.1.3)."""


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

    __slots__ = ("_defaults", "_directory", "_on_change", "_sphere", "_timers", "_waits", "_wall", "book")

    def __init__(
        self,
        book: PolicyBook,
        *,
        directory: UserDirectory,
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
        book.on_change.append(self._rules_changed)

    def decision(self, watcher: str, aor: str, now_wall: float | None = None) -> Decision:
        """What `watcher` gets of `aor`, both AORs, and why; `now_wall` is epoch seconds, None for now."""
        now = self._wall() if now_wall is None else now_wall
        who = Watcher(self._directory.resolve(watcher) or watcher, domain_of(watcher) != _ANONYMOUS)
        is_local = self._directory.is_local_domain(domain_of(who.aor))
        sphere = self._sphere(aor, now) if self.book.wants_sphere(aor) else None
        default = self._defaults.of(who, is_local)
        return decide(self.book.rules_of(aor), who, aor, now, sphere, default)

    def authorize(self, watcher: str, aor: str) -> Authorization:
        """Who is blocked politely may watch like anybody: he is to notice nothing.

        Raises:
            Forbidden: `watcher` is blocked.
        """
        handling = self.decision(watcher, aor).handling
        if handling == "block":
            raise Forbidden
        return "pending" if handling == "confirm" else "active"

    def view_of(self, watcher: str, aor: str) -> View:
        """What he sees; equal for all who see the same."""
        return self.decision(watcher, aor).view

    def follows_state(self, aor: str) -> bool:
        """Whether what `aor` publishes may change who may watch him (his sphere does)."""
        return self.book.wants_sphere(aor)

    def wait_for_all(self) -> None:
        """After the rules were loaded: wait for the times at which they begin or cease to be valid."""
        for owner in self.book.owners():
            self._wait(owner)

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
