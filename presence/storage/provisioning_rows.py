"""Rows of what users and operators set as the plain types of the domain: what a running server follows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy import Connection, select

from presence.provisioning.news import PRIVACY_FOREIGN, PRIVACY_LOCAL, SYSTEM
from presence.provisioning.stored import StandingStatus
from presence.storage.provisioning_models import StandingStatus as StandingRow
from presence.storage.provisioning_models import SystemProperty

_FETCH = 2000

_STANDING = select(StandingRow.owner, StandingRow.document, StandingRow.published_at).order_by(
    StandingRow.owner
)
_PRIVACY = (
    select(SystemProperty.name, SystemProperty.value)
    .where(SystemProperty.name.in_((PRIVACY_LOCAL, PRIVACY_FOREIGN)))
    .order_by(SystemProperty.name)
)


def read_standing(connection: Connection, owners: Sequence[str] | None = None) -> Iterator[StandingStatus]:
    """The long-term status of `owners` (AORs, a few hundred at most; None: of all) who have one."""
    rows = _STANDING if owners is None else _STANDING.where(StandingRow.owner.in_(owners))
    with connection.execute(rows, execution_options={"yield_per": _FETCH}) as result:
        for row in result:
            yield StandingStatus(*row)


def standing_by_owner(connection: Connection, owners: Sequence[str]) -> dict[str, tuple[object, ...]]:
    """The same for `presence.storage.rows.CURRENT`."""
    return {it.owner: (it,) for it in read_standing(connection, owners)}


def read_privacy(connection: Connection) -> tuple[tuple[str, str], ...]:
    """(name, value) of the properties of the default privacy policy that are set."""
    return tuple((name, value) for name, value in connection.execute(_PRIVACY))


def privacy_by_key(connection: Connection, _keys: Sequence[str]) -> dict[str, tuple[object, ...]]:
    """The same for `presence.storage.rows.CURRENT`."""
    return {SYSTEM: read_privacy(connection)}
