"""Bindings as the journal stores them."""

from __future__ import annotations

from sip.headers import Contact
from sip.ports import Record, Value
from sip.uri import parse_uri
from sip.usage.location import Binding
from sip.usage.rows import shared

KIND = "binding"


def record(binding: Binding, now: float, wall: float) -> Record:
    """A binding as it is; `now` in monotonic seconds, `wall` in epoch seconds."""
    return Record(KIND, key_of(binding), _row(binding, now, wall))


def ended(binding: Binding) -> Record:
    """That it is no more."""
    return Record(KIND, key_of(binding), None)


def key_of(binding: Binding) -> tuple[Value, ...]:
    """What its record is known by."""
    return (binding.aor, binding.uri_text)


def _row(binding: Binding, now: float, wall: float) -> tuple[Value, ...]:
    return (
        binding.contact,
        binding.call_id,
        binding.cseq,
        binding.q,
        wall + (binding.expires_at - now),
        "\n".join(binding.path),
        binding.instance,
        binding.reg_id,
        binding.flow_key,
        binding.user_agent,
        binding.updated_at,
    )


def from_row(key: tuple[Value, ...], row: tuple[Value, ...], now: float, wall: float) -> Binding:
    """What was stored, without a flow.  Raises BadRequest for a Contact or URI that cannot be read."""
    text, call_id, cseq, q, expires_at, path, instance, reg_id, flow_key, user_agent, updated_at = row
    Contact.parse(str(text))
    return Binding(
        aor=str(key[0]),
        contact=str(text),
        uri=parse_uri(str(key[1])),
        uri_text=str(key[1]),
        call_id=str(call_id),
        cseq=int(cseq or 0),
        q=int(q or 0),
        expires_at=now + (float(expires_at or 0) - wall),
        path=tuple(str(path).split("\n")) if path else (),
        instance=str(instance or ""),
        reg_id=int(reg_id or 0),
        flow_key=str(flow_key or ""),
        user_agent=shared(str(user_agent or "")),
        updated_at=float(updated_at or 0),
    )
