"""What Cisco's rules take away, on top of what RFC 5025 grants.

RFC 5025 only grants, so rules combine to more; these only restrict, and a watcher in two rules gets the more
restrictive result (Q45).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from presence.policy.reachability import Reachability

COMPOSED: Final[frozenset[Reachability | None]] = frozenset({None})
"""The reachability of a rule without a condition tree."""


@dataclass(frozen=True, slots=True)
class Restriction:
    """The transformations of a Cisco rule, or of all that match.

    Attributes:
        reachability_only: visibility `reachability-only` (Q44).
        excluded: sources that are hidden, each as its `source_name`.
        reachability: condition trees, of whose outcomes the least reachable counts; None is the composed
            status.
    """

    reachability_only: bool = False
    excluded: frozenset[str] = frozenset()
    reachability: frozenset[Reachability | None] = COMPOSED

    def __or__(self, other: Restriction) -> Restriction:
        """Both together: what either takes away is gone."""
        return Restriction(
            self.reachability_only or other.reachability_only,
            self.excluded | other.excluded,
            self.reachability | other.reachability,
        )


UNRESTRICTED: Final = Restriction()
