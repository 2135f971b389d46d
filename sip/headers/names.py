"""Names of header fields: the canonical spelling, the compact forms, and how any spelling leads to one name.

RFC 3261 §7.3.1 (case), §7.3.3 (compact forms) and the IANA registry of header fields.
"""

from __future__ import annotations

from functools import lru_cache

from sip.headers.grammar import TOKEN

COMPACT: dict[str, str] = {
    "a": "Accept-Contact",  # RFC 3841 §9.2
    "b": "Referred-By",  # RFC 3892 §2.1
    "c": "Content-Type",  # RFC 3261 §20.15
    "d": "Request-Disposition",  # RFC 3841 §9.1
    "e": "Content-Encoding",  # RFC 3261 §20.12
    "f": "From",  # RFC 3261 §20.20
    "i": "Call-ID",  # RFC 3261 §20.8
    "j": "Reject-Contact",  # RFC 3841 §9.2
    "k": "Supported",  # RFC 3261 §20.37
    "l": "Content-Length",  # RFC 3261 §20.14
    "m": "Contact",  # RFC 3261 §20.10
    "n": "Identity-Info",  # RFC 4474 §9 (deprecated by RFC 8224)
    "o": "Event",  # RFC 3265 §7.2.1, RFC 6665 §8.2.1
    "r": "Refer-To",  # RFC 3515 §2.1
    "s": "Subject",  # RFC 3261 §20.36
    "t": "To",  # RFC 3261 §20.39
    "u": "Allow-Events",  # RFC 3265 §7.2.2, RFC 6665 §8.2.2
    "v": "Via",  # RFC 3261 §20.42
    "x": "Session-Expires",  # RFC 4028 §4
    "y": "Identity",  # RFC 8224 §4
}

CANONICAL: tuple[str, ...] = (
    # RFC 3261 §20
    "Accept", "Accept-Encoding", "Accept-Language", "Alert-Info", "Allow", "Authentication-Info",
    "Authorization", "Call-ID", "Call-Info", "Contact", "Content-Disposition", "Content-Encoding",
    "Content-Language", "Content-Length", "Content-Type", "CSeq", "Date", "Error-Info", "Expires", "From",
    "In-Reply-To", "Max-Forwards", "Min-Expires", "MIME-Version", "Organization", "Priority",
    "Proxy-Authenticate", "Proxy-Authorization", "Proxy-Require", "Record-Route", "Reply-To", "Require",
    "Retry-After", "Route", "Server", "Subject", "Supported", "Timestamp", "To", "Unsupported",
    "User-Agent", "Via", "Warning", "WWW-Authenticate",
    "RAck", "RSeq",  # RFC 3262
    "Privacy",  # RFC 3323
    "P-Asserted-Identity", "P-Preferred-Identity",  # RFC 3325
    "Reason",  # RFC 3326
    "Path",  # RFC 3327
    "Remote-Party-ID",  # draft-ietf-sip-privacy
    "Refer-To",  # RFC 3515
    "Service-Route",  # RFC 3608
    "Accept-Contact", "Reject-Contact", "Request-Disposition",  # RFC 3841
    "Replaces",  # RFC 3891
    "Referred-By",  # RFC 3892
    "SIP-ETag", "SIP-If-Match",  # RFC 3903
    "Min-SE", "Session-Expires",  # RFC 4028
    "Refer-Sub",  # RFC 4488
    "Identity", "Identity-Info",  # RFC 8224, RFC 4474
    "Flow-Timer",  # RFC 5626
    "Suppress-If-Match",  # RFC 5839
    "Max-Breadth",  # RFC 5393
    "Info-Package", "Recv-Info",  # RFC 6086
    "Allow-Events", "Event", "Subscription-State",  # RFC 6665
    "P-Access-Network-Info", "P-Associated-URI", "P-Called-Party-ID", "P-Charging-Vector",
    "P-Visited-Network-ID",  # RFC 7315
    "Content-Transfer-Encoding",  # seen in RFC 4475
)  # fmt: skip


def _spellings() -> dict[str, str]:
    table: dict[str, str] = {}
    for name in CANONICAL:
        for spelling in (name, name.lower(), name.upper(), name.capitalize(), name.title()):
            table[spelling] = name
    for short, name in COMPACT.items():
        table[short] = table[short.upper()] = name
    return table


KNOWN: dict[str, str] = _spellings()
"""Usual spelling -> canonical name; what is not here goes through `canonical_name`."""

_BY_LOWER = {name.lower(): name for name in CANONICAL} | COMPACT


def canonical_name(name: str) -> str:
    """The one spelling of a header field name given in any case or compact form.

    Unknown names get capitals at word starts ("x-foo" -> "X-Foo"), so that case never tells two apart.
    Raises ValueError when the name is no token.
    """
    # Long names are not worth remembering; they would let a stranger fill the memory.
    return _remembered(name) if len(name) <= 48 else _canonical(name)


def _canonical(name: str) -> str:
    bare = name.strip(" \t")
    if TOKEN.fullmatch(bare) is None:
        raise ValueError("header field name is not a token")
    lower = bare.lower()
    return _BY_LOWER.get(lower) or "-".join(part.capitalize() for part in lower.split("-"))


_remembered = lru_cache(maxsize=1024)(_canonical)
