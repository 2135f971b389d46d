"""Via: the path that a request has taken and that its responses go back (RFC 3261 §20.42, RFC 3581)."""

from __future__ import annotations

import re
from typing import Final, Self

from sip.headers.grammar import malformed, parse_params, render_params
from sip.headers.plain import plain_via
from sip.uri import parse_host

_PROTOCOL = re.compile(
    r"([A-Za-z0-9\-.!%*_+`'~]++)\s*+/\s*+([A-Za-z0-9\-.!%*_+`'~]++)\s*+/\s*+([A-Za-z0-9\-.!%*_+`'~]++)\s++(\S.*+)"
)

DEFAULT_PORT: Final = 5060
"""Where answers go if a sent-by names no port (RFC 3261 §18.2.2)."""


class Via:
    """One Via value.  `transport` is in capitals ("UDP"), `host` without the brackets of IPv6."""

    # No dataclass: the constructor of one is not compiled, and costs several times as much.
    __slots__ = ("host", "params", "port", "protocol", "transport")

    def __init__(
        self,
        transport: str,
        host: str,
        port: int | None = None,
        params: dict[str, str | None] | None = None,
        protocol: str = "SIP/2.0",
    ) -> None:
        self.transport = transport
        self.host = host
        self.port = port
        self.params: dict[str, str | None] = {} if params is None else params
        self.protocol = protocol

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Via):
            return NotImplemented
        return self._parts() == other._parts()

    __hash__ = None  # type: ignore[assignment]

    def _parts(self) -> tuple[object, ...]:
        return self.transport, self.host, self.port, self.params, self.protocol

    def __repr__(self) -> str:
        return f"<Via {self}>"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read one value.  Raises BadRequest."""
        plain = plain_via(text)
        if plain is not None:
            transport, host, port, params = plain
            return cls(transport, host, port, params)
        head, semicolon, rest = text.partition(";")
        match = _PROTOCOL.fullmatch(head)
        if match is None:
            raise malformed("Via")
        name, version, other, place = match.groups()
        try:
            host, port = parse_host(place.strip(" \t"))
        except ValueError as error:
            raise malformed("Via", str(error)) from None
        params = parse_params(semicolon + rest, "Via") if rest else {}
        return cls(other.upper(), host, port, params, f"{name.upper()}/{version}")

    @property
    def branch(self) -> str | None:
        """The transaction's name (RFC 3261 §8.1.1.7); None in requests of RFC 2543."""
        return self.params.get("branch")

    @property
    def received(self) -> str | None:
        """The source address that the next hop saw, without brackets (RFC 5118 §4.5: both forms are seen)."""
        received: str | None = self.params.get("received")
        return None if received is None else received.strip("[]")

    @property
    def rport(self) -> int | None:
        """The source port that the next hop saw; None when absent or asked for without a value.

        `"rport" in via.params` tells whether the client asked for it (RFC 3581 §4).
        """
        text = self.params.get("rport")
        if text is None or not (text.isascii() and text.isdigit() and len(text) <= 5):
            return None
        return int(text)

    @property
    def sent_by(self) -> str:
        """host[:port] as it stands in the header, IPv6 in brackets."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port is None else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.protocol}/{self.transport} {self.sent_by}{render_params(self.params)}"


def with_source(line: str, host: str, port: int) -> str | None:
    """The value `line` with the source of its request in it (RFC 3581 §4), which asks for the port.

    None unless the line is as nearly every client writes it, with a bare rport and nothing quoted.
    """
    before, asked, after = line.partition(";rport")
    if not asked or (after and after[0] != ";") or "," in line or '"' in line or ";received=" in line:
        return None
    return f"{before};rport={port};received={host}{after}"
