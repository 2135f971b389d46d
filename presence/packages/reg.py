"""The `reg` package (RFC 3680): the contacts that a user has registered, for himself alone.

A refresh that changes nothing about a contact is not told: §4.7.2 leaves that to the server, and phones
behind a NAT refresh every minute.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from presence.documents.common import Name
from presence.documents.reginfo import (
    CONTENT_TYPE,
    RegInfo,
    Registration,
    render_reginfo,
)
from presence.documents.reginfo import Contact as ContactInfo
from presence.packages.around import Surroundings
from presence.packages.tables import TablePackage, token_of
from sip.headers import Contact
from sip.usage.location import Binding
from sip.usage.notifier import Authorization, Body, SubscriptionView

NAME: Final = "reg"
_ENDS: Final = {"removed": "unregistered", "expired": "expired"}
"""How the registrar calls it -> how RFC 3680 §5.1 does."""


class ContactRow(NamedTuple):
    """A contact without what changes by the second or with each refresh."""

    id: str
    uri: str
    display: str
    params: tuple[tuple[str, str], ...]
    q: int
    event: str = "registered"
    """Another one only in a row that tells of an end or a change."""


class RegPackage(TablePackage[ContactRow]):
    """Registrations for those who made them."""

    name = NAME
    content_types = (CONTENT_TYPE,)

    def __init__(self, around: Surroundings) -> None:
        super().__init__()
        self._around = around
        around.on_registration.append(self.registration_changed)

    def registration_changed(self, aor: str, kind: str) -> None:
        """Bindings of `aor` are others now; `kind` as of `Registrar.on_change`."""
        views = self.views(aor)
        if not views:
            return
        held = {_id(binding) for binding in self._around.bindings(aor)}
        if kind in _ENDS:
            for view in views:
                for key in view.known() - held:
                    view.ended(key, _ENDS[kind])
        self._around.changed(NAME, aor)

    def authorize(self, watcher: str, aor: str) -> Authorization:
        """Only the user himself.  Raises Forbidden."""
        return self._around.only_himself(watcher, aor)

    def rows(self, subscription: SubscriptionView) -> Mapping[str, ContactRow]:
        """The bindings, the highest q first."""
        return {row.id: row for row in map(_row, self._around.bindings(subscription.aor))}

    def changed_row(self, row: ContactRow) -> ContactRow:
        """Another q or other parameters came with a refresh."""
        return row._replace(event="refreshed")

    def over(self, row: ContactRow, event: str) -> ContactRow | None:
        """A contact that is no more."""
        return row._replace(event=event or "unregistered")

    def body(
        self, subscription: SubscriptionView, full: bool, rows: Iterable[ContactRow], now_wall: float
    ) -> Body:
        """A document with the one registration that this is about (§5.1)."""
        aor, now = subscription.aor, self._around.timers.now
        bindings = {_id(binding): binding for binding in self._around.bindings(aor)}

        def contact(row: ContactRow) -> ContactInfo:
            binding = bindings.get(row.id)
            lives = row.event in ("registered", "refreshed")
            return ContactInfo(
                row.id,
                "active" if lives else "terminated",
                row.event,
                row.uri,
                Name(row.display) if row.display else None,
                row.params,
                expires=max(0, round(binding.expires_at - now)) if binding is not None and lives else None,
                q=row.q,
                call_id=binding.call_id if binding is not None else None,
                cseq=binding.cseq if binding is not None else None,
            )

        state = "active" if bindings else "init" if full else "terminated"
        registration = Registration(aor, token_of(aor), state, tuple(map(contact, rows)))
        return Body(CONTENT_TYPE, render_reginfo(RegInfo(subscription.version, full, (registration,))))


def _id(binding: Binding) -> str:
    # Of the URI as it was written: what differs in it may be another contact, never the reverse (§5.1).
    return token_of(binding.aor, binding.uri_text)


def _row(binding: Binding) -> ContactRow:
    contact = Contact.parse(binding.contact)
    return ContactRow(
        _id(binding),
        binding.uri_text,
        contact.display or "",
        tuple(
            (name, str(value or "")) for name, value in contact.params.items() if name not in ("q", "expires")
        ),
        binding.q,
    )
