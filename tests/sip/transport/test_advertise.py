"""A server behind an address translator says the name that peers reach it by."""

from __future__ import annotations

from typing import Any, cast

import pytest
import pytest_twisted
from twisted.internet import reactor

from sip.transport.hub import TransportHub
from sip.transport.settings import TransportSettings
from sip.transport.spec import Destination, ListenSpec


@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest_twisted.ensureDeferred
async def test_via_and_contact_name_it_with_the_port_of_the_listener(transport: str) -> None:
    hub = TransportHub(
        cast(Any, reactor), lambda data, flow, now: None, TransportSettings(advertise="sip.example.org")
    )
    peer = TransportHub(cast(Any, reactor), lambda data, flow, now: None, TransportSettings())
    for side in (hub, peer):
        await hub_listen(side, transport)
    port, theirs = hub.ports[0][1], peer.ports[0][1]
    try:
        flow = await hub.connect(Destination(transport.upper(), "127.0.0.1", theirs))
        assert flow.sent_by == f"sip.example.org:{port}"
        assert flow.uri().startswith(f"sip:sip.example.org:{port}")
    finally:
        await peer.close()
        await hub.close()


async def hub_listen(hub: TransportHub, transport: str) -> None:
    await hub.listen(ListenSpec.parse(f"{transport}:127.0.0.1:0")).addTimeout(5, cast(Any, reactor))


@pytest_twisted.ensureDeferred
async def test_a_route_with_that_name_is_ours() -> None:
    hub = TransportHub(
        cast(Any, reactor), lambda data, flow, now: None, TransportSettings(advertise="sip.example.org")
    )
    await hub_listen(hub, "udp")
    try:
        port = hub.ports[0][1]
        assert hub.is_local("sip.example.org", port, None)
        assert not hub.is_local("sip.example.org", port + 1, None)
    finally:
        await hub.close()
