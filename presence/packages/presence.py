"""The `presence` event package (RFC 3856): publications of PIDF in, one composed document for watchers out.

It implements both sides, `PublicationPackage` of `sip.usage.publication` and `EventPackage` of the
notifier, and announces on `on_change` when what watchers see has changed, and only then.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from presence.composition import REGISTERED, Component, CompositionSettings, compose, neutral_document
from presence.documents.pidf import CONTENT_TYPE, PidfFragments
from presence.documents.pidf_reader import parse_pidf
from presence.documents.xml import DEFAULT_LIMITS, XmlLimits
from sip.errors import UnsupportedMediaType
from sip.headers import MediaType
from sip.usage.notifier import Authorization, Body, SubscriptionView
from sip.usage.publication import Publication, What

NAME: Final = "presence"

Authorizer = Callable[[str, str], Authorization]
"""(watcher, presentity) to what the watcher gets; raises Forbidden."""


@dataclass(frozen=True, slots=True)
class PresenceSettings(CompositionSettings):
    """What is shown, and how large a published document may be (bytes, elements within each other)."""

    max_document: int = DEFAULT_LIMITS.size
    max_depth: int = DEFAULT_LIMITS.depth


class _Published(Protocol):
    """The part of a publication that composition needs."""

    @property
    def id(self) -> str: ...
    @property
    def source(self) -> str: ...
    @property
    def published_at(self) -> float: ...
    @property
    def parsed(self) -> object: ...


def allow_everybody(watcher: str, aor: str) -> Authorization:
    """The policy as long as there is no other."""
    return "active"


class PresencePackage:
    """State of presentities for watchers.

    Args:
        on_change: called with the AOR of a presentity whose document has changed.
        publications: the live publications of an AOR.
        is_registered: whether an AOR has a live binding.
        authorizer: who may watch whom.
        max_documents: documents kept ready; the one that was made first goes when there are more.
    """

    __slots__ = (
        "_authorizer",
        "_documents",
        "_is_registered",
        "_limits",
        "_max_documents",
        "_on_change",
        "_publications",
        "_settings",
    )

    name = NAME
    accept = (CONTENT_TYPE,)
    content_types = (CONTENT_TYPE,)

    def __init__(
        self,
        *,
        on_change: Callable[[str], None],
        publications: Callable[[str], Sequence[_Published]],
        is_registered: Callable[[str], bool],
        settings: PresenceSettings | None = None,
        authorizer: Authorizer = allow_everybody,
        max_documents: int = 100_000,
    ) -> None:
        self._on_change = on_change
        self._publications = publications
        self._is_registered = is_registered
        self._settings = settings or PresenceSettings()
        self._limits = XmlLimits(self._settings.max_document, self._settings.max_depth)
        self._authorizer = authorizer
        self._max_documents = max_documents
        self._documents: dict[str, tuple[Body, float]] = {}

    # -- what is published, RFC 3903 --------------------------------------------------------------

    def parse(self, aor: str, content_type: MediaType, body: bytes) -> PidfFragments:
        """The fragments of a published document.

        Raises:
            UnsupportedMediaType: 415 with Accept, it is not PIDF.
            EntityTooLarge, BadRequest: as `parse_pidf`.
        """
        if content_type.full not in self.accept:
            raise UnsupportedMediaType(
                f"{content_type.full} is not accepted here", headers=(("Accept", ", ".join(self.accept)),)
            )
        return parse_pidf(body, self._limits)

    def changed(self, aor: str, publication: Publication, what: What) -> None:
        """A publication of `aor` came, changed or went."""
        if what != "refresh":
            self._reconsider(aor)

    def registration_changed(self, aor: str) -> None:
        """The first binding of `aor` came or the last one went, as far as the caller can tell."""
        if self._settings.registration_is_open and not self._publications(aor):
            self._reconsider(aor)

    def forget(self, aor: str) -> None:
        """The user is no more: what was kept for him goes."""
        self._documents.pop(aor, None)

    # -- what watchers see, RFC 3856 ----------------------------------------------------------------

    def authorize(self, watcher: str, aor: str) -> Authorization:
        """Whether `watcher` may see the state of `aor`; raises Forbidden."""
        return self._authorizer(watcher, aor)

    def document(self, subscription: SubscriptionView, now_wall: float) -> Body:
        """What `subscription` sees; the same object for all who see the same."""
        return self._view(subscription.aor, now_wall)

    def neutral(self, subscription: SubscriptionView) -> Body:
        """A document that tells nothing (RFC 3856 §6.9)."""
        return Body(CONTENT_TYPE, neutral_document(subscription.aor, self._settings))

    # -- the pipeline ---------------------------------------------------------------------------------

    def components(self, aor: str) -> list[Component]:
        """All that is known about `aor` now."""
        found = [
            Component(publication.id, publication.source, 0.0, publication.published_at, publication.parsed)
            for publication in self._publications(aor)
            if isinstance(publication.parsed, PidfFragments)
        ]
        if not found and self._settings.registration_is_open and self._is_registered(aor):
            found.append(REGISTERED)
        return found

    def _view(self, aor: str, now_wall: float) -> Body:
        kept = self._documents.get(aor)
        if kept is None:
            body = Body(CONTENT_TYPE, compose(aor, self.components(aor), now_wall, self._settings))
            if len(self._documents) >= self._max_documents:
                del self._documents[next(iter(self._documents))]
            kept = self._documents[aor] = (body, now_wall)
        return kept[0]

    def _reconsider(self, aor: str) -> None:
        """Announce a change, unless watchers would have been shown the same with what is known now."""
        kept = self._documents.get(aor)
        if kept is not None:
            body, made_at = kept
            if compose(aor, self.components(aor), made_at, self._settings) == body.data:
                return
            del self._documents[aor]
        self._on_change(aor)
