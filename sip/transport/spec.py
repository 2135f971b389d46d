"""The transports by name, and what `--listen` says about one of them.

Names and default ports: RFC 3261 §18 and §19.1.2, RFC 7118 §5 for the WebSocket ones.
"""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from typing import Final, NamedTuple


class Kind(NamedTuple):
    """What is the same for all flows of a transport."""

    reliable: bool
    secure: bool
    default_port: int
    uri_parameter: str
    """Value of the `transport` URI parameter; empty where none is written (UDP, the default)."""


TRANSPORTS: Final[dict[str, Kind]] = {
    "UDP": Kind(reliable=False, secure=False, default_port=5060, uri_parameter=""),
    "TCP": Kind(reliable=True, secure=False, default_port=5060, uri_parameter="tcp"),
    "TLS": Kind(reliable=True, secure=True, default_port=5061, uri_parameter="tls"),
    "WS": Kind(reliable=True, secure=False, default_port=80, uri_parameter="ws"),
    "WSS": Kind(reliable=True, secure=True, default_port=443, uri_parameter="ws"),
}

WILDCARDS: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104

Address = tuple[str, int]


class ListenError(Exception):
    """A listener could not be opened; the text is one line for the operator."""


@dataclass(frozen=True, slots=True)
class Destination:
    """One place to send to, a result of RFC 3263."""

    transport: str
    """UDP, TCP, TLS, WS or WSS."""
    host: str
    """Numeric address, IPv6 without brackets."""
    port: int
    server_name: str | None = None
    """The name that a TLS server's certificate must be valid for (RFC 5922 §4: that of the URI)."""


def numeric(host: str) -> str | None:
    """`host` in its canonical spelling if it is an IP address (IPv6 in brackets or not), else None."""
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    try:
        return str(ipaddress.ip_address(bare))
    except ValueError:
        return None


def family_of(host: str) -> socket.AddressFamily:
    """AF_INET6 for an IPv6 address, otherwise AF_INET."""
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def host_port(host: str, port: int) -> str:
    """`host:port` as in a Via sent-by or a URI: IPv6 in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def split_host_port(text: str) -> Address:
    """The reverse of `host_port`.

    Raises:
        ValueError: with a text that says what is wrong.
    """
    host, colon, digits = text.rpartition(":")
    if not colon or not host:
        raise ValueError(f"expected HOST:PORT, got {text!r}")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
        if ":" not in host or numeric(host) is None:
            raise ValueError(f"not an IPv6 address: {host!r}")
    elif ":" in host:
        raise ValueError(f"an IPv6 address stands in brackets: [{host}]:{digits}")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 5 and int(digits) <= 65535):
        raise ValueError(f"not a port number from 0 to 65535: {digits!r}")
    return host, int(digits)


@dataclass(frozen=True, slots=True)
class ListenSpec:
    """One address to listen on: transport (upper case), host (IPv6 without brackets), port (0: any)."""

    transport: str
    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> ListenSpec:
        """Read `udp:HOST:PORT`, the host numeric, a name, or an IPv6 address in brackets.

        Raises:
            ValueError: with a text that says what is wrong.
        """
        transport, colon, rest = text.strip().partition(":")
        if transport.upper() not in TRANSPORTS:
            known = ", ".join(name.lower() for name in TRANSPORTS)
            raise ValueError(f"unknown transport {transport!r} in {text!r} (one of {known})")
        if not colon:
            raise ValueError(f"expected {transport}:HOST:PORT, got {text!r}")
        try:
            host, port = split_host_port(rest)
        except ValueError as error:
            raise ValueError(f"cannot listen on {text!r}: {error}") from None
        return cls(transport.upper(), numeric(host) or host, port)

    def __str__(self) -> str:
        return f"{self.transport.lower()}:{host_port(self.host, self.port)}"
