"""What requests and responses share: header fields, a body, and typed values on demand.

RFC 3261 §7.3 and §7.4.  The first line of each header field name lives in one dictionary, in order of
appearance; the rare further lines of the same name in a second one.  So a look-up costs what a dictionary
costs.  Lines of different names that were interleaved come out side by side, which means the same (§7.3.1).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from sip.errors import BadRequest
from sip.headers import Contact, CSeq, Event, MediaType, NameAddr, Via, malformed, split_commas
from sip.headers.grammar import delta_seconds
from sip.headers.names import KNOWN, canonical_name
from sip.headers.via import with_source
from sip.message.heads import rendered

LIST_SUFFIX = "*"
"""Marks the cache entry of all values of a name, beside the one of its first value."""


Fields = tuple[dict[str, str], dict[str, list[str]]]
"""The first line of each name in order of appearance, and the further lines of some."""


class Message:
    """Header fields and a body.

    Values are `str`; bytes that are no UTF-8 survive as surrogate escapes.  Typed properties are cached
    snapshots and raise BadRequest, naming the header field, when it is malformed, or missing though
    mandatory.  Names are taken in any case and compact form.
    """

    __slots__ = ("_call_id", "_cseq", "_first", "_from", "_more", "_to", "_typed", "_via", "body")

    _first: dict[str, str]
    _more: dict[str, list[str]]
    _typed: dict[str, Any]
    # Of what is asked for again and again; `_typed` has the rest.
    _via: Via | None
    _from: NameAddr | None
    _to: NameAddr | None
    _cseq: CSeq | None
    _call_id: str
    body: bytes

    def __init__(
        self, headers: Iterable[tuple[str, str]] = (), body: bytes = b"", fields: Fields | None = None
    ) -> None:
        """`fields`: lines that the parser has looked at already, in place of `headers`."""
        self._first, self._more = ({}, {}) if fields is None else fields
        self._typed = {}
        self._via = self._from = self._to = self._cseq = None
        self._call_id = ""
        self.body = body
        for name, value in headers:
            self.add(name, value)

    # -- header fields -------------------------------------------------------------------------------------

    def get(self, name: str) -> str | None:
        """The first value line of this name, unfolded and stripped; None without one."""
        value = self._first.get(KNOWN.get(name) or canonical_name(name))
        return None if value is None else value.strip(" \t")

    def get_all(self, name: str) -> list[str]:
        """All value lines of this name, in order."""
        key = KNOWN.get(name) or canonical_name(name)
        first = self._first.get(key)
        if first is None:
            return []
        more = self._more
        if not more or key not in more:
            return [first.strip(" \t")]
        return [value.strip(" \t") for value in (first, *more[key])]

    def values(self, name: str) -> list[str]:
        """All values of a list header, in order, whether on lines of their own or joined by commas.

        Raises BadRequest for quotes or brackets that do not close.
        """
        found: list[str] = []
        if (KNOWN.get(name) or canonical_name(name)) not in self._first:
            return found
        for line in self.get_all(name):
            if "," in line:
                found.extend(_split(line, name))
            elif line:
                found.append(line)
        return found

    def set(self, name: str, value: str) -> None:
        """Make `value` the only one of this name, at the place of the first.  Raises ValueError as `add`."""
        key = KNOWN.get(name) or canonical_name(name)
        self._first[key] = safe_value(value)
        self._more.pop(key, None)
        self._forget(key)

    def add(self, name: str, value: str) -> None:
        """Append a header field line.

        Raises ValueError for a name that is no token, and for CR, LF or NUL in the value: nobody may smuggle
        a header field through a value.
        """
        key = KNOWN.get(name) or canonical_name(name)
        value = safe_value(value)
        if key in self._first:
            self._more.setdefault(key, []).append(value)
        else:
            self._first[key] = value
        self._forget(key)

    def prepend(self, name: str, value: str) -> None:
        """Put a line before the first of its name, or on top of the message.  Raises ValueError as `add`."""
        key = KNOWN.get(name) or canonical_name(name)
        value = safe_value(value)
        if key in self._first:
            self._more.setdefault(key, []).insert(0, self._first[key])
            self._first[key] = value
        else:
            self._first = {key: value, **self._first}
        self._forget(key)

    def remove(self, name: str) -> None:
        """Remove every header field line of this name."""
        key = KNOWN.get(name) or canonical_name(name)
        self._first.pop(key, None)
        self._more.pop(key, None)
        self._forget(key)

    def remove_first(self, name: str) -> None:
        """Remove the first value of this name; those joined to it by commas stay.  Raises BadRequest."""
        key = KNOWN.get(name) or canonical_name(name)
        line = self._first.get(key)
        if line is None:
            return
        rest = _split(line, key)[1:] if "," in line else []
        more = self._more.get(key)
        if rest:
            self._first[key] = ", ".join(rest)
        elif more:
            self._first[key] = more.pop(0)
            if not more:
                del self._more[key]
        else:
            del self._first[key]
        self._forget(key)

    def note_source(self, via: Via, host: str, port: int) -> None:
        """Write into `via`, the topmost Via value, where the request came from, as it asks (RFC 3581 §4)."""
        via.params["rport"] = str(port)
        via.params["received"] = host
        line = with_source(self._first["Via"], host, port)
        if line is None:
            self.replace_via(via)
        else:
            self._first["Via"] = line

    def replace_via(self, via: Via) -> None:
        """Write `via` in the place of the topmost Via value.  Raises BadRequest; ValueError as `add`."""
        line = self._first["Via"]
        self._first["Via"] = safe_value(str(via))
        if "," in line and (rest := _split(line, "Via")[1:]):
            self._more.setdefault("Via", []).insert(0, ", ".join(rest))
        self._forget("Via")
        self._via = via

    def items(self) -> Iterator[tuple[str, str]]:
        """(canonical name, value) of every header field line; lines of one name stand together."""
        more = self._more
        for name, value in self._first.items():
            yield name, value.strip(" \t")
            if more:
                for further in more.get(name, ()):
                    yield name, further.strip(" \t")

    def __contains__(self, name: str) -> bool:
        return (KNOWN.get(name) or canonical_name(name)) in self._first

    def _forget(self, key: str) -> None:
        if key == "Via":
            self._via = None
        elif key == "From":
            self._from = None
        elif key == "To":
            self._to = None
        elif key == "CSeq":
            self._cseq = None
        elif key == "Call-ID":
            self._call_id = ""
        typed = self._typed
        if typed:
            typed.pop(key, None)
            typed.pop(key + LIST_SUFFIX, None)

    def _mandatory(self, key: str) -> str:
        value = self._first.get(key)
        if value is None:
            raise BadRequest(f"Missing {key} header field")
        value = value.strip(" \t")
        if not value:
            raise BadRequest(f"Empty {key} header field")
        return value

    # -- typed values --------------------------------------------------------------------------------------

    @property
    def via(self) -> Via:
        """The topmost Via value."""
        found = self._via
        if found is None:
            line = self._mandatory("Via")
            if "," in line:
                parts = _split(line, "Via")
                if not parts:
                    raise malformed("Via")
                line = parts[0]
            found = self._via = Via.parse(line)
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
        """The From value."""
        found = self._from
        if found is None:
            found = self._from = NameAddr.parse(self._mandatory("From"), "From")
        return found

    @property
    def to(self) -> NameAddr:
        """The To value; its tag is the other half of a dialog once there is one."""
        found = self._to
        if found is None:
            found = self._to = NameAddr.parse(self._mandatory("To"), "To")
        return found

    @property
    def call_id(self) -> str:
        """The Call-ID."""
        found = self._call_id
        if not found:
            found = self._call_id = self._mandatory("Call-ID")
        return found

    @property
    def cseq(self) -> CSeq:
        """The CSeq value."""
        found = self._cseq
        if found is None:
            found = self._cseq = CSeq.parse(self._mandatory("CSeq"))
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
        """The Content-Type; None without one."""
        found: MediaType | None = self._typed.get("Content-Type")
        if found is None:
            text = self.get("Content-Type")
            if text is None:
                return None
            found = self._typed["Content-Type"] = MediaType.parse(text)
        return found

    @property
    def event(self) -> Event | None:
        """The Event value; None without one."""
        found: Event | None = self._typed.get("Event")
        if found is None:
            text = self.get("Event")
            if text is None:
                return None
            found = self._typed["Event"] = Event.parse(text)
        return found

    @property
    def routes(self) -> list[NameAddr]:
        """All Route values, topmost first."""
        return self._addresses("Route", "Route*")

    @property
    def record_routes(self) -> list[NameAddr]:
        """All Record-Route values, topmost first."""
        return self._addresses("Record-Route", "Record-Route*")

    def _addresses(self, name: str, slot: str) -> list[NameAddr]:
        found: list[NameAddr] | None = self._typed.get(slot)
        if found is None:
            found = self._typed[slot] = [NameAddr.parse(value, name) for value in self.values(name)]
        return found

    # -- the whole message ---------------------------------------------------------------------------------

    @property
    def start_line(self) -> str:
        """Request-Line or Status-Line, without its CRLF."""
        raise NotImplementedError

    def render(self) -> bytes:
        """The bytes of the message; Content-Length is always there and always true (RFC 3261 §18.3)."""
        first = self._first
        length = str(len(self.body))
        if first.get("Content-Length") != length:
            first["Content-Length"] = length
        more = self._more
        if more:
            more.pop("Content-Length", None)
        return rendered(self.start_line, first, more, self.body)

    def copy(self) -> Message:
        """An independent copy: what is done to one leaves the other alone."""
        raise NotImplementedError

    def _copied_fields(self) -> Fields:
        return self._first.copy(), {name: values.copy() for name, values in self._more.items()}

    def _same_content(self, other: Message) -> bool:
        return self.body == other.body and self._fields() == other._fields()

    def _fields(self) -> list[tuple[str, str]]:
        return [item for item in self.items() if item[0] != "Content-Length"]

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.start_line}>"

    __hash__ = None  # type: ignore[assignment]


_BARE_NUL = re.compile(r"(?<!\\)\0")
"""As a quoted pair it is legal (RFC 3261 §25.1)."""


def safe_value(value: str) -> str:
    """`value` stripped, if it can stand in one header line.  Raises ValueError (see `Message.add`)."""
    if value.isprintable():
        # Then it has no control character and no surrogate: nothing that the rest looks for, nor a tab.
        return value.strip(" ")
    if "\n" in value or "\r" in value or ("\0" in value and _BARE_NUL.search(value)):
        raise ValueError("CR, LF or NUL in a header field value")
    if not value.isascii():
        value.encode("utf-8", "surrogateescape")  # UnicodeEncodeError is a ValueError
    return value.strip(" \t")


def _split(line: str, header: str) -> list[str]:
    try:
        return split_commas(line)
    except BadRequest as error:
        raise malformed(header, error.reason.lower()) from None
