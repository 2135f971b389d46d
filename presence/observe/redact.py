"""Second line of defence for credentials: what no log line may show, wherever it comes from.

The first line is that nobody logs them.  Here keys with telling names lose their values, and texts lose
credentials (RFC 7616 §3.4 and any other scheme), passwords of URIs (RFC 3261 §19.1.1) and of database
addresses.  Of a credentials header only what is known to be harmless stays, so that a malformed one shows
nothing either; keys of media streams in a body are `redact_body`'s.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, MutableMapping
from typing import Any

from presence.observe.redact_body import MASK, redact_sdp

SECRET_KEYS = frozenset(
    {
        "authorization", "cnonce", "cookie", "credentials", "ha1", "nonce", "passwd", "password",
        "proxy_authorization", "response", "rspauth", "secret", "session_key", "token",
    }
)  # fmt: skip

SCHEMES = frozenset({"basic", "bearer", "digest", "negotiate", "ntlm"})
HARMLESS = frozenset(
    {"algorithm", "cnonce", "nc", "nextnonce", "nonce", "opaque", "qop", "realm", "stale", "uri", "username"}
)
"""Parameters of credentials that stay readable."""

_CREDENTIALS = re.compile(
    r"(?im)^(?P<name>(?:(?:proxy-)?authorization|(?:proxy-)?authentication-info)[ \t]*:[ \t]*)"
    r"(?P<value>[^\r\n]*(?:\r?\n[ \t][^\r\n]*)*)"
)
# Commas part parameters, those within quotes do not; a quote that is never closed takes in all the rest.
_PARAMETER = re.compile(r'(?:"(?:[^"\\]|\\.)*(?:"|\\?$)|[^",])+', re.DOTALL)
_NAME = re.compile(r"\s*([\w.!%*+`'~-]+)\s*=")
_SOUND = re.compile(r'\s*[\w-]+\s*=\s*(?:"(?:[^"\\]|\\.)*"|[^\s",;=]*)\s*', re.DOTALL)
_FOLD = re.compile(r"(?:\r\n|\n|\r)[ \t]+")

_SUBSTITUTIONS = (
    (
        re.compile(
            r"(?i)\b(response|rspauth|ha1|password|session[-_]key)"
            r"(\*?\s*=\s*)(?:\"(?:[^\"\\\r\n]|\\.)*\"?|[^\s,;&\"]+)"
        ),
        rf'\1\2"{MASK}"',
    ),
    (re.compile(r"(://[^\s:/@]*):[^\s@/]*@"), rf"\1:{MASK}@"),
)
# These take in all that they have looked at, masked or not: to look again from every place in it would cost
# the square of a long text.
_SECRET_ELEMENT = re.compile(r"(?i)(<(?:[\w.-]+:)?(?:session-key|password)\b[^>]*)(>[^<]*)?")
_BEFORE_AT = re.compile(r"[^\s@<>\"]++@?")
_USER = re.compile(r"(?i)\bsips?:[^:;]+:")


def redact_text(text: str) -> str:
    """`text` with every credential in it masked."""
    text = _CREDENTIALS.sub(_masked_header, text)
    for pattern, masked in _SUBSTITUTIONS:
        text = pattern.sub(masked, text)
    text = _SECRET_ELEMENT.sub(_masked_element, text)
    return _BEFORE_AT.sub(_masked_password, text) if "@" in text else text


def _masked_element(match: re.Match[str]) -> str:
    return match[0] if match[2] is None else f"{match[1]}>{MASK}"


def _masked_password(match: re.Match[str]) -> str:
    """sip:user:password@ without its password."""
    found = _USER.search(match[0]) if match[0].endswith("@") else None
    return match[0] if found is None else f"{match[0][: found.end()]}{MASK}@"


def redact_message(data: bytes) -> str:
    """A SIP message as text: folded lines joined, credentials and keys of media masked.

    A body whose type says nothing of secrets is as it was sent.
    """
    text = data.decode("utf-8", "backslashreplace")
    start = len(text) - len(text.lstrip("\r\n"))
    end = re.search(r"\r\n\r\n|\n\n|\r\r", text[start:])
    cut = len(text) if end is None else start + end.start()
    head, rest = text[:cut], text[cut:]
    gap = rest[: len(rest) - len(rest.lstrip("\r\n"))]
    # A lone CR ends a line for some parsers, and for none of our patterns.
    plain = "\r\n".join(re.split(r"\r\n|\n|\r", _FOLD.sub(" ", head)))
    return redact_text(plain) + gap + _redact_body(plain, rest[len(gap) :])


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


def _redact_body(head: str, body: str) -> str:
    found = re.search(r"(?im)^(?:content-type|c)[ \t]*:[ \t]*([^\s;]*)", head)
    kind = found[1].lower() if found else ""
    if kind in ("message/sip", "message/sipfrag"):
        return redact_message(body.encode("utf-8", "surrogatepass"))
    mixed = kind.startswith("multipart/") and "application/sdp" in body.lower()
    if kind == "application/sdp" or mixed or (not kind and body.startswith("v=0")):
        return redact_sdp(body)
    return body


def _masked_header(match: re.Match[str]) -> str:
    value = match["value"]
    scheme, _, rest = value.partition(" ") if "\n" not in value else _FOLD.sub(" ", value).partition(" ")
    info = "info" in match["name"].lower()
    if info:
        return match["name"] + ", ".join(_masked_parameters(value))
    if scheme.lower() not in SCHEMES or not rest:
        return f"{match['name']}{MASK}"
    if scheme.lower() != "digest":
        return f"{match['name']}{scheme} {MASK}"
    return f"{match['name']}{scheme} {', '.join(_masked_parameters(rest))}"


def _masked_parameters(text: str) -> Iterator[str]:
    """Each parameter as it was if it is sound and harmless, else with its name at most."""
    for part in _PARAMETER.findall(text):
        if not part.strip():
            continue
        name = _NAME.match(part)
        if name is None:
            yield MASK
        elif name[1].lower() in HARMLESS and _SOUND.fullmatch(part):
            yield part.strip()
        else:
            yield f'{name[1]}="{MASK}"'
