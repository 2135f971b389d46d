"""The load driver: one UDP socket, requests in a closed loop or at a rate, what comes matched to them.

An exchange is what is measured: a request with its final answer, and as many NOTIFYs as it is to bring.
Every NOTIFY and MESSAGE is answered with 200 at once.  Requests are sent again as RFC 3261 §17.1.2 says,
and each time counts as bad, as does a request or NOTIFY that the server sends again.
"""

from __future__ import annotations

import contextlib
import heapq
import secrets
import select
import socket
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from bench_lib.errors import BenchError
from bench_lib.wire import Wire, call_id, call_of, number_of, ok

T1 = 0.5
T2 = 4.0
BUFFER = 1 << 25
_DRAIN = 256  # datagrams that are read before anything is sent again
_LARGEST = 65535

Answered = Callable[[bytes], None]


class Exchange:
    """One request and what has to come of it. `notifies`: how many NOTIFYs, beside the answer."""

    __slots__ = ("answered", "awaiting", "due", "number", "on_answer", "on_end", "over", "request")

    def __init__(
        self,
        number: int,
        request: bytes,
        *,
        notifies: int = 0,
        on_answer: Answered | None = None,
        on_end: Callable[[], None] | None = None,
    ) -> None:
        self.number = number
        self.request = request
        self.awaiting = 1 + notifies
        self.on_answer = on_answer
        """Called with a 2xx."""
        self.on_end = on_end
        """Called when everything came, or will not come any more."""
        self.due = 0.0
        self.answered = False
        self.over = False


class Group:
    """Watches of the same presentity: its changes end in them."""

    __slots__ = ("etag", "exchange", "user")

    def __init__(self, user: str) -> None:
        self.user = user
        self.etag = ""
        self.exchange: Exchange | None = None
        """The change that is being told of."""


class Watch:
    """One subscription."""

    __slots__ = ("cseq", "exchange", "group", "remote", "target")

    def __init__(self, group: Group, exchange: Exchange | None) -> None:
        self.group = group
        self.exchange = exchange
        """The SUBSCRIBE whose NOTIFY is still to come."""
        self.cseq = b""
        self.remote = ""
        """To and request URI of the next SUBSCRIBE in the dialog; kept by who wants to send one."""
        self.target = ""


@dataclass(slots=True)
class Outcome:
    """What became of one run. Times are seconds."""

    good: int = 0
    failed: int = 0
    sent_again: int = 0
    """Requests of ours, for want of an answer."""
    received_again: int = 0
    """NOTIFYs with the CSeq of the one before: the server had not heard our answer."""
    notifies: int = 0
    seconds: float = 0.0
    driver_seconds: float = 0.0
    """CPU of the driver itself: near `seconds`, it and not the server set the pace."""
    delays: list[float] = field(default_factory=list)
    """From when a request was due until its exchange was complete."""
    notify_delays: list[float] = field(default_factory=list)
    """From when the change was due until each NOTIFY."""
    refusals: Counter[str] = field(default_factory=Counter)

    def add(self, other: Outcome) -> None:
        """Take another stretch of the same run in."""
        self.good += other.good
        self.failed += other.failed
        self.sent_again += other.sent_again
        self.received_again += other.received_again
        self.notifies += other.notifies
        self.seconds += other.seconds
        self.driver_seconds += other.driver_seconds
        self.delays += other.delays
        self.notify_delays += other.notify_delays
        self.refusals += other.refusals

    @property
    def rate(self) -> float:
        """Complete exchanges a second."""
        return self.good / self.seconds if self.seconds else 0.0

    @property
    def bad(self) -> float:
        """Part of the exchanges that failed or needed something to be sent again."""
        count = self.good + self.failed
        return (self.failed + self.sent_again + self.received_again) / count if count else 1.0


def percentile(values: list[float], part: float) -> float:
    """The value that `part` of all are not above (nearest rank); 0 without values."""
    if not values:
        return 0.0
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, int(part * len(ranked)))]


class Driver:
    """Use as a context manager.

    Args:
        server: address of the server; its answers have to come from there.
        patience: seconds for an exchange to be complete.
    """

    def __init__(self, server: tuple[str, int], *, patience: float = 10.0) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        for forced, usual in (
            (33, socket.SO_RCVBUF),
            (32, socket.SO_SNDBUF),
        ):  # SO_RCVBUFFORCE, SO_SNDBUFFORCE
            self._socket.setsockopt(socket.SOL_SOCKET, usual, BUFFER)
            with contextlib.suppress(PermissionError):
                self._socket.setsockopt(socket.SOL_SOCKET, forced, BUFFER)
        self.server = server
        self._socket.connect(server)
        host, port = self._socket.getsockname()
        self.wire = Wire(f"{host}:{port}")
        self.watches: dict[bytes, Watch] = {}
        self.stray = 0
        """Requests of dialogs that we do not know."""
        self.patience = patience
        # Another driver's requests would be taken for copies of these (RFC 3261 §8.2.2.2).
        self._numbers = secrets.randbits(31)
        self._open: dict[int, Exchange] = {}
        self._first: deque[tuple[float, Exchange]] = deque()
        self._later: list[tuple[float, int, float, Exchange]] = []
        self._outcome = Outcome()

    def __enter__(self) -> Driver:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def number(self) -> int:
        """A number for a new exchange."""
        self._numbers += 1
        return self._numbers

    def watch(self, group: Group, exchange: Exchange) -> Watch:
        """Note that `exchange` is a SUBSCRIBE for a new subscription."""
        made = self.watches[call_id(exchange.number).encode()] = Watch(group, exchange)
        return made

    def closed(self, count: int, window: int, make: Callable[[], Exchange]) -> Outcome:
        """`count` exchanges, `window` of them under way at any time."""
        return self._run(count, window, None, make)

    def through(self, exchanges: Iterator[Exchange], window: int, rate: float | None = None) -> Outcome:
        """All of these, at most `window` of them under way at any time, and begun `rate` times a second."""
        return self._run(None, window, rate, lambda: next(exchanges))

    def paced(
        self, count: int, rate: float, make: Callable[[], Exchange], *, window: int = 50_000
    ) -> Outcome:
        """`count` exchanges, begun `rate` times a second whatever becomes of them."""
        return self._run(count, window, rate, make)

    def idle(self, seconds: float) -> Outcome:
        """Answer what comes for so long."""
        end = time.monotonic() + seconds
        self._outcome = Outcome(seconds=seconds)
        while (left := end - time.monotonic()) > 0:
            self._wait(left)
            self._read()
        return self._outcome

    # -- the loop -----------------------------------------------------------------------------------------

    def _run(
        self, count: int | None, window: int, rate: float | None, make: Callable[[], Exchange]
    ) -> Outcome:
        """`count` None: until `make` raises StopIteration."""
        count = sys.maxsize if count is None else count
        outcome = self._outcome = Outcome()
        cpu = time.process_time()
        begun = last = time.monotonic()
        made = 0
        while made < count or self._open:
            now = time.monotonic()
            while made < count and len(self._open) < window:
                due = now if rate is None else begun + made / rate
                if due > now:
                    break
                try:
                    exchange = make()
                except StopIteration:
                    count = made
                    break
                self._send(exchange, due, now)
                made += 1
            wait = self._next(now)
            if rate is not None and made < count and len(self._open) < window:
                wait = min(wait, begun + made / rate - now)
            self._wait(max(0.0, wait))
            self._read()
            last = time.monotonic()
            self._overdue(last)
        outcome.seconds = max(last - begun, 1e-9)
        outcome.driver_seconds = time.process_time() - cpu
        return outcome

    def _send(self, exchange: Exchange, due: float, now: float) -> None:
        exchange.due = due
        self._open[exchange.number] = exchange
        self._socket.send(exchange.request)
        self._first.append((now + T1, exchange))

    def _wait(self, seconds: float) -> None:
        select.select([self._socket], [], [], seconds)

    def _next(self, now: float) -> float:
        due = now + T1
        if self._first:
            due = self._first[0][0]
        if self._later:
            due = min(due, self._later[0][0])
        return due - now

    def _overdue(self, now: float) -> None:
        while self._first and self._first[0][0] <= now:
            _, exchange = self._first.popleft()
            self._again(exchange, T1, now)
        while self._later and self._later[0][0] <= now:
            _, _, interval, exchange = heapq.heappop(self._later)
            self._again(exchange, interval, now)

    def _again(self, exchange: Exchange, interval: float, now: float) -> None:
        if exchange.over:
            return
        if now >= exchange.due + self.patience:
            self._outcome.refusals["no answer" if not exchange.answered else "no NOTIFY"] += 1
            self._end(exchange, good=False)
            return
        if not exchange.answered:
            self._outcome.sent_again += 1
            self._socket.send(exchange.request)
        interval = min(2 * interval, T2)
        heapq.heappush(self._later, (now + interval, exchange.number, interval, exchange))

    # -- what comes ---------------------------------------------------------------------------------------

    def _read(self) -> None:
        receive = self._socket.recv
        for _ in range(_DRAIN):
            try:
                data = receive(_LARGEST, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
            except ConnectionRefusedError:
                raise BenchError("the server does not listen any more") from None
            if data.startswith(b"SIP/2.0 "):
                self._answer(data)
            else:
                self._request(data)

    def _answer(self, data: bytes) -> None:
        exchange = self._open.get(number_of(data))
        if exchange is None or exchange.answered or data[8:9] == b"1":
            return
        exchange.answered = True
        if data[8:9] != b"2":
            self._outcome.refusals[data[8 : data.index(b"\r\n")].decode(errors="replace")] += 1
            self._end(exchange, good=False)
            return
        if exchange.on_answer is not None:
            exchange.on_answer(data)
        self._came(exchange)

    def _request(self, data: bytes) -> None:
        self._socket.send(ok(data))
        watch = self.watches.get(call_of(data))
        if watch is None:
            self.stray += not data.startswith(b"MESSAGE")
            return
        at = data.find(b"\r\nCSeq: ")
        cseq = data[at + 8 : at + 18].partition(b" ")[0]
        if cseq == watch.cseq:
            self._outcome.received_again += 1
            return
        watch.cseq = cseq
        self._outcome.notifies += 1
        exchange = watch.exchange
        if exchange is not None:
            watch.exchange = None
        else:
            exchange = watch.group.exchange
            if exchange is None or exchange.over:
                return
            self._outcome.notify_delays.append(time.monotonic() - exchange.due)
        self._came(exchange)

    def _came(self, exchange: Exchange) -> None:
        exchange.awaiting -= 1
        if exchange.awaiting == 0:
            self._end(exchange, good=True)

    def _end(self, exchange: Exchange, *, good: bool) -> None:
        if exchange.over:
            return
        exchange.over = True
        self._open.pop(exchange.number, None)
        if good:
            self._outcome.good += 1
            self._outcome.delays.append(time.monotonic() - exchange.due)
        else:
            self._outcome.failed += 1
        if exchange.on_end is not None:
            exchange.on_end()
