"""PostgreSQL behind a proxy that cuts the connection at a certain place of the transaction of a write."""

from __future__ import annotations

import socket

from crash_lib.faults import Proxy


class Scissors(Proxy):
    """Cuts all connections, once, where `armed` says; then the database is away until `end`.

    `armed`: "insert" (before the write gets there), "before" (before its COMMIT gets there), "after" (the
    COMMIT was done, its answer is lost), None.
    """

    armed: str | None = None
    mark: bytes = b"application/pidf+xml"
    """Tells the write by something in its values.  Others commit as well: the journal's probes, and every
    new connection of a pool."""
    away = True
    """Whether new connections are refused after the cut, until `end`."""

    def __init__(self, url: str) -> None:
        self._writing: set[socket.socket] = set()
        super().__init__(url)

    def _passes(self, data: bytes, client: socket.socket) -> None:
        if self.armed is None:
            return
        # The statement itself may have been prepared long ago.
        if self.mark in data:
            self._writing.add(client)
        if client in self._writing and _is_at(self.armed, data):
            self.armed = None
            self._writing.clear()
            if self.away:
                self.begin()
            else:
                self.cut()


def _is_at(place: str, data: bytes) -> bool:
    if place == "insert":
        return True
    # `Q`: a query; `C`: that a command is complete (PostgreSQL 15, section 55.7).
    return b"COMMIT" in data and data.startswith(b"Q" if place == "before" else b"C")
