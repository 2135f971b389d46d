"""What a list is to its subscription: a flat row of members, each once."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

NORESOURCE: Final = "noresource"
"""There is no such resource (RFC 6665 §4.2.2)."""
REJECTED: Final = "rejected"
"""The subscriber may not see it."""
GIVEUP: Final = "giveup"
"""What was asked for cannot be done for this member (RFC 6665 §4.1.3)."""

NONE_WITHIN: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType({})


class Member(NamedTuple):
    """A resource of a list."""

    uri: str
    """As the list has it: the subscriber knows the resource by it (RFC 4662 §5.3)."""
    aor: str
    """Who that is; no other member of the list has the same."""
    name: str | None = None
    """What the list's owner calls him."""
    refused: str | None = None
    """Why nobody can subscribe to him (a reason of Subscription-State); None: one can."""


class ResourceList(NamedTuple):
    """A list with those within it unfolded: a phone shows one list, and each member in it once."""

    uri: str
    members: tuple[Member, ...]
    name: str | None = None
    left_out: int = 0
    """Members beyond the limit."""
    within: Mapping[str, tuple[str, ...]] = NONE_WITHIN
    """By the AOR of a member: the URIs of the lists that he is in, the innermost first, `uri` last."""
