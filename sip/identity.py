"""Who sent a request: the identity that stands behind it, whom we believe, and what he may do.

An authenticated user is known by digest; a trusted peer (a proxy of ours) may assert an identity by
P-Asserted-Identity (RFC 3325), then Remote-Party-ID, then From.  From anybody else those two header
fields are ignored here and removed before a request is forwarded (RFC 3325 §5).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Literal, Protocol

from sip.errors import BadRequest, Forbidden
from sip.headers import NameAddr
from sip.message import Request
from sip.uri import Uri

Source = Literal["digest", "p-asserted-identity", "remote-party-id", "from"]


class Identity:
    """The user behind a request: his AOR (as `Uri.aor` gives it), how we know, and the name that he shows."""

    __slots__ = ("aor", "display", "source")

    def __init__(self, aor: str, source: Source, display: str | None = None) -> None:
        self.aor = aor
        self.source: Source = source
        self.display = display

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Identity):
            return NotImplemented
        return (self.aor, self.source, self.display) == (other.aor, other.source, other.display)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<Identity {self.aor} by {self.source}>"


class UserDirectory(Protocol):
    """Who lives in our domains; the provisioning side implements it, from memory."""

    def is_local_domain(self, host: str) -> bool:
        """Whether `host` (of a URI, any case) is a domain that we are responsible for."""

    def resolve(self, aor: str) -> str | None:
        """The canonical AOR of a user given by AOR or alias; None if there is none."""

    def ha1(self, username: str, realm: str, algorithm: str) -> str | None:
        """Stored H(A1) in hex for "alice" or "alice@example.com"; None for an unknown user or algorithm."""

    def aor_of(self, username: str, realm: str) -> str | None:
        """The canonical AOR of the user who authenticates as `username` in `realm`."""


_ASSERTED = ("P-Asserted-Identity", "Remote-Party-ID")


def identify(request: Request, trusted: bool) -> Identity:
    """Who `request` says it is from, without digest.

    Args:
        request: any request.
        trusted: whether the peer that it came from may assert identities.

    Raises:
        BadRequest: for a From that cannot be read.
    """
    if trusted:
        for name in _ASSERTED:
            identity = _asserted(request, name)
            if identity is not None:
                return identity
    sender = request.from_
    return Identity(sender.uri.aor, "from", sender.display)


def _asserted(request: Request, name: str) -> Identity | None:
    if name not in request:
        return None
    source: Source = "p-asserted-identity" if name == "P-Asserted-Identity" else "remote-party-id"
    for value in request.values(name):
        try:
            party = NameAddr.parse(value, name)
            uri = party.uri
        except BadRequest:
            continue  # Rubbish beside the value that we look for takes nothing away from it.
        if isinstance(uri, Uri):
            return Identity(uri.aor, source, party.display)
    return None


def strip_asserted(request: Request) -> None:
    """Remove the identities that an untrusted peer asserted, before `request` goes anywhere else."""
    for name in _ASSERTED:
        request.remove(name)


def authorize_as(identity: Identity | None, aor: str, directory: UserDirectory) -> None:
    """Let only the user himself act for `aor`, a canonical AOR (RFC 3261 §10.3 step 4).

    The identity may be an alias of his.

    Raises:
        Forbidden: for anybody else.
    """
    if identity is None:
        raise Forbidden("Not authenticated")
    if identity.aor != aor and directory.resolve(identity.aor) != aor:
        raise Forbidden("Not allowed for this user")


_Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_CACHE_LIMIT = 4096


class TrustedPeers:
    """The addresses whose word we take for who sent a request.

    Args:
        cidrs: networks or single addresses, IPv4 or IPv6; an IPv4-mapped IPv6 address counts as IPv4.

    Raises:
        ValueError: for a text that is neither.
    """

    __slots__ = ("_cache", "_networks")

    def __init__(self, cidrs: Iterable[str] = ()) -> None:
        self._networks: list[_Network] = [_network(cidr) for cidr in cidrs]
        self._cache: dict[str, bool] = {}

    def contains(self, host: str) -> bool:
        """Whether `host`, an address as a transport reports it, is trusted; False for a host name."""
        if not self._networks:
            return False
        known = self._cache.get(host)
        if known is None:
            if len(self._cache) >= _CACHE_LIMIT:
                self._cache.clear()
            known = self._cache[host] = self._look_up(host)
        return known

    def _look_up(self, host: str) -> bool:
        try:
            address = ipaddress.ip_address(host.strip("[]").partition("%")[0])
        except ValueError:
            return False
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        return any(address in network for network in self._networks)


def _network(cidr: str) -> _Network:
    network = ipaddress.ip_network(cidr.strip(), strict=False)
    if isinstance(network, ipaddress.IPv6Network) and network.prefixlen >= 96:
        mapped = network.network_address.ipv4_mapped
        if mapped is not None:
            return ipaddress.IPv4Network((mapped, network.prefixlen - 96))
    return network
