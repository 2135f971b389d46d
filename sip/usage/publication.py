"""The event state compositor's side of PUBLISH (RFC 3903 §6), for any event package.

A package says which bodies it takes and is told what happened; entity-tags, lifetimes, order and
durability are the business of this module.  A change is stored by the journal first, then becomes visible,
and is answered: memory never holds what a restart would not find.
"""

from __future__ import annotations

import itertools
import logging
import os
import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol, runtime_checkable

from sip.errors import (
    BadEvent,
    BadRequest,
    ConditionalRequestFailed,
    Forbidden,
    IntervalTooBrief,
    NotFound,
    ServiceUnavailable,
    SipError,
    UnsupportedMediaType,
)
from sip.headers import MediaType
from sip.identity import UserDirectory, authorize_as
from sip.message import Request
from sip.ports import Journal, JournalError, KeyedQueue, Record, Value
from sip.timers import Timer, TimerWheel
from sip.usage.content import decode_body
from sip.usage.rows import Row, readable, storable

if TYPE_CHECKING:
    from sip.request import ServerRequest

log = logging.getLogger(__name__)

KIND = "publication"
What = Literal["initial", "refresh", "modify", "remove", "expire"]
Release = Callable[[], None]


@dataclass(frozen=True, slots=True)
class PublicationSettings:
    """Lifetimes in seconds, and limits.

    Attributes:
        min_expires: shorter lifetimes are answered with 423; baresip asks for 120 and never for more.
        default_expires: lifetime when the client asks for none (pjsip does not).
        max_expires: longer lifetimes are lowered to this.
        max_publications: publications of one AOR and package; the next one is answered with 403.
        max_body: bytes of a body, after its Content-Encoding is undone; more is answered with 413.
        retry_after: seconds in the Retry-After of a 503, when a change could not be stored.
    """

    min_expires: int = 60
    default_expires: int = 3600
    max_expires: int = 86400
    max_publications: int = 20
    max_body: int = 65536
    retry_after: int = 5


class EventState(NamedTuple):
    """What one PUBLISH leaves behind; the fields are those of `Publication`."""

    etag: str
    expires_at: float
    content_type: str
    body: bytes
    source: str
    published_at: float
    parsed: object


class Publication:
    """One piece of published event state over its life, and the entity-tag that names it now."""

    __slots__ = ("aor", "id", "package", "state", "timer")

    def __init__(self, identifier: str, package: str, aor: str, state: EventState) -> None:
        self.id = identifier
        self.package = package
        self.aor = aor
        self.state = state
        self.timer: Timer | None = None

    @property
    def etag(self) -> str:
        """The entity-tag that names this publication until the next PUBLISH."""
        return self.state.etag

    @property
    def expires_at(self) -> float:
        """Monotonic seconds."""
        return self.state.expires_at

    @property
    def content_type(self) -> str:
        """The media type of `body` with its parameters."""
        return self.state.content_type

    @property
    def body(self) -> bytes:
        """The published document without Content-Encoding."""
        return self.state.body

    @property
    def source(self) -> str:
        """User-Agent of the last PUBLISH."""
        return self.state.source

    @property
    def published_at(self) -> float:
        """Epoch seconds of the last PUBLISH with a body."""
        return self.state.published_at

    @property
    def parsed(self) -> object:
        """What the package made of `body`."""
        return self.state.parsed

    def __repr__(self) -> str:
        return f"<Publication {self.package} {self.aor} {self.id}>"


class PublicationPackage(Protocol):
    """What an event package has to know about publications of it."""

    @property
    def name(self) -> str:
        """The package as the Event header field names it."""

    @property
    def accept(self) -> tuple[str, ...]:
        """The media types of its bodies, for Accept."""

    def parse(self, aor: str, content_type: MediaType, body: bytes) -> object:
        """What to keep of a body; raises SipError (400, 413, 415) with the reason to refuse it."""

    def changed(self, aor: str, publication: Publication, what: What) -> None:
        """`publication` of `aor` was stored or has ended; called when it is durable and answered."""


@runtime_checkable
class Patched(Protocol):
    """A package among whose bodies are some that only say what has changed (RFC 5264)."""

    def whole(
        self, content_type: MediaType, body: bytes, base: Publication | None
    ) -> tuple[MediaType, bytes]:
        """What the package parses and the publication becomes, for a body as it came.

        `base` is the publication to be modified, None for an initial one.  Raises SipError (400, 413).
        """


class PublicationUsage:
    """Answers PUBLISH and keeps publications alive until they expire.

    Args:
        wall: the time in epoch seconds, for what outlives a restart.
    """

    __slots__ = (
        "_by_etag",
        "_by_subject",
        "_directory",
        "_journal",
        "_packages",
        "_queue",
        "_serial",
        "_settings",
        "_timers",
        "_wall",
    )

    def __init__(
        self,
        packages: Iterable[PublicationPackage],
        directory: UserDirectory,
        journal: Journal,
        timers: TimerWheel,
        settings: PublicationSettings,
        wall: Callable[[], float],
    ) -> None:
        self._packages = {package.name: package for package in packages}
        self._directory = directory
        self._journal = journal
        self._timers = timers
        self._settings = settings
        self._wall = wall
        self._queue = KeyedQueue()
        self._by_etag: dict[str, Publication] = {}
        self._by_subject: dict[tuple[str, str], dict[str, Publication]] = {}
        self._serial = itertools.count()

    def __len__(self) -> int:
        return len(self._by_etag)

    def publications(self, package: str, aor: str) -> Sequence[Publication]:
        """The publications of a canonical AOR in the order of their first arrival."""
        return tuple(self._by_subject.get((package, aor), {}).values())

    # -- PUBLISH, RFC 3903 §6 ---------------------------------------------------------------------

    def handle(self, sr: ServerRequest) -> None:
        """Answer a PUBLISH whose sender is known (`sr.identity`).

        Raises:
            SipError: 404, 403, 489 and 400 of steps 1 to 3; the rest is answered when its turn comes.
        """
        request = sr.request
        # Step 1: the resource, and the right to publish for it.
        aor = self._directory.resolve(sr.aor)
        if aor is None:
            raise NotFound("User does not exist")
        authorize_as(sr.identity, aor, self._directory)
        # Step 2: the package.
        event = request.event
        package = self._packages.get(event.package) if event is not None else None
        if package is None:
            raise BadEvent(headers=(("Allow-Events", ", ".join(self._packages)),))
        # Step 3, as far as the request alone decides it.
        etags = request.values("SIP-If-Match")
        if len(etags) > 1 or (not etags and "SIP-If-Match" in request):
            raise BadRequest("SIP-If-Match needs one entity-tag")
        etag = etags[0] if etags else None
        self._queue.run((package.name, aor), partial(self._process, sr, aor, package, etag))

    def _process(
        self, sr: ServerRequest, aor: str, package: PublicationPackage, etag: str | None, release: Release
    ) -> None:
        try:
            if etag is None:
                self._publish(sr, aor, package, release)
            else:
                self._update(sr, aor, package, etag, release)
        except SipError as error:
            # Not raised: this may run in the turn of somebody else's request.
            sr.reject(error)
            release()

    def _publish(self, sr: ServerRequest, aor: str, package: PublicationPackage, release: Release) -> None:
        """An initial publication."""
        request = sr.request
        expires = self._lifetime(request)
        if not request.body:
            raise BadRequest("Nothing to publish: no body and no SIP-If-Match")
        media, body = self._content(request, package, None)
        if expires == 0:
            # Step 5: nothing is to be stored as a result of such a request.
            self._answer(sr, _new_etag(), 0)
            release()
            return
        held = self._by_subject.get((package.name, aor), {})
        if len(held) >= self._settings.max_publications:
            raise Forbidden(f"Too many publications (limit {self._settings.max_publications})")
        wall = self._wall()
        parsed = package.parse(aor, media, body)
        state = EventState(
            _new_etag(), sr.now + expires, str(media), body, readable(request.get("User-Agent")), wall, parsed
        )
        publication = Publication(self._new_id(wall), package.name, aor, state)
        record = Record(KIND, (publication.id,), _row(publication, state, sr.now, wall))

        def apply() -> None:
            self._by_subject.setdefault((package.name, aor), {})[publication.id] = publication
            self._by_etag[publication.etag] = publication
            self._schedule(publication)

        self._store(sr, publication, record, apply, "initial", (state.etag, expires), release)

    def _update(
        self, sr: ServerRequest, aor: str, package: PublicationPackage, etag: str, release: Release
    ) -> None:
        """A refresh, a modification or a removal of what `etag` names."""
        request = sr.request
        publication = self._by_etag.get(etag)
        if publication is None or publication.aor != aor or publication.package != package.name:
            raise ConditionalRequestFailed("No publication has this entity-tag")
        expires = self._lifetime(request)
        if expires == 0:
            removed = Record(KIND, (publication.id,), None)
            forget = partial(self._forget, publication)
            self._store(sr, publication, removed, forget, "remove", (_new_etag(), 0), release)
            return
        wall = self._wall()
        what: What = "refresh"
        content_type, body = publication.content_type, publication.body
        published_at, parsed = publication.published_at, publication.parsed
        if request.body:
            what = "modify"
            media, body = self._content(request, package, publication)
            content_type, published_at, parsed = str(media), wall, package.parse(aor, media, body)
        lasts = sr.now + expires
        state = EventState(
            _new_etag(), lasts, content_type, body, readable(request.get("User-Agent")), published_at, parsed
        )
        record = Record(KIND, (publication.id,), _row(publication, state, sr.now, wall))
        apply = partial(self._renew, publication, state)
        self._store(sr, publication, record, apply, what, (state.etag, expires), release)

    def _lifetime(self, request: Request) -> int:
        """Step 4: the chosen expiration interval in seconds."""
        expires = request.expires
        if expires is None:
            return self._settings.default_expires
        if 0 < expires < self._settings.min_expires:
            raise IntervalTooBrief(headers=(("Min-Expires", str(self._settings.min_expires)),))
        return min(expires, self._settings.max_expires)

    def _content(
        self, request: Request, package: PublicationPackage, base: Publication | None
    ) -> tuple[MediaType, bytes]:
        """Step 5: media type and body, without Content-Encoding, and whole where only changes came."""
        content_type = request.content_type
        if content_type is None or content_type.full not in package.accept:
            reason = "Missing Content-Type" if content_type is None else f"{content_type.full} not accepted"
            raise UnsupportedMediaType(reason, headers=(("Accept", ", ".join(package.accept)),))
        storable(str(content_type), "Content-Type")
        body = decode_body(request, self._settings.max_body)
        return (
            package.whole(content_type, body, base) if isinstance(package, Patched) else (content_type, body)
        )

    def _store(
        self,
        sr: ServerRequest,
        publication: Publication,
        record: Record,
        apply: Callable[[], None],
        what: What,
        answer: tuple[str, int],
        release: Release,
    ) -> None:
        def done(error: JournalError | None) -> None:
            try:
                if error is not None:
                    log.error("publication.not_stored", extra={"aor": publication.aor, "error": str(error)})
                    retry = (("Retry-After", str(self._settings.retry_after)),)
                    sr.reject(ServiceUnavailable("Publication could not be stored", headers=retry))
                    return
                apply()
                self._answer(sr, *answer)
                self._announce(publication, what)
            finally:
                release()

        self._journal.write([record], done)

    def _answer(self, sr: ServerRequest, etag: str, expires: int) -> None:
        """Step 6."""
        sr.reply(200, headers=(("SIP-ETag", etag), ("Expires", str(expires))))

    def _announce(self, publication: Publication, what: What) -> None:
        self._packages[publication.package].changed(publication.aor, publication, what)

    # -- what is in memory ------------------------------------------------------------------------

    def _renew(self, publication: Publication, state: EventState) -> None:
        del self._by_etag[publication.etag]
        publication.state = state
        self._by_etag[state.etag] = publication
        self._schedule(publication)

    def _forget(self, publication: Publication) -> None:
        if publication.timer is not None:
            publication.timer.cancel()
        del self._by_etag[publication.etag]
        subject = (publication.package, publication.aor)
        held = self._by_subject[subject]
        del held[publication.id]
        if not held:
            del self._by_subject[subject]

    def _schedule(self, publication: Publication) -> None:
        if publication.timer is not None:
            publication.timer.cancel()
        publication.timer = self._timers.at(publication.expires_at, self._due, publication)

    def _new_id(self, wall: float) -> str:
        # Sorts by arrival, so that a restart finds the order again.
        return f"{int(wall * 1000):012x}{next(self._serial) & 0xFFFF:04x}{os.urandom(4).hex()}"

    # -- the end of publications ------------------------------------------------------------------

    def _due(self, publication: Publication) -> None:
        # In turn: a refresh may be waiting for the journal at this very moment.
        self._end(publication, "expire")

    def remove(self, publication: Publication) -> None:
        """Withdraw a publication, on behalf of another service."""
        self._end(publication, "remove")

    def remove_user(self, aor: str) -> None:
        """Remove all publications of a canonical AOR, because the user is no more."""
        for package in self._packages:
            # In turn: one that is being stored just now goes with the others.
            self._queue.run((package, aor), partial(self._end_all, package, aor))

    def _end_all(self, package: str, aor: str, release: Release) -> None:
        for publication in self.publications(package, aor):
            self._end(publication, "remove")
        release()

    def _end(self, publication: Publication, what: What) -> None:
        subject = (publication.package, publication.aor)
        self._queue.run(subject, partial(self._ending, publication, what))

    def _ending(self, publication: Publication, what: What, release: Release) -> None:
        gone = self._by_etag.get(publication.etag) is not publication
        if gone or (what == "expire" and publication.timer is not None and publication.timer.active):
            release()  # Removed or refreshed while this waited for its turn.
            return
        # An ending is true at once: an expired row says so itself, and what else is withdrawn here is not
        # to be seen any longer even if the journal fails.
        self._forget(publication)

        def done(error: JournalError | None) -> None:
            try:
                if error is not None:
                    log.warning(
                        "publication.end_not_stored", extra={"aor": publication.aor, "error": str(error)}
                    )
                self._announce(publication, what)
            finally:
                release()

        self._journal.write([Record(KIND, (publication.id,), None)], done)

    # -- restart ----------------------------------------------------------------------------------

    def restore(self, rows: Iterable[Row], now: float, wall: float) -> None:
        """Take back what the journal stored: `rows` of kind "publication".

        A publication that fell due meanwhile is restored as well and expires at the next turn of the timers,
        so that watchers hear of it.  A body that no longer parses is logged and its row dropped; rows of
        packages that are not served now are left alone.
        """
        for key, row in sorted(rows, key=lambda item: str(item[0][0])):
            package = self._packages.get(str(row[0]))
            if package is None:
                continue
            try:
                publication = _from_row(package, key, row, now, wall)
            except SipError as error:
                log.warning("publication.row_dropped", extra={"key": key[0], "error": error.reason})
                self._journal.write([Record(KIND, key, None)], _ignore)
                continue
            if self._directory.resolve(publication.aor) is None:
                self._journal.write([Record(KIND, key, None)], _ignore)
                continue
            subject = (publication.package, publication.aor)
            self._by_subject.setdefault(subject, {})[publication.id] = publication
            self._by_etag[publication.etag] = publication
            self._schedule(publication)


def _ignore(error: JournalError | None) -> None:
    """The row is looked at again at the next start."""


def _new_etag() -> str:
    # 72 random bits: never the same again for any AOR (RFC 3903 §6 step 6), and not to be guessed.
    return secrets.token_urlsafe(9)


def _row(publication: Publication, state: EventState, now: float, wall: float) -> tuple[Value, ...]:
    return (
        publication.package,
        publication.aor,
        state.etag,
        wall + (state.expires_at - now),
        state.content_type,
        state.body,
        state.source,
        state.published_at,
    )


def _from_row(
    package: PublicationPackage, key: tuple[Value, ...], row: tuple[Value, ...], now: float, wall: float
) -> Publication:
    _, aor, etag, expires_at, content_type, body, source, published_at = row
    content = body if isinstance(body, bytes) else b""
    state = EventState(
        etag=str(etag),
        expires_at=now + (float(expires_at or 0) - wall),
        content_type=str(content_type),
        body=content,
        source=str(source or ""),
        published_at=float(published_at or 0),
        parsed=package.parse(str(aor), MediaType.parse(str(content_type)), content),
    )
    return Publication(str(key[0]), package.name, str(aor), state)
