"""The location service in memory: the bindings of each AOR (RFC 3261 §10, RFC 3327, RFC 5626 §6)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from sip.headers import Contact
from sip.timers import Timer
from sip.uri import AnyUri, Uri, equivalent, parse_uri

if TYPE_CHECKING:
    from sip.transport.flow import Flow


class Binding:
    """One contact of one AOR; never changed once made, a refresh puts a new one in its place.

    `contact` is the whole Contact value without expires as it goes out again, `uri` its URI, `uri_text` that
    URI as the client wrote it, and `place` its address of record ("" if it is no SIP URI).  `q` is in
    thousandths.  `expires_at` is monotonic seconds, `updated_at` epoch seconds.  `flow` is the way the
    REGISTER came by, None after a restart, when `flow_key` tells it.

    Mostly it is only kept: what can be had from the text of the URI is made of it when somebody asks.
    """

    __slots__ = (
        "_contact",
        "_uri",
        "aor",
        "call_id",
        "cseq",
        "expires_at",
        "flow",
        "flow_key",
        "instance",
        "path",
        "place",
        "q",
        "reg_id",
        "timer",
        "updated_at",
        "uri_text",
        "user_agent",
    )

    def __init__(
        self,
        *,
        aor: str,
        contact: str,
        uri: AnyUri,
        uri_text: str,
        call_id: str,
        cseq: int,
        q: int,
        expires_at: float,
        path: tuple[str, ...] = (),
        instance: str = "",
        reg_id: int = 0,
        flow: Flow | None = None,
        flow_key: str = "",
        user_agent: str = "",
        updated_at: float = 0.0,
    ) -> None:
        self.aor = aor
        self._contact = "" if contact == f"<{uri_text}>" else contact
        self._uri: AnyUri | None = None
        self.place = uri.aor if isinstance(uri, Uri) else ""
        self.uri_text = uri_text
        self.call_id = call_id
        self.cseq = cseq
        self.q = q
        self.expires_at = expires_at
        self.path = path
        self.instance = instance
        self.reg_id = reg_id
        self.flow = flow
        self.flow_key = flow_key
        self.user_agent = user_agent
        self.updated_at = updated_at
        self.timer: Timer | None = None

    @property
    def contact(self) -> str:
        """The Contact value."""
        return self._contact or f"<{self.uri_text}>"

    @property
    def uri(self) -> AnyUri:
        """The URI of the contact."""
        uri = self._uri
        if uri is None:
            uri = self._uri = parse_uri(self.uri_text)
        return uri

    def is_for(self, uri: AnyUri, uri_text: str) -> bool:
        """Whether this is the binding of `uri`, by the comparison rules of RFC 3261 §19.1.4."""
        return self.uri_text == uri_text or equivalent(self.uri, uri)

    def is_flow_of(self, instance: str, reg_id: int) -> bool:
        """Whether this is the same flow of the same instance (RFC 5626 §6); without reg-id it is not."""
        return bool(reg_id) and self.reg_id == reg_id and self.instance == instance

    def __repr__(self) -> str:
        return f"<Binding {self.aor} {self.contact}>"


def outbound_of(contact: Contact) -> tuple[str, int]:
    """Instance and reg-id of a Contact (RFC 5626 §4.2): "" and 0 for what it does not have.

    A reg-id without an instance, or one that is no number, is ignored (RFC 5626 §6).
    """
    # A plain str: the header value remembers its quotes in a type of its own, which nothing else must see.
    instance = str(contact.params.get("+sip.instance") or "")
    text = contact.params.get("reg-id") or ""
    reg_id = int(text) if instance and text.isascii() and text.isdigit() and len(text) < 10 else 0
    return instance, reg_id


class Location:
    """All bindings, by AOR (a handful each) and by contact."""

    __slots__ = ("_bindings", "_by_contact", "_count")

    def __init__(self) -> None:
        # Tuples: of one thing, as nearly all are, they take half the room of a list.
        self._bindings: dict[str, tuple[Binding, ...]] = {}
        self._by_contact: dict[str, Sequence[Binding]] = {}
        """A list from the second on: a gateway may register thousands of users as one contact."""
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Binding]:
        for bindings in self._bindings.values():
            yield from bindings

    def of(self, aor: str) -> list[Binding]:
        """The bindings of `aor`: the highest q first, among equals the newest."""
        return sorted(self._bindings.get(aor, ()), key=lambda binding: (-binding.q, -binding.updated_at))

    def current(self, aor: str) -> tuple[Binding, ...]:
        """The bindings of `aor` in the order in which they came."""
        return self._bindings.get(aor, ())

    def holds(self, binding: Binding) -> bool:
        """Whether `binding` is still there and was not replaced."""
        return any(held is binding for held in self._bindings.get(binding.aor, ()))

    def at_contact(self, uri: Uri) -> list[Binding]:
        """The bindings whose contact is `uri` (RFC 3261 §19.1.4), whoever's they are."""
        return [binding for binding in self._by_contact.get(uri.aor, ()) if equivalent(binding.uri, uri)]

    def replace(self, aor: str, bindings: Iterable[Binding]) -> None:
        """Make `bindings` all that `aor` has."""
        before, after = self._bindings.get(aor, ()), tuple(bindings)
        for binding in before:
            self._forget(binding)
        for binding in after:
            self._note(binding)
        self._count += len(after) - len(before)
        if after:
            self._bindings[aor] = after
        else:
            self._bindings.pop(aor, None)

    def _note(self, binding: Binding) -> None:
        if not binding.place:
            return
        held = self._by_contact.get(binding.place)
        if held is None:
            self._by_contact[binding.place] = (binding,)
        elif isinstance(held, list):
            held.append(binding)
        else:
            self._by_contact[binding.place] = [*held, binding]

    def _forget(self, binding: Binding) -> None:
        if binding.place:
            held = [other for other in self._by_contact[binding.place] if other is not binding]
            if held:
                self._by_contact[binding.place] = held
            else:
                del self._by_contact[binding.place]
