"""WWW-Authenticate and Proxy-Authenticate (RFC 3261 §20.44, RFC 7616 §3.3)."""

from __future__ import annotations

from sip.headers.auth import AuthValue


class Challenge(AuthValue):
    """A challenge; qop is quoted here, algorithm and stale are not."""

    __slots__ = ()

    header = "WWW-Authenticate"
    unquoted = frozenset({"algorithm", "stale", "userhash", "charset"})
