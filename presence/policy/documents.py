"""Which reader makes rules of which document, and what becomes of a document that cannot be read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from presence.policy import cisco, ruleset
from presence.policy.model import Rule, Unknown
from presence.policy.stored import PolicyDocument
from sip.errors import BadRequest, EntityTooLarge


def _ruleset(document: PolicyDocument) -> tuple[Rule, ...]:
    return ruleset.parse_ruleset(document.document, document.source)


def _cisco(document: PolicyDocument) -> tuple[Rule, ...]:
    return (cisco.compile_rule(cisco.parse_cisco_rule(document.document)),)


READERS: Final[Mapping[str, Callable[[PolicyDocument], tuple[Rule, ...]]]] = MappingProxyType(
    {ruleset.CONTENT_TYPE: _ruleset, cisco.CONTENT_TYPE: _cisco}
)
"""Content type to reader: a new format is a line here."""


def compile_document(document: PolicyDocument) -> tuple[Rule, ...]:
    """The rules of a document.

    Raises:
        BadRequest, EntityTooLarge: it cannot be read; the reason is one line with the fault.
    """
    reader = READERS.get(document.content_type)
    if reader is None:
        raise BadRequest(f"{document.content_type} is not a format of rules")
    return reader(document)


def compile_safely(document: PolicyDocument) -> tuple[tuple[Rule, ...], str | None]:
    """The rules of a document, and what is wrong with it.

    One that cannot be read becomes a rule that never matches and names everybody: nobody falls to a default
    that its owner may have wanted to narrow (RFC 5025 §10).
    """
    try:
        return compile_document(document), None
    except (BadRequest, EntityTooLarge) as error:
        unreadable = Unknown(f"document {document.name!r} cannot be read")
        return (Rule(document.source, document.name, (unreadable,)),), error.reason
