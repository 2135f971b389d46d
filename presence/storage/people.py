"""Who is a user, by his address or an alias."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from sqlalchemy import Connection, select

from presence.storage.models import User, UserAlias

_AT_ONCE: Final = 500


def people(connection: Connection, addresses: Collection[str]) -> Mapping[str, str]:
    """Those of some addresses that are users, each with the user's own AOR (any number of them)."""
    found: dict[str, str] = {}
    wanted = list(addresses)
    for start in range(0, len(wanted), _AT_ONCE):
        some = wanted[start : start + _AT_ONCE]
        for aor in connection.scalars(select(User.aor).where(User.aor.in_(some))):
            found[aor] = aor
        aliases = select(UserAlias.alias, UserAlias.aor).where(UserAlias.alias.in_(some))
        found.update((alias, aor) for alias, aor in connection.execute(aliases))
    return found


def aor_of(connection: Connection, address: str) -> str | None:
    """The AOR of the user with the AOR or alias `address`; None: nobody."""
    return people(connection, [address]).get(address)
