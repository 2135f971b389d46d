"""What one NOTIFY tells, and its body: plain classes, as they are made for each and asked at every step."""

from __future__ import annotations

from hashlib import blake2b


class Body:
    """A NOTIFY body; the same object may go to any number of watchers."""

    __slots__ = ("_etag", "content_type", "data")

    def __init__(self, content_type: str, data: bytes) -> None:
        self.content_type = content_type
        self.data = data
        self._etag = ""

    @property
    def etag(self) -> str:
        """The entity-tag of exactly this state (RFC 5839 §6.1): equal states have equal ones."""
        if not self._etag:
            self._etag = blake2b(self.data, digest_size=9, person=b"SIP-ETag").hexdigest()
        return self._etag

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, Body):
            return NotImplemented
        return self.data == other.data and self.content_type == other.content_type

    def __hash__(self) -> int:
        return hash((self.content_type, self.data))

    def __repr__(self) -> str:
        return f"Body({self.content_type!r}, {self.data!r})"


class Notification:
    """What one NOTIFY tells; nobody changes it."""

    __slots__ = ("body", "etag", "headers", "more")

    def __init__(
        self,
        body: Body | None,
        headers: tuple[tuple[str, str], ...] = (),
        etag: str = "",
        more: bool = False,
    ) -> None:
        self.body = body
        """None for a NOTIFY without one."""
        self.headers = headers
        """Further header fields, as `Require: eventlist`."""
        self.etag = etag
        """Entity-tag of the whole state, where `body` is only a part of it; else that of the body."""
        self.more = more
        """True if the rest of that state follows in notifications of its own."""

    def _values(self) -> tuple[object, ...]:
        return self.body, self.headers, self.etag, self.more

    def __eq__(self, other: object) -> bool:
        return self._values() == other._values() if isinstance(other, Notification) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._values())
