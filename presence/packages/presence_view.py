"""What one watcher sees of a presentity over time: his filter applied, changes alone where he takes them.

The document comes from the package, shared by all whose rules show the same.  A watcher filter (RFC 4660)
cuts it; `application/pidf-diff+xml` (RFC 5263) tells what has changed in it since the last that he got.
Nothing is told that he has already: so a change of rules, or of what only others see, costs him no NOTIFY.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Final, NamedTuple, Protocol

from presence.documents import pidf_diff, simple_filter
from presence.documents.pidf import CONTENT_TYPE
from presence.documents.pidf_diff import make_diff, pidf_full
from presence.documents.xml import DEFAULT_LIMITS
from presence.filters import WatcherFilter
from sip.errors import BadRequest
from sip.headers import parse_params
from sip.message import Request
from sip.usage.content import decode_body
from sip.usage.notifier import Body, Notification, SubscriptionView

_MOST_KEPT: Final = 1024
"""Documents, and differences, that are kept for others who get the same."""


class Seen(NamedTuple):
    """The document that a watcher may see, and what it depends on who he is."""

    view: Hashable
    """Another one after the rules have changed for him."""
    body: Body


class Documents(Protocol):
    """The package, as its views know it."""

    @property
    def tailor(self) -> Tailor:
        """Makes documents for all its views."""

    def seen(self, watcher: str, aor: str, now_wall: float) -> Seen:
        """What `watcher` may see of `aor` at `now_wall` (epoch seconds)."""


class Tailor:
    """Documents cut by filters, and differences between documents; made once for all who get the same."""

    __slots__ = ("_cuts", "_differences")

    def __init__(self) -> None:
        self._cuts: dict[tuple[Body, str, Hashable], Body] = {}
        self._differences: dict[tuple[Body, Body], bytes | None] = {}

    def cut(self, body: Body, wanted: WatcherFilter, aor: str) -> Body:
        """What of the document of `aor` the filter delivers."""
        key = (body, aor, wanted.content_key)
        made = self._cuts.get(key)
        if made is None:
            data = wanted.apply(body.data, aor)
            made = body if data == body.data else Body(body.content_type, data)
            _bound(self._cuts)
            self._cuts[key] = made
        return made

    def whole(self, body: Body, version: int) -> Body:
        """The document as a `pidf-full` (RFC 5262 §3)."""
        return Body(pidf_diff.CONTENT_TYPE, pidf_full(body.data, version))

    def difference(self, before: Body, after: Body, version: int) -> Body:
        """A `pidf-diff` that makes `after` of `before`, or a `pidf-full` where that is no longer."""
        key = (before, after)
        if key not in self._differences:
            _bound(self._differences)
            # Watchers of the same difference have their own versions: it is put in for each.
            self._differences[key] = make_diff(before.data, after.data, 0, None)
        made = self._differences[key]
        if made is None:
            return self.whole(after, version)
        # The first ">" that is not escaped ends the root's tag, and the version is its last attribute.
        return Body(pidf_diff.CONTENT_TYPE, made.replace(b' version="0">', b' version="%d">' % version, 1))


def _bound(kept: dict[tuple[Body, str, Hashable], Body] | dict[tuple[Body, Body], bytes | None]) -> None:
    """Who was asked for first goes when there are too many."""
    if len(kept) >= _MOST_KEPT:
        del kept[next(iter(kept))]  # type: ignore[arg-type]


class _Told(NamedTuple):
    seen: Seen
    """Before the filter: what triggers are held against."""
    body: Body
    """After it: what differences build on."""


class PresenceView:
    """One subscription's view of a presentity."""

    __slots__ = ("_documents", "_filter", "_offered", "_partial", "_subscription", "_told")

    def __init__(self, documents: Documents, subscription: SubscriptionView) -> None:
        """Raises what `WatcherFilter.read` does, if there is a body."""
        self._documents = documents
        self._subscription = subscription
        self._partial = takes_changes(subscription.accept)
        self._filter: WatcherFilter | None = None
        if subscription.filter_body:
            self._filter = WatcherFilter.read(subscription.filter_type or None, subscription.filter_body)
        self._told: _Told | None = None
        """What he has got; None if that is not known."""
        self._offered: _Told | None = None

    @property
    def is_partial(self) -> bool:
        """Whether he is sent changes alone."""
        return self._partial

    @property
    def filter(self) -> WatcherFilter | None:
        """What he asks for, None for everything."""
        return self._filter

    def render(self, now_wall: float, *, full: bool) -> Notification | None:
        """The document, what has changed in it, or None if that is nothing that he wants to hear of."""
        subscription, documents, wanted = self._subscription, self._documents, self._filter
        seen = documents.seen(subscription.watcher, subscription.aor, now_wall)
        told = None if full else self._told
        # Triggers say which news are worth it; that something is to be seen no more is none of these.
        triggers = wanted is not None and wanted.has_triggers(subscription.aor)
        if wanted is not None and triggers and told is not None and told.seen.view == seen.view:
            if not wanted.triggered(told.seen.body.data, seen.body.data, subscription.aor):
                return None
        elif told is not None and told.seen.body is seen.body:
            return None
        body = seen.body if wanted is None else documents.tailor.cut(seen.body, wanted, subscription.aor)
        if told is not None and not triggers and told.body == body:
            return None
        self._offered = _Told(seen, body)
        if not self._partial:
            return Notification(body)
        version = subscription.version + 1
        if told is None:
            return Notification(documents.tailor.whole(body, version), etag=body.etag)
        return Notification(documents.tailor.difference(told.body, body, version), etag=body.etag)

    def delivered(self) -> None:
        """What comes next builds on it."""
        self._told = self._offered
        self._count()

    def failed(self) -> None:
        """Whether he has it is not known: the next one is whole."""
        self._told = None
        # Its version is used up all the same: one who has it takes no other of that number (RFC 5263 §4.5).
        self._count()

    def _count(self) -> None:
        if self._partial and self._offered is not None:
            self._subscription.version += 1
        self._offered = None

    def refresh(self, request: Request) -> Callable[[], None]:
        """Take the filters that a SUBSCRIBE changes (RFC 4660 §5.2.2); raises what `WatcherFilter` does."""
        body = decode_body(request, DEFAULT_LIMITS.size)
        subscription = self._subscription
        before = (self._filter, subscription.filter_type, subscription.filter_body)
        updated = (self._filter or WatcherFilter("presence")).updated(request.content_type, body)
        self._filter = updated if updated else None
        if updated:
            subscription.keep_filter(simple_filter.CONTENT_TYPE, updated.document())
        else:
            subscription.keep_filter("", b"")

        def take_back() -> None:
            self._filter = before[0]
            subscription.keep_filter(before[1], before[2])

        return take_back

    def close(self) -> None:
        """Nothing is held."""


def takes_changes(accept: Sequence[str]) -> bool:
    """Whether Accept names `application/pidf-diff+xml`, and does not prefer whole documents (RFC 5263 §4.3).

    A wildcard does not name it: who has never heard of it could make nothing of it.
    """
    changes = _quality(accept, pidf_diff.CONTENT_TYPE)
    return changes > 0 and changes >= _quality(accept, CONTENT_TYPE)


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
