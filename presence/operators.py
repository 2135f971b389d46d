"""Who by HTTP is an operator, which is told by where he asks from."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Final

from twisted.web.server import Request

from sip.identity import TrustedPeers

_PASSED_ON: Final = (b"forwarded", b"x-forwarded-for", b"x-forwarded-host", b"x-real-ip", b"via")


class Operators:
    """Who gets what is for operators: whoever asks from their networks, and this computer itself.

    Not what this computer passes on for others: what a proxy has marked as such, and what a page in a browser
    here asks of a name that leads here since a moment ago (DNS rebinding).

    Args:
        networks: networks or addresses; ValueError for what is neither.
        name: by which the listener is known besides its address, "" for none.
    """

    def __init__(self, networks: Iterable[str] = (), name: str = "") -> None:
        self._networks = TrustedPeers(networks)
        self._loopback = TrustedPeers(("127.0.0.0/8", "::1/128"))
        self._names = {"localhost", name.lower()}

    def include(self, request: Request) -> bool:
        """Whether it was one of them who sent `request`."""
        address = str(getattr(request.getClientAddress(), "host", ""))
        if self._networks.contains(address):
            return True
        if address != getattr(request.getHost(), "host", "") and not self._loopback.contains(address):
            return False
        if any(request.requestHeaders.hasHeader(name) for name in _PASSED_ON):
            return False
        name = request.getRequestHostname().decode("latin-1").lower()
        return name in self._names or _is_address(name)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text.strip("[]"))
    except ValueError:
        return False
    return True
