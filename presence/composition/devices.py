"""Devices: one element for each deviceID (RFC 4479 §3.3), the one with the greatest authority first."""

from __future__ import annotations

from collections.abc import Sequence

from presence.composition.merging import Sourced, authority, merge
from presence.composition.model import mark_of
from presence.documents.pidf import Element
from presence.documents.xsd import canonical_urn


def device_name(device_id: str) -> str:
    """The id of the element about a device: one for all ways to write its URI, whoever speaks of it."""
    return f"device-{mark_of(canonical_urn(device_id))}"


def by_device_id(devices: Sequence[Sourced], now_wall: float) -> tuple[Element, ...]:
    """The devices that components tell of, which have their `device_name` as id."""
    if not devices:
        return ()
    same: dict[str, list[Sourced]] = {}
    for pair in sorted(devices, key=authority):
        same.setdefault(pair[1].id, []).append(pair)
    return tuple([merge(ranked, now_wall) for ranked in same.values()])
