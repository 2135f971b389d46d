"""When a state becomes another by itself: RPID's `from` and `until` (RFC 4480 §3)."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable

from presence.composition.model import Component


def next_moment(components: Iterable[Component], now_wall: float) -> float | None:
    """The first moment after `now_wall` at which a part of one of them begins or ends to hold."""
    found: float | None = None
    for component in components:
        moments = component.document.moments
        if moments:
            at = bisect_right(moments, now_wall)
            if at < len(moments) and (found is None or moments[at] < found):
                found = moments[at]
    return found
