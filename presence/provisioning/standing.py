"""Long-term status (SPEC R81 to R83, Q49): out of office until it is taken back.

It needs no client that is there, outlives sessions and restarts, and is a component of composition.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from presence.documents.pidf_reader import parse_pidf
from presence.documents.xml import DEFAULT_LIMITS, XmlLimits
from presence.provisioning.addresses import canonical_aor
from presence.provisioning.errors import ProvisioningError, known
from presence.provisioning.stored import StandingStatus
from sip.errors import BadRequest, EntityTooLarge

__all__ = ["StandingRepository", "StandingService", "StandingStatus"]


class StandingRepository(Protocol):
    """Keeps documents, one a user; every change is announced to running servers in the same transaction."""

    def put(self, owner: str, document: bytes, published_at: float) -> bool:
        """Set it for the user with the AOR or alias `owner`, in place of another. False: no such user."""

    def delete(self, owner: str) -> bool | None:
        """Whether there was one; None: no such user."""

    def get(self, owner: str) -> StandingStatus | None:
        """What there is."""


class StandingService:
    """What users may do with their long-term status; `owner` is "name@domain" or an AOR, by an alias too.

    All methods raise ProvisioningError when there is no such user.
    """

    __slots__ = ("_clock", "_limits", "_repository")

    def __init__(
        self,
        repository: StandingRepository,
        clock: Callable[[], float] = time.time,
        limits: XmlLimits = DEFAULT_LIMITS,
    ) -> None:
        """`clock` tells epoch seconds; `limits` are those of published documents."""
        self._repository = repository
        self._clock = clock
        self._limits = limits

    def publish(self, owner: str, document: bytes) -> None:
        """Say what holds from now on; `document` is PIDF (RFC 3863), whose entity is not looked at.

        Raises ProvisioningError, too, if the document cannot be read as such.
        """
        try:
            parse_pidf(document, self._limits)
        except (BadRequest, EntityTooLarge) as error:
            raise ProvisioningError(error.reason) from None
        put = self._repository.put(canonical_aor(owner), document, self._clock())
        known(owner, put or None)

    def unpublish(self, owner: str) -> bool:
        """Take it back; whether there was one."""
        return known(owner, self._repository.delete(canonical_aor(owner)))

    def get(self, owner: str) -> StandingStatus | None:
        """What holds now, as it was published; None if nothing does, or there is no such user."""
        return self._repository.get(canonical_aor(owner))
