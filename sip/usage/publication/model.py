"""A publication: what one PUBLISH left behind, and the entity-tag that names it (RFC 3903 §2)."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from sip.errors import SipError
from sip.headers import MediaType
from sip.timers import Timer

if TYPE_CHECKING:
    from sip.usage.publication.package import PublicationPackage

log = logging.getLogger(__name__)

What = Literal["initial", "refresh", "modify", "remove", "expire"]

_UNREADABLE: Final = object()
"""What a body says that was stored once and is no longer understood: nothing to anybody."""


class EventState(NamedTuple):
    """What one PUBLISH leaves behind; the fields are those of `Publication`."""

    etag: str
    expires_at: float
    content_type: str
    body: bytes
    source: str
    published_at: float
    parsed: Any
    """None: it is made of the body when somebody asks."""


class Publication:
    """One piece of published event state over its life, and the entity-tag that names it now."""

    __slots__ = (
        "_package",
        "_parsed",
        "aor",
        "body",
        "content_type",
        "etag",
        "expires_at",
        "id",
        "published_at",
        "source",
        "timer",
    )

    def __init__(self, identifier: str, package: PublicationPackage, aor: str, state: EventState) -> None:
        self.id = identifier
        self._package = package
        self.aor = aor
        self.timer: Timer | None = None
        self.become(state)

    def become(self, state: EventState) -> None:
        """From now on it is as `state` says."""
        self.etag = state.etag
        """The entity-tag that names this publication until the next PUBLISH."""
        self.expires_at = state.expires_at
        """Monotonic seconds."""
        self.content_type = state.content_type
        """The media type of `body` with its parameters."""
        self.body = state.body
        """The published document without Content-Encoding."""
        self.source = state.source
        """User-Agent of the last PUBLISH."""
        self.published_at = state.published_at
        """Epoch seconds of the last PUBLISH with a body."""
        self._parsed: object = state.parsed

    @property
    def package(self) -> str:
        """The name of its event package."""
        return self._package.name

    @property
    def state(self) -> EventState:
        """All of it that a PUBLISH may change."""
        return EventState(
            self.etag,
            self.expires_at,
            self.content_type,
            self.body,
            self.source,
            self.published_at,
            self._parsed,
        )

    @property
    def parsed(self) -> object:
        """What the package makes of `body`; made again if it was let go, or not needed since a restart."""
        if self._parsed is None:
            try:
                self._parsed = self._package.parse(self.aor, MediaType.parse(self.content_type), self.body)
            except SipError as error:
                # The last run took it, this one does not.
                log.warning("publication.unreadable", extra={"aor": self.aor, "error": error.reason})
                self._parsed = _UNREADABLE
        return self._parsed

    def let_go(self) -> None:
        """Hold nothing beside `body`, which says the same: `parsed` is made again when it is asked for."""
        self._parsed = None

    def __repr__(self) -> str:
        return f"<Publication {self.package} {self.aor} {self.id}>"
