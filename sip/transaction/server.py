"""The server transactions: what happens to a request that came in until its answer has certainly arrived.

Rules of this room: everything that changes a server transaction's state is in the two tables below
(RFC 3261 figures 7 and 8, with the Accepted state of RFC 6026 §7.1 and the non-INVITE rules of RFC 4320).
An event that a table does not name in the present state is ignored.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from sip.errors import TransportError
from sip.headers import Via
from sip.message import Request, Response
from sip.timers import Timer
from sip.transaction.times import (
    ACCEPTED,
    COMPLETED,
    CONFIRMED,
    PROCEEDING,
    TERMINATED,
    TRYING,
    State,
)
from sip.transport.flow import Flow

if TYPE_CHECKING:
    from sip.transaction.layer import MergeIdentity, ServerKey, TransactionLayer

log = logging.getLogger(__name__)

CHALLENGES: Final = (401, 407)
"""Answers after which the same request may come again, with credentials."""

AGAIN: Final = "request again"
ACK: Final = "ACK"
SEND_PROVISIONAL: Final = "send 1xx"
SEND_SUCCESS: Final = "send 2xx"
SEND_REFUSAL: Final = "send 3xx-6xx"
RETRANSMIT: Final = "timer G"
GIVEN_UP: Final = "timer H"
LINGERED: Final = "timer I, J or L"


class ServerTransaction:
    """One request that came in over one flow, and our answer to it."""

    __slots__ = (
        "_answers",
        "_deadline",
        "_interval",
        "_layer",
        "_request",
        "_table",
        "_timer",
        "_via",
        "final_status",
        "flow",
        "key",
        "last",
        "merge_identity",
        "method",
        "on_cancel",
        "once",
        "state",
    )

    def __init__(
        self,
        layer: TransactionLayer,
        key: ServerKey,
        request: Request,
        via: Via,
        flow: Flow,
        answers: Flow,
    ) -> None:
        self._request: Request | None = request
        self._via: Via | None = via
        self.method = request.method
        self.flow = flow
        """The way that the request came."""
        self._answers = answers
        self.key = key
        self.on_cancel: Callable[[Request], None] | None = None
        """Set by who wants to know that the caller gave up (RFC 3261 §9.2)."""
        self.once = False
        """True while nobody has proved that he sent the request: a refusal is not repeated by itself then."""
        self.final_status = 0
        """Status of our final answer, 0 while there is none."""
        self.last: bytes = b""
        """The answer as last sent, for retransmission."""
        invite = self.method == "INVITE"
        self.merge_identity: MergeIdentity | None = None
        """Set once the request has arrived at a service of ours (RFC 3261 §8.2.2.2)."""
        self._table = INVITE_TABLE if invite else NON_INVITE_TABLE
        self.state: State = PROCEEDING if invite else TRYING
        self._layer = layer
        self._interval = layer.times.t1
        self._deadline = 0.0
        self._timer: Timer | None = None
        if invite:
            self._timer = layer.timers.after(layer.times.invite_trying_after, self.say_trying)
        else:
            layer.unanswered_for_long.add(self)

    @property
    def request(self) -> Request:
        """The request.  Only until a final answer other than a challenge: from then on it is not kept."""
        assert self._request is not None
        return self._request

    @property
    def is_invite(self) -> bool:
        """True if the INVITE table applies."""
        return self._table is INVITE_TABLE

    def respond(self, response: Response) -> None:
        """Send `response`, provisional or final; a second final answer is ignored.

        A non-INVITE request is never answered 408, nor with a provisional other than 100 (RFC 4320 §4).
        """
        status = response.status
        if not self.is_invite and (status == 408 or 100 < status < 200):
            if status == 408:
                self._layer.forget_server(self)
                self._stop_timers()
                self.state = TERMINATED
                self._layer.count(self.method, status)
            return
        if status >= 200 and not self.final_status:
            self.final_status = status
            # Whoever wanted to know mostly holds this transaction himself.
            self.on_cancel = None
            self._layer.count(self.method, status)
        self._fire(
            SEND_PROVISIONAL if status < 200 else SEND_SUCCESS if status < 300 else SEND_REFUSAL, response
        )

    def limited(self, limit: str) -> None:
        """The request is refused because of the setting `limit`."""
        layer = self._layer
        layer.stats.limit_reached(limit, layer.timers.now, self.flow.remote[0])

    def request_again(self) -> None:
        """The same request came once more."""
        self._layer.stats.retransmissions_absorbed += 1
        self._fire(AGAIN, None)

    def acknowledged(self) -> None:
        """An ACK that belongs to this INVITE came."""
        self._fire(ACK, None)

    def _fire(self, event: str, response: Response | None) -> None:
        transition = self._table.get((self.state, event))
        if transition is None:
            return
        self.state, actions = transition
        for action in actions:
            action(self, response)

    def say_trying(self) -> None:
        """If nobody has answered for a while: tell the client that the request arrived."""
        if self.final_status or self.state == TERMINATED:
            return
        self._timer = None
        if not self.last:
            self.respond(Response.answering(self.request, 100))
        times = self._layer.times
        wait = times.invite_forgotten if self.is_invite else 2 * times.timeout
        self._timer = self._layer.timers.after(wait, self._forgotten)

    def lingered(self) -> None:
        """Nobody repeats the request any more."""
        self._fire(LINGERED, None)

    def _forgotten(self) -> None:
        """Whoever should have answered never will: nothing may stay for ever because of that."""
        self._timer = None
        if not self.final_status:
            log.error("transaction.never-answered", extra={"method": self.method})
            self.respond(Response.answering(self.request, 500 if self.is_invite else 408))

    # -- actions of the tables ---------------------------------------------------------------------------

    def _send(self, response: Response | None) -> None:
        assert response is not None
        self.last = response.render()
        self._transmit()

    def _transmit(self) -> None:
        try:
            self._answers.send(self.last)
        except TransportError:
            if self._via is not None:
                self._layer.undeliverable(self._via, self.last)

    def _resend(self, _: Response | None) -> None:
        if self.last:
            self._layer.stats.count_again(self.method)
            self._transmit()

    def _stop_timers(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _linger(self, seconds: float) -> None:
        self._stop_timers()
        self._timer = self._layer.timers.after(seconds, self._fire, LINGERED, None)

    def _start_g_h(self, _: Response | None) -> None:
        self._stop_timers()
        timers = self._layer.timers
        self._deadline = timers.now + self._layer.times.timeout
        # An INVITE of whoever proved nothing is answered once (RFC 3261 §26.3.2.4): repeated ten times, the
        # answers would go to whom he has named as its source.
        silent = self._answers.reliable or self.once
        wait = self._layer.times.timeout if silent else self._interval
        self._timer = timers.after(wait, self._tick)

    def _tick(self) -> None:
        self._timer = None
        due = self._layer.timers.now >= self._deadline
        self._fire(GIVEN_UP if due else RETRANSMIT, None)

    def _rearm_g(self, _: Response | None) -> None:
        self._interval = min(self._interval * 2, self._layer.times.t2)
        timers = self._layer.timers
        self._timer = timers.at(min(timers.now + self._interval, self._deadline), self._tick)

    def _start_i(self, _: Response | None) -> None:
        self._linger(0.0 if self._answers.reliable else self._layer.times.t4)

    def _start_j(self, _: Response | None) -> None:
        if self.final_status not in CHALLENGES:
            # For half a minute it only repeats its answer: thousands of them are there at a time.
            self._request = None
        if self._answers.reliable:
            self._linger(0.0)
        else:
            # No connection of it can be lost.
            self._via = None
            self._stop_timers()
            self._layer.answered_long_ago.add(self)

    def _start_l(self, _: Response | None) -> None:
        self._linger(self._layer.times.timeout)

    def _end(self, _: Response | None) -> None:
        self._stop_timers()
        self.state = TERMINATED
        self._layer.forget_server(self)


Action = Callable[[ServerTransaction, Response | None], None]
Table = dict[tuple[State, str], tuple[State, tuple[Action, ...]]]
T = ServerTransaction

INVITE_TABLE: Final[Table] = {
    (PROCEEDING, AGAIN): (PROCEEDING, (T._resend,)),
    (PROCEEDING, SEND_PROVISIONAL): (PROCEEDING, (T._send,)),
    (PROCEEDING, SEND_SUCCESS): (ACCEPTED, (T._send, T._start_l)),
    (PROCEEDING, SEND_REFUSAL): (COMPLETED, (T._send, T._start_g_h)),
    (COMPLETED, AGAIN): (COMPLETED, (T._resend,)),
    (COMPLETED, RETRANSMIT): (COMPLETED, (T._resend, T._rearm_g)),
    (COMPLETED, ACK): (CONFIRMED, (T._start_i,)),
    (COMPLETED, GIVEN_UP): (TERMINATED, (T._end,)),
    (CONFIRMED, LINGERED): (TERMINATED, (T._end,)),
    # The 2xx is repeated by the one who sent it, end to end; this transaction only absorbs the INVITE.
    (ACCEPTED, SEND_SUCCESS): (ACCEPTED, (T._send,)),
    (ACCEPTED, LINGERED): (TERMINATED, (T._end,)),
}

NON_INVITE_TABLE: Final[Table] = {
    (TRYING, SEND_PROVISIONAL): (PROCEEDING, (T._send,)),
    (TRYING, SEND_SUCCESS): (COMPLETED, (T._send, T._start_j)),
    (TRYING, SEND_REFUSAL): (COMPLETED, (T._send, T._start_j)),
    (PROCEEDING, AGAIN): (PROCEEDING, (T._resend,)),
    (PROCEEDING, SEND_PROVISIONAL): (PROCEEDING, (T._send,)),
    (PROCEEDING, SEND_SUCCESS): (COMPLETED, (T._send, T._start_j)),
    (PROCEEDING, SEND_REFUSAL): (COMPLETED, (T._send, T._start_j)),
    (COMPLETED, AGAIN): (COMPLETED, (T._resend,)),
    (COMPLETED, LINGERED): (TERMINATED, (T._end,)),
}
