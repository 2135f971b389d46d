"""What a watcher asks to see and when (RFC 4660, RFC 4661): pure functions over documents.

`WatcherFilter` is the door; the format is read by `presence.documents.simple_filter`.
"""

from __future__ import annotations

from presence.filters.watcher_filter import WatcherFilter

__all__ = ["WatcherFilter"]
