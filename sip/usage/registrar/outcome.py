"""What a REGISTER asks for, and what comes of it: worked out without touching anything (RFC 3261 §10.3)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from sip.errors import BadExtension, BadRequest, Forbidden, IntervalTooBrief, ServerInternalError
from sip.headers import Contact, NameAddr
from sip.message import Request
from sip.uri import Uri
from sip.usage.location import Binding, outbound_of
from sip.usage.rows import readable, shared, storable

if TYPE_CHECKING:
    from sip.request import ServerRequest

_SCHEMES = frozenset(("sip", "sips", "tel"))
_ONE_HOUR = 3600
_DEFAULT_Q = 1000


@dataclass(frozen=True, slots=True)
class RegistrarSettings:
    """Lifetimes in seconds, and limits.

    Attributes:
        min_expires: shorter lifetimes are answered with 423; more than an hour has no effect beyond an hour.
        default_expires: lifetime when the client asks for none.
        max_expires: longer lifetimes are lowered to this.
        max_bindings: bindings of one AOR; the next one is answered with 403.
        service_route: Service-Route values (RFC 3608) for the answer, for instance "<sip:proxy;lr>".
        require_path_support: answer 420 to a Path that a proxy put in for a client without
            `Supported: path` (RFC 3327 §5.3); off, the Path is taken all the same.
        retry_after: seconds in the Retry-After of a 503, when a change could not be stored.
    """

    min_expires: int = 60
    default_expires: int = 3600
    max_expires: int = 86400
    max_bindings: int = 20
    service_route: tuple[str, ...] = ()
    require_path_support: bool = False
    retry_after: int = 5


class Wish(NamedTuple):
    """One Contact of the request and the lifetime chosen for it; 0 removes."""

    contact: Contact
    expires: int


class Change(NamedTuple):
    """The outcome of a REGISTER before it is true: all bindings then, those that go, those that come."""

    after: list[Binding]
    gone: list[Binding]
    added: list[Binding]
    kinds: tuple[str, ...]


def wishes_of(request: Request, settings: RegistrarSettings) -> list[Wish] | None:
    """Steps 6 and 7 as far as the request alone decides them; None stands for `*`.

    Raises SipError: 400, 403, 423.
    """
    contacts = request.contacts
    if request.contact_star:
        if contacts or len(request.values("Contact")) != 1:
            raise BadRequest("Contact * must stand alone")
        if request.expires != 0:
            raise BadRequest("Contact * needs Expires: 0")
        return None
    if len(contacts) > 2 * settings.max_bindings:
        raise Forbidden(f"Too many contacts (limit {settings.max_bindings})", limit="max_bindings")
    brief = min(settings.min_expires, _ONE_HOUR)
    wishes = []
    for contact in contacts:
        if contact.uri.scheme not in _SCHEMES:
            raise BadRequest(f"Contact URI scheme {contact.uri.scheme} not supported")
        expires = contact.expires if contact.expires is not None else request.expires
        if expires is None:
            expires = settings.default_expires
        if 0 < expires < brief:
            raise IntervalTooBrief(headers=(("Min-Expires", str(settings.min_expires)),))
        wishes.append(Wish(contact, min(expires, settings.max_expires)))
    lasting = [wish for wish in wishes if wish.expires]
    if len(lasting) > 1 and any(outbound_of(wish.contact)[1] for wish in lasting):
        # RFC 5626 §6: a flow is one contact; a second one cannot have come by it.
        raise BadRequest("More than one Contact with reg-id")
    return wishes


def path_of(request: Request, settings: RegistrarSettings) -> tuple[str, ...]:
    """The Path (RFC 3327 §5.3).  Raises SipError: 400, 420."""
    path = tuple(request.values("Path"))
    for value in path:
        storable(value, "Path")
        if not isinstance(NameAddr.parse(value).uri, Uri):
            raise BadRequest("Bad Path header field")
    if path and settings.require_path_support and not supports_path(request):
        raise BadExtension(headers=(("Unsupported", "path"),))
    return path


def clearing(request: Request, held: Sequence[Binding]) -> Change:
    """What `*` makes of the bindings that are held.  Raises ServerInternalError as `outcome`."""
    gone = list(held)
    for binding in gone:
        _in_order(binding, request)
    return Change([], gone, [], ("removed",))


def outcome(
    sr: ServerRequest,
    aor: str,
    wishes: Iterable[Wish],
    path: tuple[str, ...],
    before: Sequence[Binding],
    settings: RegistrarSettings,
    wall: float,
) -> Change:
    """What `wishes` make of the bindings `before`, which stay as they are.

    Raises:
        ServerInternalError: the request came late or twice.
        Forbidden: there would be too many bindings.
    """
    request = sr.request
    after = list(before)
    added: list[Binding] = []
    kinds: dict[str, None] = {}
    for contact, expires in wishes:
        instance, reg_id = outbound_of(contact)
        held = [
            binding
            for binding in after
            if binding.is_flow_of(instance, reg_id) or binding.is_for(contact.uri, contact.uri_text)
        ]
        for binding in held:
            if binding in added:
                added.remove(binding)  # The same contact twice in one request: the last one counts.
            else:
                _in_order(binding, request)
            after.remove(binding)
        if expires:
            binding = _binding(sr, aor, contact, expires, path, wall)
            added.append(binding)
            after.append(binding)
            kinds["refreshed" if held else "registered"] = None
        elif held:
            kinds["removed"] = None
    if len(after) > max(len(before), settings.max_bindings):
        raise Forbidden(f"Too many bindings (limit {settings.max_bindings})", limit="max_bindings")
    gone = [binding for binding in before if binding not in after]
    return Change(after, gone, added, tuple(kinds))


def _binding(
    sr: ServerRequest, aor: str, contact: Contact, expires: int, path: tuple[str, ...], wall: float
) -> Binding:
    request = sr.request
    instance, reg_id = outbound_of(contact)
    return Binding(
        aor=aor,
        contact=storable(_lasting(contact), "Contact"),
        uri=contact.uri,
        uri_text=contact.uri_text,
        call_id=storable(request.call_id, "Call-ID"),
        cseq=request.cseq.number,
        q=contact.q if contact.q is not None else _DEFAULT_Q,
        expires_at=sr.now + expires,
        path=path,
        instance=instance,
        reg_id=reg_id,
        flow=sr.flow,
        flow_key=sr.flow.key,
        user_agent=shared(readable(request.get("User-Agent"))),
        updated_at=wall,
    )


def _in_order(binding: Binding, request: Request) -> None:
    """Steps 6 and 7: what comes late or twice from the same UA changes nothing."""
    if binding.call_id == request.call_id and request.cseq.number <= binding.cseq:
        raise ServerInternalError("CSeq out of order for this binding")


def supports_path(request: Request) -> bool:
    """Whether whoever sent it knows of Path (RFC 3327)."""
    return any(value.lower() == "path" for value in request.values("Supported"))


def _lasting(contact: Contact) -> str:
    """The Contact value as given, without the lifetime that we decide."""
    if not contact.params and contact.display is None:
        return f"<{contact.uri_text}>"
    params = {name: value for name, value in contact.params.items() if name != "expires"}
    return str(NameAddr(contact.display, contact.uri_text, params))
