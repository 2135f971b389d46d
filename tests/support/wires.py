"""The four ways that a SIP message travels, as blocking sockets: UDP, TCP, TLS, WebSocket.

A wire has `send(data)`, `receive() -> list of whole messages` (blocks; raises OSError or EOFError when it
is gone) and `close()`. Streams are cut by Content-Length (RFC 3261 §18.3); WebSocket is RFC 6455 with
subprotocol "sip" (RFC 7118), only as much of it as a test needs.
"""

from __future__ import annotations

import base64
import contextlib
import os
import re
import socket
import ssl
import struct
from typing import Protocol

Address = tuple[str, int]
CONNECT_SECONDS = 5.0


class Wire(Protocol):
    """What a client needs of its transport."""

    local: Address

    def send(self, data: bytes) -> None: ...

    def receive(self) -> list[bytes]: ...

    def close(self) -> None: ...


def close_socket(sock: socket.socket) -> None:
    """Close a socket that another thread may be reading, so that the reader wakes up."""
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
    sock.close()


class UdpWire:
    """A datagram socket bound to one port; whoever sends to it is heard."""

    def __init__(self, server: Address, local: Address) -> None:
        family = socket.AF_INET6 if ":" in server[0] else socket.AF_INET
        self._sock = socket.socket(family, socket.SOCK_DGRAM)
        self._sock.bind(local)
        self._sock.settimeout(0.5)
        self._server = server
        self._open = True
        self.local: Address = self._sock.getsockname()[:2]

    def send(self, data: bytes) -> None:
        with contextlib.suppress(
            ConnectionRefusedError
        ):  # an earlier datagram met a closed port: try again later
            self._sock.sendto(data, self._server)

    def receive(self) -> list[bytes]:
        while self._open:
            try:
                return [self._sock.recvfrom(65535)[0]]
            except (TimeoutError, ConnectionRefusedError):
                continue
        raise EOFError

    def close(self) -> None:
        self._open = False
        self._sock.close()


class TcpWire:
    """A connection to the server, plain or TLS (the certificate is not checked)."""

    def __init__(self, server: Address, local: Address, tls: bool = False) -> None:
        sock = socket.create_connection(server, timeout=CONNECT_SECONDS, source_address=local)
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            sock = context.wrap_socket(sock)
        self._take(sock)

    @classmethod
    def over(cls, sock: socket.socket) -> TcpWire:
        """A connection that somebody has opened to us."""
        wire = cls.__new__(cls)
        wire._take(sock)
        return wire

    def _take(self, sock: socket.socket) -> None:
        sock.settimeout(None)
        self._sock = sock
        self._buffer = b""
        self.local: Address = sock.getsockname()[:2]

    def send(self, data: bytes) -> None:
        self._sock.sendall(data)

    def receive(self) -> list[bytes]:
        chunk = self._sock.recv(65535)
        if not chunk:
            raise EOFError
        self._buffer += chunk
        messages = []
        while (message := self._cut()) is not None:
            messages.append(message)
        return messages

    def _cut(self) -> bytes | None:
        self._buffer = self._buffer.lstrip(b"\r\n")  # keep-alives, RFC 5626 §3.5.1
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return None
        length = re.search(rb"\r\n(?:content-length|l)\s*:\s*(\d+)", self._buffer[: end + 2], re.IGNORECASE)
        whole = end + 4 + (int(length[1]) if length else 0)
        if len(self._buffer) < whole:
            return None
        message, self._buffer = self._buffer[:whole], self._buffer[whole:]
        return message

    def close(self) -> None:
        close_socket(self._sock)


class WebSocketWire:
    """A WebSocket connection: one SIP message a frame."""

    TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10

    def __init__(self, server: Address, local: Address, tls: bool = False) -> None:
        self._tcp = TcpWire(server, local, tls)
        self._sock = self._tcp._sock
        self.local: Address = self._tcp.local
        self._buffer = b""
        key = base64.b64encode(os.urandom(16)).decode()
        self._sock.sendall(
            (
                f"GET / HTTP/1.1\r\nHost: {server[0]}:{server[1]}\r\n"
                "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Protocol: sip\r\n\r\n"
            ).encode()
        )
        while b"\r\n\r\n" not in self._buffer:
            self._buffer += self._more()
        self.handshake, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        if b" 101 " not in self.handshake.split(b"\r\n")[0]:
            raise ConnectionError(self.handshake.decode("latin-1"))

    def _more(self) -> bytes:
        chunk = self._sock.recv(65535)
        if not chunk:
            raise EOFError
        return chunk

    def _frame(self, opcode: int, data: bytes) -> None:
        mask = os.urandom(4)
        size = len(data)
        length = bytes([0x80 | size]) if size < 126 else b"\xfe" + struct.pack("!H", size)
        masked = bytes(byte ^ mask[index % 4] for index, byte in enumerate(data))
        self._sock.sendall(bytes([0x80 | opcode]) + length + mask + masked)

    def send(self, data: bytes) -> None:
        self._frame(self.TEXT, data)

    def _take(self, count: int) -> bytes:
        while len(self._buffer) < count:
            self._buffer += self._more()
        taken, self._buffer = self._buffer[:count], self._buffer[count:]
        return taken

    def receive(self) -> list[bytes]:
        opcode = self._take(1)[0] & 0x0F
        size = self._take(1)[0]
        if size >= 126:
            size = int.from_bytes(self._take(2 if size == 126 else 8), "big")
        data = self._take(size)
        if opcode == self.CLOSE:
            raise EOFError
        if opcode == self.PING:
            self._frame(self.PONG, data)
        return [data] if opcode in (self.TEXT, self.BINARY) else []

    def close(self) -> None:
        self._tcp.close()


def open_wire(transport: str, server: Address, local: Address) -> Wire:
    """A wire for "udp", "tcp", "tls", "ws" or "wss"."""
    if transport == "udp":
        return UdpWire(server, local)
    if transport in ("tcp", "tls"):
        return TcpWire(server, local, tls=transport == "tls")
    return WebSocketWire(server, local, tls=transport == "wss")
