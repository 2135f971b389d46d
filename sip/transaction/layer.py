"""Matching: which transaction an arriving message belongs to, and new ones for what is new.

RFC 3261 §17.1.3 and §17.2.3, with the fallback for peers of RFC 2543 (no magic cookie in the branch).
"""

from __future__ import annotations

from typing import Final, Protocol

from sip.errors import TransportError
from sip.headers.via import Via
from sip.message import Request, Response
from sip.stats import Stats
from sip.timers import Lane, Recent, TimerWheel
from sip.transaction import plain
from sip.transaction.client import ClientTransaction, ClientUser
from sip.transaction.plain import branch_of
from sip.transaction.server import CHALLENGES, ServerTransaction
from sip.transaction.times import ACCEPTED, COMPLETED, TransactionTimes
from sip.transport.flow import Flow

MAGIC_COOKIE = "z9hG4bK"

CANCELLED: Final = (
    "INVITE", "MESSAGE", "SUBSCRIBE", "PUBLISH", "REGISTER", "OPTIONS", "NOTIFY", "INFO", "REFER"
)  # fmt: skip
"""What a CANCEL may be for: it names no method (RFC 3261 §9.1)."""

ServerKey = str
"""Branch, sent-by and method, a line each; for RFC 2543 peers what replaces the branch is several lines.

One string, for there are as many for half a minute as requests have come.
"""


MergeIdentity = int
"""Hash of From tag, Call-ID, CSeq number and method: the same on every path that a request takes.

64 bits, with a key that only this process knows: nobody can bring about that two are the same, and by chance
it is so once in four billion times that a hundred thousand are there.  The text would take the memory of a
third of a transaction.
"""


class TransactionCore(Protocol):
    """Who hears of requests that are new, and of messages that belong to no transaction."""

    def on_request(self, transaction: ServerTransaction) -> None:
        """A new request other than ACK."""

    def on_ack(self, request: Request, flow: Flow) -> None:
        """An ACK to a 2xx, or to nothing that is known here."""

    def on_undeliverable(self, via: Via, answer: bytes) -> None:
        """The connection of the request with this topmost `via` is gone: find another way (§18.2.2)."""


class TransactionLayer:
    """All transactions of one server."""

    def __init__(
        self, core: TransactionCore, timers: TimerWheel, stats: Stats, times: TransactionTimes | None = None
    ) -> None:
        self.core = core
        self.timers = timers
        self.stats = stats
        self.times = times or TransactionTimes()
        times = self.times
        # What every transaction waits for, and nearly always in vain.
        self.unanswered_for_long = Lane(timers, times.trying_after, ServerTransaction.say_trying)
        self.unanswered_yet = Lane(timers, times.t1, ClientTransaction.first_tick)
        self.answered_long_ago = Lane(timers, times.timeout, ServerTransaction.lingered)
        self._servers: dict[ServerKey, ServerTransaction] = {}
        self._clients: dict[str, ClientTransaction] = {}
        self._answered = Recent(timers, times.t4)
        """Keys and methods of client transactions that are Completed: only Timer K runs for them."""
        self._waiting_on: dict[Flow, dict[ClientTransaction, None]] = {}
        self._merges: dict[MergeIdentity, ServerKey] = {}

    def __len__(self) -> int:
        return len(self._servers) + len(self._clients) + len(self._answered)

    @property
    def servers(self) -> int:
        """Server transactions that are alive."""
        return len(self._servers)

    @property
    def unanswered(self) -> int:
        """Requests that came in and have no final answer yet."""
        return sum(not transaction.final_status for transaction in self._servers.values())

    # -- what arrives -------------------------------------------------------------------------------------

    def receive_request(self, request: Request, via: Via, flow: Flow, answers: Flow) -> None:
        """Give `request` to its transaction, or start one.

        `via` is the topmost Via, `flow` the way that the request came, and `answers` the way that answers
        take (RFC 3261 §18.2.2), mostly the same.

        Raises:
            BadRequest: a header that matching needs is missing or malformed.
        """
        method = request.method
        key = _server_key(request, via, "INVITE" if method == "ACK" else method)
        transaction = self._servers.get(key)
        if method == "ACK":
            if transaction is None or transaction.state == ACCEPTED:
                self.core.on_ack(request, flow)
            else:
                transaction.acknowledged()
            return
        if transaction is not None:
            if not _is_new_attempt(transaction, request):
                transaction.request_again()
                return
            transaction._end(None)
        transaction = ServerTransaction(self, key, request, via, flow, answers)
        self._servers[key] = transaction
        self.core.on_request(transaction)

    def knows(self, request: Request, via: Via) -> bool:
        """Whether `request` has a transaction, so that it would be absorbed.  Raises as `receive_request`."""
        return _server_key(request, via, request.method) in self._servers

    def knows_branch(self, branch: str, host: str, port: int, method: str) -> bool:
        """The same by what a request of RFC 3261 says of itself: `port` of the sent-by is 0 without one."""
        return _branch_key(branch, host, port, method) in self._servers

    def receive_response(self, response: Response) -> bool:
        """Give `response` to its transaction; False if there is none (it is dropped, RFC 6026 §8.9).

        Raises:
            BadRequest: a header that matching needs is missing or malformed.
        """
        method = response.cseq.method
        key = _client_key(response.via.branch or "", method)
        transaction = self._clients.get(key)
        if transaction is None and self._answered.find(key) == method:
            # It comes once more, and is absorbed (RFC 3261 §17.1.2.2).
            return True
        if transaction is None or transaction.method != method:
            self.stats.stray_responses += 1
            return False
        transaction.receive(response)
        return True

    def receive_plain(self, data: bytes) -> bool:
        """Give a 200 to its transaction if it says nothing else, and is as an answer has to be.

        False for any other message, to which nothing has happened then: it has to be parsed and checked.  The
        transaction is found as by `receive_response`, for the line with the CSeq is the one that was sent.
        """
        branch = branch_of(data)
        if branch is None:
            return False
        transaction = self._clients.get(branch)
        if transaction is None or not transaction.is_plain_success(data):
            return False
        transaction.receive(plain.PLAIN_OK)
        return True

    # -- what others ask ----------------------------------------------------------------------------------

    def client(self, request: Request, branch: str, flow: Flow, user: ClientUser) -> ClientTransaction:
        """Send `request`, whose topmost Via carries `branch`, over `flow`."""
        method = request.method
        key = _client_key(branch, method)
        return self._begin(ClientTransaction(self, key, method, request, request.render(), flow, user))

    def client_written(self, data: bytes, branch: str, flow: Flow, user: ClientUser) -> ClientTransaction:
        """Send a NOTIFY that is bytes already, its lines in the order of `plain.ECHO`.

        Of an answer that says no more than "200 OK" its user sees `plain.PLAIN_OK`, without header fields.
        """
        return self._begin(ClientTransaction(self, branch, plain.METHOD, None, data, flow, user))

    def _begin(self, transaction: ClientTransaction) -> ClientTransaction:
        self._clients[transaction.key] = transaction
        flow = transaction.flow
        if flow.reliable:
            waiting = self._waiting_on.get(flow)
            if waiting is None:
                waiting = self._waiting_on[flow] = {}
                flow.on_lost(self._flow_lost)
            waiting[transaction] = None
        transaction.start()
        return transaction

    def cancelled_by(self, cancel: Request, via: Via) -> ServerTransaction | None:
        """The transaction that a CANCEL is for (RFC 3261 §9.2)."""
        for method in CANCELLED:
            found = self._servers.get(_server_key(cancel, via, method))
            if found is not None:
                return found
        return None

    def forget(self, transaction: ServerTransaction) -> None:
        """End a transaction that is answered; the same request that comes again is a new one."""
        transaction._end(None)

    def is_merged(self, transaction: ServerTransaction) -> bool:
        """True if the same request reached us before on another path (RFC 3261 §8.2.2.2): answer 482.

        Asked by services of our own, which then count as the one place where the request has arrived.
        """
        request = transaction.request
        if request.to.tag is not None:
            return False
        identity = _merge_identity(request)
        if self._has_arrived(identity, transaction.key):
            return True
        self._merges[identity] = transaction.key
        transaction.merge_identity = identity
        return False

    def is_copy(self, transaction: ServerTransaction) -> bool:
        """The same of a request that is not let in, which counts as arrived nowhere."""
        request = transaction.request
        return request.to.tag is None and self._has_arrived(_merge_identity(request), transaction.key)

    def _has_arrived(self, identity: MergeIdentity, key: ServerKey) -> bool:
        known = self._merges.get(identity)
        if known is None or known == key:
            return False
        other = self._servers.get(known)
        # A challenged request may come again with credentials and the same CSeq: no merge.
        return other is not None and other.final_status not in CHALLENGES

    def answer_rest(self, status: int, reason: str) -> None:
        """Answer whatever has no final answer yet: the server stops."""
        for transaction in list(self._servers.values()):
            if not transaction.final_status:
                transaction.respond(
                    Response.answering(transaction.request, status, reason, headers=(("Retry-After", "5"),))
                )

    # -- what transactions tell ---------------------------------------------------------------------------

    def count(self, method: str, status: int) -> None:
        """A request was answered for good."""
        self.stats.count(method, status)

    def undeliverable(self, via: Via, answer: bytes) -> None:
        """The way of an answer is gone."""
        self.core.on_undeliverable(via, answer)

    def forget_server(self, transaction: ServerTransaction) -> None:
        """A server transaction has ended."""
        if self._servers.get(transaction.key) is transaction:
            del self._servers[transaction.key]
        identity = transaction.merge_identity
        if identity is not None and self._merges.get(identity) == transaction.key:
            del self._merges[identity]

    def absorb(self, transaction: ClientTransaction) -> None:
        """A client transaction has its answer: whatever comes to it from now on changes nothing."""
        self._clients.pop(transaction.key, None)
        self._answered.add(transaction.key, transaction.method)

    def forget_client(self, transaction: ClientTransaction) -> None:
        """A client transaction has ended."""
        self._clients.pop(transaction.key, None)
        waiting = self._waiting_on.get(transaction.flow)
        if waiting is not None:
            waiting.pop(transaction, None)

    def _flow_lost(self, flow: Flow) -> None:
        for transaction in list(self._waiting_on.pop(flow, ())):
            transaction.flow_lost(TransportError(f"the connection to {flow.remote[0]} was closed"))


def _client_key(branch: str, method: str) -> str:
    # All else that has the branch of another request is an ACK, which is no transaction (RFC 3261 §17.1.3).
    return f"{branch}\n{method}" if method == "CANCEL" else branch


def _server_key(request: Request, via: Via, method: str) -> ServerKey:
    branch = via.branch
    if branch is not None and branch.startswith(MAGIC_COOKIE) and len(branch) > len(MAGIC_COOKIE):
        return _branch_key(branch, via.host, via.port or 0, method)
    # RFC 2543: what a branch would have said, said by everything that stays the same (§17.2.3).
    cseq = request.cseq
    to_tag = "" if method == "INVITE" else request.to.tag or ""
    parts = (request.uri_text, to_tag, request.from_.tag or "", request.call_id, str(cseq.number))
    return "\n".join((*parts, f"{via.transport} {via.host}:{via.port} {branch}", method))


def _branch_key(branch: str, host: str, port: int, method: str) -> ServerKey:
    return f"{branch}\n{host.lower()}:{port or ''}\n{method}"


def _merge_identity(request: Request) -> MergeIdentity:
    return hash((request.from_.tag or "", request.call_id, request.cseq.number, request.method))


def _is_new_attempt(transaction: ServerTransaction, request: Request) -> bool:
    """True if `request` answers the challenge that ended `transaction`.

    libpurple sends a challenged MESSAGE again under the same branch and CSeq, with credentials added.
    """
    if transaction.final_status not in CHALLENGES or transaction.state != COMPLETED:
        return False
    before = transaction.request
    return any(
        request.get_all(name) != before.get_all(name) for name in ("Authorization", "Proxy-Authorization")
    )
