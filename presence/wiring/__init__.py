"""The one place where the parts of a server are put together; it opens nothing and starts nothing.

What does I/O (transports, journal) is handed in, so a test builds the whole server around fakes of those.
From the ground up: `given` (what is handed in), `stack` (SIP), `domain` (packages and who may see what),
`routes` (which request and which news goes where), `house` (all of it, for whoever runs it); `building` walks
through them in this order.
"""

from __future__ import annotations

from presence.wiring.building import build
from presence.wiring.given import Network
from presence.wiring.house import House, Rows

__all__ = ["House", "Network", "Rows", "build"]
