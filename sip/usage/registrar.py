"""The registrar (RFC 3261 §10.3) with Path (RFC 3327), Service-Route (RFC 3608) and the binding rules of
outbound (RFC 5626 §6), though the extension itself is neither offered nor required.

A REGISTER is checked, its outcome is worked out against the current bindings without touching them, the
journal stores the difference, and only then it becomes visible and is answered: all of it or nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from email.utils import formatdate
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from sip.errors import (
    BadExtension,
    BadRequest,
    Forbidden,
    IntervalTooBrief,
    NotFound,
    ServerInternalError,
    ServiceUnavailable,
    SipError,
)
from sip.headers import Contact, NameAddr
from sip.identity import UserDirectory, authorize_as
from sip.message import Request
from sip.ports import Journal, JournalError, KeyedQueue, Record, Value
from sip.timers import TimerWheel
from sip.uri import Uri
from sip.usage.location import Binding, Location, outbound_of
from sip.usage.rows import Row, readable, storable

if TYPE_CHECKING:
    from sip.request import ServerRequest
    from sip.transport.flow import Flow

log = logging.getLogger(__name__)

KIND = "binding"
_SCHEMES = frozenset(("sip", "sips", "tel"))
_ONE_HOUR = 3600
_DEFAULT_Q = 1000


@dataclass(frozen=True, slots=True)
class RegistrarSettings:
    """Lifetimes in seconds, and limits.

    Attributes:
        min_expires: shorter lifetimes are answered with 423; more than an hour has no effect beyond an hour.
        default_expires: lifetime when the client asks for none.
        max_expires: longer lifetimes are lowered to this.
        max_bindings: bindings of one AOR; the next one is answered with 403.
        service_route: Service-Route values (RFC 3608) for the answer, for instance "<sip:proxy;lr>".
        require_path_support: answer 420 to a Path that a proxy put in for a client without
            `Supported: path` (RFC 3327 §5.3); off, the Path is taken all the same.
        retry_after: seconds in the Retry-After of a 503, when a change could not be stored.
    """

    min_expires: int = 60
    default_expires: int = 3600
    max_expires: int = 86400
    max_bindings: int = 20
    service_route: tuple[str, ...] = ()
    require_path_support: bool = False
    retry_after: int = 5


class _Wish(NamedTuple):
    """One Contact of the request and the lifetime chosen for it; 0 removes."""

    contact: Contact
    expires: int


class _Change(NamedTuple):
    """The outcome of a REGISTER before it is true: all bindings then, those that go, those that come."""

    after: list[Binding]
    gone: list[Binding]
    added: list[Binding]
    kinds: tuple[str, ...]


class Registrar:
    """Answers REGISTER and keeps the bindings alive until they expire.

    `on_change` are called with an AOR and what happened to bindings of it ("registered", "refreshed",
    "removed", "expired"), `on_register` with each binding that a REGISTER created or refreshed; both when
    it is durable and answered.

    Args:
        clock_wall: the time in epoch seconds, for Date and for what outlives a restart.
    """

    __slots__ = (
        "_directory",
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
        wishes = self._wishes(request)
        path = self._path(request)
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

    def _wishes(self, request: Request) -> list[_Wish] | None:
        """Steps 6 and 7 as far as the request alone decides them; None stands for `*`."""
        contacts = request.contacts
        if request.contact_star:
            if contacts or len(request.values("Contact")) != 1:
                raise BadRequest("Contact * must stand alone")
            if request.expires != 0:
                raise BadRequest("Contact * needs Expires: 0")
            return None
        settings = self._settings
        if len(contacts) > 2 * settings.max_bindings:
            raise Forbidden(f"Too many contacts (limit {settings.max_bindings})")
        brief = min(settings.min_expires, _ONE_HOUR)
        wishes = []
        for contact in contacts:
            if contact.uri.scheme not in _SCHEMES:
                raise BadRequest(f"Contact URI scheme {contact.uri.scheme} not supported")
            expires = contact.expires if contact.expires is not None else request.expires
            if expires is None:
                expires = settings.default_expires
            if 0 < expires < brief:
                raise IntervalTooBrief(headers=(("Min-Expires", str(settings.min_expires)),))
            wishes.append(_Wish(contact, min(expires, settings.max_expires)))
        lasting = [wish for wish in wishes if wish.expires]
        if len(lasting) > 1 and any(outbound_of(wish.contact)[1] for wish in lasting):
            # RFC 5626 §6: a flow is one contact; a second one cannot have come by it.
            raise BadRequest("More than one Contact with reg-id")
        return wishes

    def _path(self, request: Request) -> tuple[str, ...]:
        path = tuple(request.values("Path"))
        for value in path:
            storable(value, "Path")
            if not isinstance(NameAddr.parse(value).uri, Uri):
                raise BadRequest("Bad Path header field")
        if path and self._settings.require_path_support and not _supports_path(request):
            raise BadExtension(headers=(("Unsupported", "path"),))
        return path

    def _process(
        self,
        sr: ServerRequest,
        aor: str,
        wishes: list[_Wish] | None,
        path: tuple[str, ...],
        release: Callable[[], None],
    ) -> None:
        wall = self._wall()
        try:
            change = self._clearing(sr, aor) if wishes is None else self._outcome(sr, aor, wishes, path, wall)
        except SipError as error:
            # Not raised: this may run in the turn of somebody else's request.
            sr.reject(error)
            release()
            return
        if change.gone or change.added:
            records = self._records(change, sr.now, wall)
            self._journal.write(records, partial(self._stored, sr, aor, change, release))
        else:
            self._answer(sr, change.after)
            release()

    def _clearing(self, sr: ServerRequest, aor: str) -> _Change:
        gone = list(self._location.current(aor))
        for binding in gone:
            _in_order(binding, sr.request)
        return _Change([], gone, [], ("removed",))

    def _outcome(
        self, sr: ServerRequest, aor: str, wishes: list[_Wish], path: tuple[str, ...], wall: float
    ) -> _Change:
        request = sr.request
        before = self._location.current(aor)
        after = list(before)
        added: list[Binding] = []
        kinds: dict[str, None] = {}
        for contact, expires in wishes:
            instance, reg_id = outbound_of(contact)
            held = [
                binding
                for binding in after
                if binding.is_flow_of(instance, reg_id) or binding.is_for(contact.uri, contact.uri_text)
            ]
            for binding in held:
                if binding in added:
                    added.remove(binding)  # The same contact twice in one request: the last one counts.
                else:
                    _in_order(binding, request)
                after.remove(binding)
            if expires:
                binding = self._binding(sr, aor, contact, expires, path, wall)
                added.append(binding)
                after.append(binding)
                kinds["refreshed" if held else "registered"] = None
            elif held:
                kinds["removed"] = None
        if len(after) > max(len(before), self._settings.max_bindings):
            raise Forbidden(f"Too many bindings (limit {self._settings.max_bindings})")
        gone = [binding for binding in before if binding not in after]
        return _Change(after, gone, added, tuple(kinds))

    def _binding(
        self, sr: ServerRequest, aor: str, contact: Contact, expires: int, path: tuple[str, ...], wall: float
    ) -> Binding:
        request = sr.request
        instance, reg_id = outbound_of(contact)
        return Binding(
            aor=aor,
            contact=storable(_lasting(contact), "Contact"),
            uri=contact.uri,
            uri_text=contact.uri_text,
            call_id=storable(request.call_id, "Call-ID"),
            cseq=request.cseq.number,
            q=contact.q if contact.q is not None else _DEFAULT_Q,
            expires_at=sr.now + expires,
            path=path,
            instance=instance,
            reg_id=reg_id,
            flow=sr.flow,
            flow_key=sr.flow.key,
            user_agent=readable(request.get("User-Agent")),
            updated_at=wall,
        )

    def _records(self, change: _Change, now: float, wall: float) -> list[Record]:
        kept = {_key(binding) for binding in change.added}
        records = [
            Record(KIND, key, None) for key in (_key(binding) for binding in change.gone) if key not in kept
        ]
        records += [Record(KIND, _key(binding), _row(binding, now, wall)) for binding in change.added]
        return records

    def _stored(
        self,
        sr: ServerRequest,
        aor: str,
        change: _Change,
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

    def _apply(self, aor: str, change: _Change) -> None:
        for binding in change.gone:
            if binding.timer is not None:
                binding.timer.cancel()
        for binding in change.added:
            self._schedule(binding)
        self._location.replace(aor, change.after)

    def _announce(self, aor: str, change: _Change) -> None:
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
        headers.append(("Date", formatdate(self._wall(), usegmt=True)))
        if "Path" in sr.request and _supports_path(sr.request):
            headers += [("Path", value) for value in sr.request.get_all("Path")]
        headers += [("Service-Route", route) for route in self._settings.service_route]
        sr.reply(200, headers=headers)

    # -- the end of bindings ----------------------------------------------------------------------

    def _schedule(self, binding: Binding) -> None:
        binding.timer = self._timers.at(binding.expires_at, self._due, binding)

    def _due(self, binding: Binding) -> None:
        # In turn: a refresh may be waiting for the journal at this very moment.
        self._queue.run(binding.aor, partial(self._expire, binding))

    def _expire(self, binding: Binding, release: Callable[[], None]) -> None:
        if not self._location.holds(binding):
            release()
            return
        # Memory may run ahead of the journal here, because the stored row says itself that it is over.
        after = [held for held in self._location.current(binding.aor) if held is not binding]
        change = _Change(after, [binding], [], ("expired",))
        self._apply(binding.aor, change)
        self._journal.write([Record(KIND, _key(binding), None)], partial(self._ended, change, release))

    def _ended(self, change: _Change, release: Callable[[], None], error: JournalError | None) -> None:
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
        change = _Change([], gone, [], ("removed",))
        # A user who was deleted is gone at once; a row that stays is dropped at the next start.
        self._apply(aor, change)
        self._journal.write(
            [Record(KIND, _key(binding), None) for binding in gone], partial(self._ended, change, release)
        )

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
                binding = _from_row(key, row, now, wall)
                binding.flow = flow(binding.flow_key)
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


def _in_order(binding: Binding, request: Request) -> None:
    """Steps 6 and 7: what comes late or twice from the same UA changes nothing."""
    if binding.call_id == request.call_id and request.cseq.number <= binding.cseq:
        raise ServerInternalError("CSeq out of order for this binding")


def _supports_path(request: Request) -> bool:
    return any(value.lower() == "path" for value in request.values("Supported"))


def _lasting(contact: Contact) -> str:
    """The Contact value as given, without the lifetime that we decide."""
    params = {name: value for name, value in contact.params.items() if name != "expires"}
    return str(NameAddr(contact.display, contact.uri_text, params))


def _remaining(binding: Binding, now: float) -> int:
    # To the nearest second: a fresh 600 stays 600, and nothing that is still valid shows as 0.
    return max(1, round(binding.expires_at - now))


def _key(binding: Binding) -> tuple[Value, ...]:
    return (binding.aor, binding.uri_text)


def _row(binding: Binding, now: float, wall: float) -> tuple[Value, ...]:
    return (
        binding.contact,
        binding.call_id,
        binding.cseq,
        binding.q,
        wall + (binding.expires_at - now),
        "\n".join(binding.path),
        binding.instance,
        binding.reg_id,
        binding.flow_key,
        binding.user_agent,
        binding.updated_at,
    )


def _from_row(key: tuple[Value, ...], row: tuple[Value, ...], now: float, wall: float) -> Binding:
    text, call_id, cseq, q, expires_at, path, instance, reg_id, flow_key, user_agent, updated_at = row
    contact = Contact.parse(str(text))
    return Binding(
        aor=str(key[0]),
        contact=str(text),
        uri=contact.uri,
        uri_text=str(key[1]),
        call_id=str(call_id),
        cseq=int(cseq or 0),
        q=int(q or 0),
        expires_at=now + (float(expires_at or 0) - wall),
        path=tuple(str(path).split("\n")) if path else (),
        instance=str(instance or ""),
        reg_id=int(reg_id or 0),
        flow_key=str(flow_key or ""),
        user_agent=str(user_agent or ""),
        updated_at=float(updated_at or 0),
    )
