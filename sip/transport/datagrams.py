"""What is done with a UDP socket for each datagram: in C where that was compiled, else in Python.

An address has a form of its own in each, which is only good as a key and for sending: so none is translated
for each datagram.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable, Hashable
from functools import partial
from typing import Any, Final

from sip.native import native

LARGEST: Final = 65535
"""No datagram is longer (RFC 768)."""

Datagram = tuple[bytes, Any]
"""What came and from where, or what goes and where to."""

_IPV4: Final = struct.Struct("=H2s4s")
_IPV6: Final = struct.Struct("=H2s4s16sI")
_PORT: Final = struct.Struct("!H")
_FLOW: Final = struct.Struct("!I")


class Datagrams:
    """A socket that does not block, by way of Python's own functions; an address is what those take."""

    def __init__(self, sock: socket.socket) -> None:
        self.receive: Callable[[int], list[Datagram]] = partial(_receive, sock)
        """At most so many that have come, or none.  Raises OSError: what the system has to tell."""
        self.send: Callable[[bytes, Any], object] = sock.sendto
        """One datagram.  Raises OSError: it was not sent."""

        self.send_many: Callable[[list[Datagram]], int] = partial(_send_many, sock)
        """The first of some; how many.  Raises OSError: the very first was not sent."""

    def place(self, address: tuple[Any, ...]) -> Hashable:
        """The form that `send` takes of a numeric address, as the module `socket` has it."""
        return address

    def address(self, place: Any) -> tuple[Any, ...]:
        """The address again."""
        found: tuple[Any, ...] = place
        return found


class SwiftDatagrams(Datagrams):
    """The same by way of our own in C; an address is what the system has in memory."""

    def __init__(self, sock: socket.socket) -> None:
        descriptor = sock.fileno()
        self.receive = partial(_NATIVE.receive, descriptor)
        self.send = partial(_NATIVE.send, descriptor)
        self.send_many = partial(_NATIVE.send_many, descriptor)

    def place(self, address: tuple[Any, ...]) -> Hashable:
        """As `Datagrams.place`."""
        host, port = address[:2]
        if len(address) == 2:
            return _IPV4.pack(socket.AF_INET, _PORT.pack(port), socket.inet_pton(socket.AF_INET, host))
        host = host.partition("%")[0]
        flow, raw = _FLOW.pack(address[2]), socket.inet_pton(socket.AF_INET6, host)
        return _IPV6.pack(socket.AF_INET6, _PORT.pack(port), flow, raw, address[3])

    def address(self, place: Any) -> tuple[Any, ...]:
        """As `Datagrams.address`."""
        if len(place) == _IPV4.size:
            _, port, raw = _IPV4.unpack(place)
            return socket.inet_ntop(socket.AF_INET, raw), _PORT.unpack(port)[0]
        _, port, flow, raw, scope = _IPV6.unpack(place)
        return (
            socket.inet_ntop(socket.AF_INET6, raw),
            _PORT.unpack(port)[0],
            _FLOW.unpack(flow)[0],
            scope,
        )


def datagrams(sock: socket.socket) -> Datagrams:
    """The swifter one, where it is there."""
    return Datagrams(sock) if _NATIVE is None else SwiftDatagrams(sock)


def _receive(sock: socket.socket, most: int) -> list[Datagram]:
    found: list[Datagram] = []
    while len(found) < most:
        try:
            found.append(sock.recvfrom(LARGEST))
        except BlockingIOError:
            break
        except OSError:
            if not found:
                raise
            # Told again, or lost: what has come already is worth more.
            break
    return found


def _send_many(sock: socket.socket, datagrams: list[Datagram]) -> int:
    for index, (data, place) in enumerate(datagrams):
        try:
            sock.sendto(data, place)
        except OSError:
            if not index:
                raise
            return index
    return len(datagrams)


_NATIVE: Final[Any] = native("sip._datagrams")
