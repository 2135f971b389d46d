"""The default privacy policy as operators set it at run time: system properties in place of the settings."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Final

from presence.policy.decide import DefaultHandling
from presence.policy.model import Handling
from presence.provisioning.news import PRIVACY_FOREIGN, PRIVACY_LOCAL

log = logging.getLogger(__name__)

HANDLINGS: Final[Mapping[str, Handling]] = {
    "allow": "allow",
    "confirm": "confirm",
    "polite-block": "polite-block",
    "block": "block",
}
"""What the properties may be, beside empty."""


def default_handling(properties: Iterable[object], settings: DefaultHandling) -> DefaultHandling:
    """What the properties (name, value) say, and the settings where they say nothing.

    A value that is none of `HANDLINGS` says nothing and is logged.
    """
    given = {it[0]: it[1] for it in properties if isinstance(it, tuple) and len(it) == 2}

    def one(name: str, setting: Handling) -> Handling:
        value = str(given.get(name, "")).strip()
        if value and value not in HANDLINGS:
            log.error("privacy.unknown", extra={"property": name, "value": value[:80]})
        return HANDLINGS.get(value, setting)

    return DefaultHandling(one(PRIVACY_LOCAL, settings.local), one(PRIVACY_FOREIGN, settings.foreign))
