"""What a server is built on: everything that is handed in, and what all of its parts share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from presence.bus import Bus
from presence.directory import Directory
from presence.settings import Settings
from sip import core, sender
from sip.ports import Journal
from sip.stats import Stats
from sip.timers import TimerWheel
from sip.transport.flow import Flow


class Network(core.Network, sender.Network, Protocol):
    """The transports, as the parts above them call them."""

    def flow(self, key: str) -> Flow | None:
        """The flow that was described by `key`, if it still exists."""


@dataclass(frozen=True, slots=True)
class Given:
    """The ground that the storeys stand on."""

    settings: Settings
    network: Network
    journal: Journal
    directory: Directory
    secret: bytes
    """Signs nonces and loop marks."""
    now: float
    """The present, in monotonic seconds."""
    wall: Callable[[], float]
    """Epoch seconds."""
    token: Callable[[], str]
    """Makes tags and branches."""
    backlog: Callable[[], int]
    """How many writes wait for the journal."""
    timers: TimerWheel
    stats: Stats
    bus: Bus
