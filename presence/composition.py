"""Composition (RFC 4479 §3, §4): from the components of a presentity to the one document about it.

A first, simple policy: all tuples, the newest person, the newest state of each device.  It is pure: the same
components give the same bytes, whatever their order, so that nobody is notified of nothing.  Whoever
wants another policy replaces `compose`; what the components are is the package's business.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from presence.documents.pidf import (
    CLOSED,
    OPEN,
    DeviceFragment,
    Fragment,
    PersonFragment,
    PidfFragments,
    TupleFragment,
    fragments,
    newest_first,
    render_pidf,
)


class Component(NamedTuple):
    """One piece of what is known about a presentity."""

    key: str
    """What stays the same while the piece lives; sorts by arrival."""
    source: str
    """Who says so: a User-Agent, or the name of a service of ours."""
    priority: float
    """The more, the more it counts where only one can be right; between equals the newest does."""
    published_at: float
    """Epoch seconds: how old everything is that names no time of its own."""
    fragments: PidfFragments


@dataclass(frozen=True, slots=True)
class CompositionSettings:
    """What watchers see of those who have published nothing.

    Attributes:
        empty_document: `closed` shows a closed tuple, `entity` nothing but the entity, which some phones
            take for an unknown state and others for an error.
        registration_is_open: a presentity who is registered and has published nothing is shown as open,
            because he can be reached (many phones never publish).
    """

    empty_document: Literal["closed", "entity"] = "closed"
    registration_is_open: bool = True


def _single_tuple(ident: str, basic: str) -> PidfFragments:
    rest = f"><status><basic>{basic}</basic></status></tuple>".encode()
    return fragments([TupleFragment(ident, rest, basic)])


REGISTERED: Final = Component("registration", "registration", 0.0, 0.0, _single_tuple("registered", OPEN))
"""A live binding, as a component: it can be reached, and no more is known."""

_EMPTY: Final = {"closed": _single_tuple("unpublished", CLOSED).body, "entity": b""}


def compose(
    aor: str, components: Sequence[Component], now_wall: float, settings: CompositionSettings
) -> bytes:
    """The PIDF document about `aor`, valid against the schemas of RFC 3863 and RFC 4479.

    Tuples come first, the most relevant one on top (open before closed, then contact priority, then the
    newest), because several phones read no further.  `now_wall` (epoch seconds) is for what begins or
    ends by itself.
    """
    if not components:
        return neutral_document(aor, settings)
    if len(components) == 1:
        return render_pidf(aor, components[0].fragments.body)
    return render_pidf(aor, _merged(sorted(components, key=_arrival)))


def neutral_document(aor: str, settings: CompositionSettings) -> bytes:
    """What is shown of somebody of whom nothing is known, or nothing may be told."""
    return render_pidf(aor, _EMPTY[settings.empty_document])


def _arrival(component: Component) -> str:
    return component.key


def _merged(components: Sequence[Component]) -> bytes:
    """The parts of several components, which are sorted by arrival."""
    tuples: list[tuple[Component, TupleFragment]] = []
    notes: dict[bytes, None] = {}
    persons: list[tuple[Component, PersonFragment]] = []
    devices: list[tuple[Component, DeviceFragment]] = []
    extensions: dict[bytes, None] = {}
    for component in components:
        parts = component.fragments
        tuples += [(component, part) for part in parts.tuples]
        persons += [(component, part) for part in parts.persons]
        devices += [(component, part) for part in parts.devices]
        notes.update(dict.fromkeys(parts.notes))
        extensions.update(dict.fromkeys(parts.extensions))
    if persons:
        persons = [min(persons, key=_newest)]
    by_id: dict[str, tuple[Component, DeviceFragment]] = {}
    for pair in sorted(devices, key=_newest):
        by_id.setdefault(pair[1].device_id, pair)
    xml = _distinct([*tuples, *persons, *by_id.values()])
    order = sorted(range(len(tuples)), key=lambda at: (tuples[at][1].relevance, _newest(tuples[at])))
    return b"\n".join([*(xml[at] for at in order), *notes, *xml[len(tuples) :], *extensions])


def _newest(pair: tuple[Component, Fragment]) -> tuple[float, float, float, str]:
    """Sort key: the newest first, between equals the one of higher priority."""
    component, part = pair
    published_at = component.published_at
    return newest_first(part, published_at), -component.priority, -published_at, component.key


def _distinct(parts: Iterable[tuple[Component, Fragment]]) -> list[bytes]:
    """The bytes of each fragment, with ids that no two of them share.

    Who came first keeps an id.  The others get one that depends on nothing but their component, so that it
    is the same in every document as long as both live.
    """
    seen: set[str] = set()
    xml: list[bytes] = []
    for component, part in parts:
        if part.inner_ids or part.id in seen:
            xml.append(part.renamed(_namer(component, seen, {})))
        else:
            seen.add(part.id)
            xml.append(part.xml)
    return xml


def _namer(component: Component, seen: set[str], names: dict[str, str]) -> Callable[[str], str]:
    def distinct(ident: str) -> str:
        if ident not in names:
            name, count = ident, 0
            while name in seen:
                name = f"{ident}-{zlib.crc32(f'{component.key} {count}'.encode()):08x}"
                count += 1
            seen.add(name)
            names[ident] = name
        return names[ident]

    return distinct
