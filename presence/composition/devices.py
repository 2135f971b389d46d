"""Devices: one element for each deviceID (RFC 4479 §3.3), the one with the greatest authority first."""

from __future__ import annotations

from collections.abc import Sequence

from presence.composition.merging import Sourced, authority, merge
from presence.documents.pidf import Element


def by_device_id(devices: Sequence[Sourced], now_wall: float) -> list[tuple[Sourced, Element]]:
    """The devices that components tell of, each with who decided it."""
    if not devices:
        return []
    same: dict[str, list[Sourced]] = {}
    for pair in sorted(devices, key=authority):
        same.setdefault(pair[1].device_id, []).append(pair)
    return [(ranked[0], merge(ranked, now_wall)) for ranked in same.values()]
