"""Values of header fields as nearly all are written; what is unusual is None, and read step by step.

Where it was compiled the same is done in C (decision 0022).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from sip.native import native

Params = dict[str, str | None]

_APART = re.compile(r'["<, \t]')
_TRANSPORTS = {f"SIP/2.0/{name}": name for name in ("UDP", "TCP", "TLS", "SCTP", "WS", "WSS")}
_SENT_BY = re.compile(r"([A-Za-z0-9\-.]++)(?::([0-9]{1,5}+))?")
_HIGHEST_PORT = 65535
_ADDRESS = re.compile(r'(?:"([^"\\]*+)" ?)?<([^">, \t<]++)>(;.*+)?', re.DOTALL)


def plain_params_in_python(text: str) -> Params | None:
    """`;name=value;name` as `sip.headers.grammar.parse_params`: no quotes, no spaces, no name twice."""
    if text[:1] != ";" or not text.isascii() or _APART.search(text):
        return None
    params: Params = {}
    for part in text[1:].split(";"):
        name, equals, value = part.partition("=")
        name = name.lower()
        if not name or name in params:
            return None
        params[name] = value if equals else None
    return params


def plain_via_in_python(text: str) -> tuple[str, str, int | None, Params] | None:
    """Transport, host, port and parameters of one Via value."""
    head, semicolon, rest = text.partition(";")
    usual, _, sent_by = head.partition(" ")
    transport = _TRANSPORTS.get(usual)
    match = _SENT_BY.fullmatch(sent_by)
    if transport is None or match is None or not text.isascii():
        return None
    host, digits = match.groups()
    port = None if digits is None else int(digits)
    params = plain_params(semicolon + rest) if semicolon else {}
    if params is None or (port is not None and port > _HIGHEST_PORT):
        return None
    return transport, host, port, params


def plain_address_in_python(text: str) -> tuple[str | None, str, Params] | None:
    """Display name, URI and parameters of an address in angle brackets, with a name in quotes or none."""
    match = _ADDRESS.fullmatch(text)
    if match is None or not text.isascii():
        return None
    display, uri, rest = match.groups()
    params = plain_params(rest) if rest else {}
    return None if params is None else (display, uri, params)


_NATIVE: Final = native("sip._heads")
plain_params: Final[Callable[[str], Params | None]] = getattr(_NATIVE, "plain_params", plain_params_in_python)
plain_via: Final[Callable[[str], tuple[str, str, int | None, Params] | None]] = getattr(
    _NATIVE, "plain_via", plain_via_in_python
)
plain_address: Final[Callable[[str], tuple[str | None, str, Params] | None]] = getattr(
    _NATIVE, "plain_address", plain_address_in_python
)
