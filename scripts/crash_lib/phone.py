"""A SIP client that does not ask a second server what the first one has answered."""

from __future__ import annotations

import time
from collections.abc import Callable

from crash_lib.evidence import Evidence, Lost, Wrong
from tests.support.server import Server
from tests.support.sipclient import WAIT, SipClient, Unexpected
from tests.support.sipwire import SipMessage

PASSWORD = "secret"
ANSWER = 45.0
"""Seconds for an answer of a server that is up: what is in doubt is answered when the database is back."""
_SHED = 5
"""How often a request is tried that a server sheds because it is overloaded."""
_SLICE = 0.25
_RESEND = 0.5


class Phone(SipClient):
    """One user agent over UDP.

    Requests that come in are answered 200 and given to `heard`, with the time (monotonic seconds) after the
    answer was sent.
    """

    def __init__(
        self,
        evidence: Evidence,
        server: Server,
        name: str,
        heard: Callable[[SipMessage, float], None] | None = None,
    ) -> None:
        self.evidence = evidence
        self.name = name
        self._heard = heard
        self.sent_at = 0.0
        """When the last request was sent for the first time; monotonic seconds."""
        super().__init__(server.address("udp"), f"{name}@{server.domains[0]}", PASSWORD)

    def _hear(self, message: SipMessage) -> None:
        super()._hear(message)
        if not message.is_request:
            return
        now = time.monotonic()
        with self._arrived:
            taken, self._requests[:] = list(self._requests), []
        if self._heard is not None:
            for request in taken:
                self._heard(request, now)

    def forget(self) -> None:
        """Let go of what was said so far; nothing is to be under way."""
        with self._arrived:
            self._responses.clear()
            self._final.clear()
        self.log.clear()

    def exchange(self, request: SipMessage, *, timeout: float = WAIT) -> SipMessage:
        """The final answer.

        Raises:
            Lost: the server went before there was one.
            Wrong: it is up and gives none.
        """
        begun = sent = self.sent_at = time.monotonic()
        self.send(request)
        while True:
            try:
                return self.expect_response(request, timeout=_SLICE)
            except Unexpected:
                pass
            now = time.monotonic()
            if self.evidence.down.is_set():
                raise Lost(request.start)
            if now - begun > ANSWER:
                raise Wrong(f"{self.name}: no answer to {request.start} within {ANSWER:g} s")
            if now - sent >= _RESEND:
                sent = now
                self.send(request)

    def ask(
        self, what: str, request: Callable[[], SipMessage], *, refused: int | None = None, stores: bool = True
    ) -> SipMessage | None:
        """Do an operation; its answer if that is 2xx, None if it was refused.

        Args:
            what: its kind, for the count.
            request: makes the exchange.
            refused: it has to be refused with this status.
            stores: whether 2xx says that something was stored.

        Raises:
            Lost: no answer, as of `exchange`.
            Wrong: another answer than can be; 503 can always be.
        """
        for _ in range(_SHED):
            try:
                answer = request()
            except Lost:
                self.evidence.answered(what, "lost")
                raise
            if answer.status != 503 or "overloaded" not in answer.reason:
                break
            # On a machine that is busy with something else; it says nothing of what is stored.
            self.evidence.answered(what, "shed")
            self.evidence.down.wait(1.0)
        status = answer.status
        self.evidence.answered(what, status)
        if status == 503:
            if answer.get("Retry-After") is None:
                raise Wrong(f"{self.name}: {what} was answered {answer.start!r} without Retry-After")
            return None
        if refused is not None:
            if status != refused:
                raise Wrong(f"{self.name}: {what} was answered {answer.start!r}, not {refused}")
            return None
        if not 200 <= status < 300:
            raise Wrong(f"{self.name}: {what} was answered {answer.start!r}")
        if stores:
            self.evidence.stored(self.sent_at)
        return answer
