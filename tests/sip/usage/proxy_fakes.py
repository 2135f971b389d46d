"""What the proxy tests put around the proxy: flows without sockets, a sender that remembers, a caller."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from textwrap import dedent
from typing import cast

from sip.errors import REASONS
from sip.identity import Identity
from sip.message import Request, Response, parse
from sip.request import ServerRequest
from sip.timers import TimerWheel
from sip.transaction.server import ServerTransaction
from sip.transport.flow import Flow
from sip.uri import Uri, parse_uri
from sip.usage.proxy import Proxy, ProxySettings, Target
from sip.usage.proxy.interface import ResponseUser

INVITE = """\
    INVITE sip:bob@example.com SIP/2.0
    Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bKalice1;rport
    Max-Forwards: 70
    From: Alice <sip:alice@example.com>;tag=a1
    To: <sip:bob@example.com>
    Call-ID: call-1@192.0.2.10
    CSeq: 1 INVITE
    Contact: <sip:alice@192.0.2.10>
    Content-Type: application/sdp

    v=0
    """

MESSAGE = """\
    MESSAGE sip:bob@example.com SIP/2.0
    Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bKalice2;rport
    Max-Forwards: 70
    From: Alice <sip:alice@example.com>;tag=a1
    To: <sip:bob@example.com>
    Call-ID: page-1@192.0.2.10
    CSeq: 1 MESSAGE
    Content-Type: text/plain

    Watson, come here.
    """


def request(text: str, **headers: str) -> Request:
    """The request of an indented `text`; `headers` are added (`max_breadth="3"` is `Max-Breadth: 3`)."""
    parsed = parse(dedent(text).replace("\n", "\r\n").encode())
    assert isinstance(parsed, Request)
    for name, value in headers.items():
        parsed.set(name.replace("_", "-"), value)
    return parsed


def uri(text: str) -> Uri:
    parsed = parse_uri(text)
    assert isinstance(parsed, Uri)
    return parsed


class FakeFlow(Flow):
    """A way to a peer; `local` is ours."""

    def __init__(
        self,
        transport: str = "UDP",
        remote: tuple[str, int] = ("192.0.2.20", 5060),
        local: tuple[str, int] = ("192.0.2.1", 5060),
    ) -> None:
        self.transport = transport
        self.remote = remote
        self._local = local
        self.sent: list[bytes] = []

    @property
    def local(self) -> tuple[str, int]:
        return self._local

    @property
    def alive(self) -> bool:
        return True

    @property
    def key(self) -> str:
        return f"{self.transport.lower()}|{self.remote[0]}:{self.remote[1]}"

    def send(self, data: bytes) -> None:
        self.sent.append(data)


class Sent:
    """One request that the proxy gave to the sender, as it left."""

    def __init__(self, request: Request, hop: Flow | Uri, user: ResponseUser) -> None:
        self.request = request
        self.hop = hop
        self.user = user
        self.cancels: list[tuple[str, ...]] = []
        """Reason values of each CANCEL."""

    @property
    def place(self) -> str:
        """Where it went: the next hop as text."""
        return str(self.hop) if isinstance(self.hop, Uri) else self.hop.key

    def cancel(self, reasons: Sequence[str] = ()) -> None:
        self.cancels.append(tuple(reasons))

    def answer(
        self,
        status: int,
        reason: str | None = None,
        *headers: tuple[str, str],
        tag: str = "b1",
        body: bytes = b"",
    ) -> None:
        """The peer answers."""
        self.user.on_response(
            Response.answering(self.request, status, reason, to_tag=tag, headers=headers, body=body)
        )

    def fail(self, status: int) -> None:
        """Nobody answers (408), nobody can be reached (503)."""
        self.user.on_failure(status, REASONS[status])


class FakeSender:
    """Remembers what it is to send."""

    def __init__(self) -> None:
        self.sent: list[Sent] = []
        self.acks: list[Sent] = []
        self.way_out: Flow = FakeFlow()
        """The flow that URIs resolve to."""
        self.on_send: Callable[[Sent], None] = lambda _: None
        """Called from within `send`, for peers that fail at once."""

    def send(
        self,
        request: Request,
        hop: Flow | Uri,
        user: ResponseUser,
        *,
        branch_suffix: str = "",
        finish: Callable[[Request, Flow], None] | None = None,
    ) -> Sent:
        flow = self.way_out if isinstance(hop, Uri) else hop
        if finish is not None:
            finish(request, flow)
        branch = f"z9hG4bKproxy{len(self.sent)}.{branch_suffix}"
        request.prepend("Via", f"SIP/2.0/{flow.transport} {flow.sent_by};branch={branch};rport")
        sent = Sent(request, hop, user)
        self.sent.append(sent)
        self.on_send(sent)
        return sent

    def forward_ack(self, request: Request, hop: Flow | Uri, *, branch_suffix: str = "") -> None:
        request.prepend("Via", f"SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKack.{branch_suffix}")
        self.acks.append(Sent(request, hop, Nobody()))

    @property
    def places(self) -> list[str]:
        return [sent.place for sent in self.sent]


class Nobody:
    """Hears what happens to an ACK: nothing does."""

    def on_response(self, response: Response) -> None:
        raise AssertionError("an ACK was answered")

    def on_failure(self, status: int, reason: str) -> None:
        raise AssertionError("an ACK was reported as failed")


class Caller:
    """The server transaction as its client sees it: the answers that went back."""

    def __init__(self, request: Request, flow: Flow) -> None:
        self.request = request
        self.flow = flow
        self.responses: list[Response] = []
        self.final_status = 0
        self.on_cancel: Callable[[Request], None] | None = None

    def respond(self, response: Response) -> None:
        self.responses.append(response)
        if response.status >= 200:
            self.final_status = response.status

    def hang_up(self, *reasons: str) -> None:
        """CANCEL."""
        cancel = Request("CANCEL", self.request.uri_text, [("Reason", reason) for reason in reasons])
        assert self.on_cancel is not None
        self.on_cancel(cancel)

    @property
    def statuses(self) -> list[int]:
        return [response.status for response in self.responses]

    @property
    def last(self) -> Response:
        return self.responses[-1]


class House:
    """A proxy with everything fake around it."""

    def __init__(
        self,
        settings: ProxySettings | None = None,
        *,
        flow_for: Callable[[Uri], Flow | None] = lambda _: None,
    ) -> None:
        self.timers = TimerWheel()
        self.sender = FakeSender()
        self.proxy = Proxy(
            self.sender,
            self.timers,
            settings or ProxySettings(loop_key=b"a key of the tests"),
            lambda uri: uri.host == "example.com",
            flow_for,
        )

    @property
    def sent(self) -> list[Sent]:
        return self.sender.sent

    def arrive(
        self, message: Request, *, flow: Flow | None = None, identity: Identity | None = None
    ) -> tuple[ServerRequest, Caller]:
        """`message` comes in over `flow`."""
        caller = Caller(message, flow or FakeFlow(remote=("192.0.2.10", 5060)))
        transaction = cast("ServerTransaction", caller)
        sr = ServerRequest(transaction, aor="sip:bob@example.com", trusted=False, now=0.0, to_tag="proxy")
        sr.identity = identity
        return sr, caller

    def forward(
        self, message: Request, *targets: Target, record_route: bool = False, flow: Flow | None = None
    ) -> Caller:
        """`message` comes in and is forwarded to `targets`."""
        sr, caller = self.arrive(message, flow=flow)
        self.proxy.forward(sr, targets, record_route=record_route)
        return caller


def to(text: str, q: int = 1000, *, hop: Flow | None = None, routes: tuple[str, ...] = ()) -> Target:
    """The target of a contact URI."""
    return Target(uri(text), hop or uri(text), q, routes)


def unmarked(values: Sequence[str]) -> list[str]:
    """Record-Route values without the mark of the dialog (`sip.dialog_mark`), which every one of ours has."""
    return [re.sub(r";d=[0-9a-f]{16}", "", value) for value in values]
