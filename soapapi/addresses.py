"""One user, three spellings (SPEC R95): bare where clients name him, an AOR inside, `sip:` in ACLs."""

from __future__ import annotations


def bare(aor: str, owner: str) -> str:
    """How a list of `owner` names a user: without the domain if it is the owner's own (both are AORs)."""
    name, _, domain = aor.removeprefix("sip:").rpartition("@")
    return name if name and domain == owner.rpartition("@")[2] else aor.removeprefix("sip:")
