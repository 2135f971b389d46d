"""Why a change is refused."""

from __future__ import annotations

from typing import TypeVar

T = TypeVar("T")


class ProvisioningError(Exception):
    """The change is refused; `str()` is one line for the person who asked for it. Nothing was changed."""


def known(owner: str, found: T | None) -> T:
    """What a repository found for `owner`; raises ProvisioningError if it found no such user (None)."""
    if found is None:
        raise ProvisioningError(f"there is no user {owner.strip().removeprefix('sip:')}")
    return found
