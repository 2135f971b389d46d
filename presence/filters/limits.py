"""How much one watcher may ask for: filters cost time at every change of every document (RFC 4660 §8)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FilterLimits:
    """Bounds of all filters of one subscription together, unless said otherwise; 488 above."""

    rules: int = 40
    """`include`, `exclude`, `changed`, `added` and `removed` elements (RFC 4660 §8 recommends 40)."""
    filters: int = 40
    """`filter` elements."""
    expression: int = 1024
    """Characters of one expression."""
    parts: int = 120
    """Steps and comparisons of all expressions of one `filter`: each may look at the whole document."""
    steps: int = 16
    """Steps of one path; also comparisons in one condition."""


DEFAULT_FILTER_LIMITS = FilterLimits()
