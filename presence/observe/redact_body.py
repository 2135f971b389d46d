"""Keys of media streams in session descriptions: what of an SDP body no log line may show.

RFC 4568 §9.1 (`a=crypto`), RFC 4566 §5.12 (`k=`), RFC 4567 §3 (`a=key-mgmt`), RFC 8839 §5.4 (`a=ice-pwd`).
"""

from __future__ import annotations

import re

MASK = "***"

# What stays of a line: for a malformed one no more than what kind of line it was.
_LINES = (
    re.compile(
        r"(?im)^(?P<kept>[ \t]*a[ \t]*=[ \t]*crypto[ \t]*:"
        r"(?:[ \t]*\d+[ \t]+[\w-]+[ \t]+(?:inline:)?)?)[^\r\n]*"
    ),
    re.compile(r"(?im)^(?P<kept>[ \t]*k[ \t]*=(?:[ \t]*(?:prompt|clear|base64|uri)\b:?)?)[^\r\n]*"),
    re.compile(r"(?im)^(?P<kept>[ \t]*a[ \t]*=[ \t]*key-mgmt[ \t]*:(?:[ \t]*[\w-]+[ \t]+)?)[^\r\n]*"),
    re.compile(r"(?im)^(?P<kept>[ \t]*a[ \t]*=[ \t]*ice-pwd[ \t]*:)[^\r\n]*"),
)


def redact_sdp(body: str) -> str:
    """`body` with every key in it masked; its other lines are as they were."""
    for pattern in _LINES:
        body = pattern.sub(rf"\g<kept>{MASK}", body)
    return body
