"""Documents that hold rules, as they are kept.

Nothing is imported here: the process that writes the database knows these, and no XML.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

POLICY_CHANGED: Final = "policy.changed"
"""Topic of the outbox; the key is the owner's AOR."""

RULES: Final = "rules"
"""Source of the documents that operators set: `ruleset`s of RFC 4745."""
CISCO: Final = "cisco"
"""Source of the rules that are set by SOAP, one document a rule."""


@dataclass(frozen=True, slots=True)
class PolicyDocument:
    """A document of `owner` (an AOR), known by source and name; `updated_at` epoch seconds."""

    owner: str
    source: str
    name: str
    content_type: str
    document: bytes
    updated_at: float = 0.0
