"""Records to write, and what became of them."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from presence.storage.database import Database, load
from presence.storage.journal.client import JournalClient
from sip.ports import Record, Value

TEN_SECONDS = 10.0


def publication(number: int, body: Value = b"<presence/>", etag: Value = "e") -> Record:
    row = ("presence", f"sip:{number}@x", etag, 2e9, "application/pidf+xml", body, "", 1e9)
    return Record("publication", (f"p{number:06}",), row)


def binding(aor: str, contact: str, display: str = "") -> Record:
    row = (f"{display}<{contact}>", "call", 1, 1000, 2e9, "", "", 0, "udp|1", "agent", 1e9)
    return Record("binding", (aor, contact), row)


def message(number: int) -> Record:
    return Record("message", (f"m{number:06}",), ("sip:r@x", "sip:s@x", 1.0, 2.0, "[]", b"hello"))


def gone(record: Record) -> Record:
    return record._replace(row=None)


def written(journal: JournalClient, *records: Record) -> Deferred[None]:
    """A Deferred of one write: None, or the JournalError."""
    result: Deferred[None] = Deferred()
    journal.write(records, lambda error: result.errback(error) if error else result.callback(None))
    return result.addTimeout(TEN_SECONDS, reactor)


def after(seconds: float) -> Deferred[None]:
    return deferLater(reactor, seconds, lambda: None)


async def until(condition: Callable[[], bool], seconds: float = TEN_SECONDS) -> None:
    for _ in range(int(seconds / 0.01)):
        if condition():
            return
        await after(0.01)
    raise AssertionError("it did not come to pass")


def stored(database: Database, kind: str = "publication") -> dict[str, tuple[Value, ...]]:
    return {str(key[-1]): row for key, row in load(database, kind)}


BAD = {
    "a missing value": publication(2, etag=None),
    "a value that cannot be passed": publication(2, body=1j),  # type: ignore[arg-type]
    "an integer beyond 64 bits": Record("binding", ("a", "b"), ("c", "d", 2**70, *binding("", "").row[3:])),  # type: ignore[index]
    "a row that is too short": Record("publication", ("p",), ("presence",)),
    "a key that is too long": Record("publication", ("p", "q"), None),
    "a kind that nobody knows": Record("weather", ("p",), None),
}
