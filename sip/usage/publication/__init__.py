"""The event state compositor's side of PUBLISH (RFC 3903 §6), for any event package.

A package says which bodies it takes and is told what happened (`package`); `usage` answers requests, `keeper`
holds what was published until it ends.
"""

from __future__ import annotations

from sip.usage.publication.model import EventState, Publication, What
from sip.usage.publication.package import Divisible, Patched, PublicationPackage, Unhurried
from sip.usage.publication.usage import PublicationSettings, PublicationUsage

__all__ = [
    "Divisible",
    "EventState",
    "Patched",
    "Publication",
    "PublicationPackage",
    "PublicationSettings",
    "PublicationUsage",
    "Unhurried",
    "What",
]
