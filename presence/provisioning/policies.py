"""Presence rules: setting, showing, listing and deleting the documents that hold them.

What cannot be understood is refused when it is set, with the fault and its line.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Final, Protocol

from presence.directory import shown
from presence.policy.documents import compile_document
from presence.policy.ruleset import CONTENT_TYPE
from presence.policy.stored import RULES, PolicyDocument
from presence.provisioning.addresses import canonical_aor
from presence.provisioning.errors import ProvisioningError
from sip.errors import BadRequest, EntityTooLarge

INDEX: Final = "index"
"""The name of a document where there is one only (RFC 5025 §9.7)."""


class PolicyRepository(Protocol):
    """Keeps documents; every change is announced to running servers in the same transaction."""

    def put(self, document: PolicyDocument) -> bool:
        """Add the document or replace the one of its owner, source and name. False: no such user."""

    def get(self, owner: str, source: str, name: str) -> PolicyDocument | None:
        """The document, None if there is none."""

    def delete(self, owner: str, source: str, name: str) -> bool:
        """False: there is no such document."""

    def list(self, owner: str | None = None, source: str | None = None) -> Iterator[PolicyDocument]:
        """Those of an owner or of all, of a source or of all, in the order of owner, source and name."""


class PolicyService:
    """What operators and back ends may do with rules. All methods raise ProvisioningError with one line.

    `source` says whose documents are meant: `rules` are the operator's, other doors have others; those of
    all sources apply together.
    """

    __slots__ = ("_clock", "_repository")

    def __init__(self, repository: PolicyRepository, clock: Callable[[], float] = time.time) -> None:
        self._repository = repository
        self._clock = clock

    def set(
        self,
        address: str,
        document: bytes,
        *,
        source: str = RULES,
        name: str = INDEX,
        content_type: str = CONTENT_TYPE,
    ) -> PolicyDocument:
        """Set a document of the user "name@domain", in place of the one of that source and name."""
        aor = canonical_aor(address)
        made = PolicyDocument(aor, source, name, content_type, document, self._clock())
        try:
            compile_document(made)
        except (BadRequest, EntityTooLarge) as error:
            raise ProvisioningError(error.reason) from None
        if not self._repository.put(made):
            raise ProvisioningError(f"there is no user {shown(aor)}")
        return made

    def get(self, address: str, *, source: str = RULES, name: str = INDEX) -> PolicyDocument:
        aor = canonical_aor(address)
        found = self._repository.get(aor, source, name)
        if found is None:
            raise ProvisioningError(_nothing(aor, source, name))
        return found

    def delete(self, address: str, *, source: str = RULES, name: str = INDEX) -> None:
        aor = canonical_aor(address)
        if not self._repository.delete(aor, source, name):
            raise ProvisioningError(_nothing(aor, source, name))

    def list(self, address: str | None = None, *, source: str | None = None) -> Iterator[PolicyDocument]:
        """All documents, or those of one user, or of one source."""
        return self._repository.list(None if address is None else canonical_aor(address), source)


def _nothing(aor: str, source: str, name: str) -> str:
    if (source, name) == (RULES, INDEX):
        return f"{shown(aor)} has no rules"
    return f"{shown(aor)} has no rules {source}/{name}"
