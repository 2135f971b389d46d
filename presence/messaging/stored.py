"""A message that waits for its recipient: what is kept of the request, and the request that delivers it.

RFC 3428 §7 (when it expires) and §4 (what a MESSAGE carries).
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from email.utils import formatdate, parsedate_to_datetime
from typing import Final

from sip.headers import NameAddr
from sip.message import Request
from sip.ports import Record, Value

KIND: Final = "message"

# What belongs to the hop, the transaction or the sender's credentials; all else is between the two users.
_NOT_KEPT: Final = frozenset(
    {
        "Authorization",
        "CSeq",
        "Call-ID",
        "Contact",
        "Content-Length",
        "Max-Breadth",
        "Max-Forwards",
        "Path",
        "Proxy-Authorization",
        "Proxy-Require",
        "Record-Route",
        "Route",
        "Timestamp",
        "Via",
    }
)


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """One message that waits; times are epoch seconds."""

    id: str
    """Sorts by arrival."""
    recipient: str
    """AOR."""
    sender: str
    """AOR, or what From said."""
    received_at: float
    expires_at: float
    headers: tuple[tuple[str, str], ...]
    """From and To without tags, Date always, and what else the recipient gets."""
    body: bytes

    def record(self) -> Record:
        """The row that makes it durable."""
        row = (
            self.recipient,
            self.sender,
            self.received_at,
            self.expires_at,
            json.dumps(self.headers),
            self.body,
        )
        return Record(KIND, (self.id,), row)

    def removal(self) -> Record:
        """The end of that row."""
        return Record(KIND, (self.id,), None)

    def request(self) -> Request:
        """A new request that delivers it, in no dialog and with no trace of an earlier attempt."""
        headers = [(name, value) for name, value in self.headers if name not in ("From", "To")]
        addresses = {name: value for name, value in self.headers if name in ("From", "To")}
        return Request(
            "MESSAGE",
            self.recipient,
            [
                ("Max-Forwards", "70"),
                ("From", f"{addresses['From']};tag={secrets.token_hex(8)}"),
                ("To", addresses["To"]),
                ("Call-ID", secrets.token_hex(16)),
                ("CSeq", "1 MESSAGE"),
                *headers,
            ],
            self.body,
        )


def from_row(key: tuple[Value, ...], row: tuple[Value, ...]) -> StoredMessage:
    """The message of a stored row.  Raises ValueError if it is none."""
    recipient, sender, received_at, expires_at, headers, body = row
    if not isinstance(received_at, int | float) or not isinstance(expires_at, int | float):
        raise ValueError("a time is missing")
    pairs = tuple((str(name), str(value)) for name, value in json.loads(str(headers)))
    if not {"From", "To"} <= {name for name, _ in pairs}:
        raise ValueError("From or To is missing")
    content = body if isinstance(body, bytes) else b""
    return StoredMessage(
        str(key[0]), str(recipient), str(sender), float(received_at), float(expires_at), pairs, content
    )


def kept_headers(request: Request, received_at: float) -> tuple[tuple[str, str], ...]:
    """The header fields of `request` that are kept; Date is when it came if the sender gave none.

    Raises:
        BadRequest: From or To is malformed.
    """
    kept = [
        ("From", _without_tag(request.from_)),
        ("To", _without_tag(request.to)),
        *(item for item in request.items() if item[0] not in _NOT_KEPT and item[0] not in ("From", "To")),
    ]
    if "Date" not in request:
        kept.append(("Date", formatdate(received_at, usegmt=True)))
    return tuple((name, _text(value)) for name, value in kept)


def expiry(request: Request, received_at: float, longest: float, max_clock_error: float) -> float:
    """When a message is of no use any more, epoch seconds: its Expires counts from its Date (RFC 3428 §7)."""
    latest = received_at + longest
    expires = request.expires
    if expires is None:
        return latest
    sent_at = _date(request.get("Date"))
    if sent_at is None or abs(sent_at - received_at) > max_clock_error:
        sent_at = received_at
    return min(latest, sent_at + expires)


def new_id(number: int) -> str:
    """An id that sorts by `number` and is the same in no other process."""
    return f"{number:016x}{secrets.token_hex(4)}"


def number_of(ident: str) -> int:
    """The number of an id; 0 if it has none."""
    try:
        return int(ident[:16], 16)
    except ValueError:
        return 0


def by_arrival(messages: Iterable[StoredMessage]) -> list[StoredMessage]:
    """`messages` in the order in which they came."""
    return sorted(messages, key=lambda message: message.id)


def _without_tag(address: NameAddr) -> str:
    params = {name: value for name, value in address.params.items() if name.lower() != "tag"}
    return str(NameAddr(address.display, address.uri_text, params))


def _date(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None


def _text(value: str) -> str:
    """`value` as a database can hold it: what is no UTF-8 is replaced."""
    return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace").replace("\0", "")
