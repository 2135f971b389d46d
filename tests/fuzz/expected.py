"""What a server has to answer, as RFC 3261 §10, RFC 3903 and RFC 6665 have it: a model with none of its code.

It knows bindings, publications, subscriptions and which requests were seen lately, not how they are kept.
Times are seconds of the house's clock; each method takes the present and gives the status of the answer.
"""

from __future__ import annotations

from dataclasses import dataclass, field

LEAST = 60
"""Seconds of the shortest lifetime."""
USUAL = 3600
"""Seconds of a lifetime that nobody asked for."""
LINGERS = 32.0
"""Seconds for which a transaction over UDP is remembered: 64 * T1 (RFC 3261 §17.2.2, Timer J)."""


@dataclass
class Bound:
    """A binding."""

    call_id: str
    cseq: int
    ends: float


@dataclass
class Published:
    """A publication: `note` is what its document says."""

    aor: str
    note: str
    ends: float


@dataclass
class Subscribed:
    """A dialog of a subscription, by the tag that the server gave it."""

    aor: str
    watcher: str
    call_id: str
    cseq: int
    ends: float
    target: str
    notified: int = 0
    """CSeq of its last NOTIFY."""
    told: frozenset[str] | None = None
    """The notes of the document that it was sent last; None before the first."""
    restarted: bool = False
    """Whether the server was started anew since the last NOTIFY: then numbers may be left out."""


@dataclass
class Expected:
    """The state that a server should have."""

    bindings: dict[str, dict[str, Bound]] = field(default_factory=dict)
    publications: dict[str, Published] = field(default_factory=dict)
    subscriptions: dict[str, Subscribed] = field(default_factory=dict)
    seen: dict[tuple[str, str, int, str], float] = field(default_factory=dict)
    """When a request outside of dialogs was answered, by From tag, Call-ID, CSeq and method."""

    # -- what time does ------------------------------------------------------------------------------------

    def pass_to(self, now: float) -> list[str]:
        """It is `now`; the tags of subscriptions that are over."""
        for held in self.bindings.values():
            for contact in [it for it, bound in held.items() if bound.ends <= now]:
                del held[contact]
        for etag in [it for it, published in self.publications.items() if published.ends <= now]:
            del self.publications[etag]
        return [it for it, subscribed in self.subscriptions.items() if subscribed.ends <= now]

    def merged(self, tag: str, call_id: str, cseq: int, method: str, now: float) -> bool:
        """Whether it is the same request by another way (RFC 3261 §8.2.2.2); it is remembered if not."""
        identity = (tag, call_id, cseq, method)
        if now < self.seen.get(identity, -LINGERS) + LINGERS:
            return True
        self.seen[identity] = now
        return False

    # -- RFC 3261 §10.3 ------------------------------------------------------------------------------------

    def register(
        self,
        aor: str,
        contacts: dict[str, int | None],
        expires: int | None,
        call_id: str,
        cseq: int,
        now: float,
    ) -> int:
        """A REGISTER; `contacts` have the lifetimes that each of them asks for."""
        held = self.bindings.setdefault(aor, {})
        chosen = {
            contact: next((it for it in (own, expires) if it is not None), USUAL)
            for contact, own in contacts.items()
        }
        # Step 7: an interval too brief is refused with all else that is in the request.
        if any(0 < seconds < LEAST for seconds in chosen.values()):
            return 423
        if any(contact in held and not newer(held[contact], call_id, cseq) for contact in chosen):
            return 500
        for contact, seconds in chosen.items():
            held.pop(contact, None)
            if seconds:
                held[contact] = Bound(call_id, cseq, now + seconds)
        return 200

    def clear(self, aor: str, expires: int | None, call_id: str, cseq: int) -> int:
        """A REGISTER with Contact: * (step 6)."""
        held = self.bindings.setdefault(aor, {})
        if expires != 0:
            return 400
        if not all(newer(bound, call_id, cseq) for bound in held.values()):
            return 500
        held.clear()
        return 200

    # -- RFC 3903 §6 ---------------------------------------------------------------------------------------

    def publish(self, aor: str, etag: str | None, note: str | None, expires: int | None) -> int:
        """A PUBLISH; `published` is what has come of it when its answer has told the new entity-tag."""
        # Step 3 comes before step 4, and that before step 5.
        if etag is not None and (etag not in self.publications or self.publications[etag].aor != aor):
            return 412
        if expires is not None and 0 < expires < LEAST:
            return 423
        return 400 if etag is None and note is None else 200

    def published(
        self, aor: str, etag: str | None, note: str | None, expires: int | None, new: str, now: float
    ) -> None:
        """It was answered with 200 and the entity-tag `new`."""
        before = self.publications.pop(etag) if etag is not None else None
        seconds = USUAL if expires is None else expires
        if seconds:
            said = note if note is not None or before is None else before.note
            self.publications[new] = Published(aor, said or "", now + seconds)

    def notes(self, aor: str) -> frozenset[str]:
        """What a document about `aor` says."""
        return frozenset(it.note for it in self.publications.values() if it.aor == aor)

    # -- RFC 6665 §4.2.1, RFC 3261 §12.2.2 -----------------------------------------------------------------

    def subscribe(self, known: bool, expires: int | None) -> int:
        """A SUBSCRIBE outside of a dialog."""
        if expires is not None and 0 < expires < LEAST:
            return 423
        return 200 if known else 404

    def refresh(self, tag: str, cseq: int, expires: int | None) -> int:
        """A SUBSCRIBE within a dialog."""
        held = self.subscriptions.get(tag)
        if held is None:
            return 481
        if cseq <= held.cseq:
            return 500
        return 423 if expires is not None and 0 < expires < LEAST else 200


def newer(bound: Bound, call_id: str, cseq: int) -> bool:
    """Whether a request may change a binding (RFC 3261 §10.3 step 7)."""
    return bound.call_id != call_id or cseq > bound.cseq
