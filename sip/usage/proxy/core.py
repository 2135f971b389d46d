"""The stateful proxy: requests for a local user go to his bindings, in-dialog requests go on along their way.

RFC 3261 §16, with RFC 5393 (loops and breadth), RFC 4320 and 6026 (what is not forwarded), RFC 3327 (Path).
Validation, authentication, removal of our own Route values and the choice of targets (§16.3 to §16.5) come
before; what is left to do here is §16.6 and the response context that hears the answers.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from sip.dialog_mark import dialog_mark
from sip.errors import SipError, TemporarilyUnavailable, UnsupportedUriScheme
from sip.uri import Uri
from sip.usage.proxy.forwarding import DIALOG_FORMING, add_record_route, forward_copy
from sip.usage.proxy.interface import Outcome, ProxySettings, Sender, Sending, Target
from sip.usage.proxy.loops import check_breadth, detect_loop, forwards_left, incoming_breadth, loop_mark
from sip.usage.proxy.redirect import Recursion
from sip.usage.proxy.response_context import Branch, Launch, ResponseContext, cancel_reasons
from sip.usage.proxy.upstream import OnResult, Relay, ServerUpstream

if TYPE_CHECKING:
    from sip.message import Request
    from sip.request import ServerRequest
    from sip.timers import TimerWheel
    from sip.transport.flow import Flow

log = logging.getLogger(__name__)

_NOBODY: Final = Outcome(480, "Temporarily Unavailable")


class Proxy:
    """Forwards requests statefully; holds nothing itself: response contexts live in their branches.

    `is_local(uri)` says whether a URI is for this server to handle; `flow_for(uri)` gives the live connection
    of a registered contact, for requests whose Request-URI is that contact already.
    """

    __slots__ = ("_flow_for", "_is_local", "_sender", "_settings", "_timers")

    def __init__(
        self,
        sender: Sender,
        timers: TimerWheel,
        settings: ProxySettings,
        is_local: Callable[[Uri], bool],
        flow_for: Callable[[Uri], Flow | None] = lambda _: None,
    ) -> None:
        self._sender = sender
        self._timers = timers
        self._settings = settings
        self._is_local = is_local
        self._flow_for = flow_for

    def forward(self, sr: ServerRequest, targets: Sequence[Target], *, record_route: bool) -> None:
        """Fork `sr` to `targets`: those of equal q in parallel, groups one after the other, highest q first.

        With `record_route` we stay on the path of a dialog that the request forms.

        Raises:
            TemporarilyUnavailable: there is no target.
            LoopDetected, TooManyHops: RFC 3261 §16.3.
            SipError: 440, the fork is wider than Max-Breadth allows (RFC 5393 §5.3.3).
            BadRequest: a header field that forwarding needs is malformed.
        """
        request, settings = sr.request, self._settings
        invite = request.method == "INVITE"
        recursion = (
            Recursion(request, targets, self._is_local, settings.max_breadth) if settings.recurse else None
        )
        forms_dialog = request.method in DIALOG_FORMING and request.to.tag is None
        launch, breadth = self._prepare(
            request,
            targets,
            record_route=sr.flow if record_route and forms_dialog else None,
            extra=self._identity_headers(sr),
        )
        context = ResponseContext(
            ServerUpstream(sr),
            launch,
            targets,
            invite=invite,
            breadth=breadth,
            timers=self._timers,
            settings=settings,
            redirect=recursion,
        )
        if invite:
            sr.reply(100)
            sr.transaction.on_cancel = lambda cancel: context.cancel(cancel_reasons(cancel))
        context.begin(None if invite else settings.non_invite_patience)

    def route(self, sr: ServerRequest, *, record_route: bool = False) -> None:
        """Send `sr` on as it is: to its next Route, else to the connection or address of its Request-URI.

        For requests within a dialog, and for those of our users to elsewhere.

        Raises:
            UnsupportedUriScheme: the Request-URI is not a SIP URI and there is no Route.
            SipError: as `forward`.
        """
        self.forward(sr, [Target(None, self._onward(sr.request))], record_route=record_route)

    def forward_ack(self, request: Request) -> None:
        """Send the ACK to a 2xx on, statelessly, as `route` would; what cannot be sent is dropped.

        An ACK is never answered, so nothing is raised (RFC 3261 §17).
        """
        try:
            mark = loop_mark(request, self._settings.loop_key)
            detect_loop(request, mark)
            forwards = forwards_left(request, self._settings.max_forwards)
            copy, hop = forward_copy(request, Target(None, self._onward(request)), forwards=forwards)
        except SipError as error:
            log.info("proxy.ack_dropped", extra={"status": error.status, "reason": error.reason})
            return
        self._sender.forward_ack(copy, hop, branch_suffix=mark)

    def relay(
        self,
        request: Request,
        targets: Sequence[Target],
        on_result: OnResult,
        *,
        patience: float | None = None,
    ) -> Relay:
        """Send copies of `request` to all `targets` at once, for a service that answers its client itself.

        `on_result(status, response)` is called once: with the first 2xx; else, when all have ended or after
        `patience` seconds (default: the setting), with the best refusal, or with no response and 480 (no
        target), 408 (silence) or 503 (unreachable).  It may be called before this returns.

        Raises:
            LoopDetected, TooManyHops, SipError 440, BadRequest: as `forward`.
        """
        relay = Relay(on_result)
        if not targets:
            relay.final(_NOBODY, ())
            return relay
        together = [target._replace(q=0) for target in targets]
        launch, breadth = self._prepare(request, together)
        context = ResponseContext(
            relay,
            launch,
            together,
            invite=request.method == "INVITE",
            breadth=breadth,
            timers=self._timers,
            settings=self._settings,
        )
        context.begin(self._settings.relay_patience if patience is None else patience)
        return relay

    # -- what all of them share ---------------------------------------------------------------------------

    def _prepare(
        self,
        request: Request,
        targets: Sequence[Target],
        *,
        record_route: Flow | None = None,
        extra: Sequence[tuple[str, str]] = (),
    ) -> tuple[Launch, int]:
        """Check that `request` may be forwarded to `targets`, and say how."""
        if not targets:
            raise TemporarilyUnavailable
        settings = self._settings
        mark = loop_mark(request, settings.loop_key)
        detect_loop(request, mark)
        forwards = forwards_left(request, settings.max_forwards)
        total = incoming_breadth(request, settings.max_breadth)
        check_breadth(total, _widest(targets))

        forwarding = _Forwarding(
            self._sender, settings.loop_key, request, mark, forwards, record_route, extra
        )
        return forwarding.launch, total

    def _identity_headers(self, sr: ServerRequest) -> Sequence[tuple[str, str]]:
        """P-Asserted-Identity for what digest has proved (RFC 3325 §5), where the setting allows it."""
        identity, request = sr.identity, sr.request
        if not self._settings.assert_identity or identity is None or identity.source != "digest":
            return ()
        # "Privacy: id" asks that nobody outside hears it, and a next hop of ours is outside (RFC 3325 §9.3).
        wishes = {wish.strip().lower() for line in request.get_all("Privacy") for wish in line.split(";")}
        if "id" in wishes or "P-Asserted-Identity" in request:
            return ()
        return (("P-Asserted-Identity", f"<{identity.aor}>"),)

    def _onward(self, request: Request) -> Flow | Uri:
        """The next hop that the request itself names (§16.6 step 7)."""
        routes = request.routes
        uri = routes[0].uri if routes else request.uri
        if not isinstance(uri, Uri):
            raise UnsupportedUriScheme
        if routes:
            return uri
        return self._flow_for(uri) or uri


class _Forwarding:
    """How one request is sent on, to each of its targets.

    No functions within a function: compiled ones that name each other are a cycle, which nobody collects.
    """

    __slots__ = ("_extra", "_forwards", "_key", "_mark", "_record_route", "_request", "_sender")

    def __init__(
        self,
        sender: Sender,
        key: bytes,
        request: Request,
        mark: str,
        forwards: int,
        record_route: Flow | None,
        extra: Sequence[tuple[str, str]],
    ) -> None:
        self._sender = sender
        self._key = key
        self._request = request
        self._mark = mark
        self._forwards = forwards
        self._record_route = record_route
        self._extra = extra

    def launch(self, target: Target, breadth: int, branch: Branch) -> Sending:
        """Send a copy to `target`."""
        copy, hop = forward_copy(self._request, target, forwards=self._forwards, breadth=breadth)
        for name, value in self._extra:
            copy.add(name, value)
        return self._sender.send(copy, hop, branch, branch_suffix=self._mark, finish=self._stay)

    def _stay(self, copy: Request, outbound: Flow) -> None:
        """Remain on the path of the dialog, where that is wanted."""
        if self._record_route is not None:
            mark = dialog_mark(self._key, self._request.call_id)
            add_record_route(copy, self._record_route, outbound, mark)


def _widest(targets: Sequence[Target]) -> int:
    """How many branches `targets` have in parallel at most."""
    sizes: dict[int, int] = {}
    for target in targets:
        sizes[target.q] = sizes.get(target.q, 0) + 1
    return max(sizes.values())
