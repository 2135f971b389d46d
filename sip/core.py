"""Where messages arrive: which transaction, which service, and who is asking.

RFC 3261 §8.2 (user agent server), §16.3 to §16.5 (what a proxy checks before it forwards), §18.2.1 and
RFC 3581 (received, rport).  The core decides whose business a request is and hands it on; what the business
is, the usages know.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

from sip.buckets import Buckets
from sip.dialog_mark import is_marked
from sip.errors import (
    BadExtension,
    BadRequest,
    Forbidden,
    MethodNotAllowed,
    NoSuchCall,
    NotFound,
    ParseError,
    ProxyAuthRequired,
    ServerInternalError,
    ServiceUnavailable,
    SipError,
    TooManyHops,
    TransportError,
    Unauthorized,
)
from sip.headers import Credentials, Via
from sip.headers.via import DEFAULT_PORT
from sip.identity import Identity, TrustedPeers, UserDirectory, identify, strip_asserted
from sip.limits import REASONS, RETRY_AFTER, Gate, Verdict
from sip.load import Load
from sip.message import Request, Response, check_lengths, check_request, check_response, parse
from sip.request import ServerRequest
from sip.roles import CoreSettings, Doorkeeper, Network, Onward, Service
from sip.stats import Stats
from sip.timers import TimerWheel
from sip.transaction import ServerTransaction, TransactionLayer
from sip.transport.flow import Flow
from sip.uri import Uri

log = logging.getLogger(__name__)

_RESPONSE = b"SIP/2.0 "


class SipCore:
    """The one core of a server; transports call `receive`, the transaction layer `on_request`."""

    def __init__(
        self,
        settings: CoreSettings,
        *,
        directory: UserDirectory,
        trusted: TrustedPeers,
        doorkeeper: Doorkeeper,
        timers: TimerWheel,
        stats: Stats,
        token: Callable[[], str],
        dialog_key: bytes,
        load: Load | None = None,
        gate: Gate | None = None,
    ) -> None:
        self.settings = settings
        self._gate = gate
        self._lines = Buckets(rate=10, burst=100)
        """Lines of the log about what anybody may send: the rest is counted only."""
        self._dialog_key = dialog_key
        self.layer: TransactionLayer
        self.network: Network
        self.onward: Onward
        self.services: Mapping[str, Service] = {}
        """The services by method; what none of them takes is forwarded to the user."""
        self.allow_events: Callable[[], str] = lambda: ""
        self.overload: Callable[[], str | None] = lambda: None
        """Says why no new work can be taken at the moment; asked for each request outside of a dialog."""
        self.closing = False
        """Set when the server is about to stop: what is new is refused with 503, the rest is finished."""
        self._directory = directory
        self._trusted = trusted
        self._doorkeeper = doorkeeper
        self.load = load or Load()
        self._timers = timers
        self._stats = stats
        self._token = token

    # -- what transports bring ----------------------------------------------------------------------------

    def receive_at(self, data: bytes, flow: Flow, now: float) -> None:
        """As `receive`, at a time (monotonic seconds) to which the wheel is brought first."""
        self._timers.advance(now)
        self.receive(data, flow)

    def receive(self, data: bytes, flow: Flow) -> None:
        """One message as it came from a transport."""
        if self.layer.receive_plain(data):
            return
        gate = None if self._trusted.contains(flow.remote[0]) else self._gate
        if gate is not None and not self._lets_in(gate, data, flow):
            return
        try:
            message = parse(data, self.settings.max_header_values)
        except ParseError as error:
            self.refuse(error.partial, error, flow)
            return
        try:
            if isinstance(message, Response):
                check_response(message)
                if not self.layer.receive_response(message) and gate is not None:
                    gate.stray(flow, self._timers.now)
            else:
                via = message.via
                answers = self.note_source(message, via, flow)
                self.layer.receive_request(message, via, flow, answers)
        except SipError as error:
            self.refuse(message if isinstance(message, Request) else None, error, flow)

    def keeps_out(self, flow: Flow) -> bool:
        """Whether the address of `flow` has used up what it may ask.

        Nothing is counted: what is let in comes to `receive`, and for what is not `turned_away` is called.
        """
        if self._gate is None or self._trusted.contains(flow.remote[0]):
            return False
        return not self._gate.admits(flow, self._timers.now)

    def turned_away(self, flow: Flow) -> None:
        """A request that came by `flow` was answered already: it counts as one that its address asked."""
        if self._gate is not None and not self._trusted.contains(flow.remote[0]):
            self._gate.judge(flow, self._timers.now)

    def _lets_in(self, gate: Gate, data: bytes, flow: Flow) -> bool:
        """Whether a message comes in; if not, a request is told so (statelessly), now and then."""
        response = data.startswith(_RESPONSE)
        verdict = gate.judge(flow, self._timers.now, response=response)
        if verdict is Verdict.PASS:
            return True
        if verdict is Verdict.REFUSE and not response:
            try:
                message = parse(data, self.settings.max_header_values)
            except ParseError as error:
                partial = error.partial
            else:
                partial = message if isinstance(message, Request) else None
            self._answer_at_once(
                partial,
                ServiceUnavailable(REASONS[gate.limit], headers=(("Retry-After", str(RETRY_AFTER)),)),
                flow,
            )
        return False

    def refuse(self, partial: Request | None, error: SipError, flow: Flow) -> None:
        """Answer what could not be read as a request, as far as that can be done (statelessly)."""
        self._stats.malformed += 1
        if error.limit:
            self._stats.limit_reached(error.limit, self._timers.now, flow.remote[0])
        if self._lines.take("malformed", self._timers.now):
            log.info(
                "message.malformed",
                extra={"peer": flow.remote[0], "transport": flow.transport, "reason": error.reason},
            )
        self._answer_at_once(partial, error, flow)

    def _answer_at_once(self, partial: Request | None, error: SipError, flow: Flow) -> None:
        if partial is None or partial.method == "ACK":
            return
        try:
            answers = self._answers_to(partial, flow)
            response = Response.answering(
                partial, error.status, error.reason, to_tag=self._token(), headers=error.headers
            )
            self._stats.count(partial.method, error.status)
            answers.send(response.render())
        except (SipError, TransportError):
            # Not even a Via to answer along: nobody can be told.
            return

    def _answers_to(self, partial: Request, flow: Flow) -> Flow:
        """The way of answers to a request that is broken, perhaps in its topmost Via."""
        if "Via" not in partial:
            raise BadRequest("Missing Via header field")
        try:
            via = partial.via
        except BadRequest:
            # It goes back as it came, to where the packet was from: that much is certain (RFC 4475 §3.1.2.1).
            return flow
        return self.note_source(partial, via, flow)

    def note_source(self, request: Request, via: Via, flow: Flow) -> Flow:
        """Write into the Via where the request came from, and say where answers go (§18.2.1, RFC 3581 §4)."""
        host, port = flow.remote[0], flow.remote[1]
        wants_port = "rport" in via.params
        if wants_port:
            request.note_source(via, host, port)
        elif via.host.lower() != host:
            via.params["received"] = host
            request.replace_via(via)
        elif "received" in via.params:
            # The first line says the truth already; nothing that a sender claims there is believed.
            del via.params["received"]
            request.replace_via(via)
        if flow.reliable or wants_port:
            return flow
        sent_by = via.port or DEFAULT_PORT
        return flow if sent_by == port else self.network.udp_flow(flow, host, sent_by)

    # -- what the transaction layer tells -----------------------------------------------------------------

    def on_request(self, transaction: ServerTransaction) -> None:
        """A new request: check it, find out whose business it is."""
        request = transaction.request
        sr = ServerRequest(
            transaction,
            aor="",
            trusted=self._trusted.contains(transaction.flow.remote[0]),
            now=self._timers.now,
            to_tag=self._token(),
        )
        transaction.once = not sr.trusted
        try:
            if request.method == "CANCEL":
                self._cancel(sr)
            else:
                check_request(request)
                self._check_load(request)
                self._dispatch(sr)
        except SipError as error:
            sr.reject(error)
        except Exception:
            # The boundary between requests: a fault in one is answered and logged, and troubles no other.
            log.exception("request.failed", extra={"method": request.method})
            if not sr.answered:
                sr.reject(ServerInternalError())

    def on_ack(self, request: Request, flow: Flow) -> None:
        """An ACK to a 2xx that passes through us; anything else is dropped."""
        try:
            check_request(request)
            marked = self._take_own_route(request)
            if marked or self._trusted.contains(flow.remote[0]):
                self.onward.ack(request)
        except SipError as error:
            log.debug("ack.dropped", extra={"peer": flow.remote[0], "reason": error.reason})

    def on_undeliverable(self, via: Via, answer: bytes) -> None:
        """The connection went before the answer: a new one to where the Via says (§18.2.2)."""
        host = via.received or via.host
        self.network.answer_elsewhere(via.transport, host, via.port or DEFAULT_PORT, answer)

    # -- whose business it is -----------------------------------------------------------------------------

    def _dispatch(self, sr: ServerRequest) -> None:
        request = sr.request
        if not sr.trusted:
            # Kept for nobody: an identity that an untrusted peer asserts must not travel on (RFC 3325 §5).
            strip_asserted(request)
        marked = self._take_own_route(request)
        uri = request.uri
        if request.routes or not self._is_ours(uri):
            self._pass_on(sr, marked)
            return
        if not isinstance(uri, Uri):
            raise NotFound("No route to telephone numbers")
        method = request.method
        if method == "REGISTER":
            self._serve(sr)
        elif not uri.user:
            self._to_ourselves(sr)
        else:
            sr.aor = uri.aor
            if method in self.services:
                self._serve(sr)
            else:
                self._to_user(sr)

    def _check_load(self, request: Request) -> None:
        """Send new work away while there is too much of it; what was begun goes on."""
        reason = "Server is stopping" if self.closing else None
        if reason is None and request.to.tag is None:
            reason = self.overload()
        if reason is not None:
            raise ServiceUnavailable(reason, headers=self.load.retry(request.call_id))

    def _serve(self, sr: ServerRequest) -> None:
        """Give a request to the service of its method."""
        service = self.services.get(sr.method)
        if service is None:
            raise self._not_allowed()
        self._check_required(sr.request, "Require")
        if self.settings.max_value_length:
            check_lengths(sr.request, self.settings.max_value_length)
        # MESSAGE goes on to the user, so there we are a proxy, check and challenge as one.
        forwarded = sr.method == "MESSAGE"
        if forwarded:
            self._check_forwardable(sr.request)
        # Authentication is first (RFC 3261 §8.2): what nobody has proved to have sent does not count as
        # arrived, so a stranger's copy that comes first, or a guess, keeps nobody's own request out.
        try:
            sr.identity = self._identify(sr, proxy=forwarded)
        except (Unauthorized, ProxyAuthRequired) as error:
            # But the credentials of a copy were used up by the first to come.  To challenge it would ask for
            # the same request once more; and who knows its tag, Call-ID and CSeq learns nothing by the 482.
            if self.layer.is_copy(sr.transaction):
                raise _merged() from error
            raise
        if self.layer.is_merged(sr.transaction):
            raise _merged()
        service.handle(sr)

    def _to_ourselves(self, sr: ServerRequest) -> None:
        """Requests whose Request-URI is the server and no user."""
        method = sr.method
        if method == "OPTIONS":
            self._check_required(sr.request, "Require")
            sr.reply(200, headers=self._capabilities())
        elif method == "SUBSCRIBE" and sr.request.to.tag is not None:
            self._serve(sr)
        elif sr.request.to.tag is not None:
            raise NoSuchCall
        elif method in ("SUBSCRIBE", "PUBLISH", "MESSAGE"):
            raise NotFound("A user is missing in the Request-URI")
        else:
            raise self._not_allowed()

    def _to_user(self, sr: ServerRequest) -> None:
        """Whatever no service of ours takes goes to the user's bindings."""
        request = sr.request
        self._check_forwardable(request)
        sr.identity = self._identify(sr, proxy=True)
        aor = self._directory.resolve(sr.aor)
        if aor is None:
            raise NotFound(f"No such user: {sr.aor.removeprefix('sip:')}")
        self.onward.to_user(sr, aor)

    def _pass_on(self, sr: ServerRequest, marked: bool) -> None:
        """A request for elsewhere: of a dialog that goes through us, or of a user of ours."""
        request = sr.request
        self._check_forwardable(request)
        if marked and request.to.tag is not None:
            sr.transaction.once = False
            self.onward.onward(sr, record_route=False)
            return
        sender = request.from_.uri
        if not sr.trusted and not (isinstance(sender, Uri) and self._directory.is_local_domain(sender.host)):
            raise Forbidden("Relaying between foreign domains is not allowed")
        sr.identity = self._identify(sr, proxy=True)
        self.onward.onward(sr, record_route=True)

    def _cancel(self, sr: ServerRequest) -> None:
        """CANCEL is answered hop by hop; the request that it is for learns of it (RFC 3261 §9.2)."""
        target = self.layer.cancelled_by(sr.request, sr.request.via)
        if target is None or not self._same_hop(sr, target):
            sr.reject(NoSuchCall("Nothing To Cancel"))
            # Remembered, it would be given the CANCEL of who may: both have the same name.
            self.layer.forget(sr.transaction)
            return
        sr.reply(200)
        if target.on_cancel is not None and not target.final_status:
            target.on_cancel(sr.request)

    def _same_hop(self, sr: ServerRequest, target: ServerTransaction) -> bool:
        """Whether a CANCEL comes from where its request came from: it cannot be challenged (RFC 3261 §22.1).

        Whoever is called reads in the Vias by what a caller's request is known.
        """
        host = target.flow.remote[0]
        return sr.flow.remote[0] == host or (sr.trusted and self._trusted.contains(host))

    # -- addresses ----------------------------------------------------------------------------------------

    def _is_ours(self, uri: object) -> bool:
        if not isinstance(uri, Uri):
            return True
        # A domain that is an address is where phones of the same machine are as well, at other ports.
        if self._directory.is_local_domain(uri.host) and (uri.port is None or not _is_address(uri.host)):
            return True
        return self.network.is_local(uri.host, uri.port, uri.params.get("transport"))

    def _take_own_route(self, request: Request) -> bool:
        """Remove what names us from the route set (RFC 3261 §16.4).

        True if it carries the mark of this dialog, which only its two ends were given.
        """
        routes = request.routes
        if not routes:
            return False
        uri = request.uri
        if isinstance(uri, Uri) and "lr" in uri.params and self._is_ours(uri):
            # A strict router before us put our Record-Route into the Request-URI and the target at the end.
            values = request.values("Route")
            request.remove("Route")
            for value in values[:-1]:
                request.add("Route", value)
            request.retarget(routes[-1].uri)
            return is_marked(uri.params, self._dialog_key, request.call_id)
        marked = False
        # Twice, where we recorded ourselves once for each of two transports.
        while routes and isinstance(own := routes[0].uri, Uri) and self._is_ours(own):
            marked = marked or is_marked(own.params, self._dialog_key, request.call_id)
            request.remove_first("Route")
            routes = request.routes
        return marked

    def _realm(self, request: Request) -> str:
        """The domain whose user must prove himself."""
        parties = (request.to, request.from_) if request.method == "REGISTER" else (request.from_, request.to)
        for party in parties:
            uri = party.uri
            if isinstance(uri, Uri) and self._directory.is_local_domain(uri.host):
                return uri.host.lower()
        return self.settings.domains[0]

    # -- who asks -----------------------------------------------------------------------------------------

    def _identify(self, sr: ServerRequest, *, proxy: bool) -> Identity:
        request = sr.request
        if sr.trusted:
            claimed = identify(request, trusted=True)
            if "Privacy" in request and "id" in {
                wish.strip().lower() for line in request.get_all("Privacy") for wish in line.split(";")
            }:
                # It was told to us and is for nobody outside (RFC 3323 §4.3, RFC 3325 §9.3): not for phones.
                strip_asserted(request)
            aor = self._directory.resolve(claimed.aor)
            if aor is None or aor == claimed.aor:
                return claimed
            return Identity(aor, claimed.source, claimed.display)
        realm = self._realm(request)
        proved = self._doorkeeper.authenticate(
            request, realm=realm, now=sr.now, proxy=proxy, remote=sr.flow.remote
        )
        if self._gate is not None:
            self._gate.proved(sr.flow, proved.aor)
        sr.flow.vouched()
        sr.transaction.once = False
        if proxy:
            _take_credentials(request, realm)
        sender = request.from_
        if request.method != "REGISTER":
            # Whoever may speak for himself may not speak for others; a REGISTER is judged by its To.
            uri = sender.uri
            claimed_aor = uri.aor if isinstance(uri, Uri) else ""
            if proved.aor not in (claimed_aor, self._directory.resolve(claimed_aor)):
                raise Forbidden("From is not who authenticated")
        return Identity(proved.aor, "digest", sender.display)

    # -- what we can --------------------------------------------------------------------------------------

    def _check_forwardable(self, request: Request) -> None:
        """What a proxy refuses whoever it is that asks (RFC 3261 §16.3 steps 3 and 5)."""
        if request.max_forwards == 0:
            raise TooManyHops
        self._check_required(request, "Proxy-Require")

    def _check_required(self, request: Request, header: str) -> None:
        if header not in request:
            return
        unknown = [
            tag
            for tag in request.values(header)
            if tag.strip() and tag.lower() not in self.settings.supported
        ]
        if unknown:
            raise BadExtension(headers=(("Unsupported", ", ".join(unknown)),))

    def _allow(self) -> str:
        # What this server itself answers; whatever else is for a user is forwarded to him.
        return ", ".join(["OPTIONS", *self.services])

    def _capabilities(self) -> list[tuple[str, str]]:
        headers = [
            ("Allow", self._allow()),
            ("Accept", ", ".join(self.settings.accept)),
            ("Accept-Encoding", "identity, deflate, gzip"),
            ("Supported", ", ".join(self.settings.supported)),
            ("Allow-Events", self.allow_events()),
        ]
        if self.settings.server:
            headers.append(("Server", self.settings.server))
        return headers

    def _not_allowed(self) -> MethodNotAllowed:
        return MethodNotAllowed(headers=(("Allow", self._allow()),))


def _merged() -> SipError:
    return SipError("Merged Request", status=482)


def _take_credentials(request: Request, realm: str) -> None:
    """Remove what was for us before `request` goes to anybody else (RFC 3261 §22.3)."""
    for name in ("Authorization", "Proxy-Authorization"):
        values = request.get_all(name)
        if not values:
            continue
        request.remove(name)
        for value in values:
            try:
                ours = Credentials.parse(value).params.get("realm") == realm
            except BadRequest:
                ours = True
            if not ours:
                request.add(name, value)


def _is_address(host: str) -> bool:
    return ":" in host or host.replace(".", "").isdigit() or host.lower() == "localhost"


__all__ = ["CoreSettings", "Network", "Onward", "Service", "SipCore"]
