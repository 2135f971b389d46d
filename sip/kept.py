"""What is kept for speed alone and within bounds: who was there first goes first."""

from __future__ import annotations

from collections.abc import MutableMapping
from itertools import islice
from typing import Any, Final

_SHARE: Final = 16


def make_room(kept: MutableMapping[Any, Any], most: int) -> None:
    """Let `kept` hold fewer than `most`: where it is full, a sixteenth of it goes, the oldest.

    Not one at a time: a dict looks for its oldest entry behind the places of all that went before, so with
    100,000 of them each newcomer would cost as much as thousands of lookups.
    """
    if len(kept) < most:
        return
    for key in list(islice(kept, len(kept) - most + 1 + most // _SHARE)):
        del kept[key]
