"""Second line of defence for credentials: what no log line may show, wherever it comes from.

The first line is that nobody logs them.  Here keys with telling names lose their values, and texts lose
digest responses (RFC 7616 §3.4), other credentials, passwords of URIs (RFC 3261 §19.1.1) and of database
addresses.
"""

from __future__ import annotations

import re
from collections.abc import MutableMapping
from typing import Any

MASK = "***"

SECRET_KEYS = frozenset(
    {
        "authorization", "cnonce", "cookie", "credentials", "ha1", "nonce", "passwd", "password",
        "proxy_authorization", "response", "rspauth", "secret", "session_key", "token",
    }
)  # fmt: skip

_SUBSTITUTIONS = (
    # Credentials of another scheme than Digest have no part that may be shown, folded lines included.
    (
        re.compile(
            r"(?im)^((?:proxy-)?authorization[ \t]*:[ \t]*)(?!digest\b)(\S+)[^\r\n]*(?:\r?\n[ \t][^\r\n]*)*"
        ),
        rf"\1\2 {MASK}",
    ),
    (
        re.compile(r'(?i)\b(response|rspauth|ha1|password)(\s*=\s*)(?:"(?:[^"\\]|\\.)*"|[^\s,;&"]+)'),
        rf'\1\2"{MASK}"',
    ),
    (re.compile(r"(?i)(<(?:[\w.-]+:)?(?:session-key|password)\b[^>]*>)[^<]*"), rf"\1{MASK}"),
    (re.compile(r"(?i)\b(sips?:[^\s:@;<>\"]+):[^\s@<>\"]*@"), rf"\1:{MASK}@"),
    (re.compile(r"(://[^\s:/@]*):[^\s@/]*@"), rf"\1:{MASK}@"),
)


def redact_text(text: str) -> str:
    """`text` with every credential in it masked."""
    for pattern, masked in _SUBSTITUTIONS:
        text = pattern.sub(masked, text)
    return text


def redact_message(data: bytes) -> str:
    """A SIP message as text, the credentials of its header section masked; the body is as it was sent."""
    head, gap, body = data.decode("utf-8", "backslashreplace").partition("\r\n\r\n")
    return redact_text(head) + gap + body


def redact_event(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The structlog processor; numbers under a telling key are figures, not secrets."""
    for key, value in event.items():
        if isinstance(value, str | bytes) and key.lower().replace("-", "_") in SECRET_KEYS:
            event[key] = MASK
        elif isinstance(value, str) and key != TRACE_KEY:
            event[key] = redact_text(value)
    return event


TRACE_KEY = "sip_message"
"""Where a trace carries its message, which `redact_message` has been through already."""
