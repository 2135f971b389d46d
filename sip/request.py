"""A request on its way through our services: the message, where it came from, and who is asking."""

from __future__ import annotations

from collections.abc import Iterable

from sip.errors import SipError
from sip.identity import Identity
from sip.message import Request, Response
from sip.transaction.server import ServerTransaction
from sip.transport.flow import Flow


class ServerRequest:
    """What a usage is handed: everything it needs to decide, and `reply` to answer, now or later."""

    __slots__ = ("_to_tag", "aor", "flow", "identity", "now", "request", "transaction", "trusted")

    def __init__(
        self, transaction: ServerTransaction, *, aor: str, trusted: bool, now: float, to_tag: str
    ) -> None:
        self.transaction = transaction
        self.request: Request = transaction.request
        self.flow: Flow = transaction.flow
        self.identity: Identity | None = None
        """Who asks, once authentication has said so."""
        self.aor = aor
        """The address-of-record that the Request-URI names; the user's own one if it named an alias."""
        self.trusted = trusted
        """True if the peer is one of those whose word is taken."""
        self.now = now
        """Monotonic seconds at which the request arrived."""
        self._to_tag = to_tag

    @property
    def method(self) -> str:
        """The request's method."""
        return self.request.method

    @property
    def to_tag(self) -> str:
        """The tag that our answers put into To when the request had none."""
        return self._to_tag

    @property
    def answered(self) -> bool:
        """True once a final answer was given."""
        return bool(self.transaction.final_status)

    def reply(
        self,
        status: int,
        reason: str | None = None,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        to_tag: str | None = None,
    ) -> None:
        """Answer with `status`; provisional answers may precede one final one."""
        self.transaction.respond(
            Response.answering(
                self.request, status, reason, to_tag=to_tag or self._to_tag, headers=headers, body=body
            )
        )

    def reject(self, error: SipError) -> None:
        """Answer with the status, reason, header fields and body that `error` carries."""
        if error.limit:
            self.transaction.limited(error.limit)
        self.reply(error.status, error.reason, error.headers, error.body)
