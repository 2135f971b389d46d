"""Answering REGISTER, and keeping bindings until they expire.

A REGISTER is checked, its outcome is worked out against the current bindings without touching them, the
journal stores the difference, and only then it becomes visible and is answered: all of it or nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from email.utils import formatdate
from functools import partial
from typing import TYPE_CHECKING

from sip.errors import BadRequest, NotFound, ServiceUnavailable, SipError
from sip.identity import UserDirectory, authorize_as
from sip.ports import Journal, JournalError, KeyedQueue, Record
from sip.timers import TimerWheel
from sip.uri import Uri
from sip.usage.location import Binding, Location
from sip.usage.registrar.outcome import (
    Change,
    RegistrarSettings,
    Wish,
    clearing,
    outcome,
    path_of,
    supports_path,
    wishes_of,
)
from sip.usage.registrar.rows import KIND, ended, from_row, key_of, record
from sip.usage.rows import Row

if TYPE_CHECKING:
    from sip.request import ServerRequest
    from sip.transport.flow import Flow

log = logging.getLogger(__name__)


class Registrar:
    """Answers REGISTER and keeps the bindings alive until they expire.

    `on_change` are called with an AOR and what happened to bindings of it ("registered", "refreshed",
    "removed", "expired"), `on_register` with each binding that a REGISTER created or refreshed; both when
    it is durable and answered.

    Args:
        clock_wall: the time in epoch seconds, for Date and for what outlives a restart.
    """

    __slots__ = (
        "_date_text",
        "_dated",
        "_directory",
        "_fall_due",
        "_journal",
        "_location",
        "_queue",
        "_settings",
        "_timers",
        "_wall",
        "on_change",
        "on_register",
    )

    def __init__(
        self,
        location: Location,
        directory: UserDirectory,
        journal: Journal,
        timers: TimerWheel,
        settings: RegistrarSettings,
        clock_wall: Callable[[], float],
    ) -> None:
        self._location = location
        self._directory = directory
        self._journal = journal
        self._timers = timers
        self._settings = settings
        self._wall = clock_wall
        self._queue = KeyedQueue()
        # Made once: each binding keeps it with its timer.
        self._fall_due: Callable[[Binding], None] = self._due
        self._dated = -1
        self._date_text = ""
        self.on_change: list[Callable[[str, str], None]] = []
        self.on_register: list[Callable[[str, Binding], None]] = []

    def __len__(self) -> int:
        return len(self._location)

    def bindings(self, aor: str) -> list[Binding]:
        """The bindings of a canonical AOR, the highest q first, among equals the newest."""
        return self._location.of(aor)

    # -- REGISTER, RFC 3261 §10.3 -----------------------------------------------------------------

    def handle(self, sr: ServerRequest) -> None:
        """Answer a REGISTER whose sender is known (`sr.identity`); steps 1 to 3 were taken by the caller.

        Raises:
            SipError: for what is wrong with the request itself; what depends on the current bindings
                is answered when its turn comes.
        """
        request = sr.request
        aor = self._record_of(sr)
        wishes = wishes_of(request, self._settings)
        path = path_of(request, self._settings)
        self._queue.run(aor, partial(self._process, sr, aor, wishes, path))

    def _record_of(self, sr: ServerRequest) -> str:
        """Steps 4 and 5: the AOR of To in canonical form, and the right to change it.

        All our domains are one administration, so any of them may be in the Request-URI.
        """
        to = sr.request.to.uri
        if not isinstance(to, Uri):
            # RFC 3261 §10.2; RFC 4475 §3.3.4.
            raise BadRequest("To of a REGISTER must be a SIP URI")
        if not self._directory.is_local_domain(to.host):
            raise NotFound("Not a domain of this server")
        aor = self._directory.resolve(to.aor)
        if aor is None:
            raise NotFound("User does not exist")
        authorize_as(sr.identity, aor, self._directory)
        return aor

    def _process(
        self,
        sr: ServerRequest,
        aor: str,
        wishes: list[Wish] | None,
        path: tuple[str, ...],
        release: Callable[[], None],
    ) -> None:
        wall = self._wall()
        try:
            held = self._location.current(aor)
            if wishes is None:
                change = clearing(sr.request, held)
            else:
                change = outcome(sr, aor, wishes, path, held, self._settings, wall)
        except SipError as error:
            # Not raised: this may run in the turn of somebody else's request.
            sr.reject(error)
            release()
            return
        if change.gone or change.added:
            records = _records(change, sr.now, wall)
            self._journal.write(records, partial(self._stored, sr, aor, change, release))
        else:
            self._answer(sr, change.after)
            release()

    def _stored(
        self,
        sr: ServerRequest,
        aor: str,
        change: Change,
        release: Callable[[], None],
        error: JournalError | None,
    ) -> None:
        try:
            if error is not None:
                log.error("registrar.not_stored", extra={"aor": aor, "error": str(error)})
                retry = (("Retry-After", str(self._settings.retry_after)),)
                sr.reject(ServiceUnavailable("Registration could not be stored", headers=retry))
                return
            self._apply(aor, change)
            self._answer(sr, change.after)
            self._announce(aor, change)
        finally:
            release()

    def _apply(self, aor: str, change: Change) -> None:
        for binding in change.gone:
            if binding.timer is not None:
                binding.timer.cancel()
        for binding in change.added:
            self._schedule(binding)
        self._location.replace(aor, change.after)

    def _announce(self, aor: str, change: Change) -> None:
        for kind in change.kinds:
            for changed in self.on_change:
                changed(aor, kind)
        for binding in change.added:
            for registered in self.on_register:
                registered(aor, binding)

    def _answer(self, sr: ServerRequest, bindings: Iterable[Binding]) -> None:
        """Step 8: 200 with every current binding."""
        headers = [
            ("Contact", f"{binding.contact};expires={_remaining(binding, sr.now)}") for binding in bindings
        ]
        headers.append(("Date", self._date()))
        if "Path" in sr.request and supports_path(sr.request):
            headers += [("Path", value) for value in sr.request.get_all("Path")]
        headers += [("Service-Route", route) for route in self._settings.service_route]
        sr.reply(200, headers=headers)

    def _date(self) -> str:
        """The time now, as Date has it; written once a second."""
        second = int(self._wall())
        if second != self._dated:
            self._dated = second
            self._date_text = formatdate(second, usegmt=True)
        return self._date_text

    # -- the end of bindings ----------------------------------------------------------------------

    def _schedule(self, binding: Binding) -> None:
        binding.timer = self._timers.at(binding.expires_at, self._fall_due, binding)

    def _due(self, binding: Binding) -> None:
        # In turn: a refresh may be waiting for the journal at this very moment.
        self._queue.run(binding.aor, partial(self._expire, binding))

    def _expire(self, binding: Binding, release: Callable[[], None]) -> None:
        if not self._location.holds(binding):
            release()
            return
        # Memory may run ahead of the journal here, because the stored row says itself that it is over.
        after = [held for held in self._location.current(binding.aor) if held is not binding]
        change = Change(after, [binding], [], ("expired",))
        self._apply(binding.aor, change)
        self._journal.catch_up([ended(binding)], partial(self._ended, change, release))

    def _ended(self, change: Change, release: Callable[[], None], error: JournalError | None) -> None:
        try:
            aor = change.gone[0].aor
            if error is not None:
                log.warning("registrar.expiry_not_stored", extra={"aor": aor, "error": str(error)})
            self._announce(aor, change)
        finally:
            release()

    def remove_user(self, aor: str) -> None:
        """Remove all bindings of a canonical AOR, because the user is no more."""
        self._queue.run(aor, partial(self._remove_all, aor))

    def _remove_all(self, aor: str, release: Callable[[], None]) -> None:
        gone = list(self._location.current(aor))
        if not gone:
            release()
            return
        change = Change([], gone, [], ("removed",))
        # A user who was deleted is gone at once; a row that stays is dropped at the next start.
        self._apply(aor, change)
        self._journal.catch_up([ended(binding) for binding in gone], partial(self._ended, change, release))

    # -- restart ----------------------------------------------------------------------------------

    def restore(
        self,
        rows: Iterable[Row],
        now: float,
        wall: float,
        flow: Callable[[str], Flow | None] = lambda _: None,
    ) -> None:
        """Take back what the journal stored: `rows` of kind "binding"; `flow` finds a flow by its key.

        A binding that fell due meanwhile is restored as well and expires at the next turn of the timers, in
        the same way and with the same consequences as if the server had been there.
        """
        for key, row in rows:
            try:
                binding = from_row(key, row, now, wall)
                binding.flow = flow(binding.flow_key)
                # Nothing was given for longer: if it seems so, the system's time was set back.
                binding.expires_at = min(binding.expires_at, now + self._settings.max_expires)
            except BadRequest as error:
                log.warning("registrar.row_dropped", extra={"key": str(key), "error": error.reason})
                continue
            if self._directory.resolve(binding.aor) is None:
                self._journal.write([Record(KIND, key, None)], _ignore)
                continue
            self._location.replace(binding.aor, [*self._location.current(binding.aor), binding])
            self._schedule(binding)


def _ignore(error: JournalError | None) -> None:
    """The row is looked at again at the next start."""


def _records(change: Change, now: float, wall: float) -> list[Record]:
    if not change.gone:
        return [record(binding, now, wall) for binding in change.added]
    kept = {key_of(binding) for binding in change.added}
    records = [ended(binding) for binding in change.gone if key_of(binding) not in kept]
    return records + [record(binding, now, wall) for binding in change.added]


def _remaining(binding: Binding, now: float) -> int:
    # To the nearest second: a fresh 600 stays 600, and nothing that is still valid shows as 0.
    return max(1, round(binding.expires_at - now))
