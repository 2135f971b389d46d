"""Answering PUBLISH (RFC 3903 §6): entity-tags, lifetimes, order and durability.

A change is stored by the journal first, then becomes visible, and is answered: memory never holds what a
restart would not find.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

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
from sip.identity import Identity, UserDirectory, authorize_as
from sip.message import Request
from sip.ports import Journal, JournalError, Record
from sip.timers import TimerWheel
from sip.tokens import longer_tokens
from sip.usage.content import decode_body
from sip.usage.publication.keeper import PublicationKeeper, Release
from sip.usage.publication.model import EventState, Publication, What
from sip.usage.publication.package import Patched, PublicationPackage
from sip.usage.publication.rows import ended, record
from sip.usage.rows import Row, readable, shared, storable

if TYPE_CHECKING:
    from sip.request import ServerRequest

log = logging.getLogger(__name__)


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
    elements: frozenset[str] = frozenset()
    """AORs of elements that may publish for every user in packages that say `from_elements`."""


class PublicationUsage:
    """Answers PUBLISH and keeps publications alive until they expire.

    Args:
        wall: the time in epoch seconds, for what outlives a restart.
    """

    __slots__ = (
        "_directory",
        "_from_elements",
        "_journal",
        "_keeper",
        "_new_etag",
        "_packages",
        "_patched",
        "_settings",
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
        # Asked here once: to ask a runtime protocol costs more than to parse a header.
        self._patched: dict[str, Patched] = {
            package.name: package for package in self._packages.values() if isinstance(package, Patched)
        }
        self._from_elements = frozenset(
            name for name, package in self._packages.items() if getattr(package, "from_elements", False)
        )
        self._directory = directory
        self._journal = journal
        self._settings = settings
        self._wall = wall
        # 72 random bits: never the same again for any AOR (RFC 3903 §6 step 6), and not to be guessed.
        self._new_etag = longer_tokens().next
        self._keeper = PublicationKeeper(self._packages, directory, journal, timers, wall)

    def __len__(self) -> int:
        return len(self._keeper)

    def publications(self, package: str, aor: str) -> Sequence[Publication]:
        """The publications of a canonical AOR in the order of their first arrival."""
        return self._keeper.of(package, aor)

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
        event = request.event
        package = self._packages.get(event.package) if event is not None else None
        if not self._is_element(sr.identity, package):
            authorize_as(sr.identity, aor, self._directory)
        # Step 2: the package.
        if package is None:
            raise BadEvent(headers=(("Allow-Events", ", ".join(self._packages)),))
        # Step 3, as far as the request alone decides it.
        etags = request.values("SIP-If-Match")
        if len(etags) > 1 or (not etags and "SIP-If-Match" in request):
            raise BadRequest("SIP-If-Match needs one entity-tag")
        etag = etags[0] if etags else None
        self._keeper.queue.run((package.name, aor), partial(self._process, sr, aor, package, etag))

    def _is_element(self, identity: Identity | None, package: PublicationPackage | None) -> bool:
        """Whether whoever publishes may do so for any user in this package."""
        if identity is None or package is None or package.name not in self._from_elements:
            return False
        # One may be named by an alias; who has it is asked each time.
        resolve = self._directory.resolve
        return any((resolve(named) or named) == identity.aor for named in self._settings.elements)

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
        # Step 5: what is not understood is refused, however long it is to last.
        media, body = self._content(request, package, None)
        parsed = package.parse(aor, media, body)
        if expires == 0:
            # And nothing is to be stored as a result of such a request.
            self._answer(sr, self._new_etag(), 0)
            release()
            return
        held = self._keeper.of(package.name, aor)
        if len(held) >= self._settings.max_publications:
            raise Forbidden(
                f"Too many publications (limit {self._settings.max_publications})", limit="max_publications"
            )
        wall = self._wall()
        state = EventState(
            self._new_etag(), sr.now + expires, shared(str(media)), body, _agent(request), wall, parsed
        )
        publication = Publication(self._keeper.new_id(wall), package, aor, state)
        stored = record(publication, state, sr.now, wall)
        apply = partial(self._keeper.add, publication)
        self._store(sr, publication, stored, apply, "initial", (state.etag, expires), release)

    def _update(
        self, sr: ServerRequest, aor: str, package: PublicationPackage, etag: str, release: Release
    ) -> None:
        """A refresh, a modification or a removal of what `etag` names."""
        request = sr.request
        publication = self._keeper.named(etag)
        if publication is None or publication.aor != aor or publication.package != package.name:
            raise ConditionalRequestFailed("No publication has this entity-tag")
        expires = self._lifetime(request)
        if expires == 0:
            forget = partial(self._keeper.forget, publication)
            self._store(sr, publication, ended(publication), forget, "remove", (self._new_etag(), 0), release)
            return
        wall = self._wall()
        lasts, agent = sr.now + expires, _agent(request)
        # By another phone it is another state: what counts may depend on who says it.
        what: What = "modify" if request.body or agent != publication.source else "refresh"
        if request.body:
            media, body = self._content(request, package, publication)
            parsed = package.parse(aor, media, body)
            state = EventState(self._new_etag(), lasts, shared(str(media)), body, agent, wall, parsed)
        else:
            # As it is: a document that was let go is not parsed for this.
            state = publication.state._replace(etag=self._new_etag(), expires_at=lasts, source=agent)
        stored = record(publication, state, sr.now, wall)
        apply = partial(self._keeper.renew, publication, state)
        self._store(sr, publication, stored, apply, what, (state.etag, expires), release)

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
        body = decode_body(request, self._settings.max_body, "max_document")
        patched = self._patched.get(package.name)
        return (content_type, body) if patched is None else patched.whole(content_type, body, base)

    def _store(
        self,
        sr: ServerRequest,
        publication: Publication,
        stored: Record,
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
                self._keeper.announce(publication, what)
            finally:
                release()

        self._journal.write([stored], done)

    def _answer(self, sr: ServerRequest, etag: str, expires: int) -> None:
        """Step 6."""
        sr.reply(200, headers=(("SIP-ETag", etag), ("Expires", str(expires))))

    # -- what was published -----------------------------------------------------------------------

    def remove(self, publication: Publication) -> None:
        """Withdraw a publication, on behalf of another service."""
        self._keeper.remove(publication)

    def withdraw_tuple(self, aor: str, tuple_id: str, done: Callable[[], None] = lambda: None) -> None:
        """Withdraw the tuple `tuple_id` of a canonical AOR (see `PublicationKeeper.withdraw_tuple`)."""
        self._keeper.withdraw_tuple(aor, tuple_id, done)

    def remove_user(self, aor: str) -> None:
        """Remove all publications of a canonical AOR, because the user is no more."""
        self._keeper.remove_user(aor)

    def restore(self, rows: Iterable[Row], now: float, wall: float) -> None:
        """Take back what the journal stored: `rows` of kind "publication" (see the keeper)."""
        self._keeper.restore(rows, now, wall, self._settings.max_expires)


def _agent(request: Request) -> str:
    return shared(readable(request.get("User-Agent")))
