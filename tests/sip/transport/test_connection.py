"""What all connections have in common, without a wire."""

from __future__ import annotations

import logging

import pytest
from twisted.internet.task import Clock

from sip.errors import TransportError
from sip.transport.connection import BURST, Connection, Connections
from sip.transport.settings import TransportSettings


class FullWire:
    """A wire whose peer does not read."""

    def write_message(self, data: bytes) -> None:
        """It waits."""

    def lose(self) -> None:
        """It waits for what waits."""

    def abort(self) -> None:
        """It is gone."""

    def unfinished(self) -> bool:
        return False

    def leaving(self) -> bool:
        return False


class House:
    """Connections to peers that do not read."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.table = Connections(
            clock=self.clock,
            now=self.clock.seconds,
            settings=TransportSettings(send_buffer_limit=10),
            receive=lambda data, flow: None,
            receive_error=lambda error, flow: None,
            advertise=lambda transport, local, inbound: local,
            guard=lambda call, flow: call(flow),
            trace=None,
            exempt=lambda host: False,
            limit_reached=lambda limit, host: None,
        )

    def drop(self, peers: int) -> None:
        """So many peers are sent too much."""
        for port in range(1, peers + 1):
            wire = FullWire()
            connection = Connection(
                self.table, wire, "TCP", ("192.0.2.1", 5060), ("198.51.100.9", port), outbound=None
            )
            connection.opened()
            connection.stalled()
            with pytest.raises(TransportError, match="does not read"):
                connection.send(b"x" * (10 * BURST + 1))


def test_the_log_tells_of_peers_that_do_not_read_now_and_then_only(caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.WARNING)
    house = House()
    house.drop(1)
    (record,) = caplog.records
    assert (record.message, record.peer, record.unsent) == (  # type: ignore[attr-defined]
        "transport.peer-does-not-read",
        "198.51.100.9:1",
        10 * BURST + 1,
    )
    house.drop(1000)
    assert len(caplog.records) == 100
    house.clock.advance(1.0)
    house.drop(1000)
    assert len(caplog.records) == 110
