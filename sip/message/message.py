"""What requests and responses share: header fields in order, a body, and typed values on demand.

RFC 3261 §7.3 and §7.4.  Header fields live in two parallel lists (canonical names and unfolded, stripped
values): a look-up scans a dozen interned strings, and order and repetition come for free.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Self

from sip.errors import BadRequest
from sip.headers import Contact, CSeq, Event, MediaType, NameAddr, Via, malformed, split_commas
from sip.headers.grammar import delta_seconds
from sip.headers.names import KNOWN, canonical_name

LIST_SUFFIX = "*"
"""Marks the cache entry of all values of a name, beside the one of its first value."""


class Message:
    """Header fields and a body.

    Values are `str`; bytes that are no UTF-8 survive as surrogate escapes.  Typed properties are cached
    snapshots and raise BadRequest, naming the header field, when it is malformed, or missing though
    mandatory.  Names are taken in any case and compact form.
    """

    __slots__ = ("_names", "_typed", "_values", "body")

    _names: list[str]
    _values: list[str]
    _typed: dict[str, Any]
    body: bytes

    def __init__(self, headers: Iterable[tuple[str, str]] = (), body: bytes = b"") -> None:
        self._names = []
        self._values = []
        self._typed = {}
        self.body = body
        for name, value in headers:
            self.add(name, value)

    # -- header fields -------------------------------------------------------------------------------------

    def get(self, name: str) -> str | None:
        """The first value line of this name, unfolded and stripped; None without one."""
        key = KNOWN.get(name) or canonical_name(name)
        names = self._names
        return self._values[names.index(key)] if key in names else None

    def get_all(self, name: str) -> list[str]:
        """All value lines of this name, in order."""
        key = KNOWN.get(name) or canonical_name(name)
        if key not in self._names:
            return []
        return [value for held, value in zip(self._names, self._values, strict=True) if held == key]

    def values(self, name: str) -> list[str]:
        """All values of a list header, in order, whether on lines of their own or joined by commas.

        Raises BadRequest for quotes or brackets that do not close.
        """
        found: list[str] = []
        for line in self.get_all(name):
            if "," in line:
                found.extend(_split(line, name))
            elif line:
                found.append(line)
        return found

    def set(self, name: str, value: str) -> None:
        """Make `value` the only one of this name, at the place of the first.  Raises ValueError: see `add`."""
        key = KNOWN.get(name) or canonical_name(name)
        value = safe_value(value)
        if key not in self._names:
            self._names.append(key)
            self._values.append(value)
            self._forget(key)
            return
        index = self._names.index(key)
        if self._names.count(key) > 1:
            self._drop(key)
            self._names.insert(index, key)
            self._values.insert(index, value)
        else:
            self._values[index] = value
        self._forget(key)

    def add(self, name: str, value: str) -> None:
        """Append a header field.

        Raises ValueError for a name that is no token, and for CR, LF or NUL in the value: nobody may smuggle
        a header field through a value.
        """
        key = KNOWN.get(name) or canonical_name(name)
        value = safe_value(value)
        self._names.append(key)
        self._values.append(value)
        self._forget(key)

    def prepend(self, name: str, value: str) -> None:
        """Put a header field before the first of its name, or on top of the message.  Raises ValueError."""
        key = KNOWN.get(name) or canonical_name(name)
        value = safe_value(value)
        index = self._names.index(key) if key in self._names else 0
        self._names.insert(index, key)
        self._values.insert(index, value)
        self._forget(key)

    def remove(self, name: str) -> None:
        """Remove every header field of this name."""
        key = KNOWN.get(name) or canonical_name(name)
        if key in self._names:
            self._drop(key)
            self._forget(key)

    def remove_first(self, name: str) -> None:
        """Remove the first value of this name; those joined to it by commas stay.  Raises BadRequest."""
        key = KNOWN.get(name) or canonical_name(name)
        if key not in self._names:
            return
        index = self._names.index(key)
        rest = _split(self._values[index], key)[1:] if "," in self._values[index] else []
        if rest:
            self._values[index] = ", ".join(rest)
        else:
            del self._names[index], self._values[index]
        self._forget(key)

    def items(self) -> Iterator[tuple[str, str]]:
        """(canonical name, value) of every header field line, in order."""
        return zip(self._names, self._values, strict=True)

    def __contains__(self, name: str) -> bool:
        return (KNOWN.get(name) or canonical_name(name)) in self._names

    def _drop(self, key: str) -> None:
        kept = [(name, value) for name, value in self.items() if name != key]
        self._names = [name for name, _ in kept]
        self._values = [value for _, value in kept]

    def _forget(self, key: str) -> None:
        typed = self._typed
        if typed:
            typed.pop(key, None)
            typed.pop(key + LIST_SUFFIX, None)

    def _mandatory(self, key: str) -> str:
        names = self._names
        if key not in names:
            raise BadRequest(f"Missing {key} header field")
        value = self._values[names.index(key)]
        if not value:
            raise BadRequest(f"Empty {key} header field")
        return value

    # -- typed values --------------------------------------------------------------------------------------

    @property
    def via(self) -> Via:
        """The topmost Via value."""
        found: Via | None = self._typed.get("Via")
        if found is None:
            line = self._mandatory("Via")
            if "," in line:
                parts = _split(line, "Via")
                if not parts:
                    raise malformed("Via")
                line = parts[0]
            found = self._typed["Via"] = Via.parse(line)
        return found

    @property
    def vias(self) -> list[Via]:
        """All Via values, topmost first."""
        found: list[Via] | None = self._typed.get("Via*")
        if found is None:
            found = self._typed["Via*"] = [Via.parse(value) for value in self.values("Via")]
            if not found:
                raise BadRequest("Missing Via header field")
        return found

    @property
    def from_(self) -> NameAddr:
        found: NameAddr | None = self._typed.get("From")
        if found is None:
            found = self._typed["From"] = NameAddr.parse(self._mandatory("From"), "From")
        return found

    @property
    def to(self) -> NameAddr:
        """The To value; its tag is the other half of a dialog once there is one."""
        return self.to_value()

    def to_value(self) -> NameAddr:
        """The same as `to`."""
        found: NameAddr | None = self._typed.get("To")
        if found is None:
            found = self._typed["To"] = NameAddr.parse(self._mandatory("To"), "To")
        return found

    @property
    def call_id(self) -> str:
        return self._mandatory("Call-ID")

    @property
    def cseq(self) -> CSeq:
        found: CSeq | None = self._typed.get("CSeq")
        if found is None:
            found = self._typed["CSeq"] = CSeq.parse(self._mandatory("CSeq"))
        return found

    @property
    def contacts(self) -> list[Contact]:
        """All Contact values except "*"."""
        found: list[Contact] | None = self._typed.get("Contact*")
        if found is None:
            values = self.values("Contact")
            if "*" in values and len(values) > 1:
                raise malformed("Contact", "* beside other values")
            found = self._typed["Contact*"] = [
                Contact.parse(value, "Contact") for value in values if value != "*"
            ]
        return found

    @property
    def contact_star(self) -> bool:
        """Whether Contact is "*": all bindings are meant (RFC 3261 §10.2.2)."""
        return self.get("Contact") == "*"

    @property
    def expires(self) -> int | None:
        """Seconds; None when absent or above 2**32-1, which both mean the default (RFC 4475 §3.1.2.4)."""
        text = self.get("Expires")
        return None if text is None else delta_seconds(text, "Expires")

    @property
    def max_forwards(self) -> int | None:
        """0 to 255; None when absent or above, which counts as absent (RFC 4475 §3.1.2.4)."""
        text = self.get("Max-Forwards")
        if text is None:
            return None
        hops = delta_seconds(text, "Max-Forwards")
        return hops if hops is not None and hops <= 255 else None

    @property
    def content_type(self) -> MediaType | None:
        found: MediaType | None = self._typed.get("Content-Type")
        if found is None:
            text = self.get("Content-Type")
            if text is None:
                return None
            found = self._typed["Content-Type"] = MediaType.parse(text)
        return found

    @property
    def event(self) -> Event | None:
        found: Event | None = self._typed.get("Event")
        if found is None:
            text = self.get("Event")
            if text is None:
                return None
            found = self._typed["Event"] = Event.parse(text)
        return found

    @property
    def routes(self) -> list[NameAddr]:
        return self._addresses("Route", "Route*")

    @property
    def record_routes(self) -> list[NameAddr]:
        return self._addresses("Record-Route", "Record-Route*")

    def _addresses(self, name: str, slot: str) -> list[NameAddr]:
        found: list[NameAddr] | None = self._typed.get(slot)
        if found is None:
            found = self._typed[slot] = [NameAddr.parse(value, name) for value in self.values(name)]
        return found

    # -- the whole message ---------------------------------------------------------------------------------

    @property
    def start_line(self) -> str:
        raise NotImplementedError

    def render(self) -> bytes:
        """The bytes of the message; Content-Length is always there and always true (RFC 3261 §18.3)."""
        names, body = self._names, self.body
        lines = [f"{name}: {value}" for name, value in zip(names, self._values, strict=True)]
        length = f"Content-Length: {len(body)}"
        if "Content-Length" in names:
            lines[names.index("Content-Length")] = length
            if names.count("Content-Length") > 1:
                lines = _only_first_length(names, lines)
        else:
            lines.append(length)
        head = "\r\n".join(lines)
        return f"{self.start_line}\r\n{head}\r\n\r\n".encode("utf-8", "surrogateescape") + body

    def copy(self) -> Self:
        """An independent copy: what is done to one leaves the other alone."""
        twin = type(self).__new__(type(self))
        twin._names = self._names.copy()
        twin._values = self._values.copy()
        twin._typed = {}
        twin.body = self.body
        return twin

    def _same_content(self, other: Message) -> bool:
        return self.body == other.body and self._fields() == other._fields()

    def _fields(self) -> list[tuple[str, str]]:
        return [item for item in self.items() if item[0] != "Content-Length"]

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.start_line}>"

    __hash__ = None  # type: ignore[assignment]


def safe_value(value: str) -> str:
    """`value` stripped, if it can stand in one header line.  Raises ValueError (see `Message.add`)."""
    if "\n" in value or "\r" in value or "\0" in value:
        raise ValueError("CR, LF or NUL in a header field value")
    if not value.isascii():
        value.encode("utf-8", "surrogateescape")  # UnicodeEncodeError is a ValueError
    return value.strip(" \t")


def _split(line: str, header: str) -> list[str]:
    try:
        return split_commas(line)
    except BadRequest as error:
        raise malformed(header, error.reason.lower()) from None


def _only_first_length(names: list[str], lines: list[str]) -> list[str]:
    first = names.index("Content-Length")
    return [
        line
        for index, (name, line) in enumerate(zip(names, lines, strict=True))
        if index == first or name != "Content-Length"
    ]
