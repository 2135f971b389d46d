"""Where to send a request for a SIP or SIPS URI: RFC 3263 §4, with the SRV selection of RFC 2782.

The answer is a list of destinations to be tried in order (§4.3).  The DNS is asked only when the URI leaves
something open: a numeric host never needs it, an explicit port needs addresses only.
"""

from __future__ import annotations

import logging
import random
import re
from collections.abc import Callable, Generator, Iterable, Sequence
from typing import Any, Final, NamedTuple, Protocol

from twisted.internet import defer
from twisted.internet.defer import Deferred, gatherResults, inlineCallbacks
from twisted.internet.interfaces import IReactorTime
from twisted.names import dns, error, hosts
from twisted.python.filepath import FilePath

from sip.errors import TransportError
from sip.transport.settings import TransportSettings
from sip.transport.spec import TRANSPORTS, Destination, numeric
from sip.uri import Uri

log = logging.getLogger(__name__)

Answer = Deferred[tuple[list[dns.RRHeader], list[dns.RRHeader], list[dns.RRHeader]]]


class DnsClient(Protocol):
    """What is asked of `twisted.names`: the part of its `IResolver` that RFC 3263 needs."""

    def lookupNamingAuthorityPointer(self, name: str, timeout: Sequence[float]) -> Answer: ...
    def lookupService(self, name: str, timeout: Sequence[float]) -> Answer: ...
    def lookupAddress(self, name: str, timeout: Sequence[float]) -> Answer: ...
    def lookupIPV6Address(self, name: str, timeout: Sequence[float]) -> Answer: ...


class Service(NamedTuple):
    """A way that a domain may offer SIP: NAPTR service field, SRV prefix (§4.1, RFC 7118 §5.5)."""

    transport: str
    naptr: str
    srv: str


SERVICES: Final = (
    # The order is our preference where a domain has SRV records and no NAPTR (§4.1 leaves it to us).
    Service("UDP", "SIP+D2U", "_sip._udp"),
    Service("TCP", "SIP+D2T", "_sip._tcp"),
    Service("TLS", "SIPS+D2T", "_sips._tcp"),
    Service("WS", "SIP+D2W", "_sip._ws"),
    Service("WSS", "SIPS+D2W", "_sips._ws"),
)

SECURED: Final = {"TCP": "TLS", "TLS": "TLS", "WS": "WSS", "WSS": "WSS"}
"""What a sips URI makes of a transport (RFC 3261 §19.1.4, RFC 5630 §3.1.3); UDP is not among them."""

NO_ANSWER: Final = (
    error.DomainError,
    error.DNSQueryTimeoutError,
    error.ResolverError,
    defer.TimeoutError,
)

_HOST_NAME: Final = re.compile(r"(?:[A-Za-z0-9_-]{1,63}\.)*[A-Za-z0-9_-]{1,63}\.?")
"""RFC 1035 §2.3.4, with the underscores that people use."""

WITHOUT_NAPTR: Final = ("UDP", "TCP", "TLS")
"""Transports whose SRV records are asked for when a domain has no NAPTR records."""


class Srv(NamedTuple):
    """One SRV record, its target without the final dot."""

    priority: int
    weight: int
    port: int
    target: str


class Resolver:
    """Resolves SIP URIs.

    Args:
        clock: time limits run on it.
        settings: time limits of the DNS.
        usable: whether we can send by a transport (upper case) to an address family ("4" or "6").
        client: asked for records; None: `twisted.names` with the system's name servers, made when needed.
        chance: gives a random integer from 0 to its argument, both included (RFC 2782 weights).
        hosts_file: names that need no DNS.
    """

    def __init__(
        self,
        clock: IReactorTime,
        settings: TransportSettings,
        usable: Callable[[str, str], bool],
        client: DnsClient | None = None,
        chance: Callable[[int], int] | None = None,
        hosts_file: str = "/etc/hosts",
    ) -> None:
        self._clock = clock
        self._limit = settings.dns_timeout
        self._timeout = (settings.dns_query_timeout / 2, settings.dns_query_timeout / 2)
        self._usable = usable
        self._client = client
        self._chance = chance if chance is not None else _chance
        self._hosts = FilePath(hosts_file)

    def resolve(self, uri: Uri, hint: str | None = None) -> Deferred[list[Destination]]:
        """Destinations for `uri` in the order to try them; `hint` is a transport for URIs that name none.

        Fails with TransportError and a one line reason where there is nothing to try.  Fires at once for a
        numeric host.
        """
        found = self._resolve(uri, hint)
        if not found.called:

            def late(result: Any, limit: float) -> list[Destination]:
                raise TransportError(f"cannot resolve {uri.host}: no answer from the DNS in {limit:g} s")

            found.addTimeout(self._limit, self._clock, onTimeoutCancel=late)
        return found

    @inlineCallbacks
    def _resolve(self, uri: Uri, hint: str | None) -> Generator[Deferred[Any], Any, list[Destination]]:
        target = uri.params.get("maddr") or uri.host
        transport = _asked_transport(uri, hint)
        address = numeric(target)
        if address is not None:
            found = self._at(uri, transport, [address])
        elif not _HOST_NAME.fullmatch(target) or len(target) > 253:
            raise TransportError(f"cannot resolve {target!r}: not a host name")
        elif known := self._local_names(target):
            # The operator's word in the hosts file stands above the DNS; there are no SRV records in it.
            found = self._at(uri, transport, known)
        elif uri.port is not None:
            addresses = yield self._addresses(target)
            found = self._at(uri, transport, addresses)
        else:
            found = yield self._by_records(uri, target, transport)
        if not found:
            raise TransportError(f"cannot resolve {target}: no address that can be used")
        return list(dict.fromkeys(found))

    # -- what needs no records ----------------------------------------------------------------------------

    def _default(self, uri: Uri, addresses: Sequence[str]) -> str:
        """The transport where nobody names one (§4.1): UDP, or TLS for sips; TCP where we have no UDP."""
        if uri.scheme == "sips":
            return "TLS"
        return "UDP" if any(self._can("UDP", address) for address in addresses) else "TCP"

    def _at(self, uri: Uri, transport: str | None, addresses: Sequence[str]) -> list[Destination]:
        chosen = transport or self._default(uri, addresses)
        port = uri.port if uri.port is not None else TRANSPORTS[chosen].default_port
        return self._places(uri, chosen, addresses, port)

    def _places(self, uri: Uri, transport: str, addresses: Iterable[str], port: int) -> list[Destination]:
        name = uri.host if TRANSPORTS[transport].secure else None
        return [
            Destination(transport, address, port, name)
            for address in addresses
            if self._can(transport, address)
        ]

    def _can(self, transport: str, address: str) -> bool:
        return self._usable(transport, "6" if ":" in address else "4")

    def _local_names(self, name: str) -> list[str]:
        host = name.rstrip(".").lower()
        found = [str(each) for each in hosts.searchFileForAll(self._hosts, host.encode("ascii"))]
        if not found and (host == "localhost" or host.endswith(".localhost")):  # RFC 6761 §6.3
            found = ["127.0.0.1", "::1"]
        return sorted(dict.fromkeys(found), key=lambda address: ":" in address)

    # -- NAPTR and SRV ------------------------------------------------------------------------------------

    @inlineCallbacks
    def _by_records(
        self, uri: Uri, domain: str, transport: str | None
    ) -> Generator[Deferred[Any], Any, list[Destination]]:
        secure = uri.scheme == "sips"
        if transport is not None:
            service = next(each for each in SERVICES if each.transport == transport)
            named = [(transport, f"{service.srv}.{domain}")]
        else:
            named = yield self._naptr(domain, secure)
        # §4.2: what was chosen by name keeps its transport even where it turns out to have no SRV records.
        chosen = named[0][0] if named else None
        offered = named or [
            (each.transport, f"{each.srv}.{domain}")
            for each in SERVICES
            if each.transport in WITHOUT_NAPTR
            and (TRANSPORTS[each.transport].secure or not secure)
            and self._any(each.transport)
        ]
        answer: tuple[list[Destination], set[str]] = yield self._by_services(uri, offered)
        places, refused = answer
        if places:
            return places
        addresses = yield self._addresses(domain)
        if (chosen or self._default(uri, addresses)) in refused:
            return []
        return self._at(uri, chosen, addresses)

    def _any(self, transport: str) -> bool:
        return self._usable(transport, "4") or self._usable(transport, "6")

    @inlineCallbacks
    def _naptr(self, domain: str, secure: bool) -> Generator[Deferred[Any], Any, list[tuple[str, str]]]:
        """Transport and SRV name of the domain's most wanted NAPTR records that we can follow."""
        records = yield self._ask("lookupNamingAuthorityPointer", domain, dns.NAPTR)
        by_name = {service.naptr: service.transport for service in SERVICES}
        usable = []
        for record in records:
            name = record.service.string.decode("ascii", "replace").upper()
            transport = by_name.get(name)
            if transport is None or record.flags.string.lower() != b"s" or record.regexp.string:
                continue
            if secure and not TRANSPORTS[transport].secure:
                continue
            if self._any(transport):
                usable.append((record.order, record.preference, transport, _text(record.replacement)))
        usable.sort(key=lambda each: each[:2])
        # RFC 2915 §2: once an order matches, records of a higher one are not looked at.
        return [(transport, name) for order, _, transport, name in usable if order == usable[0][0]]

    @inlineCallbacks
    def _by_services(
        self, uri: Uri, services: Sequence[tuple[str, str]]
    ) -> Generator[Deferred[Any], Any, tuple[list[Destination], set[str]]]:
        """Places of all `services` (transport, SRV name) in order, and the transports that are refused."""
        answers = yield gatherResults([self._ask("lookupService", name, dns.SRV) for _, name in services])
        found: list[Destination] = []
        refused: set[str] = set()
        for (transport, _), payloads in zip(services, answers, strict=True):
            records = [Srv(each.priority, each.weight, each.port, _text(each.target)) for each in payloads]
            # RFC 2782: the target "." says that the service is decidedly not there.
            if any(not record.target for record in records):
                refused.add(transport)
            ordered = by_weight((record for record in records if record.target), self._chance)
            addresses = yield gatherResults([self._addresses(record.target) for record in ordered])
            for record, targets in zip(ordered, addresses, strict=True):
                found += self._places(uri, transport, targets, record.port)
        return found, refused

    # -- records ------------------------------------------------------------------------------------------

    @inlineCallbacks
    def _addresses(self, name: str) -> Generator[Deferred[Any], Any, list[str]]:
        """Numeric addresses of `name`, IPv4 first."""
        address = numeric(name)
        if address is not None:
            return [address]
        known = self._local_names(name)
        if known:
            return known
        four, six = yield gatherResults(
            [self._ask("lookupAddress", name, dns.A), self._ask("lookupIPV6Address", name, dns.AAAA)]
        )
        return [record.dottedQuad() for record in four] + [
            numeric(record._address) or record._address for record in six
        ]

    @inlineCallbacks
    def _ask(self, method: str, name: str, kind: int) -> Generator[Deferred[Any], Any, list[Any]]:
        """Payloads of the records of `kind`; none where the DNS knows none or does not answer."""
        try:
            answers, _, _ = yield getattr(self._dns(), method)(name, timeout=self._timeout)
        except NO_ANSWER as failure:
            # Some name servers fail on NAPTR and SRV alone: what they cannot say counts as not there.
            log.debug("transport.dns", extra={"name": name, "error": type(failure).__name__})
            return []
        return [record.payload for record in answers if record.type == kind]

    def _dns(self) -> DnsClient:
        if self._client is None:
            from twisted.names import client

            try:
                self._client = client.createResolver()
            except ValueError:  # no name server in resolv.conf
                self._client = client.createResolver(servers=[("127.0.0.1", dns.PORT)])
        return self._client


def by_weight(records: Iterable[Srv], chance: Callable[[int], int]) -> list[Srv]:
    """SRV records in the order to try them (RFC 2782): by priority, then by lot, more weight sooner."""
    waiting = sorted(records, key=lambda record: (record.priority, record.weight))
    ordered: list[Srv] = []
    while waiting:
        group = [record for record in waiting if record.priority == waiting[0].priority]
        drawn = chance(sum(record.weight for record in group))
        running = 0
        for record in group:
            running += record.weight
            if running >= drawn:
                break
        ordered.append(record)
        waiting.remove(record)
    return ordered


def _asked_transport(uri: Uri, hint: str | None) -> str | None:
    asked = (uri.params.get("transport") or hint or "").upper() or None
    if asked is not None and asked not in TRANSPORTS:
        raise TransportError(f"cannot send over transport {asked.lower()!r}")
    if uri.scheme != "sips":
        return asked
    if uri.params.get("transport") is None and asked == "UDP":
        asked = None  # a hint is no wish of the URI's: TLS it is
    if asked is not None and asked not in SECURED:
        raise TransportError("a sips URI cannot be reached over udp")
    return None if asked is None else SECURED[asked]


def _chance(largest: int) -> int:
    return random.randint(0, largest)


def _text(name: dns.Name) -> str:
    return name.name.decode("ascii", "replace").rstrip(".")
