"""The `dialog` package (RFC 4235): which calls a user is in, as a PBX or his phones publish it.

Each publication is the whole state of its publisher, whatever it calls itself (RFC 3903 has no partial ones);
the dialogs of all are one table.  Who may watch the presence of a user may watch this.  The user himself is
told everything but session descriptions; others hear that there is a call, in which state and in which
direction, and not with whom (RFC 4235 §3.6, §3.7.2).  Who is shown no services or some only, or no more than
whether the user can be reached, hears of no call (§7: it takes an authorization).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from presence.documents.dialog_info import (
    CONTENT_TYPE,
    EVENTS,
    TERMINATED,
    Dialog,
    DialogInfo,
    parse_dialog_info,
    render_dialog_info,
)
from presence.packages.around import Surroundings
from presence.packages.tables import TablePackage, token_of
from sip.headers import MediaType
from sip.usage.notifier import Authorization, Body, SubscriptionView
from sip.usage.publication import Publication, What

NAME: Final = "dialog"
_SESSION: Final = re.compile(
    rb"<session-description(?:\s[^<>]*+)?(?:/>|>[^<]*+</session-description>)", re.DOTALL
)


class DialogPackage(TablePackage[Dialog]):
    """The calls of users, for publishers and for watchers."""

    name = NAME
    accept = (CONTENT_TYPE,)
    content_types = (CONTENT_TYPE,)
    from_elements: Final = True
    # RFC 4235 §3.2: a single dialog.
    refused_parameters: Final = frozenset({"call-id", "from-tag", "to-tag"})

    def __init__(self, around: Surroundings) -> None:
        super().__init__()
        self._around = around

    # -- what is published ----------------------------------------------------------------------------

    def parse(self, aor: str, content_type: MediaType, body: bytes) -> DialogInfo:
        """As `parse_dialog_info`; the entity may be any, the dialogs are those of `aor`."""
        return parse_dialog_info(body)

    def changed(self, aor: str, publication: Publication, what: What) -> None:
        """A publication came, changed or went."""
        if what != "refresh":
            self._around.changed(NAME, aor)

    # -- what is seen ---------------------------------------------------------------------------------

    def authorize(self, watcher: str, aor: str) -> Authorization:
        """He himself, and whom his presence policy allows.  Raises Forbidden."""
        if self._around.is_himself(watcher, aor):
            return "active"
        return self._around.may_watch(watcher, aor)

    def rows(self, subscription: SubscriptionView) -> Mapping[str, Dialog]:
        """All dialogs of all publications; ids are distinct, and the same as long as a publication lasts."""
        aor, watcher = subscription.aor, subscription.watcher
        himself = self._around.is_himself(watcher, aor)
        if not himself and not self._around.sees_services(watcher, aor):
            return {}
        table = {}
        for publication in self._around.publications(subscription):
            if isinstance(publication.parsed, DialogInfo):
                origin = token_of(publication.id)
                for dialog in publication.parsed.dialogs:
                    row = dialog.renamed(f"{dialog.id}.{origin}" if himself else token_of(origin, dialog.id))
                    table[row.id] = _whole(row) if himself else _bare(row)
        return table

    def existing(self, rows: Mapping[str, Dialog]) -> Mapping[str, Dialog]:
        """A dialog that is published as over is told of once, to those who have heard of it (RFC 4235 §4)."""
        return {key: row for key, row in rows.items() if row.state != TERMINATED}

    def over(self, row: Dialog, event: str) -> Dialog | None:
        """A dialog that is published no more is over; one that was so already needs no further word."""
        return row.ended(event if event in EVENTS else None) if row.state != TERMINATED else None

    def body(
        self, subscription: SubscriptionView, full: bool, rows: Iterable[Dialog], now_wall: float
    ) -> Body:
        """A document about the presentity, whatever entity was published."""
        return Body(CONTENT_TYPE, render_dialog_info(subscription.aor, subscription.version, full, rows))


def _whole(dialog: Dialog) -> Dialog:
    """Session descriptions are for those who ask for them (RFC 4235 §3.3), which nobody can here."""
    return dialog._replace(rest=_SESSION.sub(b"", dialog.rest))


def _bare(dialog: Dialog) -> Dialog:
    """What a lamp needs: the state and the direction."""
    direction = f' direction="{dialog.direction}"' if dialog.direction else ""
    rest = f"{direction}><state>{dialog.state}</state></dialog>".encode()
    return dialog._replace(call_id=None, local_tag=None, remote_tag=None, rest=rest)
