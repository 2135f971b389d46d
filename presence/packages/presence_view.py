"""What one watcher sees of a presentity over time: his filter applied, changes alone where he takes them.

The document comes from the package, shared by all whose rules show the same.  A watcher filter (RFC 4660)
cuts it; `application/pidf-diff+xml` (RFC 5263) tells what has changed in it since the last that he got.
Nothing is told that he has already: so a change of rules, or of what only others see, costs him no NOTIFY.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from functools import lru_cache
from typing import Final, NamedTuple, Protocol

from presence.documents import pidf_diff
from presence.documents.pidf import CONTENT_TYPE
from presence.documents.pidf_diff import make_diff, pidf_full
from presence.filters import CompiledFilters, Means, WatcherFilter, itself
from presence.packages.filtering import Filtering
from sip.errors import BadRequest
from sip.headers import parse_params
from sip.kept import make_room
from sip.message import Request
from sip.usage.notifier import Body, Notification, SubscriptionView

PRESENCE: Final = "presence"
AS_CHANGES: Final = "-diff"
"""Ends the entity-tag of a state that is told as `application/pidf-diff+xml`."""

_MOST_KEPT: Final = 1024
"""Documents, and differences, that are kept for others who get the same."""


class Seen(NamedTuple):
    """The document that a watcher may see, and what it depends on who he is."""

    view: Hashable
    """Another one after the rules have changed for him."""
    body: Body
    is_feigned: bool = False
    """True for who is blocked politely: it is what one sees of somebody who publishes nothing."""


class Documents(Protocol):
    """The package, as its views know it."""

    @property
    def tailor(self) -> Tailor:
        """Makes documents for all its views."""

    def seen(self, watcher: str, aor: str, now_wall: float) -> Seen:
        """What `watcher` may see of `aor` at `now_wall` (epoch seconds)."""


class Tailor:
    """Documents cut by filters, and differences between documents; made once for all who get the same."""

    __slots__ = ("_cuts", "_differences", "filters")

    def __init__(self, means: Means = itself) -> None:
        """`means`: whom the URIs in filters stand for."""
        self.filters = CompiledFilters(PRESENCE, means)
        self._cuts: dict[tuple[Body, str, Hashable], Body] = {}
        self._differences: dict[tuple[Body, Body], bytes | None] = {}

    def cut(self, body: Body, wanted: WatcherFilter, aor: str) -> Body:
        """What of the document of `aor` the filter delivers."""
        key = (body, aor, wanted.content_key)
        made = self._cuts.get(key)
        if made is None:
            data = wanted.apply(body.data, aor)
            made = body if data == body.data else Body(body.content_type, data)
            make_room(self._cuts, _MOST_KEPT)
            self._cuts[key] = made
        return made

    def whole(self, body: Body, version: int) -> Body:
        """The document as a `pidf-full` (RFC 5262 §3)."""
        return Body(pidf_diff.CONTENT_TYPE, pidf_full(body.data, version))

    def difference(self, before: Body, after: Body, version: int) -> Body:
        """A `pidf-diff` that makes `after` of `before`, or a `pidf-full` where that is no longer."""
        key = (before, after)
        if key not in self._differences:
            make_room(self._differences, _MOST_KEPT)
            # Watchers of the same difference have their own versions: it is put in for each.
            self._differences[key] = make_diff(before.data, after.data, 0, None)
        made = self._differences[key]
        if made is None:
            return self.whole(after, version)
        # The first ">" that is not escaped ends the root's tag, and the version is its last attribute.
        return Body(pidf_diff.CONTENT_TYPE, made.replace(b' version="0">', b' version="%d">' % version, 1))


def _hides(before: Seen, after: Seen) -> bool:
    """Whether the rules show him something else than before, which he is told whatever his triggers say.

    Triggers say which news of the presentity are worth a NOTIFY; that something is to be seen no more is none
    of these.  But who is blocked politely is told by them of a going and a return, as if she had gone.
    """
    return before.view != after.view and not (before.is_feigned or after.is_feigned)


class PresenceView:
    """One subscription's view of a presentity."""

    __slots__ = (
        "_documents",
        "_filtering",
        "_offered",
        "_offered_body",
        "_partial",
        "_subscription",
        "_told",
        "_told_body",
    )

    def __init__(self, documents: Documents, subscription: SubscriptionView) -> None:
        """Raises what `WatcherFilter.read` does, if there is a body."""
        self._documents = documents
        self._subscription = subscription
        self._partial = takes_changes(tuple(subscription.accept))
        self._filtering: Filtering | None = None
        """None as long as nobody has brought a filter."""
        if subscription.filter_body:
            self._filtering = Filtering(documents.tailor.filters, subscription)
        self._told: Seen | None = None
        """What he has got before the filter, which triggers are held against; None if that is not known."""
        self._told_body: Body | None = None
        """The same after the filter, which differences build on."""
        self._offered: Seen | None = None
        self._offered_body: Body | None = None

    @property
    def is_partial(self) -> bool:
        """Whether he is sent changes alone."""
        return self._partial

    @property
    def told(self) -> Body | None:
        """The document that he has got, after the filter; None if that is not known."""
        return self._told_body

    @property
    def filter(self) -> WatcherFilter | None:
        """What he asks for, None for everything."""
        return None if self._filtering is None else self._filtering.wanted

    def render(self, now_wall: float, *, full: bool) -> Notification | None:
        """The document, what has changed in it, or None if that is nothing that he wants to hear of."""
        subscription, documents = self._subscription, self._documents
        seen = documents.seen(subscription.watcher, subscription.aor, now_wall)
        told = None if full else self._told_body
        body = self._news(None if full else self._told, seen)
        if body is None:
            return None
        self._offered, self._offered_body = seen, body
        if not self._partial:
            return Notification(body)
        version = subscription.version + 1
        # Of the whole state, but not the tag that it has as PIDF: the media type belongs to the entity
        # (RFC 5839 §4).
        etag = f"{body.etag}{AS_CHANGES}"
        if told is None:
            return Notification(documents.tailor.whole(body, version), etag=etag)
        return Notification(documents.tailor.difference(told, body, version), etag=etag)

    def withholds(self, now_wall: float) -> bool:
        """Whether there is something else to see than he has, and no trigger of his filter fires for it."""
        subscription, told = self._subscription, self._told
        if told is None:
            return False
        seen = self._documents.seen(subscription.watcher, subscription.aor, now_wall)
        return self._news(told, seen) is None and self._cut(seen.body) != self._told_body

    def _news(self, told: Seen | None, seen: Seen) -> Body | None:
        """The document to tell who has been `told` that (None: nothing); None if it is no news for him."""
        if self._filtering is None:
            return seen.body if told is None or seen.body != self._told_body else None
        wanted, aor = self._filtering.applicable, self._subscription.aor
        if told is None:
            return self._cut(seen.body)
        if wanted is not None and wanted.has_triggers(aor) and not _hides(told, seen):
            # Told even if the filter leaves nothing of what has changed.
            fired = wanted.triggered(told.body.data, seen.body.data, aor)
            return self._cut(seen.body) if fired else None
        # Also of the same document: which filter holds for a member depends on the lists that he is in.
        body = self._cut(seen.body)
        return None if body == self._told_body else body

    def _cut(self, body: Body) -> Body:
        wanted = None if self._filtering is None else self._filtering.applicable
        return body if wanted is None else self._documents.tailor.cut(body, wanted, self._subscription.aor)

    def delivered(self) -> None:
        """What comes next builds on it."""
        self._told, self._told_body = self._offered, self._offered_body
        self._count()

    def failed(self) -> None:
        """Whether he has it is not known: the next one is whole."""
        self._told = self._told_body = None
        # Its version is used up all the same: one who has it takes no other of that number (RFC 5263 §4.5).
        self._count()

    def _count(self) -> None:
        if self._partial and self._offered is not None:
            self._subscription.version += 1
        self._offered = self._offered_body = None

    def refresh(self, request: Request) -> Callable[[], None]:
        """Take the filters that a SUBSCRIBE changes (RFC 4660 §5.2.2); raises what `WatcherFilter` does."""
        if self._filtering is None:
            self._filtering = Filtering(self._documents.tailor.filters, self._subscription)
        return self._filtering.refresh(request)

    def close(self) -> None:
        """Nothing is held."""


@lru_cache(maxsize=256)
def takes_changes(accept: tuple[str, ...]) -> bool:
    """Whether Accept names `application/pidf-diff+xml`, and does not prefer whole documents (RFC 5263 §4.3).

    A wildcard does not name it: who has never heard of it could make nothing of it.
    """
    changes = _quality(accept, pidf_diff.CONTENT_TYPE)
    return changes > 0 and changes >= _quality(accept, CONTENT_TYPE)


def takes_documents(accept: Sequence[str]) -> bool:
    """Whether Accept takes `application/pidf+xml`, as it does where it is left out (RFC 3856 §6.7)."""
    return not accept or any(_quality(accept, it) > 0 for it in (CONTENT_TYPE, "application/*", "*/*"))


def _quality(accept: Sequence[str], content_type: str) -> float:
    """The q of a type, 0 if it is not named (RFC 3261 §20.1)."""
    for value in accept:
        name, semicolon, rest = value.partition(";")
        if name.strip().lower() != content_type:
            continue
        try:
            text = parse_params(semicolon + rest, "Accept").get("q") if semicolon else None
            return 1.0 if text is None else float(text)
        except (BadRequest, ValueError):
            return 1.0
    return 0.0
