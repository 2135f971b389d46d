"""Authorization and Proxy-Authorization (RFC 3261 §20.7, RFC 7616 §3.4)."""

from __future__ import annotations

from sip.headers.auth import AuthValue


class Credentials(AuthValue):
    """Credentials; algorithm, nc and qop are not quoted here."""

    __slots__ = ()

    header = "Authorization"
    unquoted = frozenset({"algorithm", "nc", "qop", "userhash"})
