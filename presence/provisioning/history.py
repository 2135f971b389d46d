"""Recent communications (SPEC R77, R78, Q50 to Q52): a history that clients keep for their users."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Final, Protocol

from presence.documents.xml import DEFAULT_LIMITS, read_xml
from presence.documents.xsd import epoch
from presence.provisioning.addresses import canonical_aor
from presence.provisioning.errors import ProvisioningError, known
from presence.provisioning.stored import HistoryRecord
from sip.errors import BadRequest, EntityTooLarge

__all__ = ["DEFAULT_LIMIT", "MOST_DATA", "HistoryRecord", "HistoryRepository", "HistoryService"]

DEFAULT_LIMIT: Final = 200
"""Records of one user."""
MOST_DATA: Final = DEFAULT_LIMITS.size
"""Bytes of the data of a record; with more, it is refused."""

# xs:date: a day, perhaps with a zone.
_DATE: Final = re.compile(r"(\d{4}-\d\d-\d\d)(Z|[+-]\d\d:\d\d)?", re.ASCII)
_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,18}")


class HistoryRepository(Protocol):
    """Keeps records."""

    def add(self, owner: str, at: float, record: HistoryRecord, limit: int) -> bool:
        """Add a record of the time `at` (epoch seconds) for the user with the AOR or alias `owner`.

        Only the newest `limit` stay.  False: no such user.
        """

    def list(self, owner: str) -> Sequence[HistoryRecord] | None:
        """By time, the newest first, of equals the one that was stored last; None: no such user."""


class HistoryService:
    """The history of a user; `owner` is "name@domain" or an AOR, by an alias too."""

    __slots__ = ("_limit", "_repository")

    def __init__(self, repository: HistoryRepository, limit: int = DEFAULT_LIMIT) -> None:
        """`limit`: records of one user; with more, the oldest go."""
        self._repository = repository
        self._limit = limit

    def add(self, owner: str, timestamp: str, type: str | int, data: str) -> None:  # noqa: A002
        """Add a record; what is sent is kept as it is, without blanks around timestamp and type.

        Args:
            owner: "name@domain" or an AOR.
            timestamp: xs:date or xs:dateTime, in UTC if it names no zone.
            type: an integer, whatever it means.
            data: what is within `data`, XML with its namespaces declared.

        Raises:
            ProvisioningError: one of these it is not, or there is no such user.
        """
        timestamp, kind = timestamp.strip(), str(type).strip()
        at = _moment(timestamp)
        if at is None:
            raise ProvisioningError(f"{timestamp[:40]!r} is neither a date nor a dateTime")
        if _INTEGER.fullmatch(kind) is None:
            raise ProvisioningError(f"{kind[:40]!r} is not an integer")
        try:
            # It is going to stand in a document again.
            read_xml(b"<data>" + data.encode() + b"</data>", "data")
        except (BadRequest, EntityTooLarge) as error:
            raise ProvisioningError(error.reason) from None
        except UnicodeEncodeError:
            raise ProvisioningError("data: a character in it is none") from None
        record = HistoryRecord(timestamp, kind, data)
        known(owner, self._repository.add(canonical_aor(owner), at, record, self._limit) or None)

    def list(self, owner: str) -> Sequence[HistoryRecord]:
        """The newest first, of equal times the one that was stored last."""
        return known(owner, self._repository.list(canonical_aor(owner)))


def _moment(timestamp: str) -> float | None:
    date = _DATE.fullmatch(timestamp)
    found = epoch(timestamp if date is None else f"{date[1]}T00:00:00{date[2] or ''}")
    return found if found is not None and math.isfinite(found) else None
