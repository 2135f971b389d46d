"""Who wanted to watch, went before anybody decided on it, and waits (RFC 3857 §4.7.1, state `waiting`).

A presentity who looks at his watchers days later finds there whom he has to decide on.  An entry goes when a
rule decides, when the same watcher subscribes again, and after a set time.  The end of a subscription is true
at once, so an entry is in memory before it is durable.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from sip.ports import Journal, JournalError, Record
from sip.timers import Timer, TimerWheel
from sip.usage.rows import Row, readable

log = logging.getLogger(__name__)

KIND: Final = "waiting"
LIFETIME: Final = 7 * 86400.0
"""Seconds that an entry is kept."""
MOST: Final = 500
"""Entries of one presentity; the one that has waited longest goes when there are more."""

Key = tuple[str, str, str]
"""Package, AOR of the presentity, AOR of the watcher."""


class Waiting(NamedTuple):
    """Somebody who waits."""

    package: str
    aor: str
    watcher: str
    id: str
    """That of the subscription that he had, as watcher information calls it."""
    display: str
    """The name that he showed, "" for none."""
    since: float
    """When he first asked, epoch seconds."""
    expires: float
    """When he is given up, epoch seconds."""

    @property
    def key(self) -> Key:
        """There is one entry for it."""
        return self.package, self.aor, self.watcher


class WaitingList:
    """All who wait; `on_end` are called with an entry that has gone and why (RFC 3857 §4.7.1)."""

    def __init__(
        self,
        journal: Journal,
        timers: TimerWheel,
        wall: Callable[[], float],
        *,
        lifetime: float = LIFETIME,
        most: int = MOST,
    ) -> None:
        self._journal = journal
        self._timers = timers
        self._wall = wall
        self._lifetime = lifetime
        self._most = most
        self._all: dict[tuple[str, str], dict[str, tuple[Waiting, Timer]]] = {}
        self.on_end: list[Callable[[Waiting, str], None]] = []

    def __len__(self) -> int:
        return sum(map(len, self._all.values()))

    def of(self, package: str, aor: str) -> list[Waiting]:
        """Who waits to watch `aor` in `package`, the longest first."""
        return [entry for entry, _ in self._all.get((package, aor), {}).values()]

    def subjects(self) -> list[tuple[str, str]]:
        """Packages and AORs that somebody waits for."""
        return list(self._all)

    def add(self, package: str, aor: str, watcher: str, id_: str, display: str, since: float) -> None:
        """`watcher` waits from now on; one who does so already keeps his place and waits longer."""
        held = self._all.get((package, aor), {}).get(watcher)
        expires = self._wall() + self._lifetime
        if held is not None:
            entry = held[0]._replace(expires=expires)
        else:
            entry = Waiting(package, aor, watcher, id_, readable(display), since, expires)
            self._make_room(package, aor)
        self._keep(entry)
        self._write(entry.key, (entry.id, entry.display, entry.since, entry.expires))

    def end(self, package: str, aor: str, watcher: str, event: str) -> None:
        """He waits no more, because of `event`; nothing happens if he did not."""
        held = self._all.get((package, aor), {})
        if watcher not in held:
            return
        entry, timer = held.pop(watcher)
        timer.cancel()
        if not held:
            del self._all[package, aor]
        self._write(entry.key, None)
        for ended in self.on_end:
            ended(entry, event)

    def remove_user(self, aor: str) -> None:
        """A user is gone: nobody waits for him, and he waits for nobody."""
        entries = [entry for held in self._all.values() for entry, _ in held.values()]
        for entry in entries:
            if aor in (entry.aor, entry.watcher):
                self.end(*entry.key, "noresource" if entry.aor == aor else "rejected")

    def restore(self, rows: Iterable[Row]) -> None:
        """Take back the rows of kind "waiting"; those whose time is over go at once, by the timers."""
        found = []
        for (package, aor, watcher), (id_, display, since, expires) in rows:
            times = float(since or 0), float(expires or 0)
            found.append(Waiting(str(package), str(aor), str(watcher), str(id_), str(display or ""), *times))
        for entry in sorted(found, key=lambda entry: (entry.since, entry.key)):
            self._keep(entry)

    def _keep(self, entry: Waiting) -> None:
        held = self._all.setdefault((entry.package, entry.aor), {})
        if entry.watcher in held:
            held[entry.watcher][1].cancel()
        # Nobody waits for longer: if it seems so, the system's time was set back.
        delay = min(max(0.0, entry.expires - self._wall()), self._lifetime)
        held[entry.watcher] = entry, self._timers.after(delay, self.end, *entry.key, "giveup")

    def _make_room(self, package: str, aor: str) -> None:
        held = self._all.get((package, aor), {})
        if len(held) >= self._most:
            self.end(package, aor, next(iter(held)), "giveup")

    def _write(self, key: Key, row: tuple[str, str, float, float] | None) -> None:
        def done(error: JournalError | None) -> None:
            if error is not None:
                log.warning("waiting.not-stored", extra={"presentity": key[1], "error": str(error)})

        self._journal.catch_up([Record(KIND, key, row)], done)
