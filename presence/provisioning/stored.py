"""What is kept for users, as plain values.

Nothing is imported here: the process that writes the database knows these, and no XML.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class StandingStatus:
    """The presence document (PIDF) that holds of `owner` (an AOR) until he takes it back."""

    owner: str
    document: bytes
    published_at: float
    """Epoch seconds."""


class HistoryRecord(NamedTuple):
    """A record of the history that clients keep, as it was sent."""

    timestamp: str
    """An ISO date or dateTime."""
    type: str
    """An integer that means something to clients."""
    data: str
    """XML: what is within `data`."""


class OpenSession(NamedTuple):
    """A session of a client application; times in epoch seconds."""

    owner: str
    created_at: float
    used_at: float
