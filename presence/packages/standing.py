"""Long-term status as the database has it, for the presence package."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Final

from presence.documents.pidf import CONTENT_TYPE
from presence.packages.presence import PresencePackage
from presence.provisioning.stored import StandingStatus
from sip.errors import SipError
from sip.headers import MediaType

log = logging.getLogger(__name__)

_PIDF: Final = MediaType.parse(CONTENT_TYPE)


def follow_standing(package: PresencePackage, aor: str, current: Iterable[object]) -> None:
    """Have `package` show what holds of `aor` now: the status among `current`, or none.

    One that cannot be read (limits may have become narrower since) is logged and not shown.
    """
    status = next((it for it in current if isinstance(it, StandingStatus)), None)
    if status is None:
        package.set_standing(aor, None)
        return
    try:
        document = package.parse(aor, _PIDF, status.document)
    except SipError as error:
        log.warning("standing.unreadable", extra={"aor": aor, "error": error.reason})
        package.set_standing(aor, None)
    else:
        package.set_standing(aor, document, published_at=status.published_at)
