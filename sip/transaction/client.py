"""The client transactions: what happens to a request of ours until it is answered or given up.

Rules of this room: everything that changes a client transaction's state is in the two tables below
(RFC 3261 figures 5 and 6, with the Accepted state of RFC 6026 §7.2).  An event that a table does not name
in the present state is ignored.  Bytes leave through the flow; time comes from the wheel.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Protocol

from sip.errors import TransportError
from sip.message import Request, Response
from sip.timers import Timer
from sip.transaction.plain import says_no_more
from sip.transaction.times import (
    ACCEPTED,
    CALLING,
    COMPLETED,
    PROCEEDING,
    TERMINATED,
    TRYING,
    State,
)
from sip.transport.flow import Flow

if TYPE_CHECKING:
    from sip.transaction.layer import TransactionLayer

PROVISIONAL: Final = "1xx"
SUCCESS: Final = "2xx"
REFUSAL: Final = "3xx-6xx"
RETRANSMIT: Final = "timer A or E"
TIMEOUT: Final = "timer B or F"
LINGERED: Final = "timer D, K or M"
BROKEN: Final = "transport error"
ABANDONED: Final = "64 times T1 after a CANCEL"


class ClientUser(Protocol):
    """Who sent the request, and hears what became of it."""

    def on_response(self, transaction: ClientTransaction, response: Response) -> None:
        """A response: any number of provisional ones, then one final (several 2xx to an INVITE)."""

    def on_timeout(self, transaction: ClientTransaction) -> None:
        """Nobody answered within 64 times T1."""

    def on_transport_error(self, transaction: ClientTransaction, error: TransportError) -> None:
        """The request could not be sent, or its connection went away before an answer came."""


class ClientTransaction:
    """One request on its way over one flow."""

    __slots__ = (
        "_deadline",
        "_error",
        "_interval",
        "_layer",
        "_table",
        "_timer",
        "data",
        "flow",
        "key",
        "method",
        "request",
        "state",
        "user",
    )

    def __init__(
        self,
        layer: TransactionLayer,
        key: str,
        method: str,
        request: Request | None,
        data: bytes,
        flow: Flow,
        user: ClientUser,
    ) -> None:
        self.request = request
        """None where it never was but bytes (`TransactionLayer.client_written`); an INVITE has one."""
        self.flow = flow
        self.user = user
        self.key = key
        """What the layer knows it by."""
        self.method = method
        invite = method == "INVITE"
        self._table = INVITE_TABLE if invite else NON_INVITE_TABLE
        self.state: State = CALLING if invite else TRYING
        self._layer = layer
        self.data = data
        """What is sent, and sent again; empty once there is an answer."""
        self._interval = layer.times.t1
        self._deadline = 0.0
        self._timer: Timer | None = None
        self._error: TransportError | None = None

    def start(self) -> None:
        """Send the request for the first time."""
        layer = self._layer
        now = layer.timers.now
        self._deadline = now + layer.times.timeout
        if self.flow.reliable:
            self._timer = layer.timers.at(self._deadline, self._tick)
        else:
            layer.unanswered_yet.add(self)
        self._send()

    def receive(self, response: Response) -> None:
        """A response that matched this transaction (RFC 3261 §17.1.3)."""
        status = response.status
        self._fire(PROVISIONAL if status < 200 else SUCCESS if status < 300 else REFUSAL, response)

    def is_plain_success(self, data: bytes) -> bool:
        """Whether `data`, a 200 with our branch, says nothing but that (see `plain.says_no_more`).

        False too where somebody wants to see the response itself, and for one that comes twice.
        """
        return self.request is None and says_no_more(data, self.data)

    def flow_lost(self, error: TransportError) -> None:
        """The connection is gone: nothing will come back on it."""
        self._error = error
        self._fire(BROKEN, None)

    def abandon(self) -> None:
        """Wait no longer for the end of a cancelled INVITE (RFC 3261 §9.1)."""
        self._fire(ABANDONED, None)

    def _fire(self, event: str, response: Response | None) -> None:
        transition = self._table.get((self.state, event))
        if transition is None:
            return
        self.state, actions = transition
        for action in actions:
            action(self, response)

    def _send(self) -> None:
        try:
            self.flow.send(self.data)
        except TransportError as error:
            # Told from the wheel, not from within the caller that is just sending.
            self._layer.timers.after(0.0, self.flow_lost, error)

    def first_tick(self) -> None:
        """T1 is over: send again, unless there has been an answer."""
        if self._timer is None:
            self._fire(RETRANSMIT, None)

    def _tick(self) -> None:
        self._timer = None
        due = self._layer.timers.now >= self._deadline
        self._fire(TIMEOUT if due else RETRANSMIT, None)

    # -- actions of the tables ---------------------------------------------------------------------------

    def _resend(self, _: Response | None) -> None:
        self._layer.stats.count_again(self.method)
        self._send()

    def _rearm_invite(self, _: Response | None) -> None:
        self._interval *= 2
        self._rearm()

    def _rearm_non_invite(self, _: Response | None) -> None:
        self._interval = min(self._interval * 2, self._layer.times.t2)
        self._rearm()

    def _rearm_slow(self, _: Response | None) -> None:
        self._interval = self._layer.times.t2
        self._rearm()

    def _rearm(self) -> None:
        timers = self._layer.timers
        self._timer = timers.at(min(timers.now + self._interval, self._deadline), self._tick)

    def _stop_timers(self, _: Response | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _pass_up(self, response: Response | None) -> None:
        assert response is not None
        self.user.on_response(self, response)

    def _acknowledge(self, response: Response | None) -> None:
        """ACK a refusal, within the transaction (RFC 3261 §17.1.1.3)."""
        assert response is not None
        assert self.request is not None
        self.data = _ack_for(self.request, response).render()
        self._send()

    def _linger(self, seconds: float) -> None:
        self._stop_timers(None)
        self._timer = self._layer.timers.after(seconds, self._fire, LINGERED, None)

    def _start_d(self, _: Response | None) -> None:
        self._linger(0.0 if self.flow.reliable else self._layer.times.invite_completed)

    def _conclude(self, response: Response | None) -> None:
        """Timer K, and the answer to who asked, who is let go: nothing follows (RFC 3261 §17.1.2.2)."""
        assert response is not None
        user, self.user, self.data = self.user, _NOBODY, b""
        if self.flow.reliable:
            self._linger(0.0)
        else:
            # Of what absorbs answers that come twice only the branch is needed.
            self._stop_timers(None)
            self._layer.absorb(self)
        user.on_response(self, response)

    def _start_m(self, _: Response | None) -> None:
        self._linger(self._layer.times.timeout)

    def _end(self, _: Response | None) -> None:
        self._stop_timers(None)
        self._layer.forget_client(self)

    def _part(self, _: Response | None) -> None:
        # He knows us too: nothing that is over may wait for the collector of cycles.
        self.user = _NOBODY

    def _tell_timeout(self, _: Response | None) -> None:
        self.user.on_timeout(self)

    def _tell_error(self, _: Response | None) -> None:
        self.user.on_transport_error(self, self._error or TransportError("the connection is gone"))


class _Nobody:
    """Hears of nothing any more."""

    def on_response(self, transaction: ClientTransaction, response: Response) -> None:
        """Nobody asks."""

    def on_timeout(self, transaction: ClientTransaction) -> None:
        """Nobody waits."""

    def on_transport_error(self, transaction: ClientTransaction, error: TransportError) -> None:
        """Nobody waits."""


_NOBODY: Final = _Nobody()


def _ack_for(request: Request, response: Response) -> Request:
    """The ACK to a non-2xx answer: the request's own way and identity, the answer's To."""
    headers = [("Via", request.values("Via")[0])]
    headers += [("Route", value) for value in request.get_all("Route")]
    headers += [
        ("Max-Forwards", "70"),
        ("From", request.get("From") or ""),
        ("To", response.get("To") or ""),
        ("Call-ID", request.call_id),
        ("CSeq", f"{request.cseq.number} ACK"),
    ]
    return Request("ACK", request.uri_text, headers)


Action = Callable[[ClientTransaction, Response | None], None]
Table = dict[tuple[State, str], tuple[State, tuple[Action, ...]]]
T = ClientTransaction

INVITE_TABLE: Final[Table] = {
    (CALLING, RETRANSMIT): (CALLING, (T._resend, T._rearm_invite)),
    (CALLING, TIMEOUT): (TERMINATED, (T._end, T._tell_timeout)),
    (CALLING, BROKEN): (TERMINATED, (T._end, T._tell_error)),
    (CALLING, PROVISIONAL): (PROCEEDING, (T._stop_timers, T._pass_up)),
    (CALLING, SUCCESS): (ACCEPTED, (T._start_m, T._pass_up)),
    (CALLING, REFUSAL): (COMPLETED, (T._start_d, T._acknowledge, T._pass_up)),
    (PROCEEDING, PROVISIONAL): (PROCEEDING, (T._pass_up,)),
    (PROCEEDING, SUCCESS): (ACCEPTED, (T._start_m, T._pass_up)),
    (PROCEEDING, REFUSAL): (COMPLETED, (T._start_d, T._acknowledge, T._pass_up)),
    (PROCEEDING, BROKEN): (TERMINATED, (T._end, T._tell_error)),
    (PROCEEDING, ABANDONED): (TERMINATED, (T._end, T._tell_timeout)),
    (COMPLETED, REFUSAL): (COMPLETED, (T._acknowledge,)),
    (COMPLETED, LINGERED): (TERMINATED, (T._end,)),
    (COMPLETED, BROKEN): (TERMINATED, (T._end,)),
    (ACCEPTED, SUCCESS): (ACCEPTED, (T._pass_up,)),
    (ACCEPTED, LINGERED): (TERMINATED, (T._end, T._part)),
}

NON_INVITE_TABLE: Final[Table] = {
    (TRYING, RETRANSMIT): (TRYING, (T._resend, T._rearm_non_invite)),
    (TRYING, TIMEOUT): (TERMINATED, (T._end, T._tell_timeout)),
    (TRYING, BROKEN): (TERMINATED, (T._end, T._tell_error)),
    (TRYING, PROVISIONAL): (PROCEEDING, (T._pass_up,)),
    (TRYING, SUCCESS): (COMPLETED, (T._conclude,)),
    (TRYING, REFUSAL): (COMPLETED, (T._conclude,)),
    (PROCEEDING, RETRANSMIT): (PROCEEDING, (T._resend, T._rearm_slow)),
    (PROCEEDING, TIMEOUT): (TERMINATED, (T._end, T._tell_timeout)),
    (PROCEEDING, BROKEN): (TERMINATED, (T._end, T._tell_error)),
    (PROCEEDING, PROVISIONAL): (PROCEEDING, (T._pass_up,)),
    (PROCEEDING, SUCCESS): (COMPLETED, (T._conclude,)),
    (PROCEEDING, REFUSAL): (COMPLETED, (T._conclude,)),
    (COMPLETED, LINGERED): (TERMINATED, (T._end,)),
}
