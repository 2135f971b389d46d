"""The transports as the core sees them, over real sockets on loopback."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from presence.clock import TICK, WheelDriver
from presence.network import HubNetwork
from sip.timers import TimerWheel
from sip.transport.flow import Flow
from sip.transport.hub import TransportHub
from sip.transport.settings import TransportSettings
from sip.transport.spec import ListenSpec

Arrived = Deferred[tuple[bytes, Flow]]
DATA = b"SIP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n"


class Side:
    """A hub with one listener, and the first thing that arrives at it."""

    def __init__(self) -> None:
        self.arrived: Arrived = Deferred()
        self.hub = TransportHub(cast(Any, reactor), self._receive, TransportSettings())

    def _receive(self, data: bytes, flow: Flow, now: float) -> None:
        if not self.arrived.called:
            self.arrived.callback((data, flow))

    async def listen(self, transport: str) -> int:
        await self.hub.listen(ListenSpec.parse(f"{transport}:127.0.0.1:0"))
        return self.hub.ports[0][1]

    async def message(self) -> tuple[bytes, Flow]:
        return await self.arrived.addTimeout(5, cast(Any, reactor))


@pytest_twisted.async_yield_fixture
async def side() -> AsyncIterator[Side]:
    side = Side()
    yield side
    await side.hub.close()


@pytest_twisted.ensureDeferred
async def test_an_answer_goes_from_our_listener_to_another_port_of_the_peer(side: Side) -> None:
    port = await side.listen("udp")
    with socket.socket(type=socket.SOCK_DGRAM) as sender, socket.socket(type=socket.SOCK_DGRAM) as other:
        for sock in (sender, other):
            sock.bind(("127.0.0.1", 0))
            sock.settimeout(5)
        sender.sendto(DATA, ("127.0.0.1", port))
        _, flow = await side.message()
        HubNetwork(side.hub).udp_flow(flow, *other.getsockname()).send(b"answer")
        assert other.recvfrom(100) == (b"answer", ("127.0.0.1", port))


@pytest_twisted.ensureDeferred
async def test_an_answer_whose_connection_is_gone_takes_a_new_one(side: Side) -> None:
    there = Side()
    port = await there.listen("tcp")
    try:
        HubNetwork(side.hub).answer_elsewhere("TCP", "127.0.0.1", port, DATA)
        data, _ = await there.message()
        assert data == DATA
    finally:
        await there.hub.close()


@pytest_twisted.ensureDeferred
async def test_an_answer_that_reaches_nobody_is_dropped(side: Side) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        HubNetwork(side.hub).answer_elsewhere("TCP", "127.0.0.1", closed.getsockname()[1], DATA)
    assert len(side.hub.connections) == 0


def test_the_wheel_follows_the_monotonic_clock_while_the_reactor_turns() -> None:
    clock, present, fired = Clock(), [100.0], []
    wheel = TimerWheel(now=100.0)
    driver = WheelDriver(clock, wheel, now=lambda: present[0])
    driver.start()
    wheel.after(1.0, fired.append, "T")
    present[0] = 100.9
    clock.advance(TICK)
    assert fired == []
    present[0] = 101.1
    clock.advance(TICK)
    assert fired == ["T"]
    driver.stop()
    assert clock.getDelayedCalls() == []
