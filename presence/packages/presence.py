"""The `presence` event package (RFC 3856): publications of PIDF in, one composed document for watchers out.

It implements both sides, `PublicationPackage` of `sip.usage.publication` and `EventPackage` of the
notifier, and announces on `on_change` when what watchers see has changed, and only then.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from presence.composition import (
    EVERYTHING,
    REGISTERED,
    Component,
    Composed,
    CompositionSettings,
    View,
    compose,
    neutral,
    render,
    source_name,
    standing,
)
from presence.composition.model import PUBLICATION, REGISTRATION, STANDING
from presence.composition.times import next_moment
from presence.documents import pidf_diff
from presence.documents.pidf import CONTENT_TYPE, PidfDocument
from presence.documents.pidf_diff import apply_published_patch
from presence.documents.pidf_reader import parse_pidf
from presence.documents.pidf_withdraw import without_tuple
from presence.documents.xml import DEFAULT_LIMITS, XmlLimits
from presence.filters import Means, itself
from presence.packages.presence_memory import Memory, Shown
from presence.packages.presence_view import AS_CHANGES, PresenceView, Seen, Tailor, takes_documents
from sip.errors import UnsupportedMediaType
from sip.headers import MediaType
from sip.kept import make_room
from sip.timers import Timer, TimerWheel
from sip.usage.notifier import Authorization, Body, Notification, SubscriptionView
from sip.usage.publication import Publication, What

NAME: Final = "presence"

DIFF_TYPE: Final = pidf_diff.CONTENT_TYPE

Authorizer = Callable[[str, str], Authorization]
"""(watcher, presentity) to what the watcher gets; raises Forbidden."""
ViewOf = Callable[[str, str], View]
"""(watcher, presentity) to what the watcher sees."""

_MOST_RECENT: Final = 128
"""Presentities of whom parts of documents are kept: of those whose state was composed last."""
_PLAINLY_ENCODED: Final = re.compile(
    rb"\s*(?:<\?xml version=[\"']1\.0[\"'](?: encoding=[\"']utf-8[\"'])?\s*\?>\s*)?<p", re.I
)
"""The names of attributes can be searched for as they are."""
_TIMED: Final = re.compile(rb"(?:until|from)\s*=")
"""What the attributes look like that name a time; that a note says when somebody comes back is none."""
_LONGEST_WAIT: Final = 3600.0
"""Seconds after which a moment is waited for anew: the clock on the wall may have been set meanwhile."""


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
    def let_go(self) -> None: ...


def allow_everybody(watcher: str, aor: str) -> Authorization:
    """The policy as long as there is no other."""
    return "active"


def never(aor: str) -> bool:
    """Views do not depend on what is published, as long as there is no policy."""
    return False


def show_everything(watcher: str, aor: str) -> View:
    """The view as long as there is no policy."""
    return EVERYTHING


class PresencePackage:
    """State of presentities for watchers.

    Args:
        on_change: called with the AOR of a presentity whose document has changed, for some watcher at least.
        publications: the live publications of an AOR.
        is_registered: whether an AOR has a live binding.
        timers: for states that become others by themselves.
        wall: the time in epoch seconds.
        authorizer: who may watch whom.
        view_of: who sees what; asked for each document.
        follows_state: whether who sees what of an AOR depends on what he publishes.
        max_documents: presentities whose documents are kept ready; who was asked for first goes when there
            are more.
        means: whom an AOR in a watcher filter stands for.
    """

    __slots__ = (
        "_authorizer",
        "_follows_state",
        "_is_registered",
        "_limits",
        "_max_documents",
        "_memories",
        "_on_change",
        "_publications",
        "_recent",
        "_registered",
        "_settings",
        "_standing",
        "_timers",
        "_view_of",
        "_waits",
        "_wall",
        "tailor",
    )

    name = NAME
    accept = (CONTENT_TYPE, DIFF_TYPE)
    content_types = (CONTENT_TYPE, DIFF_TYPE)

    def __init__(
        self,
        *,
        on_change: Callable[[str], None],
        publications: Callable[[str], Sequence[_Published]],
        is_registered: Callable[[str], bool],
        timers: TimerWheel,
        wall: Callable[[], float],
        settings: PresenceSettings | None = None,
        authorizer: Authorizer = allow_everybody,
        view_of: ViewOf = show_everything,
        follows_state: Callable[[str], bool] = never,
        max_documents: int = 100_000,
        means: Means = itself,
    ) -> None:
        self._on_change = on_change
        self._publications = publications
        self._is_registered = is_registered
        self._timers = timers
        self._wall = wall
        self._settings = settings or PresenceSettings()
        self._limits = XmlLimits(self._settings.max_document, self._settings.max_depth)
        self._authorizer = authorizer
        self._view_of = view_of
        self._follows_state = follows_state
        self.tailor = Tailor(means)
        self._max_documents = max_documents
        self._registered = REGISTERED._replace(priority=self._settings.priority(REGISTRATION, REGISTRATION))
        self._standing: dict[str, Component] = {}
        self._memories: dict[str, Memory] = {}
        self._recent: OrderedDict[str, None] = OrderedDict()
        self._waits: dict[str, tuple[float, Timer]] = {}

    # -- what is published, RFC 3903 --------------------------------------------------------------

    def whole(
        self, content_type: MediaType, body: bytes, base: Publication | None
    ) -> tuple[MediaType, bytes]:
        """A body as PIDF: what a partial publication makes of `base` (RFC 5264 §4.3), any other as it is.

        Raises:
            BadRequest: 400, the patch cannot be applied, or there is nothing yet to apply it to.
            EntityTooLarge: 413, it is, or makes, a document that is too large.
        """
        if content_type.full != DIFF_TYPE:
            return content_type, body
        before = None if base is None else base.body
        return MediaType.parse(CONTENT_TYPE), apply_published_patch(before, body, self._limits)

    def parse(self, aor: str, content_type: MediaType, body: bytes) -> PidfDocument:
        """The parts of a published document.

        Raises:
            UnsupportedMediaType: 415 with Accept, it is not PIDF.
            EntityTooLarge, BadRequest: as `parse_pidf`.
        """
        if content_type.full != CONTENT_TYPE:
            raise UnsupportedMediaType(
                f"{content_type.full} is not accepted here", headers=(("Accept", ", ".join(self.accept)),)
            )
        document = parse_pidf(body, self._limits)
        if document.moments:
            # Also for what is read back after a restart: of that nothing else is heard before it changes.
            moment = next((moment for moment in document.moments if moment > self._wall()), None)
            waiting = self._waits.get(aor)
            if moment is not None and (waiting is None or moment < waiting[0]):
                self._wait(aor, moment)
        return document

    def may_wait(self, body: bytes) -> bool:
        """Whether it names no time: of one that does the moments are waited for from the start."""
        return _TIMED.search(body) is None and b"\0" not in body and _PLAINLY_ENCODED.match(body) is not None

    def without(self, publication: Publication, part: str) -> bytes | None:
        """The body of a publication without the tuple `part`, None if it has no other.

        Raises:
            LookupError: it has no such tuple.
        """
        return without_tuple(publication.body, part, self._limits)

    def changed(self, aor: str, publication: Publication, what: What) -> None:
        """A publication of `aor` came, changed or went."""
        if what != "refresh":
            self._reconsider(aor, publication)

    def registration_changed(self, aor: str) -> None:
        """The first binding of `aor` came or the last one went, as far as the caller can tell."""
        # Also where something is published: there may be views from which that is hidden.
        if self._settings.registration_is_open:
            self._reconsider(aor)

    def set_standing(
        self, aor: str, document: PidfDocument | None, *, published_at: float | None = None
    ) -> None:
        """Say what holds of `aor` until it is taken back (with None), whatever is published beside it.

        `published_at` (epoch seconds) is when it was said; now, if not given.  It is kept in memory only.
        """
        if document is None:
            if self._standing.pop(aor, None) is None:
                return
        else:
            when = self._wall() if published_at is None else published_at
            self._standing[aor] = standing(document, when, self._settings, source_name(document, STANDING))
        self._reconsider(aor)

    def forget(self, aor: str) -> None:
        """The user is no more: what was kept for him goes."""
        self._standing.pop(aor, None)
        self._memories.pop(aor, None)
        self._wait(aor, None)

    # -- what watchers see, RFC 3856 ----------------------------------------------------------------

    def authorize(self, watcher: str, aor: str) -> Authorization:
        """Whether `watcher` may see the state of `aor`; raises Forbidden."""
        return self._authorizer(watcher, aor)

    def open(self, subscription: SubscriptionView) -> PresenceView:
        """What `subscription` sees over time; raises 415, 488 or 400 for a filter that cannot be met."""
        return PresenceView(self, subscription)

    def document(self, subscription: SubscriptionView, now_wall: float) -> Body:
        """All that `subscription` may see; the same object for all who may see the same."""
        return self.seen(subscription.watcher, subscription.aor, now_wall).body

    def seen(self, watcher: str, aor: str, now_wall: float) -> Seen:
        """What `watcher` may see of `aor` at `now_wall` (epoch seconds), whether he watches him or not."""
        view = self._view_of(watcher, aor)
        memory = self._memory(aor)
        memory.asked = True
        shown = memory.find(view)
        if shown is None or (shown.until is not None and now_wall >= shown.until):
            before, shown = shown, self._show(aor, memory, view, now_wall)
            memory.keep(shown, before)
        return shown.seen

    def neutral(self, subscription: SubscriptionView) -> Body | Notification:
        """A document that tells nothing (RFC 3856 §6.9); no body for who takes nothing but changes."""
        body = self.neutral_document(subscription.aor)
        if takes_documents(subscription.accept):
            return body
        return Notification(None, etag=f"{body.etag}{AS_CHANGES}")

    def neutral_document(self, aor: str) -> Body:
        """The same about `aor`."""
        return Body(CONTENT_TYPE, render(aor, neutral(self._settings)))

    # -- the pipeline ---------------------------------------------------------------------------------

    def components(self, aor: str) -> list[Component]:
        """All that is known about `aor` now, sorted by arrival."""
        self._touch(aor)
        return self._gathered(aor)

    def _gathered(self, aor: str) -> list[Component]:
        settings = self._settings
        found = []
        for publication in self._publications(aor):
            document = publication.parsed
            if isinstance(document, PidfDocument):
                source = source_name(document, publication.source)
                priority = settings.priority(source, PUBLICATION)
                found.append(Component(publication.id, source, priority, publication.published_at, document))
        if settings.registration_is_open and self._is_registered(aor):
            found.append(self._registered)
        if aor in self._standing:
            found.append(self._standing[aor])
        return found

    def known(self, aor: str) -> Sequence[Component]:
        """As `components`, without looking again as long as nothing has changed."""
        return self._components(aor, self._memory(aor))

    def compose(self, components: Sequence[Component], now_wall: float) -> Composed:
        """The state that `components` tell of at `now_wall` (epoch seconds)."""
        return compose(components, now_wall, self._settings)

    def composed(self, aor: str, now_wall: float) -> Composed:
        """The whole state of `aor` at `now_wall` (epoch seconds), before anybody's view of it."""
        memory = self._memory(aor)
        return memory.composer(self._settings)(self._components(aor, memory), now_wall)

    def _components(self, aor: str, memory: Memory) -> list[Component]:
        if memory.components is None:
            memory.components = self.components(aor)
        return memory.components

    def _memory(self, aor: str) -> Memory:
        memory = self._memories.get(aor)
        if memory is None:
            make_room(self._memories, self._max_documents)
            memory = self._memories[aor] = Memory()
        return memory

    def _is_simple(self, aor: str, new: object) -> bool:
        """Whether nothing holds of `aor` but what is published in `new`, and that names no times.

        What `parse` waited for may have come, or been dropped, while the journal wrote: so it is looked at.
        """
        if aor in self._standing:
            return False
        publications = self._publications(aor)
        if not publications:
            return True
        if len(publications) > 1 or publications[0] is not new:
            return False
        document = publications[0].parsed
        return isinstance(document, PidfDocument) and not document.moments

    def _let_go_of_one(self, aor: str) -> bool:
        """Keep no parts of the only thing that `aor` publishes; False if they are to be kept.

        The next change brings others in their place, and what watchers see is made.  Where several say what
        holds they are needed with the next change of one, and of whom somebody has asked lately with the next
        question.
        """
        publications = self._publications(aor)
        if len(publications) != 1 or aor in self._recent:
            self._touch(aor)
            return False
        publications[0].let_go()
        return True

    def _touch(self, aor: str) -> None:
        """Keep parts of what `aor` publishes, and those of somebody else no longer."""
        recent = self._recent
        if aor in recent:
            recent.move_to_end(aor)
            return
        recent[aor] = None
        if len(recent) > _MOST_RECENT:
            other, _ = recent.popitem(last=False)
            memory = self._memories.get(other)
            if memory is not None:
                memory.components = memory.composed = None
            for publication in self._publications(other):
                publication.let_go()

    def _show(self, aor: str, memory: Memory, view: View, now_wall: float) -> Shown:
        composed = view.apply(self._components(aor, memory), now_wall, memory.composer(self._settings))
        body = Body(CONTENT_TYPE, render(aor, composed))
        return Shown(view, Seen(view, body, is_feigned=view.feigns), composed.changes_at)

    def _reconsider(self, aor: str, new: object = None) -> None:
        """Announce a change, unless watchers would be shown the same with what is known now.

        `new` is the publication that came, changed or went, if it is one.
        """
        if aor not in self._memories and aor not in self._waits and self._is_simple(aor, new):
            # Nobody has asked, and there is no time to wait for.
            self._let_go_of_one(aor)
            self._on_change(aor)
            return
        now_wall = self._wall()
        components = self._gathered(aor)
        self._wait(aor, next_moment(components, now_wall))
        memory = self._memories.get(aor)
        if memory is None or not memory.asked:
            self._memories.pop(aor, None)
            self._let_go_of_one(aor)
        else:
            memory.components = components
            # What was made of others is asked for no more.
            memory.composed = None
            shows = [self._show(aor, memory, before.view, now_wall) for before in memory.shown]
            if len(shows) == 1 and self._let_go_of_one(aor):
                memory.components = memory.composed = None
            if shows and not memory.forgotten and not self._follows_state(aor):
                same = all(
                    before.seen.body.data == show.seen.body.data
                    for before, show in zip(memory.shown, shows, strict=True)
                )
                if same:
                    # The same object for who has it already.
                    memory.shown = tuple(
                        [
                            Shown(before.view, before.seen, show.until)
                            for before, show in zip(memory.shown, shows, strict=True)
                        ]
                    )
                    return
            if len(shows) == 1:
                # Nearly everybody has one view that all watchers share: it is asked for at once.
                memory.shown = (shows[0],)
                memory.asked = False
            else:
                # Some may be views that nobody has any more.
                del self._memories[aor]
        self._on_change(aor)

    # -- what changes by itself, RFC 4480 §3 ------------------------------------------------------------

    def _wait(self, aor: str, moment: float | None) -> None:
        """Look at `aor` again at `moment` (epoch seconds), and no more at another one."""
        waiting = self._waits.pop(aor, None)
        if waiting is not None:
            waiting[1].cancel()
        if moment is not None:
            # Times of RPID go to the millisecond; a moment later the moment has come in any clock's rounding.
            delay = min(max(moment - self._wall(), 0.0) + 0.001, _LONGEST_WAIT)
            self._waits[aor] = (moment, self._timers.after(delay, self._moment_came, aor))

    def _moment_came(self, aor: str) -> None:
        moment, _ = self._waits[aor]
        if self._wall() >= moment:
            self._reconsider(aor)
        else:
            self._wait(aor, moment)
