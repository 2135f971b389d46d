"""The arithmetic of digest: A1, A2 and the response (RFC 7616 §3.4, RFC 8760 §2).  Strings in, hex out."""

from __future__ import annotations

import hashlib
from collections.abc import Callable


def _md5(text: str) -> str:
    # Not a choice of ours but the default algorithm of the protocol; usedforsecurity keeps it there on
    # systems that forbid MD5 otherwise.
    return hashlib.md5(text.encode("utf-8", "surrogateescape"), usedforsecurity=False).hexdigest()


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def _sha512_256(text: str) -> str:
    return hashlib.new("sha512_256", text.encode("utf-8", "surrogateescape")).hexdigest()


ALGORITHMS: dict[str, Callable[[str], str]] = {
    "MD5": _md5,
    "SHA-256": _sha256,
    "SHA-512-256": _sha512_256,
}
"""Hash functions by the name that the `algorithm` parameter gives them (RFC 8760 §2.1)."""


def ha1(username: str, realm: str, password: str, algorithm: str = "MD5") -> str:
    """H(A1) of a user in hex: what is stored instead of the password (RFC 7616 §3.4.2).

    Raises:
        KeyError: for an algorithm that is not in `ALGORITHMS`.
    """
    return ALGORITHMS[algorithm](f"{username}:{realm}:{password}")


def response(
    ha1: str,
    method: str,
    uri: str,
    nonce: str,
    *,
    algorithm: str = "MD5",
    qop: str | None = None,
    nc: str = "",
    cnonce: str = "",
) -> str:
    """The `response` parameter that proves knowledge of `ha1` for one request (RFC 7616 §3.4.1).

    Without `qop` it is the older form of RFC 2069, which neither counts nor varies (RFC 3261 §22.4, 8).
    `nc`, `cnonce` and `uri` go in as the client wrote them, quotes removed.
    """
    hash_of = ALGORITHMS[algorithm]
    ha2 = hash_of(f"{method}:{uri}")
    if qop is None:
        return hash_of(f"{ha1}:{nonce}:{ha2}")
    return hash_of(f"{ha1}:{nonce}:{nc}:{cnonce}:{qop}:{ha2}")
