"""Requests of ours on their way out: our Via, the next place to try, and what to do when it fails.

RFC 3261 §8.1.2 and §18.1.1, with the failover of RFC 3263 §4.3: every place that a name resolves to is
tried in turn, each with a transaction and a branch of its own.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from sip.errors import DatagramTooLarge, SipError, TransportError
from sip.message import Request, Response, parse
from sip.timers import TimerWheel
from sip.transaction import ClientTransaction, TransactionLayer
from sip.transaction.layer import MAGIC_COOKIE
from sip.transport.flow import Flow
from sip.transport.hub import Destination
from sip.transport.spec import Address
from sip.uri import Uri

log = logging.getLogger(__name__)

LARGEST_BODY = 60_000
"""Bytes of a body that still fit a UDP datagram of at most 65,507 together with the head."""

TOO_LARGE = 513
"""What `ResponseUser.on_failure` hears of a request that only a datagram could have carried (§21.5.7)."""

_MOST_NAMES = 1024
"""Addresses of our own for which it is kept how they are written."""

LARGEST_DATAGRAM = 1300
"""Bytes above which RFC 3261 §18.1.1 asks for a congestion-safe transport (path MTU unknown)."""


class ResponseUser(Protocol):
    """Who sent a request, and hears what became of it."""

    def on_response(self, response: Response) -> None:
        """Each response, provisional ones too; our own Via is still on top of it."""

    def on_failure(self, status: int, reason: str) -> None:
        """No response: 408 when nobody answered in time, 503 when nobody could be reached.

        513 when no datagram holds the request and there was no answer by a connection either.
        """


class ContactNamer(Protocol):
    """Writes our Contact into a request."""

    def __call__(self, request: Request, flow: Flow, *, secure: bool) -> None:
        """For a request that goes over `flow`; `secure`: as a SIPS URI."""


class Network(Protocol):
    """What the sender needs of the transports."""

    def resolve(self, uri: Uri) -> Deferred[list[Destination]]:
        """Where `uri` leads, in the order to try (RFC 3263)."""

    def connect(self, destination: Destination) -> Deferred[Flow]:
        """A flow to a place, reused or new."""


@dataclass(frozen=True, slots=True)
class SenderSettings:
    """How requests leave."""

    congestion_safe: bool = False
    """Requests over 1300 bytes go over TCP when UDP was asked for, back to UDP if there is no TCP
    (RFC 3261 §18.1.1).  Off: they are sent over UDP, and the network fragments them."""


class Sending:
    """One request of ours until it is answered or given up; over several transactions if it must."""

    __slots__ = (
        "_cancel_sent",
        "_cancelled",
        "_finish",
        "_original",
        "_places",
        "_reasons",
        "_sender",
        "_suffix",
        "_unfit",
        "_user",
        "answered",
        "provisional",
        "request",
        "transaction",
        "tries",
    )

    def __init__(
        self,
        sender: RequestSender,
        request: Request,
        user: ResponseUser,
        suffix: str,
        finish: Callable[[Request, Flow], None] | None,
    ) -> None:
        self._original = request
        self.request = request
        """The request; once it is on its way, as it was sent, with our Via on top."""
        self.transaction: ClientTransaction | None = None
        self.answered = False
        self.provisional = False
        self.tries = 0
        """How often it was given to a flow that took it; 0: nobody can have got it."""
        self._sender = sender
        self._user = user
        self._suffix = suffix
        self._finish = finish
        self._places: deque[Destination] = deque()
        self._unfit = False
        """Whether there was a place that only a smaller request would have reached, by a datagram."""
        self._cancelled = False
        self._cancel_sent = False
        self._reasons: tuple[str, ...] = ()

    def cancel(self, reasons: Sequence[str] = ()) -> None:
        """Withdraw an INVITE: CANCEL now, or as soon as a provisional response has come (§9.1).

        `reasons` become Reason header fields of the CANCEL (RFC 3326).
        """
        if self._cancelled or self.answered:
            return
        self._cancelled = True
        self._reasons = tuple(reasons)
        if self.provisional:
            self._send_cancel()

    # -- trying places ------------------------------------------------------------------------------------

    def over(self, flow: Flow) -> None:
        """Send over `flow`, with a new branch."""
        branch = self._sender.new_branch(self._suffix)
        # What one attempt writes into the request must not be there in the next.
        again = self._places or (not flow.reliable and len(self._original.body) > LARGEST_DATAGRAM)
        request = self._original.copy() if again else self._original
        if self._finish is not None:
            self._finish(request, flow)
        request.prepend("Via", f"SIP/2.0/{flow.transport} {flow.sent_by};branch={branch};rport")
        self.request = request
        self.tries += 1
        self.transaction = self._sender.layer.client(request, branch, flow, self)

    def to(self, places: Iterable[Destination]) -> None:
        """Try `places` in turn."""
        places = list(places)
        self._unfit = _is_huge(self.request) and any(place.transport == "UDP" for place in places)
        self._places.extend(self._sender.preferred(self.request, places))
        self._try_next(503, "No address found")

    def by_connection(self, flow: Flow, reason: str) -> None:
        """No datagram holds it: to the same host and port, by a connection (§18.1.1)."""
        self._unfit = True
        self._places.appendleft(Destination("TCP", *flow.remote, None))
        self._try_next(503, reason)

    def failed(self, failure: Failure) -> None:
        """The name could not be resolved."""
        self._give_up(503, _one_line(failure))

    def _give_up(self, status: int, reason: str) -> None:
        # From the wheel: the user is never called back from within send().
        self.answered = True
        self.transaction = None
        self._sender.timers.after(0.0, self._user.on_failure, status, reason)

    def _try_next(self, status: int, reason: str) -> None:
        if not self._places or self._cancelled:
            if self._unfit:
                status, reason = TOO_LARGE, f"Too large for a datagram, and by a connection: {reason}"
            self._give_up(status, reason)
            return
        place = self._places.popleft()
        self._sender.network.connect(place).addCallbacks(
            self.over, lambda failure: self._try_next(503, _one_line(failure))
        ).addErrback(self._broken)

    def _broken(self, failure: Failure) -> None:
        log.error("sender.failed", exc_info=failure.value)
        if not self.answered:
            self._give_up(503, "Internal error while sending")

    def _send_cancel(self) -> None:
        transaction = self.transaction
        request = self.request
        if transaction is None or request.method != "INVITE" or self._cancel_sent:
            return
        self._cancel_sent = True
        headers = [("Via", request.values("Via")[0])]
        headers += [("Route", value) for value in request.get_all("Route")]
        headers += [
            ("Max-Forwards", "70"),
            ("From", request.get("From") or ""),
            ("To", request.get("To") or ""),
            ("Call-ID", request.call_id),
            ("CSeq", f"{request.cseq.number} CANCEL"),
        ]
        headers += [("Reason", reason) for reason in self._reasons]
        cancel = Request("CANCEL", request.uri_text, headers)
        branch = request.via.branch or ""
        layer = self._sender.layer
        layer.client(cancel, branch, transaction.flow, _Nobody())
        # A callee that never ends what was cancelled is given up (§9.1).
        layer.timers.after(layer.times.timeout, transaction.abandon)

    # -- what the transaction tells (ClientUser) ----------------------------------------------------------

    def on_response(self, transaction: ClientTransaction, response: Response) -> None:
        if transaction is not self.transaction:
            return
        if response.status < 200:
            self.provisional = True
            if self._cancelled:
                self._send_cancel()
        elif response.status == 503 and self._places and not self._cancelled:
            self._try_next(503, "Service Unavailable")
            return
        else:
            self.answered = True
            if self.request.method != "INVITE" or response.status >= 300:
                # No other answer is told of; without this the two would hold each other in memory.
                self.transaction = None
        self._user.on_response(response)

    def on_timeout(self, transaction: ClientTransaction) -> None:
        if transaction is self.transaction:
            self._try_next(408, "Request Timeout")

    def on_transport_error(self, transaction: ClientTransaction, error: TransportError) -> None:
        if transaction is not self.transaction:
            return
        if isinstance(error, DatagramTooLarge):
            self.tries -= 1
            self.by_connection(transaction.flow, str(error))
        else:
            self._try_next(503, str(error))


class DirectSending:
    """A request that was written as bytes, on the one flow that it is for: one transaction, one place.

    What one transaction cannot do (a datagram that the system takes for too large) is left to a `Sending`.
    """

    __slots__ = ("_instead", "_name_contact", "_secure", "_sender", "_user")

    def __init__(
        self, sender: RequestSender, user: ResponseUser, name_contact: ContactNamer, secure: bool
    ) -> None:
        self._sender = sender
        self._user = user
        self._name_contact = name_contact
        self._secure = secure
        self._instead: Sending | None = None

    @property
    def tries(self) -> int:
        """How often it was given to a flow that took it; 0: nobody can have got it."""
        return 1 if self._instead is None else self._instead.tries

    def on_response(self, transaction: ClientTransaction, response: Response) -> None:
        """The answer."""
        self._user.on_response(response)

    def on_timeout(self, transaction: ClientTransaction) -> None:
        """None came."""
        self._sender.timers.after(0.0, self._user.on_failure, 408, "Request Timeout")

    def on_transport_error(self, transaction: ClientTransaction, error: TransportError) -> None:
        """It did not get out."""
        if not isinstance(error, DatagramTooLarge):
            self._sender.timers.after(0.0, self._user.on_failure, 503, str(error))
            return
        request = parse(transaction.data)
        assert isinstance(request, Request)
        request.remove_first("Via")
        finish = partial(self._name_contact, secure=self._secure)
        self._instead = Sending(self._sender, request, self._user, "", finish)
        self._instead.by_connection(transaction.flow, str(error))


class RequestSender:
    """Sends requests to flows and URIs; one for the whole server."""

    def __init__(
        self,
        layer: TransactionLayer,
        network: Network,
        timers: TimerWheel,
        token: Callable[[], str],
        settings: SenderSettings | None = None,
    ) -> None:
        self.layer = layer
        self.network = network
        self.timers = timers
        self._names: dict[tuple[str, Address, bool], tuple[str, str]] = {}
        self._token = token
        self._settings = settings or SenderSettings()

    def send(
        self,
        request: Request,
        hop: Flow | Uri,
        user: ResponseUser,
        *,
        branch_suffix: str = "",
        finish: Callable[[Request, Flow], None] | None = None,
    ) -> Sending:
        """Send `request` over a flow, or to where a URI resolves to.

        `finish(request, flow)` is called before each attempt, for what depends on the way taken (Contact).
        Responses and failures reach `user` later, never from within this call.
        """
        sending = Sending(self, request, user, branch_suffix, finish)
        if isinstance(hop, Uri):
            self._resolve(hop, sending)
        elif not hop.reliable and self._wants_stream(request):
            # The same host and port over TCP first, the datagram after that.
            place = Destination("UDP", hop.remote[0], hop.remote[1], None)
            sending.to([place])
        else:
            sending.over(hop)
        return sending

    def takes_at_once(self, flow: Flow, size: int) -> bool:
        """Whether a request for `flow` with a body of `size` bytes goes over it, and nowhere else first."""
        return flow.reliable or (size <= LARGEST_BODY and not self._settings.congestion_safe)

    def names_on(self, flow: Flow, *, secure: bool) -> tuple[str, str]:
        """How a Via of ours on `flow` begins, up to its parameters, and the URI of our Contact there."""
        key = (flow.transport, flow.advertised, secure)
        names = self._names.get(key)
        if names is None:
            if len(self._names) >= _MOST_NAMES:
                self._names.clear()
            names = f"SIP/2.0/{flow.transport} {flow.sent_by}", flow.uri(secure=secure)
            self._names[key] = names
        return names

    def send_written(
        self,
        data: bytes,
        branch: str,
        flow: Flow,
        user: ResponseUser,
        name_contact: ContactNamer,
        *,
        secure: bool,
    ) -> DirectSending:
        """Send what was written for `flow` with `branch` in its Via, see `TransactionLayer.client_written`.

        For what `takes_at_once`.  `name_contact(request, flow, secure=secure)` is called where it has to go
        another way after all.  `user` is called as by `send`, but gets a plain 200 without its header fields.
        """
        sending = DirectSending(self, user, name_contact, secure)
        self.layer.client_written(data, branch, flow, sending)
        return sending

    def forward_ack(self, request: Request, hop: Flow | Uri, *, branch_suffix: str = "") -> None:
        """Send an ACK to a 2xx on, statelessly; nobody answers it and nobody sends it again."""
        if isinstance(hop, Uri):
            self.network.resolve(hop).addCallback(self._connect_first).addCallback(
                lambda flow: self._send_ack(request, flow, branch_suffix)
            ).addErrback(lambda failure: log.info("ack.undeliverable", extra={"error": _one_line(failure)}))
        else:
            self._send_ack(request, hop, branch_suffix)

    def _connect_first(self, places: list[Destination]) -> Deferred[Flow]:
        if not places:
            raise TransportError("no address found")
        return self.network.connect(places[0])

    def _send_ack(self, request: Request, flow: Flow, suffix: str) -> None:
        branch = self.new_branch(suffix)
        request.prepend("Via", f"SIP/2.0/{flow.transport} {flow.sent_by};branch={branch};rport")
        try:
            flow.send(request.render())
        except TransportError as error:
            log.info("ack.undeliverable", extra={"error": str(error)})

    def new_branch(self, suffix: str) -> str:
        """A branch that nobody used before (RFC 3261 §8.1.1.7)."""
        return f"{MAGIC_COOKIE}{self._token()}.{suffix}" if suffix else f"{MAGIC_COOKIE}{self._token()}"

    def preferred(self, request: Request, places: Iterable[Destination]) -> Iterable[Destination]:
        """`places`, each large UDP one after its TCP twin where the congestion-safe rule is on."""
        if not self._wants_stream(request):
            yield from places
            return
        for place in places:
            if place.transport == "UDP":
                yield replace(place, transport="TCP")
            if place.transport != "UDP" or not _is_huge(request):
                yield place

    def _wants_stream(self, request: Request) -> bool:
        if not request.body and not self._settings.congestion_safe:
            return False
        return (self._settings.congestion_safe and _is_large(request)) or _is_huge(request)

    def _resolve(self, uri: Uri, sending: Sending) -> None:
        self.network.resolve(uri).addCallbacks(sending.to, sending.failed).addErrback(sending._broken)


class _Nobody:
    """Who sent a CANCEL: its answer changes nothing."""

    def on_response(self, transaction: ClientTransaction, response: Response) -> None:
        """Nothing to do."""

    def on_timeout(self, transaction: ClientTransaction) -> None:
        """Nothing to do."""

    def on_transport_error(self, transaction: ClientTransaction, error: TransportError) -> None:
        """Nothing to do."""


def _is_huge(request: Request) -> bool:
    """True if no datagram can hold it (RFC 3261 §18.1.1: then TCP whatever was asked for)."""
    return len(request.body) > LARGEST_BODY


def _is_large(request: Request) -> bool:
    # 120 bytes for the Via that is still to come.
    return len(request.render()) + 120 > LARGEST_DATAGRAM


def _one_line(failure: Failure) -> str:
    error = failure.value
    if isinstance(error, SipError):
        return error.reason
    return " ".join(str(error).split()) or type(error).__name__
