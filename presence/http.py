"""The HTTP side: `/healthz`, `/metrics`, `/status`, `/explain`, on a root that others (SOAP) hang more on.

Answers are one line of JSON, faults too; nothing tells which software of which version answers.  What they
say of users and of the load is for operators alone, who are known by where they ask from.
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from twisted.internet.interfaces import IAddress, IDelayedCall, IReactorTime
from twisted.internet.protocol import connectionDone
from twisted.protocols.policies import ProtocolWrapper, ThrottlingFactory
from twisted.python.failure import Failure
from twisted.web import http
from twisted.web.resource import IResource, Resource
from twisted.web.server import Request, Site

from presence.observe.metrics import CONTENT_TYPE, Metrics
from presence.operators import Operators
from presence.provisioning.errors import ProvisioningError
from sip.buckets import network_of

log = logging.getLogger(__name__)

JSON = b"application/json"
NOT_AN_OPERATOR = "for operators alone (the setting operators)"

Health = Mapping[str, str | None]
"""What was checked, and what is wrong with it: None when it works."""


class JsonResource(Resource):
    """Answers GET and HEAD; other methods get 405, what is not below it 404."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]

    def render(self, request: Request) -> bytes:
        """The answer, or 405."""
        if request.method not in (b"GET", b"HEAD"):
            request.setHeader(b"allow", b"GET, HEAD")
            return answer(request, http.NOT_ALLOWED, {"error": "method not allowed"})
        return self.reply(request)

    def reply(self, request: Request) -> bytes:
        """404: a plain branch of the tree."""
        return answer(request, http.NOT_FOUND, {"error": "not found"})

    def getChild(self, path: bytes, request: Request) -> IResource:
        """Whatever was not put here does not exist."""
        return JsonResource()


class Healthz(JsonResource):
    """200 when everything works, 503 and the failing check otherwise."""

    def __init__(self, health: Callable[[], Health]) -> None:
        super().__init__()
        self._health = health

    def reply(self, request: Request) -> bytes:
        """Run the checks."""
        faults = self._health()
        failing = any(fault is not None for fault in faults.values())
        return answer(
            request,
            http.SERVICE_UNAVAILABLE if failing else http.OK,
            {
                "status": "failing" if failing else "ok",
                "checks": {name: fault or "ok" for name, fault in faults.items()},
            },
        )


class OperatorsPage(JsonResource):
    """A page for operators; anybody else gets 403."""

    def __init__(self, operators: Operators) -> None:
        super().__init__()
        self._operators = operators

    def render(self, request: Request) -> bytes:
        """The answer, if it is for whoever asks."""
        if not self._operators.include(request):
            address = getattr(request.getClientAddress(), "host", "")
            page = request.path.decode("latin-1")
            log.info("http.refused", extra={"client": address, "page": page, "reason": NOT_AN_OPERATOR})
            return answer(request, http.FORBIDDEN, {"error": NOT_AN_OPERATOR})
        return super().render(request)


class StatusPage(OperatorsPage):
    """The live figures, for `presentity status`."""

    def __init__(self, operators: Operators, status: Callable[[], Mapping[str, Any]]) -> None:
        super().__init__(operators)
        self._status = status

    def reply(self, request: Request) -> bytes:
        """Ask the server."""
        return answer(request, http.OK, self._status())


class ExplainPage(OperatorsPage):
    """Why a watcher sees what he sees, for `presentity explain`: `?watcher=...&presentity=...`."""

    def __init__(self, operators: Operators, explain: Callable[[str, str], Mapping[str, Any]]) -> None:
        super().__init__(operators)
        self._explain = explain

    def reply(self, request: Request) -> bytes:
        """400 for what is no address, 404 for nobody."""
        given = [request.args.get(name, []) for name in (b"watcher", b"presentity")]
        if any(len(values) != 1 for values in given):
            return answer(
                request, http.BAD_REQUEST, {"error": "say watcher=... and presentity=..., once each"}
            )
        watcher, presentity = (values[0].decode("utf-8", "replace") for values in given)
        try:
            explanation = self._explain(watcher, presentity)
        except ProvisioningError as error:
            return answer(request, http.BAD_REQUEST, {"error": str(error)})
        except LookupError as error:
            return answer(request, http.NOT_FOUND, {"error": str(error.args[0])})
        return answer(request, http.OK, explanation)


class MetricsPage(OperatorsPage):
    """What Prometheus scrapes."""

    def __init__(self, operators: Operators, metrics: Metrics) -> None:
        super().__init__(operators)
        self._metrics = metrics

    def reply(self, request: Request) -> bytes:
        """Read the figures."""
        request.setHeader(b"content-type", CONTENT_TYPE.encode())
        return self._metrics.text()


@dataclass(frozen=True, slots=True)
class RequestLimits:
    """What a request may be.

    Attributes:
        body: bytes; more is read past and answered 413.
        seconds: from its first line to the end of its body; then the connection is cut.
    """

    body: int = 262_144
    seconds: float = 15.0


LimitReached = Callable[[str, str], None]
"""Hears which setting was reached, and by which address."""


def _nobody_listens(limit: str, address: str) -> None:
    return


class LimitedChannel(http.HTTPChannel):
    """A connection on which a request has to begin in time once its first byte is there.

    The timeout of Twisted's own begins anew with each byte.
    """

    site: Any
    _beginning: IDelayedCall | None = None
    _whole = False
    _closing = False

    def dataReceived(self, data: bytes) -> None:
        """Some bytes."""
        self._whole = False
        super().dataReceived(data)  # type: ignore[no-untyped-call]
        if self.requests or self._whole:
            # It has a time of its own; and between requests there is the timeout of Twisted.
            self._begun()
        elif self._beginning is None:
            self._beginning = self.callLater(  # type: ignore[no-untyped-call]
                self.site.limits.seconds, self._late
            )

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The client has gone."""
        self._begun()
        super().connectionLost(reason)  # type: ignore[no-untyped-call]
        if not self._closing:
            # TLS does not let go of its producer by itself, and they would hold each other in memory.
            wire: Any = self._networkProducer
            wire.unregisterProducer()

    def loseConnection(self) -> None:
        """Close when all is written; nothing is produced any more."""
        self._closing = True
        super().loseConnection()  # type: ignore[no-untyped-call]

    def request_is_whole(self) -> None:
        """All of a request came with the bytes at hand."""
        self._whole = True

    def _begun(self) -> None:
        if self._beginning is not None and self._beginning.active():
            self._beginning.cancel()
        self._beginning = None

    def _late(self) -> None:
        self._beginning = None
        peer: Any = self.getPeer()  # type: ignore[no-untyped-call]
        self.site.limit_reached("http_request_timeout", getattr(peer, "host", ""))
        self.forceAbortClient()  # type: ignore[no-untyped-call]


class LimitedRequest(Request):
    """A request within limits, whose answer does not name the software."""

    too_large = False
    """Whether its body was over the limit; then none of it is there."""

    def __init__(self, *arguments: Any) -> None:
        # No page reads forms, and taking one apart would hold up the event loop.
        super().__init__(*arguments, parsePOSTFormSubmission=False)  # type: ignore[no-untyped-call]
        channel: Any = self.channel
        self._limits: RequestLimits = channel.site.limits
        # Whoever trickles bytes is never idle.
        self._deadline = channel.callLater(self._limits.seconds, self._late)

    def gotLength(self, length: int | None) -> None:
        """The headers are there; whatever length they tell, what comes is measured."""
        self.content = BytesIO()

    def handleContentChunk(self, data: bytes) -> None:
        """A part of the body is there."""
        assert isinstance(self.content, BytesIO)
        if not self.too_large and self.content.tell() + len(data) > self._limits.body:
            self.too_large = True
            self.content = BytesIO()
        if not self.too_large:
            self.content.write(data)

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        """All of it is there."""
        self._in_time()
        channel: Any = self.channel
        channel.request_is_whole()
        super().requestReceived(command, path, version)  # type: ignore[no-untyped-call]

    def connectionLost(self, reason: Any) -> None:
        """The client has gone."""
        self._in_time()
        super().connectionLost(reason)  # type: ignore[no-untyped-call]

    def render(self, resrc: IResource) -> None:
        """Refuse too much, unless the resource has words of its own for it."""
        # Twisted has written its name into the headers by now.
        self.responseHeaders.removeHeader(b"server")
        if self.too_large:
            self._reached("http_max_body")
        if self.too_large and not getattr(resrc, "answers_too_large", False):
            resrc = _TooLarge()
        super().render(resrc)  # type: ignore[no-untyped-call]

    def _in_time(self) -> None:
        if self._deadline.active():
            self._deadline.cancel()

    def _late(self) -> None:
        self._reached("http_request_timeout")
        # Nobody reads an answer before he has sent his question.
        self.channel.forceAbortClient()

    def _reached(self, limit: str) -> None:
        channel: Any = self.channel
        client: Any = self.getClientAddress()  # type: ignore[no-untyped-call]
        channel.site.limit_reached(limit, getattr(client, "host", ""))


class _TooLarge(Resource):
    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]

    def render(self, request: Request) -> bytes:
        return answer(request, http.REQUEST_ENTITY_TOO_LARGE, {"error": "the body is too large"})


class LimitedSite(Site):
    """A site whose requests keep within `limits`."""

    protocol: Any = LimitedChannel
    """HTTP/1.1 alone: nothing offers HTTP/2 in the handshake of TLS."""

    def __init__(
        self,
        root: IResource,
        limits: RequestLimits,
        reactor: IReactorTime | None = None,
        limit_reached: LimitReached = _nobody_listens,
    ) -> None:
        super().__init__(  # type: ignore[no-untyped-call]
            root, requestFactory=LimitedRequest, timeout=60, reactor=reactor
        )
        self.limits = limits
        self.limit_reached = limit_reached
        self.displayTracebacks = False


class LimitedConnections(ThrottlingFactory):
    """Hangs up on whoever opens one connection too many to what is behind it.

    Args:
        behind: makes the protocols.
        most: connections at a time.
        most_of_one: those of one address, 0 for no limit.
        exempt: whether an address is one that the latter is not for.
        limit_reached: hears which setting was reached, and by which address.
    """

    def __init__(
        self,
        behind: Any,
        most: int,
        most_of_one: int,
        exempt: Callable[[str], bool],
        limit_reached: LimitReached = _nobody_listens,
    ) -> None:
        super().__init__(behind, maxConnectionCount=most)  # type: ignore[no-untyped-call]
        self._most_of_one = most_of_one
        self._exempt = exempt
        self._limit_reached = limit_reached
        self._by_network: Counter[str] = Counter()

    def buildProtocol(self, addr: IAddress | None) -> ProtocolWrapper | None:  # type: ignore[override]
        """The protocol for a peer, None to hang up on it."""
        host: str = getattr(addr, "host", "")
        network = network_of(host)
        limit = ""
        if self.connectionCount >= self.maxConnectionCount:
            limit = "http_max_connections"
        elif self._most_of_one and self._by_network[network] >= self._most_of_one and not self._exempt(host):
            limit = "http_max_connections_address"
        if limit:
            self._limit_reached(limit, host)
            return None
        protocol: ProtocolWrapper | None = super().buildProtocol(addr)  # type: ignore[no-untyped-call]
        self._by_network[network] += 1
        return protocol

    def unregisterProtocol(self, p: ProtocolWrapper) -> None:
        """A connection has gone."""
        super().unregisterProtocol(p)  # type: ignore[no-untyped-call]
        network = network_of(getattr(p.getPeer(), "host", ""))
        self._by_network[network] -= 1
        if not self._by_network[network]:
            del self._by_network[network]


def answer(request: Request, status: int, body: Mapping[str, Any]) -> bytes:
    """Set up `request` for a JSON answer and return its text."""
    request.setResponseCode(status)
    request.setHeader(b"content-type", JSON)
    request.setHeader(b"cache-control", b"no-store")
    return json.dumps(body).encode() + b"\n"


def make_site(
    health: Callable[[], Health],
    status: Callable[[], Mapping[str, Any]],
    metrics: Metrics,
    reactor: IReactorTime | None = None,
    explain: Callable[[str, str], Mapping[str, Any]] | None = None,
    limits: RequestLimits | None = None,
    operators: Operators | None = None,
    limit_reached: LimitReached = _nobody_listens,
) -> LimitedSite:
    """The HTTP side of a server; `site.resource` is the root that takes more children.

    Args:
        health: the checks of `/healthz`.
        status: the figures of `/status`; all of it must fit JSON, and `pid` must be among it.
        metrics: the figures of `/metrics`.
        reactor: whose clock times idle connections; the default one if None.
        explain: what `/explain` answers for a watcher and a presentity, fit for JSON; raises
            ProvisioningError or LookupError.
        limits: what a request may be.
        operators: who gets more than `/healthz`; this computer alone if None.
        limit_reached: hears which setting was reached, and by which address.
    """
    operators = operators or Operators()
    root = JsonResource()
    root.putChild(b"healthz", Healthz(health))
    root.putChild(b"status", StatusPage(operators, status))
    root.putChild(b"metrics", MetricsPage(operators, metrics))
    if explain is not None:
        root.putChild(b"explain", ExplainPage(operators, explain))
    return LimitedSite(root, limits or RequestLimits(), reactor, limit_reached)
