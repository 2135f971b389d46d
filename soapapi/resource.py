"""SOAP over HTTP: who may come how, how much at a time, and nothing of it in the event loop."""

from __future__ import annotations

import ipaddress
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, cast

from twisted.internet.defer import Deferred, DeferredSemaphore
from twisted.internet.threads import deferToThreadPool
from twisted.python.failure import Failure
from twisted.python.threadpool import ThreadPool
from twisted.web import http
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

from soapapi.application import Answer, Asked, fault_answer, version_of
from soapapi.faults import INTERNAL, SoapFault, invalid
from soapapi.wsdl import render_wsdl, service_address

log = logging.getLogger(__name__)

BUSY: Final = "Server is busy."
PLAIN_HTTP: Final = (
    "Passwords travel in these requests: they are taken by HTTPS, or by HTTP from this computer itself"
    " (the setting soap_plain_http allows more)."
)
RETRY_AFTER: Final = 2
"""Seconds."""

Reading = Callable[[bytes, str, str], Asked]
"""`SoapApplication.read`: body, Content-Type, address of the client."""


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """How the service is offered.

    Attributes:
        threads: requests that are worked on at a time; of those that may change something, which wait for
            each other in the database, one less, so that others go on meanwhile.
        queue: requests that wait for one of them; more are answered 503.
        patience: seconds that a request may wait for one of them; then it is answered 503 as well.
        plain_http: whether plain HTTP is taken from other computers.
        address: URL of the service in the WSDL; None: as the client called it.
    """

    threads: int = 4
    queue: int = 64
    patience: float = 10.0
    plain_http: bool = False
    address: str | None = None


class SoapResource(Resource):
    """`/EPASSoap/service`: POST for calls, GET with `?wsdl` for the WSDL."""

    isLeaf = True
    answers_too_large = True
    """It has an answer of its own to a body over the limit (`presence.http.LimitedRequest`)."""

    def __init__(
        self,
        reactor: Any,
        reading: Reading,
        settings: HttpSettings,
        limit_reached: Callable[[str, str], None] = lambda limit, address: None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._reactor = reactor
        self._reading = reading
        self._settings = settings
        self._limit_reached = limit_reached
        self._pool = ThreadPool(minthreads=0, maxthreads=settings.threads, name="soap")
        self._writers: Any = DeferredSemaphore(max(1, settings.threads - 1))
        self._room = settings.threads + settings.queue
        self._under_way = 0

    @property
    def under_way(self) -> int:
        """Requests that are worked on or wait for it."""
        return self._under_way

    def start(self) -> None:
        """Have threads.  Until then requests wait."""
        self._pool.start()

    def stop(self) -> None:
        """Wait for what is being worked on, and end the threads; it blocks for as long as that takes."""
        self._pool.stop()

    def render(self, request: Request) -> bytes | int:
        """The answer now or later."""
        client = request.getClientAddress()
        address = str(getattr(client, "host", ""))
        if not (self._settings.plain_http or request.isSecure() or is_loopback(address)):
            return _plain(request, http.FORBIDDEN, PLAIN_HTTP)
        if request.method == b"POST":
            return self._called(request, address)
        if request.method in (b"GET", b"HEAD") and _asks_for_wsdl(request):
            url = self._settings.address or service_address(
                _header(request, b"host"), secure=request.isSecure(), port=_port(request)
            )
            request.setHeader(b"content-type", b"text/xml; charset=utf-8")
            return render_wsdl(url)
        request.setHeader(b"allow", b"POST")
        return _plain(request, http.NOT_ALLOWED, "POST a SOAP request, or GET ?wsdl.")

    def _called(self, request: Request, address: str) -> int:
        content_type = _header(request, b"content-type")
        if getattr(request, "too_large", False):
            _reply(request, fault_answer(invalid("TooLarge"), version_of(content_type)))
            return NOT_DONE_YET
        if self._under_way >= self._room:
            self._limit_reached("soap_queue", address)
            _reply_busy(request, version_of(content_type))
            return NOT_DONE_YET
        data = cast("Any", request.content).read()
        self._under_way += 1
        turn = _Turn()
        over: list[object] = []
        """Why nobody waits for an answer any more."""

        def went(reason: object) -> None:
            over.append(reason)
            turn.take()

        def late() -> None:
            if turn.take():
                over.append(BUSY)
                self._limit_reached("soap_queue_timeout", address)
                _reply_busy(request, version_of(content_type))

        request.notifyFinish().addErrback(went)
        patience = self._reactor.callLater(self._settings.patience, late)
        work = self._work(turn, data, content_type, address)
        work.addErrback(_unexpected, version_of(content_type))

        def answered(answer: Answer | None) -> None:
            self._under_way -= 1
            if patience.active():
                patience.cancel()
            if answer is None:
                return
            if answer.delay > 0:
                self._reactor.callLater(answer.delay, reply, answer)
            else:
                reply(answer)

        def reply(answer: Answer) -> None:
            if not over:
                _reply(request, answer)

        work.addCallback(answered)
        return NOT_DONE_YET

    def _work(self, turn: _Turn, data: bytes, content_type: str, address: str) -> Deferred[Answer | None]:
        """Read a request, and carry it out if it is its turn; None if it was given up before."""

        def read() -> Asked | Answer | None:
            if turn.is_over:
                return None
            asked = self._reading(data, content_type, address)
            return asked if asked.writes else carry_out(asked)

        def carry_out(asked: Asked) -> Answer | None:
            return asked.answer() if turn.take() else None

        def go_on(found: Asked | Answer | None) -> Any:
            if not isinstance(found, Asked):
                return found
            return self._writers.run(deferToThreadPool, self._reactor, self._pool, carry_out, found)

        return deferToThreadPool(self._reactor, self._pool, read).addCallback(go_on)


class _Turn:
    """A request's turn, taken once: by the thread that carries it out, or by what gives it up before."""

    def __init__(self) -> None:
        self._taken = threading.Lock()

    def take(self) -> bool:
        """Whether it is the caller's now."""
        return self._taken.acquire(blocking=False)

    @property
    def is_over(self) -> bool:
        """Whether it was taken."""
        return self._taken.locked()


def _header(request: Request, name: bytes) -> str:
    # A text for any bytes: asked for a text, Twisted raises where they are no UTF-8.
    value: bytes | None = request.getHeader(name)
    return (value or b"").decode("latin-1")


def _reply(request: Request, answer: Answer) -> None:
    request.setResponseCode(answer.status)
    request.setHeader(b"content-type", answer.content_type.encode())
    request.setHeader(b"content-length", b"%d" % len(answer.body))
    request.setHeader(b"cache-control", b"no-store")
    if answer.status == http.SERVICE_UNAVAILABLE:
        request.setHeader(b"retry-after", b"%d" % RETRY_AFTER)
    request.write(answer.body)
    request.finish()


def _reply_busy(request: Request, version: str) -> None:
    _reply(request, fault_answer(SoapFault("Receiver", BUSY), version, http.SERVICE_UNAVAILABLE))


def _unexpected(failure: Failure, version: str) -> Answer:
    log.error("soap.failed", exc_info=failure.value)
    return fault_answer(SoapFault("Receiver", INTERNAL), version)


def _plain(request: Request, status: int, text: str) -> bytes:
    request.setResponseCode(status)
    request.setHeader(b"content-type", b"text/plain; charset=utf-8")
    return text.encode() + b"\n"


def is_loopback(address: str) -> bool:
    """Whether it is this computer."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    return parsed.is_loopback


def _asks_for_wsdl(request: Request) -> bool:
    query = request.uri.partition(b"?")[2].lower()
    return query.split(b"&")[0] in (b"wsdl", b"wsdl=wsdl", b"wsdl=")


def _port(request: Request) -> int:
    return int(getattr(request.getHost(), "port", 0))
