"""A client's side of digest, written from the RFCs with hashlib alone: it shares no code with the server."""

from __future__ import annotations

import hashlib
import re

HASHES = {
    "MD5": hashlib.md5,
    "SHA-256": hashlib.sha256,
    "SHA-512-256": lambda data: hashlib.new("sha512_256", data),
}


def nonce_of(challenge: str) -> str:
    """The nonce of a WWW-Authenticate value."""
    found = re.search(r'nonce="([^"]+)"', challenge)
    assert found is not None
    return found.group(1)


def credentials(
    nonce: str,
    *,
    username: str = "alice",
    password: str = "alice-secret",
    realm: str = "example.com",
    method: str = "REGISTER",
    uri: str = "sip:example.com",
    algorithm: str | None = "MD5",
    named: str | None = None,
    qop: str | None = "auth",
    nc: str = "00000001",
    cnonce: str = "0a4f113b",
) -> str:
    """The value of an Authorization header field; `named`: the algorithm that it says instead of its own."""
    make = HASHES[algorithm or "MD5"]

    def hashed(text: str) -> str:
        return make(text.encode()).hexdigest()

    a1, a2 = hashed(f"{username}:{realm}:{password}"), hashed(f"{method}:{uri}")
    fields = f'Digest username="{username}", realm="{realm}", nonce="{nonce}", uri="{uri}"'
    if algorithm is not None:
        fields += f", algorithm={named or algorithm}"
    if qop is None:
        return f'{fields}, response="{hashed(f"{a1}:{nonce}:{a2}")}"'
    answer = hashed(f"{a1}:{nonce}:{nc}:{cnonce}:{qop}:{a2}")
    return f'{fields}, qop={qop}, nc={nc}, cnonce="{cnonce}", response="{answer}"'
