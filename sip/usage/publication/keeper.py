"""Publications that are there: kept until they expire, withdrawn, and found again after a restart.

What a PUBLISH changes is durable before it is put in here (`usage`).  An ending is the exception: it is true
at once, and stored afterwards.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

from sip.errors import SipError
from sip.headers import MediaType
from sip.identity import UserDirectory
from sip.ports import Journal, JournalError, KeyedQueue, Record
from sip.timers import TimerWheel
from sip.tokens import Tokens
from sip.usage.publication.model import EventState, Publication, What
from sip.usage.publication.package import Divisible, PublicationPackage, Unhurried
from sip.usage.publication.rows import KIND, ended, from_row, record
from sip.usage.rows import Row

log = logging.getLogger(__name__)

Release = Callable[[], None]


class PublicationKeeper:
    """The publications of all packages, by entity-tag, and by package and AOR in the order of arrival.

    Args:
        packages: by name.
        wall: the time in epoch seconds, for what outlives a restart.
    """

    __slots__ = (
        "_by_aor",
        "_by_etag",
        "_directory",
        "_journal",
        "_on_due",
        "_packages",
        "_serial",
        "_timers",
        "_token",
        "_wall",
        "queue",
    )

    def __init__(
        self,
        packages: Mapping[str, PublicationPackage],
        directory: UserDirectory,
        journal: Journal,
        timers: TimerWheel,
        wall: Callable[[], float],
    ) -> None:
        self._packages = packages
        self._directory = directory
        self._journal = journal
        self._timers = timers
        self._wall = wall
        self.queue = KeyedQueue()
        """Whatever changes publications of a package and AOR takes its turn here."""
        self._by_etag: dict[str, Publication] = {}
        self._by_aor: dict[str, dict[str, tuple[Publication, ...]]] = {name: {} for name in packages}
        # One object for all timers.
        self._on_due = self._due
        self._serial = itertools.count()
        self._token = Tokens().next

    def __len__(self) -> int:
        return len(self._by_etag)

    def of(self, package: str, aor: str) -> Sequence[Publication]:
        """The publications of a canonical AOR in the order of their first arrival."""
        return self._by_aor[package].get(aor, ()) if package in self._by_aor else ()

    def named(self, etag: str) -> Publication | None:
        """What an entity-tag names now."""
        return self._by_etag.get(etag)

    def announce(self, publication: Publication, what: What) -> None:
        """Tell the package."""
        self._packages[publication.package].changed(publication.aor, publication, what)

    # -- what is in memory ------------------------------------------------------------------------

    def new_id(self, wall: float) -> str:
        """An identifier for a publication that arrives at `wall` (epoch seconds)."""
        # Sorts by arrival, so that a restart finds the order again.
        arrival = (int(wall * 1000) << 16) | (next(self._serial) & 0xFFFF)
        return arrival.to_bytes(8, "big").hex() + self._token()[:8]

    def add(self, publication: Publication) -> None:
        """It is there from now on, and until it expires."""
        held = self._by_aor[publication.package]
        held[publication.aor] = (*held.get(publication.aor, ()), publication)
        self._by_etag[publication.etag] = publication
        self._schedule(publication)

    def renew(self, publication: Publication, state: EventState) -> None:
        """From now on it is as `state` says, and lasts as long."""
        del self._by_etag[publication.etag]
        publication.become(state)
        self._by_etag[state.etag] = publication
        self._schedule(publication)

    def forget(self, publication: Publication) -> None:
        """It is no more."""
        if publication.timer is not None:
            publication.timer.cancel()
        del self._by_etag[publication.etag]
        held = self._by_aor[publication.package]
        others = tuple([other for other in held[publication.aor] if other is not publication])
        if others:
            held[publication.aor] = others
        else:
            del held[publication.aor]

    def _schedule(self, publication: Publication) -> None:
        if publication.timer is not None:
            publication.timer.cancel()
        publication.timer = self._timers.at(publication.expires_at, self._on_due, publication)

    # -- the end of publications ------------------------------------------------------------------

    def _due(self, publication: Publication) -> None:
        # In turn: a refresh may be waiting for the journal at this very moment.
        self._end(publication, "expire")

    def remove(self, publication: Publication) -> None:
        """Withdraw a publication, on behalf of another service."""
        self._end(publication, "remove")

    def withdraw_tuple(self, aor: str, tuple_id: str, done: Callable[[], None] = lambda: None) -> None:
        """Withdraw the tuple `tuple_id` from whatever publications of a canonical AOR have it.

        The rest of a publication stays, with its entity-tag and its lifetime; one without another tuple goes.
        Where there is no such tuple nothing happens.  `done` is called when all of that is stored, or when it
        is known that it cannot be.
        """
        divisible = [(name, it) for name, it in self._packages.items() if isinstance(it, Divisible)]
        left = len(divisible)

        def withdraw(package: Divisible, name: str, release: Release) -> None:
            def over() -> None:
                nonlocal left
                release()
                left -= 1
                if not left:
                    done()

            self._withdraw(package, name, aor, tuple_id, over)

        for name, package in divisible:
            # In turn: what is being stored just now may have that tuple.
            self.queue.run((name, aor), partial(withdraw, package, name))
        if not divisible:
            done()

    def _withdraw(self, package: Divisible, name: str, aor: str, part: str, release: Release) -> None:
        changed: list[tuple[Publication, What]] = []
        records: list[Record] = []
        for publication in self.of(name, aor):
            try:
                state = self._without(package, publication, part)
            except (LookupError, SipError):
                continue
            # As with an ending, it is true at once.
            if state is None:
                self.forget(publication)
                changed.append((publication, "remove"))
                records.append(ended(publication))
            else:
                self.renew(publication, state)
                changed.append((publication, "modify"))
                records.append(record(publication, state, self._timers.now, self._wall()))
        if not changed:
            release()
            return

        def done(error: JournalError | None) -> None:
            try:
                if error is not None:
                    log.warning("publication.end_not_stored", extra={"aor": aor, "error": str(error)})
                for publication, what in changed:
                    self.announce(publication, what)
            finally:
                release()

        self._journal.catch_up(records, done)

    def _without(self, package: Divisible, publication: Publication, part: str) -> EventState | None:
        """The state of a publication without a part; None: nothing is left."""
        body = package.without(publication, part)
        if body is None:
            return None
        media = MediaType.parse(publication.content_type)
        try:
            parsed = self._packages[publication.package].parse(publication.aor, media, body)
        except SipError:
            # Written anew it is too large: better all of it than what was withdrawn.
            return None
        return publication.state._replace(body=body, parsed=parsed)

    def remove_user(self, aor: str) -> None:
        """Remove all publications of a canonical AOR, because the user is no more."""
        for package in self._packages:
            # In turn: one that is being stored just now goes with the others.
            self.queue.run((package, aor), partial(self._end_all, package, aor))

    def _end_all(self, package: str, aor: str, release: Release) -> None:
        for publication in self.of(package, aor):
            self._end(publication, "remove")
        release()

    def _end(self, publication: Publication, what: What) -> None:
        subject = (publication.package, publication.aor)
        self.queue.run(subject, partial(self._ending, publication, what))

    def _ending(self, publication: Publication, what: What, release: Release) -> None:
        gone = self._by_etag.get(publication.etag) is not publication
        if gone or (what == "expire" and publication.timer is not None and publication.timer.active):
            release()  # Removed or refreshed while this waited for its turn.
            return
        # An ending is true at once: an expired row says so itself, and what else is withdrawn here is not
        # to be seen any longer even if the journal fails.
        self.forget(publication)

        def done(error: JournalError | None) -> None:
            try:
                if error is not None:
                    log.warning(
                        "publication.end_not_stored", extra={"aor": publication.aor, "error": str(error)}
                    )
                self.announce(publication, what)
            finally:
                release()

        self._journal.catch_up([ended(publication)], done)

    # -- restart ----------------------------------------------------------------------------------

    def restore(self, rows: Iterable[Row], now: float, wall: float, longest: float) -> None:
        """Take back what the journal stored: `rows` of kind "publication".

        A publication that fell due meanwhile is restored as well and expires at the next turn of the timers,
        so that watchers hear of it.  A body that no longer parses is logged and its row dropped; rows of
        packages that are not served now are left alone.  What may wait (`Unhurried`) is not parsed yet.
        None lasts more than `longest` (seconds): if one seems to, the system's time was set back.
        """
        unhurried = {
            name: package for name, package in self._packages.items() if isinstance(package, Unhurried)
        }
        for key, row in sorted(rows, key=lambda item: str(item[0][0])):
            package = self._packages.get(str(row[0]))
            if package is None:
                continue
            try:
                publication = from_row(package, unhurried.get(package.name), key, row, now, wall)
            except SipError as error:
                log.warning("publication.row_dropped", extra={"key": key[0], "error": error.reason})
                self._journal.write([Record(KIND, key, None)], _ignore)
                continue
            if self._directory.resolve(publication.aor) is None:
                self._journal.write([Record(KIND, key, None)], _ignore)
                continue
            if publication.expires_at > now + longest:
                publication.become(publication.state._replace(expires_at=now + longest))
            self.add(publication)


def _ignore(error: JournalError | None) -> None:
    """The row is looked at again at the next start."""
