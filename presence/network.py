"""The transports as the core and the sender see them."""

from __future__ import annotations

import logging

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from sip.errors import TransportError
from sip.transport.flow import Flow
from sip.transport.hub import TransportHub
from sip.transport.spec import Destination
from sip.uri import Uri

log = logging.getLogger(__name__)


class HubNetwork:
    """`presence.wiring.Network` over a hub."""

    def __init__(self, hub: TransportHub) -> None:
        self._hub = hub

    def resolve(self, uri: Uri) -> Deferred[list[Destination]]:
        """RFC 3263."""
        return self._hub.resolve(uri)

    def connect(self, destination: Destination) -> Deferred[Flow]:
        """A flow to a place."""
        return self._hub.connect(destination)

    def flow(self, key: str) -> Flow | None:
        """A flow described earlier."""
        return self._hub.flow(key)

    def is_local(self, host: str, port: int | None, transport: str | None) -> bool:
        """Whether one of our listeners is meant."""
        return self._hub.is_local(host, port, transport)

    def udp_flow(self, through: Flow, host: str, port: int) -> Flow:
        """From the listener of `through` to another port of its peer."""
        listener = through.key.rpartition("|")[2]
        shown = f"[{host}]" if ":" in host else host
        return self._hub.flow(f"udp|{shown}:{port}|{listener}") or through

    def answer_elsewhere(self, transport: str, host: str, port: int, data: bytes) -> None:
        """RFC 3261 §18.2.2: a new connection for an answer whose own is gone."""

        def send(flow: Flow) -> None:
            flow.send(data)

        def failed(failure: Failure) -> None:
            failure.trap(TransportError)
            log.info("answer.undeliverable", extra={"peer": host, "reason": failure.getErrorMessage()})

        self._hub.connect(Destination(transport, host, port, None)).addCallback(send).addErrback(failed)
