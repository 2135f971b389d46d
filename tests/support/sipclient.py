"""A small SIP user agent on plain sockets for black-box tests.

It registers, publishes, subscribes and sends messages, answers what comes in when told to, and keeps a log
of every message so that a failed expectation shows the whole conversation. Every wait has a limit. A thread
reads the wire; the test talks to the client from its own thread and sees answers and requests in the order
of arrival.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Sequence
from types import TracebackType

from tests.support.sipwire import SipMessage, address, credentials, parameter, token
from tests.support.wires import Address, Wire, open_wire

WAIT = 5.0  # seconds that an expectation waits unless told otherwise
RESEND = 0.5  # seconds between retransmissions over UDP (T1 of RFC 3261 §17)
Header = tuple[str, str]
Test = Callable[[SipMessage], bool]


class Unexpected(AssertionError):
    """What was waited for did not come, or something else came; shows the conversation."""


class SipClient:
    """One user agent of `aor` ("alice@example.com") at one wire to the server."""

    def __init__(
        self,
        server: Address,
        aor: str,
        password: str = "",
        *,
        transport: str = "udp",
        local: Address = ("127.0.0.1", 0),
        algorithm: str | None = None,
    ) -> None:
        """`algorithm` ("MD5", "SHA-256") picks one of several challenges; else the first is answered."""
        self.user, _, self.domain = aor.partition("@")
        self.uri = f"sip:{aor}"
        self.password = password
        self.transport = transport
        self.algorithm = algorithm
        self.answers: dict[str, int] = {
            "NOTIFY": 200,
            "MESSAGE": 200,
            "OPTIONS": 200,
        }  # sent without being asked
        self.log: list[str] = []
        self._server = server
        self._began = time.monotonic()
        self._arrived = threading.Condition()
        self._responses: list[SipMessage] = []
        self._requests: list[SipMessage] = []
        self._final: dict[str, int] = {}
        self._answered: dict[tuple[str, str], bytes] = {}
        self._call_id = token("reg")
        self._cseq = 0
        self._open(local)

    # --- the wire ----------------------------------------------------------------------------------

    def _open(self, local: Address) -> None:
        self.wire: Wire = open_wire(self.transport, self._server, local)
        self.lost = False
        host, port = self.wire.local
        self.host_port = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        if self.transport in ("ws", "wss"):
            self.host_port = f"{token('ws')}.invalid"  # RFC 7118 §5: a browser does not know its address
        hint = "" if self.transport == "udp" else f";transport={self.transport.replace('wss', 'ws')}"
        self.contact = f"<sip:{self.user}@{self.host_port}{hint}>"
        threading.Thread(target=self._read, args=(self.wire,), daemon=True, name=f"sip {self.uri}").start()

    def reconnect(self) -> None:
        """Open a new connection (a new port), as after the server was restarted."""
        self.wire.close()
        self._open(("127.0.0.1", 0))

    def close(self) -> None:
        self.wire.close()

    def __enter__(self) -> SipClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def send_bytes(self, data: bytes) -> None:
        """Send these bytes as they are."""
        self._note(">>>", data.decode("utf-8", "backslashreplace"))
        self.wire.send(data)

    def send(self, message: SipMessage) -> None:
        self.send_bytes(message.render())

    def _read(self, wire: Wire) -> None:
        while True:
            try:
                arrived = wire.receive()
            except (OSError, EOFError, ValueError):
                break
            for data in arrived:
                if data.strip(b"\r\n\0"):
                    self._hear(SipMessage.parse(data))
        if wire is self.wire:
            with self._arrived:
                self.lost = True
                self._arrived.notify_all()

    def _hear(self, message: SipMessage) -> None:
        self._note("<<<", str(message))
        if not message.is_request:
            with self._arrived:
                if message.status >= 200:
                    self._final[message.branch] = message.status
                self._responses.append(message)
                self._arrived.notify_all()
            return
        key = (message.branch, message.method)
        if key in self._answered:  # a retransmission gets the same answer and is not shown to the test again
            self.send_bytes(self._answered[key])
            return
        if message.method in self.answers:
            self.reply(message, self.answers[message.method])
        with self._arrived:
            self._requests.append(message)
            self._arrived.notify_all()

    def _note(self, mark: str, text: str) -> None:
        self.log.append(f"{mark} {time.monotonic() - self._began:7.3f} {self.uri}\n{text.rstrip()}\n")

    # --- expectations ------------------------------------------------------------------------------

    def fail(self, why: str) -> Unexpected:
        """The error to raise: `why`, and everything that was said so far."""
        return Unexpected(
            f"{why}\n--- conversation of {self.uri} over {self.transport}:\n" + "\n".join(self.log)
        )

    def _wait(self, box: list[SipMessage], test: Test, timeout: float) -> SipMessage | None:
        deadline = time.monotonic() + timeout
        with self._arrived:
            while True:
                for index, message in enumerate(box):
                    if test(message):
                        return box.pop(index)
                left = deadline - time.monotonic()
                if left <= 0 or not self._arrived.wait(left):
                    return None

    def expect_request(
        self, method: str, where: Test = lambda message: True, *, timeout: float = WAIT, what: str = ""
    ) -> SipMessage:
        """The next request of that method for which `where` holds; earlier others stay in the box."""
        found = self._wait(
            self._requests, lambda message: message.method == method and where(message), timeout
        )
        if found is None:
            raise self.fail(f"no {method} {what} within {timeout} s")
        return found

    def expect_none(self, method: str, where: Test = lambda message: True, *, during: float = 0.5) -> None:
        """No such request arrives during that many seconds."""
        if self._wait(self._requests, lambda message: message.method == method and where(message), during):
            raise self.fail(f"a {method} came that should not have come")

    def expect_response(
        self, request: SipMessage, *, final: bool = True, timeout: float = WAIT
    ) -> SipMessage:
        """The answer to `request` (by default the final one, provisional ones are passed over)."""

        def fits(message: SipMessage) -> bool:
            same = message.call_id == request.call_id and message.cseq == request.cseq
            return same and message.branch == request.branch and (message.status >= 200 or not final)

        found = self._wait(self._responses, fits, timeout)
        if found is None:
            raise self.fail(f"no answer to {request.start} within {timeout} s")
        return found

    def answer_to(self, request: SipMessage) -> int | None:
        """The final status that came for `request` so far, waiting for nothing."""
        return self._final.get(request.branch)

    # --- requests and answers ----------------------------------------------------------------------

    def request(
        self,
        method: str,
        uri: str,
        *,
        to: str | None = None,
        from_: str | None = None,
        call_id: str | None = None,
        cseq: int | None = None,
        headers: Sequence[Header] = (),
        body: bytes = b"",
    ) -> SipMessage:
        """A request with the mandatory headers (RFC 3261 §8.1.1), not yet sent."""
        if cseq is None:
            self._cseq += 1
            cseq = self._cseq
        fixed = [
            ("Via", f"SIP/2.0/{self.transport.upper()} {self.host_port};branch={token('z9hG4bK')};rport"),
            ("Max-Forwards", "70"),
            ("From", from_ or f"<{self.uri}>;tag={token('f')}"),
            ("To", to or f"<{uri}>"),
            ("Call-ID", call_id or token("call")),
            ("CSeq", f"{cseq} {method}"),
        ]
        return SipMessage(f"{method} {uri} SIP/2.0", [*fixed, *headers], body)

    def exchange(self, request: SipMessage, *, timeout: float = WAIT) -> SipMessage:
        """Send and return the final answer, retransmitting over UDP."""
        deadline = time.monotonic() + timeout
        self.send(request)
        while True:
            left = deadline - time.monotonic()
            if self.transport != "udp" or left <= RESEND:
                return self.expect_response(request, timeout=max(left, 0.01))
            try:
                return self.expect_response(request, timeout=RESEND)
            except Unexpected:
                self.send(request)

    def transact(
        self, request: SipMessage, *, expect: int | None = None, timeout: float = WAIT
    ) -> SipMessage:
        """Exchange, answer a 401 or 407 once with credentials, check the final status if one is given."""
        response = self.exchange(request, timeout=timeout)
        if response.status in (401, 407) and self.password:
            response = self.exchange(self.authorized(request, response), timeout=timeout)
        if expect is not None and response.status != expect:
            raise self.fail(f"{request.start} was answered {response.start!r}, not {expect}")
        return response

    def authorized(self, request: SipMessage, challenged: SipMessage) -> SipMessage:
        """The same request with the next CSeq, a new branch and credentials (RFC 3261 §22.2)."""
        asked, given = {
            401: ("WWW-Authenticate", "Authorization"),
            407: ("Proxy-Authenticate", "Proxy-Authorization"),
        }[challenged.status]
        offers = challenged.get_all(asked)
        wanted = [one for one in offers if self.algorithm is None or f"algorithm={self.algorithm}" in one]
        if not wanted:
            raise self.fail(f"no {self.algorithm} challenge in {offers}")
        number, method = request.cseq
        self._cseq = max(self._cseq, number + 1)
        proof = credentials(
            wanted[0],
            method=method,
            uri=request.uri,
            user=self.user,
            password=self.password,
            body=request.body,
        )
        changed = {
            "via": re.sub(r"branch=[^;]+", f"branch={token('z9hG4bK')}", request.need("Via")),
            "cseq": f"{number + 1} {method}",
        }
        headers = [(name, changed.get(name.lower(), value)) for name, value in request.headers]
        return SipMessage(request.start, [*headers, (given, proof)], request.body)

    def reply(
        self, request: SipMessage, status: int, reason: str = "Told So", headers: Sequence[Header] = ()
    ) -> None:
        """Answer an incoming request (RFC 3261 §8.2.6)."""
        copied = [(name, value) for name in ("Via", "Record-Route") for value in request.get_all(name)]
        to = request.need("To")
        if parameter(to, "tag") is None:
            to = f"{to};tag={token('t')}"
        copied += [("From", request.need("From")), ("To", to), ("Call-ID", request.call_id)]
        copied += [("CSeq", request.need("CSeq")), *headers]
        data = SipMessage(f"SIP/2.0 {status} {'OK' if status == 200 else reason}", copied).render()
        self._answered[(request.branch, request.method)] = data
        self.send_bytes(data)

    # --- what a phone does -------------------------------------------------------------------------

    def register(
        self,
        expires: int = 600,
        *,
        contact: str | None = None,
        headers: Sequence[Header] = (),
        expect: int | None = 200,
    ) -> SipMessage:
        """REGISTER our contact (or the given Contact value; "" asks for the bindings)."""
        chosen = self.contact if contact is None else contact
        lines: list[Header] = [("Contact", chosen), ("Expires", str(expires))] if chosen else []
        request = self.request(
            "REGISTER",
            f"sip:{self.domain}",
            to=f"<{self.uri}>",
            call_id=self._call_id,
            headers=[*lines, *headers],
        )
        return self.transact(request, expect=expect)

    def publish(
        self,
        body: bytes = b"",
        *,
        etag: str | None = None,
        expires: int | None = 600,
        headers: Sequence[Header] = (),
        expect: int | None = 200,
    ) -> SipMessage:
        """PUBLISH of event package "presence" for our own AOR (RFC 3903 §4)."""
        lines: list[Header] = [("Event", "presence"), *headers]
        if expires is not None:
            lines.append(("Expires", str(expires)))
        if etag is not None:
            lines.append(("SIP-If-Match", etag))
        if body:
            lines.append(("Content-Type", "application/pidf+xml"))
        return self.transact(self.request("PUBLISH", self.uri, headers=lines, body=body), expect=expect)

    def message(
        self, to: str, text: str, *, headers: Sequence[Header] = (), expect: int | None = 200
    ) -> SipMessage:
        """Send a page-mode message (RFC 3428) to the URI `to`."""
        lines = [("Content-Type", "text/plain;charset=UTF-8"), *headers]
        return self.transact(self.request("MESSAGE", to, headers=lines, body=text.encode()), expect=expect)

    def subscribe(
        self,
        to: str,
        *,
        expires: int = 600,
        event: str = "presence",
        headers: Sequence[Header] = (),
        expect: int = 200,
    ) -> Subscription:
        """SUBSCRIBE to the URI `to` (RFC 6665 §4.1.2); the NOTIFYs are taken with `Subscription.notify`."""
        subscription = Subscription(self, to, event)
        subscription.send(expires, headers=headers, expect=expect)
        return subscription


class Subscription:
    """A subscription of ours with its dialog."""

    def __init__(self, client: SipClient, to: str, event: str) -> None:
        self.client = client
        self.event = event
        self.call_id = token("sub")
        self.target = to
        self.from_ = f"<{client.uri}>;tag={token('f')}"
        self.to = f"<{to}>"
        self.routes: list[str] = []
        self.cseq = 0
        self.last_notify_cseq = -1
        self.response: SipMessage | None = None

    def send(self, expires: int, *, headers: Sequence[Header] = (), expect: int | None = 200) -> SipMessage:
        """SUBSCRIBE inside the dialog once there is one, else the initial one."""
        self.cseq += 1
        lines: list[Header] = [("Route", route) for route in self.routes]
        lines += [
            ("Contact", self.client.contact),
            ("Event", self.event),
            ("Expires", str(expires)),
            *headers,
        ]
        request = self.client.request(
            "SUBSCRIBE",
            self.target,
            to=self.to,
            from_=self.from_,
            call_id=self.call_id,
            cseq=self.cseq,
            headers=lines,
        )
        response = self.client.transact(request, expect=expect)
        self.cseq = response.cseq[0]
        if response.status < 300:
            if self.response is None:
                self.routes = list(reversed(response.get_all("Record-Route")))
            self.to = response.need("To")
            self.target = address(response.need("Contact"))
        self.response = response
        return response

    def refresh(self, expires: int = 600, *, expect: int | None = 200) -> SipMessage:
        return self.send(expires, expect=expect)

    def unsubscribe(self) -> SipMessage:
        """End it, and return the closing NOTIFY."""
        self.send(0)
        return self.notify(where=lambda message: "terminated" in message.need("Subscription-State"))

    def notify(
        self, where: Test = lambda message: True, *, timeout: float = WAIT, what: str = ""
    ) -> SipMessage:
        """The next NOTIFY of this dialog for which `where` holds, passing over the others.

        Checks of each that it belongs to the dialog by its tags and that its CSeq is higher than the one
        before.
        """
        deadline = time.monotonic() + timeout
        while True:
            found = self.client.expect_request(
                "NOTIFY",
                lambda message: message.call_id == self.call_id,
                timeout=max(deadline - time.monotonic(), 0.01),
                what=f"{what} in the dialog of {self.to}",
            )
            number = found.cseq[0]
            if number <= self.last_notify_cseq:
                raise self.client.fail(f"NOTIFY with CSeq {number} after {self.last_notify_cseq}")
            self.last_notify_cseq = number
            ours, theirs = parameter(found.need("To"), "tag"), parameter(found.need("From"), "tag")
            if ours != parameter(self.from_, "tag") or theirs != parameter(self.to, "tag"):
                raise self.client.fail("NOTIFY with tags of another dialog")
            if where(found):
                return found

    def quiet(self, during: float = 0.5) -> None:
        """No NOTIFY comes in this dialog during that many seconds."""
        self.client.expect_none("NOTIFY", lambda message: message.call_id == self.call_id, during=during)
