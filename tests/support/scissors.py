"""PostgreSQL behind a proxy that cuts the connection at a certain place of the next transaction."""

from __future__ import annotations

from crash_lib.faults import Proxy


class Scissors(Proxy):
    """Cuts all connections, once, where `armed` says; then the database is away until `end`.

    `armed`: "insert" (before a publication gets there), "before" (before its COMMIT gets
    there), "after" (the COMMIT was done, its answer is lost), None.
    """

    armed: str | None = None
    away = True
    """Whether new connections are refused after the cut, until `end`."""

    def _passes(self, data: bytes) -> None:
        if self.armed is not None and _is_at(self.armed, data):
            self.armed = None
            if self.away:
                self.begin()
            else:
                self.cut()


def _is_at(place: str, data: bytes) -> bool:
    if place == "insert":
        # The statement itself may have been prepared long ago.
        return b"application/pidf+xml" in data
    # `Q`: a query; `C`: that a command is complete (PostgreSQL 15, section 55.7).
    return b"COMMIT" in data and data.startswith(b"Q" if place == "before" else b"C")
