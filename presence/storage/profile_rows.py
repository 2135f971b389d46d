"""Which profiles users have of their own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, get_args

from sqlalchemy import Connection, select

from presence.provisioning.news import Family
from presence.storage.provisioning_models import UserProfile

_FETCH: Final = 2000
_FAMILIES: Final[tuple[str, ...]] = get_args(Family)
_PROFILES: Final = select(UserProfile.owner, *(getattr(UserProfile, family) for family in _FAMILIES))


def read_profiles(connection: Connection) -> Iterator[tuple[str, dict[str, str]]]:
    """The AOR of each user who has any, and family to name of profile."""
    with connection.execute(_PROFILES, execution_options={"yield_per": _FETCH}) as result:
        for owner, *names in result:
            theirs = {family: name for family, name in zip(_FAMILIES, names, strict=True) if name}
            if theirs:
                yield owner, theirs
