"""Publications as the journal stores them."""

from __future__ import annotations

from sip.headers import MediaType
from sip.ports import Record, Value
from sip.usage.publication.model import EventState, Publication
from sip.usage.publication.package import PublicationPackage, Unhurried
from sip.usage.rows import shared

KIND = "publication"


def record(publication: Publication, state: EventState, now: float, wall: float) -> Record:
    """A publication as it is with `state`; `now` in monotonic seconds, `wall` in epoch seconds."""
    return Record(KIND, (publication.id,), _row(publication, state, now, wall))


def ended(publication: Publication) -> Record:
    """That it is no more."""
    return Record(KIND, (publication.id,), None)


def _row(publication: Publication, state: EventState, now: float, wall: float) -> tuple[Value, ...]:
    return (
        publication.package,
        publication.aor,
        state.etag,
        wall + (state.expires_at - now),
        state.content_type,
        state.body,
        state.source,
        state.published_at,
    )


def from_row(
    package: PublicationPackage,
    waiting: Unhurried | None,
    key: tuple[Value, ...],
    row: tuple[Value, ...],
    now: float,
    wall: float,
) -> Publication:
    """What was stored, as it is now.  `waiting` is the package if it is one that says which bodies may wait.

    Raises SipError if its package does not take its body any more.
    """
    _, aor, etag, expires_at, content_type, body, source, published_at = row
    content = body if isinstance(body, bytes) else b""
    media = shared(str(content_type))
    if waiting is not None and waiting.may_wait(content):
        parsed: object = None
    else:
        parsed = package.parse(str(aor), MediaType.parse(media), content)
    state = EventState(
        etag=str(etag),
        expires_at=now + (float(expires_at or 0) - wall),
        content_type=media,
        body=content,
        source=shared(str(source or "")),
        published_at=float(published_at or 0),
        parsed=parsed,
    )
    return Publication(str(key[0]), package, str(aor), state)
