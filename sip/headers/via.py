"""Via: the path that a request has taken and that its responses go back (RFC 3261 §20.42, RFC 3581)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Self

from sip.headers.grammar import TOKEN, malformed, parse_params, render_params
from sip.uri import parse_host

_PROTOCOL = re.compile(
    r"([A-Za-z0-9\-.!%*_+`'~]++)\s*+/\s*+([A-Za-z0-9\-.!%*_+`'~]++)\s*+/\s*+([A-Za-z0-9\-.!%*_+`'~]++)\s++(\S.*+)"
)
_SIMPLE_HOST = re.compile(r"([A-Za-z0-9\-_.]++)(?::([0-9]{1,4}+))?+")


@dataclass(slots=True)
class Via:
    """One Via value.  `transport` is in capitals ("UDP"), `host` without the brackets of IPv6."""

    transport: str
    host: str
    port: int | None = None
    params: dict[str, str | None] = field(default_factory=dict)
    protocol: str = "SIP/2.0"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read one value.  Raises BadRequest."""
        head, semicolon, rest = text.partition(";")
        protocol = "SIP/2.0"
        if head[:8] == "SIP/2.0/":
            transport, _, sent_by = head[8:].partition(" ")
        else:
            transport, sent_by = "", ""
        if not transport.isalnum() or not sent_by:
            match = _PROTOCOL.fullmatch(head)
            if match is None:
                raise malformed("Via")
            name, version, transport, sent_by = match.groups()
            protocol = f"{name.upper()}/{version}"
        simple = _SIMPLE_HOST.fullmatch(sent_by)
        port: int | None
        if simple is not None:
            host, port_text = simple.groups()
            port = None if port_text is None else int(port_text)
        else:
            try:
                host, port = parse_host(sent_by.strip(" \t"))
            except ValueError as error:
                raise malformed("Via", str(error)) from None
        params = parse_params(semicolon + rest, "Via") if semicolon else {}
        return cls(transport.upper(), host, port, params, protocol)

    @property
    def branch(self) -> str | None:
        return self.params.get("branch")

    @property
    def received(self) -> str | None:
        """The source address that the next hop saw, without brackets (RFC 5118 §4.5: both forms are seen)."""
        received = self.params.get("received")
        return received if received is None else received.strip("[]")

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


def is_token(text: str) -> bool:
    """Whether `text` can stand where the grammar asks for a token (a transport, a method)."""
    return TOKEN.fullmatch(text) is not None
