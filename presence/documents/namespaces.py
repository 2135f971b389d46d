"""Namespaces of presence documents, and the spellings of them that are read but never written."""

from __future__ import annotations

from typing import Final

PIDF: Final = "urn:ietf:params:xml:ns:pidf"
"""RFC 3863 §4.1."""
DATA_MODEL: Final = "urn:ietf:params:xml:ns:pidf:data-model"
"""RFC 4479 §5."""
RPID: Final = "urn:ietf:params:xml:ns:pidf:rpid"
"""RFC 4480 §5."""
TIMED_STATUS: Final = "urn:ietf:params:xml:ns:pidf:timed-status"
"""RFC 4481 §5."""
CIPID: Final = "urn:ietf:params:xml:ns:pidf:cipid"
"""RFC 4482 §5."""
CAPS: Final = "urn:ietf:params:xml:ns:pidf:caps"
"""RFC 5196 §5."""
XML: Final = "http://www.w3.org/XML/1998/namespace"
XSI: Final = "http://www.w3.org/2001/XMLSchema-instance"
CISCO_RPID: Final = "urn:cisco:params:xml:ns:pidf:rpid"
"""Cisco's activities and device models."""
SPHERE: Final = "urn:presentity:sphere"
"""Ours: the sphere that somebody names in his own words, for which RPID's schema has no place."""
CISCO_SOURCE: Final = "urn:cisco:params:xml:ns:pidf:source"
"""Cisco's name of the source of a tuple."""

PREFIXES: Final[dict[str | None, str]] = {None: PIDF, "dm": DATA_MODEL, "rpid": RPID}
"""What our documents declare on their root: phones look for these prefixes literally."""

VARIANTS: Final[dict[str, str]] = {
    "urn:ietf:params:xml:pidf:rpid": RPID,
    "urn:ietf:params:xml:ns:pidf:rpid:status:rpid": RPID,
    "urn:cisco:params:xml:pidf:rpid": CISCO_RPID,
}
"""Misprinted URIs that are on the wire, and what they mean."""


def standard_uri(uri: str) -> str:
    """The namespace that `uri` means: the standard's URI for a known variant."""
    uri = uri.strip()
    return VARIANTS.get(uri, uri)


def standard_name(name: str) -> str:
    """`name` as lxml writes it (`{namespace}local`), with the namespace that is meant."""
    if name[0] != "{":
        return name
    uri, _, local = name[1:].partition("}")
    meant = standard_uri(uri)
    return name if meant == uri else f"{{{meant}}}{local}"
