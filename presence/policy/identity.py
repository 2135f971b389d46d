"""Identities as rules compare them (RFC 4745 §7.1.3 and §7.2, RFC 5025 §3.1.1.2): URIs and domains."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final
from urllib.parse import unquote

from presence.documents.xsd import canonical_urn
from sip.errors import BadRequest
from sip.uri import TelUri, Uri, equivalent, parse_uri

_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*):(\S+)")
_SEPARATORS: Final = re.compile(r"[-.()]")


def canonical_identity(text: str) -> str:
    """A URI in the form in which two that are equal are the same text.

    SIP and SIPS become AORs, as watchers are known by theirs, without the final dot of a host; a tel URI
    loses its visual separators (RFC 3966 §5); of any other only the scheme is folded.  Different schemes are
    never equal (RFC 5025 §3.1.1.2).

    Raises:
        ValueError: it is no URI; one line says why.
    """
    text = text.strip()
    match = _SCHEME.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a URI such as sip:bob@example.com")
    try:
        uri = parse_uri(text)
    except BadRequest as error:
        raise ValueError(f"{text!r} is not a URI: {error.reason}") from None
    if isinstance(uri, Uri):
        return uri.aor.removesuffix(".")
    if isinstance(uri, TelUri):
        return f"tel:{_SEPARATORS.sub('', uri.number).lower()}"
    return f"{match[1].lower()}:{match[2]}"


@lru_cache(maxsize=4096)
def canonical_domain(text: str) -> str:
    """A domain after percent-decoding and ToASCII, in lower case (RFC 4745 §7.1.3).

    Raises:
        ValueError: it has no such form.
    """
    name = unquote(text.strip()).removesuffix(".")
    try:
        ascii_name = name.encode("idna").decode("ascii").lower()
    except UnicodeError:
        raise ValueError(f"{text!r} is not a domain") from None
    if not ascii_name or re.search(r"[\s@/<>\"]", ascii_name):
        raise ValueError(f"{text!r} is not a domain")
    return ascii_name


def domain_of(identity: str) -> str:
    """The domain of a canonical identity, "" if it has none (a telephone number)."""
    scheme, _, rest = identity.partition(":")
    host = rest.rpartition("@")[2]
    if scheme == "tel" or not host:
        return ""
    try:
        return canonical_domain(host)
    except ValueError:
        return ""


def same_uri(one: str, other: str) -> bool:
    """Whether two URIs of services or devices are equivalent (RFC 3261 §19.1.4; URNs as RFC 8141 §3)."""
    if one == other:
        return True
    if one[:4].lower() == other[:4].lower() == "urn:":
        return canonical_urn(one) == canonical_urn(other)
    try:
        return equivalent(parse_uri(one), parse_uri(other))
    except BadRequest:
        return False


def shown(identity: str) -> str:
    """An identity as people read it."""
    return identity.removeprefix("sip:")
