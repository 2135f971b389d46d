"""What the usages are tested in: a directory of three, a journal whose answers the test releases, a clock."""

from __future__ import annotations

import marshal
from collections.abc import Callable, Iterable, Sequence
from typing import Any, cast

from sip.auth import digest
from sip.errors import SipError
from sip.identity import Identity
from sip.message import Request, Response, parse
from sip.ports import JournalError, Record
from sip.request import ServerRequest
from sip.timers import TimerWheel

WALL = 1_800_000_000.0
"""Epoch seconds of the moment at which the clocks of these tests show 0."""


class Directory:
    """alice, bob and carol at example.com; "ally" is an alias of alice; passwords are NAME-secret."""

    def __init__(self) -> None:
        self.users = {"alice", "bob", "carol"}
        self.aliases = {"sip:ally@example.com": "sip:alice@example.com"}

    def is_local_domain(self, host: str) -> bool:
        return host.lower() in ("example.com", "sip.test")

    def resolve(self, aor: str) -> str | None:
        aor = self.aliases.get(aor, aor)
        user, _, host = aor.removeprefix("sip:").partition("@")
        return aor if user in self.users and self.is_local_domain(host) else None

    def ha1(self, username: str, realm: str, algorithm: str) -> str | None:
        user = username.partition("@")[0]
        if user not in self.users:
            return None
        return digest.ha1(username, realm, f"{user}-secret", algorithm)

    def aor_of(self, username: str, realm: str) -> str | None:
        return self.resolve(f"sip:{username.partition('@')[0]}@{realm}")


class MemoryJournal:
    """Keeps rows in a dict; `hold` makes writes wait for `release`, `fail` refuses them.

    As the real one it never calls `done` from within `write`: `settle` or `release` does.
    """

    def __init__(self) -> None:
        self.rows: dict[tuple[str, tuple[Any, ...]], tuple[Any, ...]] = {}
        self.hold = False
        self.fail = False
        self.writes: list[list[Record]] = []
        self._waiting: list[tuple[Sequence[Record], Callable[[JournalError | None], None]]] = []

    def write(self, records: Sequence[Record], done: Callable[[JournalError | None], None]) -> None:
        # As the real one does: a value of a type that is not plain never gets to the writer.
        marshal.dumps([tuple(record) for record in records])
        self._waiting.append((records, done))

    def catch_up(self, records: Sequence[Record], done: Callable[[JournalError | None], None]) -> None:
        self.write(records, done)

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def settle(self) -> None:
        """What the reactor would do next: answer all writes unless they are held."""
        while self._waiting and not self.hold:
            self.release()

    def release(self) -> None:
        """Answer the oldest write."""
        records, done = self._waiting.pop(0)
        if self.fail:
            done(JournalError("disk full"))
            return
        self.writes.append(list(records))
        for kind, key, row in records:
            if row is None:
                self.rows.pop((kind, key), None)
            else:
                self.rows[kind, key] = row
        done(None)

    def load(self, kind: str) -> list[tuple[tuple[Any, ...], tuple[Any, ...]]]:
        """The rows of a kind as the storage hands them out at start."""
        return [(key, row) for (held, key), row in self.rows.items() if held == kind]


class FakeFlow:
    def __init__(self, key: str = "udp|192.0.2.4:5060|192.0.2.1:5060") -> None:
        self.key = key
        self.transport = "UDP"
        self.remote = ("192.0.2.4", 5060)


class FakeServerRequest:
    """Stands in for sip.request.ServerRequest and remembers the answers."""

    def __init__(self, request: Request, identity: Identity | None, aor: str, now: float) -> None:
        self.request = request
        self.flow = FakeFlow()
        self.identity = identity
        self.aor = aor
        self.now = now
        self.replies: list[Response] = []

    @property
    def method(self) -> str:
        return self.request.method

    def reply(
        self,
        status: int,
        reason: str | None = None,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        to_tag: str | None = None,
    ) -> None:
        self.replies.append(
            Response.answering(
                self.request, status, reason, to_tag=to_tag or "our-tag", headers=headers, body=body
            )
        )

    def reject(self, error: SipError) -> None:
        self.reply(error.status, error.reason, error.headers, error.body)


class Handler:
    """Runs message texts through a usage: `send` gives the answer, None while there is none."""

    def __init__(self, handle: Callable[[ServerRequest], None], journal: MemoryJournal) -> None:
        self._handle = handle
        self._journal = journal
        self.timers = TimerWheel()
        self.requests: list[FakeServerRequest] = []

    def wall(self) -> float:
        return WALL + self.timers.now

    def send(
        self, data: bytes, *, by: str | None = "sip:alice@example.com", aor: str | None = None
    ) -> Response | None:
        request = parse(data)
        assert isinstance(request, Request)
        identity = None if by is None else Identity(by, "digest")
        fake = FakeServerRequest(request, identity, aor or request.uri.aor, self.timers.now)
        self.requests.append(fake)
        try:
            self._handle(cast(ServerRequest, fake))
        except SipError as error:
            fake.reject(error)
        self._journal.settle()
        return fake.replies[0] if fake.replies else None

    def advance(self, seconds: float) -> None:
        self.timers.advance(self.timers.now + seconds)
        self._journal.settle()


def sip(text: str, body: bytes = b"") -> bytes:
    """The bytes of a message that a test shows as indented text."""
    lines = [line.strip() for line in text.strip().splitlines()]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
