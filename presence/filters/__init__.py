"""What a watcher asks to see and when (RFC 4660, RFC 4661): pure functions over documents.

`WatcherFilter` is the door, `CompiledFilters` keeps it from being made twice; the format is read by
`presence.documents.simple_filter`.
"""

from __future__ import annotations

from presence.filters.compiled import CompiledFilters
from presence.filters.watcher_filter import Means, WatcherFilter, itself

__all__ = ["CompiledFilters", "Means", "WatcherFilter", "itself"]
