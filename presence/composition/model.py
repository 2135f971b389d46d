"""What goes into composition and what comes out: components with source and priority, and one state."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Final, Literal, NamedTuple

from presence.documents import layout
from presence.documents.pidf import OPEN, Element, Part, PidfDocument, document

PACKAGE: Final = "presence"
PUBLICATION: Final = "publication"
REGISTRATION: Final = "registration"
STANDING: Final = "standing"

PRIORITIES: Final[Mapping[str, float]] = {PUBLICATION: 0.0, STANDING: -0.5, REGISTRATION: -1.0}
"""By kind.  What somebody says now counts more than what he has said for a longer time, and both more than
what is only concluded from his phone being there."""

_MARK_BYTES: Final = 5
"""A presentity has tens of components and devices, so two never have the same mark."""

# The name in front of the version (RFC 3261 §25.1, product), or the first word of what is no such thing.
_PRODUCT: Final = re.compile(r"\s*([^\s/()<>]+)")


class Component(NamedTuple):
    """One piece of what is known about a presentity."""

    key: str
    """What stays the same while the piece lives; sorts by arrival."""
    source: str
    """Who says so; see `source_name`."""
    priority: float
    """The more, the more it counts where only one can be right; between equals the newest does."""
    published_at: float
    """Epoch seconds: how old everything is that names no time of its own."""
    document: PidfDocument

    @property
    def mark(self) -> str:
        """What the ids of this component's tuples end in, so that no other component has the same.

        It depends on nothing but the key: who else publishes, seen or hidden, leaves no trace in it, and an
        id never passes to something else.
        """
        return mark_of(self.key)


class Composed(NamedTuple):
    """One state of a presentity, the elements of each kind in the order in which they are written."""

    tuples: tuple[Element, ...] = ()
    persons: tuple[Element, ...] = ()
    """One at most."""
    devices: tuple[Element, ...] = ()
    notes: tuple[Part, ...] = ()
    extensions: tuple[Part, ...] = ()
    changes_at: float | None = None
    """Epoch seconds at which it becomes another by itself: a time that RPID names comes or is over."""


@dataclass(frozen=True, slots=True)
class CompositionSettings:
    """What counts more, and what watchers see of those who have published nothing.

    Attributes:
        empty_document: `closed` shows a closed tuple, `entity` nothing but the entity, which some phones
            take for an unknown state and others for an error.
        registration_is_open: a presentity who is registered and has published nothing is shown as open,
            because he can be reached (many phones never publish).
        priorities: priorities of components by the name of their source, or by their kind
            (`publication`, `registration`, `standing`) for those whose source has none.
    """

    empty_document: Literal["closed", "entity"] = "closed"
    registration_is_open: bool = True
    priorities: Mapping[str, float] = field(default_factory=lambda: PRIORITIES)

    def priority(self, source: str, kind: str) -> float:
        """The priority of a component of `kind` from `source`."""
        for name, among in ((source, self.priorities), (kind, self.priorities), (kind, PRIORITIES)):
            if name in among:
                return among[name]
        return 0.0


def mark_of(key: str) -> str:
    """A short name that is always the same for `key`, and tells nothing of it."""
    return blake2b(key.encode(), digest_size=_MARK_BYTES).hexdigest()


def source_name(document: PidfDocument, user_agent: str) -> str:
    """Who speaks in a publication: Cisco's `source`, else the product in User-Agent, else the package."""
    for element in document.tuples:
        if element.source is not None:
            return element.source
    product = _PRODUCT.match(user_agent)
    return PACKAGE if product is None else product[1]


def standing(
    document: PidfDocument, published_at: float, settings: CompositionSettings, source: str = STANDING
) -> Component:
    """A status that holds until it is taken back, as a component."""
    return Component(STANDING, source, settings.priority(source, STANDING), published_at, document)


def single_tuple(ident: str, basic: str) -> PidfDocument:
    """A document that says nothing but open or closed."""
    status = Part(layout.STATUS, f"<status><basic>{basic}</basic></status>".encode())
    return document([Element("tuple", ident, (status,), basic=basic)])


REGISTERED: Final = Component(
    REGISTRATION, REGISTRATION, PRIORITIES[REGISTRATION], 0.0, single_tuple("registered", OPEN)
)
"""A live binding, as a component: it can be reached, and no more is known."""
