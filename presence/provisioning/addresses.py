"""Addresses: "alice@example.com" as people write them, "sip:alice@example.com" as the server knows them."""

from __future__ import annotations

import re
from collections.abc import Collection

from presence.provisioning.errors import ProvisioningError
from sip.errors import BadRequest
from sip.uri import Uri, parse_uri

# RFC 3261 §25.1 user, without escapes and without ";", "?" and "/", which too many phones cut at.
_NAME = re.compile(r"[A-Za-z0-9\-_.!~*'()&=+$,]+")
_LABEL = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9\-_]*[A-Za-z0-9])?")
_NAME_RULE = "letters, digits and -_.!~*'()&=+$, may stand in a name, nothing else"


def canonical_aor(text: str, domains: Collection[str] | None = None) -> str:
    """The AOR of "name@domain" or "sip:name@domain" (RFC 3261 §10.2).

    `domains`: those that are served, in lower case; None = any.
    Raises ProvisioningError: not an address of that form, or not one of the domains.
    """
    address = text.strip()
    if address[:4].lower() == "sip:":
        address = address[4:]
    name, at, domain = address.rpartition("@")
    if not at:
        raise ProvisioningError(f"{text!r} is not a valid address: write name@domain")
    if not _NAME.fullmatch(name):
        raise ProvisioningError(f"{name!r} is not a valid name: {_NAME_RULE}")
    domain = canonical_domain(domain)
    if domains is not None and domain not in domains:
        served = ", ".join(sorted(domains)) or "none"
        raise ProvisioningError(f"domain {domain} is not served here (served: {served})")
    try:
        uri = parse_uri(f"sip:{name}@{domain}")
    except BadRequest as error:
        raise ProvisioningError(f"{text!r} is not a valid address: {error.reason}") from None
    if not isinstance(uri, Uri):
        raise ProvisioningError(f"{text!r} is not a valid address: write name@domain")
    return uri.aor


def canonical_domain(text: str) -> str:
    """The domain in lower case. Raises ProvisioningError if it is neither a host name nor an IP address."""
    domain = text.strip().lower()
    if domain.startswith("["):
        valid = re.fullmatch(r"\[[0-9a-f:.]+\]", domain) is not None
    else:
        domain = domain.removesuffix(".")
        valid = bool(domain) and all(_LABEL.fullmatch(label) for label in domain.split("."))
    if not valid:
        raise ProvisioningError(f"domain {text!r} is not valid: write a host name without port or parameters")
    return domain
