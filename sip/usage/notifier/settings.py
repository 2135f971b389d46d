"""Limits of subscriptions."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NotifierSettings:
    """Limits of subscriptions; seconds unless said otherwise."""

    min_expires: int = 60
    default_expires: int = 3600
    max_expires: int = 86400
    max_per_watcher: int = 2000
    """Subscriptions that one watcher may hold; the next is refused 403."""
    least_interval: float = 0.0
    """Between two NOTIFYs of one subscription at least; 0 for nothing.  The last state is never lost."""
    restore_rate: int = 1000
    """NOTIFYs a second with which watchers are brought up to date after a start."""
    max_body: int = 65536
    """Bytes of the body of a SUBSCRIBE, after its Content-Encoding is undone; more is answered 413."""
