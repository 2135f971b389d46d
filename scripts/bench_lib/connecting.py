"""Clients that come and go over TCP and TLS: what is left of a connection when it is closed?

Each connects, signs on and hangs up, and comes again over another connection to sign off.  Every second one
hangs up by a reset, as one whose network is gone.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import time
from collections.abc import Callable, Iterator, Mapping

from bench_lib.errors import BenchError
from bench_lib.wire import Wire, call_id, number_of

PATIENCE = 30.0
"""Seconds for a connection, and for an answer."""

Address = tuple[str, int]


class Reconnecting:
    """The clients.

    Args:
        listeners: where the server listens, by transport ("TCP", "TLS"); its certificate is not checked.
        number: makes numbers for requests.
        users: how many there are, `u0` and on; clients are theirs in turn.
    """

    def __init__(self, listeners: Mapping[str, Address], number: Callable[[], int], users: int) -> None:
        self._listeners = dict(listeners)
        self._users = users
        self._number = number
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._tls.check_hostname = False
        self._tls.verify_mode = ssl.CERT_NONE
        self.connections = 0
        """Those that were made so far."""

    def wait(self, patience: float = PATIENCE) -> None:
        """Until the server listens on all: it may answer by UDP before.  Raises BenchError."""
        deadline = time.monotonic() + patience
        for transport, address in self._listeners.items():
            while True:
                try:
                    socket.create_connection(address, timeout=PATIENCE).close()
                    break
                except ConnectionRefusedError:
                    if time.monotonic() >= deadline:
                        raise BenchError(f"the server does not listen on {transport}") from None
                    time.sleep(0.02)

    def round(self, count: int) -> tuple[int, int]:
        """So many clients over each transport; returns how many REGISTERs were answered 200, and not."""
        good = asked = 0
        for transport in self._listeners:
            for place in range(count):
                call, user = call_id(self._number()), f"u{place % self._users}"
                for seq, expires in ((1, 3600), (2, 0)):
                    asked += 1
                    good += self._register(transport, user, call, seq, expires, reset=place % 2 == 1)
        return good, asked - good

    def _register(self, transport: str, user: str, call: str, seq: int, expires: int, *, reset: bool) -> bool:
        number = self._number()
        try:
            with self._connected(transport, reset) as connection:
                host, port = connection.getsockname()
                # The same contact each time: the second takes away what the first has bound.
                request = Wire(f"{host}:{port}").register(
                    number,
                    user,
                    expires=expires,
                    call=call,
                    seq=seq,
                    contact=f"{host}:9;transport={transport.lower()}",
                )
                connection.sendall(request.replace(b"SIP/2.0/UDP", f"SIP/2.0/{transport}".encode()))
                answer = b""
                while b"\r\n\r\n" not in answer:
                    more = connection.recv(65536)
                    if not more:
                        return False
                    answer += more
        except OSError:
            return False
        return answer.startswith(b"SIP/2.0 200 ") and number_of(answer) == number

    @contextlib.contextmanager
    def _connected(self, transport: str, reset: bool) -> Iterator[socket.socket]:
        with socket.create_connection(self._listeners[transport], timeout=PATIENCE) as plain:
            self.connections += 1
            if reset:
                plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            if transport != "TLS":
                yield plain
                return
            with self._tls.wrap_socket(plain) as secure:
                yield secure
