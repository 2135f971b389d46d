"""Datagrams on their way out of one socket: at once, several together, or when there is room."""

from __future__ import annotations

import errno
import logging
import socket
from collections import deque
from collections.abc import Callable, Hashable
from typing import Final

from sip.errors import DatagramTooLarge, TransportError
from sip.transport.datagrams import Datagrams
from sip.transport.flow import Flow, Trace
from sip.transport.spec import Address, host_port

log = logging.getLogger(__name__)

TOGETHER: Final = 32
"""Datagrams that are given to the system at a time, where many are sent one after the other."""

LARGEST_TOGETHER: Final = 8192
"""Bytes of a datagram that waits for others: of a larger one its sender has to hear if it is too large."""

LARGEST_PAYLOAD: Final = {socket.AF_INET: 65507, socket.AF_INET6: 65527}
"""Bytes of a message in the largest datagram: less the header of UDP, and of IPv4 (RFC 791, RFC 8200)."""

_FULL: Final = frozenset({errno.EAGAIN, errno.EWOULDBLOCK, errno.ENOBUFS})


class Outgoing:
    """What one socket sends.

    Args:
        datagrams: the socket.
        family: its address family.
        bound: its own address, to be named in the log.
        limit: datagrams that may wait for room; what is more is dropped and counted.
        when_full: called when the first one has to wait; then `drain` is to be called when there is room.
        trace: gets whole messages, or None.
    """

    __slots__ = (
        "_address",
        "_bound",
        "_held",
        "_largest",
        "_limit",
        "_send",
        "_send_many",
        "_together",
        "_trace",
        "_waiting",
        "_when_full",
        "dropped",
        "open",
    )

    def __init__(
        self,
        datagrams: Datagrams,
        family: int,
        bound: Address,
        limit: int,
        when_full: Callable[[], None],
        trace: Trace | None,
    ) -> None:
        self._address = datagrams.address
        self._send = datagrams.send
        self._send_many = datagrams.send_many
        self._largest = LARGEST_PAYLOAD[socket.AddressFamily(family)]
        self._bound = bound
        self._limit = limit
        self._when_full = when_full
        self._trace = trace
        self._together = 0
        self._held: list[tuple[bytes, Hashable]] = []
        """What is given to the system together, as soon as there is enough of it."""
        self._waiting: deque[tuple[bytes, Hashable]] = deque()
        self.open = True
        """False once the socket is closed."""
        self.dropped = 0
        """Datagrams for which there was no room."""

    @property
    def waiting(self) -> int:
        """Datagrams that wait for room."""
        return len(self._waiting)

    def send(self, data: bytes, place: Hashable, flow: Flow) -> None:
        """Send a datagram to `place`, or keep it until the socket has room; `flow` is for the trace.

        Raises:
            DatagramTooLarge: no datagram holds it.
            TransportError: the socket is closed.
        """
        if len(data) > self._largest:
            raise _too_large(data)
        if self._trace is not None:
            self._trace("out", data, flow)
        if not self.open:
            raise TransportError("the udp listener is closed")
        if self._together:
            if len(data) <= LARGEST_TOGETHER:
                self._held.append((data, place))
                if len(self._held) >= TOGETHER:
                    self._send_held()
                return
            self._send_held()
        if self._waiting:
            self._keep(data, place)
            return
        try:
            self._send(data, place)
        except OSError as error:
            if error.errno == errno.EMSGSIZE:
                # Some systems send less than the largest datagram.
                raise _too_large(data) from error
            self._not_sent(data, place, error)

    def begin(self) -> None:
        """More than one datagram is about to be sent: until `end` some of them may wait for each other."""
        self._together += 1

    def end(self) -> None:
        """As often as `begin`: nothing waits for others any more."""
        self._together -= 1
        if not self._together:
            self.flush()

    def flush(self) -> None:
        """Nothing waits for others now."""
        if self._held:
            self._send_held()

    def drain(self) -> bool:
        """Send what waited, as far as the socket takes it; whether nothing waits any more."""
        waiting = self._waiting
        while waiting:
            data, place = waiting[0]
            try:
                self._send(data, place)
            except OSError as error:
                if error.errno in _FULL:
                    return False
                self._failed(data, place, error)
            waiting.popleft()
        return True

    def close(self) -> None:
        """What waits is dropped, and nothing is sent any more: the system may give the number to another."""
        self.open = False
        self._waiting.clear()
        self._held.clear()

    def _send_held(self) -> None:
        held = self._held
        while held and not self._waiting:
            try:
                sent = self._send_many(held)
            except OSError as error:
                if error.errno in _FULL:
                    break
                self._failed(*held[0], error)
                sent = 1
            del held[:sent]
        for data, place in held:
            self._keep(data, place)
        held.clear()

    def _not_sent(self, data: bytes, place: Hashable, error: OSError) -> None:
        if error.errno in _FULL:
            self._keep(data, place)
        else:
            self._failed(data, place, error)

    def _failed(self, data: bytes, place: Hashable, error: OSError) -> None:
        # An ICMP error of an earlier datagram, an unreachable network, a datagram that is too long: to SIP
        # the datagram is lost, and the transaction's timers say the rest.
        level = logging.WARNING if error.errno == errno.EMSGSIZE else logging.DEBUG
        peer = host_port(*self._address(place)[:2])
        log.log(
            level,
            "transport.datagram-lost",
            extra={"peer": peer, "size": len(data), "error": error.strerror},
        )

    def _keep(self, data: bytes, place: Hashable) -> None:
        if len(self._waiting) >= self._limit:
            if self.dropped % 1000 == 0:
                log.warning(
                    "transport.datagrams-dropped",
                    extra={"listener": host_port(*self._bound), "dropped": self.dropped + 1},
                )
            self.dropped += 1
            return
        if not self._waiting:
            self._when_full()
        self._waiting.append((data, place))


def _too_large(data: bytes) -> DatagramTooLarge:
    return DatagramTooLarge(f"{len(data)} bytes do not fit a datagram")
