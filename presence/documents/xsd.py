"""Lexical forms of XML Schema values (XML Schema part 2) in presence documents: checked, read, repaired."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

_DATE_TIME: Final = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-](?:0\d:[0-5]\d|1[0-3]:[0-5]\d|14:00))?", re.ASCII
)
_NCNAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_NOT_NAME: Final = re.compile(r"[^A-Za-z0-9_.-]")
_URI: Final = re.compile(r"(?:[^\s%]|%[0-9A-Fa-f]{2})+")
_PLAIN_URI: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:(?!//)[^\s%\[\]#]+")
_URI_PARTS: Final = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*:)?(?P<authority>//[^/?#]*)?(?P<rest>[^#]*)(?P<hash>#.*)?"
)
_AUTHORITY: Final = re.compile(r"//(?:[^@\[\]]*@)?(?:\[[0-9A-Fa-f:.]+\]|[^@\[\]:]*)(?::[0-9]{0,5})?")
_ESCAPES: Final = {ord("["): "%5B", ord("]"): "%5D"}
_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,18}")
_LANGUAGE: Final = re.compile(r"[a-zA-Z]{1,8}(?:-[a-zA-Z0-9]{1,8})*")
_QVALUE: Final = re.compile(r"0(?:\.\d{1,3})?|1(?:\.0{1,3})?", re.ASCII)


def epoch(text: str) -> float | None:
    """Epoch seconds of an xs:dateTime (UTC if it names no zone); None if it is not one."""
    if len(text) == _USUAL and text[10] == "T" and text[13] == text[16] == ":" and text[19] == "Z":
        # How nearly everybody writes it: days are few, and the rest is three numbers.
        day, clock = _day(text[:10]), text[11:13] + text[14:16] + text[17:19]
        if day is not None and clock.isascii() and clock.isdigit():
            hour, minute, second = int(clock[:2]), int(clock[2:4]), int(clock[4:])
            if hour < 24 and minute < 60 and second < 60:
                return day + (hour * 60 + minute) * 60 + second
    return _epoch(text)


_USUAL: Final = len("2026-01-31T23:59:59Z")


@lru_cache(maxsize=64)
def _day(date: str) -> float | None:
    """Epoch seconds of the beginning of a day in UTC; None if it is none."""
    return _epoch(f"{date}T00:00:00Z")


def _epoch(text: str) -> float | None:
    if _DATE_TIME.fullmatch(text) is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return moment.timestamp()


def absolute(text: str) -> str:
    """`text`, an xs:dateTime, with the zone that RFC 3339 asks for: UTC if it names none."""
    return text if text.endswith("Z") or text[-6:-5] in ("+", "-") else f"{text}Z"


def date_time(seconds: float) -> str:
    """The xs:dateTime of `seconds` since the epoch, in UTC, to the millisecond."""
    moment = datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=round(seconds * 1000))
    return moment.isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def ncname(text: str) -> str:
    """`text` as an xs:ID: many clients use plain numbers or anything else; "" if there is nothing to use."""
    text = text.strip()
    if not text or _NCNAME.fullmatch(text) is not None:
        return text
    text = _NOT_NAME.sub("_", text)
    return text if text[0].isalpha() or text[0] == "_" else f"_{text}"


def is_uri(text: str) -> bool:
    """Whether `text` can stand where an xs:anyURI is asked for."""
    return _URI.fullmatch(text) is not None


def uri(text: str) -> str | None:
    """`text` as an xs:anyURI that the generic grammar of RFC 3986 allows; None if it is no URI.

    Brackets outside an authority are escaped: an IPv6 address in a SIP URI is none of RFC 3986's, and strict
    readers refuse the whole document for it.
    """
    text = text.strip()
    if _PLAIN_URI.fullmatch(text) is not None:
        return text
    parts = _URI_PARTS.fullmatch(text) if is_uri(text) else None
    if parts is None:
        return None
    scheme, authority, rest, fragment = (part or "" for part in parts.groups())
    if authority:
        if _AUTHORITY.fullmatch(authority) is None:
            return None
    elif not scheme and ":" in rest.partition("?")[0].partition("/")[0]:
        return None
    return (
        scheme
        + authority
        + rest.translate(_ESCAPES)
        + fragment[:1]
        + fragment[1:].translate(_ESCAPES | {ord("#"): "%23"})
    )


def date_time_of(text: str) -> str | None:
    """`text`, in any form of ISO 8601, as an xs:dateTime with a zone; None if it is no time."""
    text = text.strip()
    if epoch(text) is not None:
        return absolute(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if "-" not in text or ":" not in text:
        return None
    try:
        return date_time((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
    except (OverflowError, ValueError):
        return None


def boolean(text: str) -> str | None:
    """`text` as an xs:boolean."""
    text = text.strip().lower()
    return text if text in ("true", "false", "1", "0") else None


def integer(text: str) -> str | None:
    """`text` as an xs:integer that any machine can hold."""
    text = text.strip()
    return text if _INTEGER.fullmatch(text) is not None else None


def positive_integer(text: str) -> str | None:
    """`text` as an xs:positiveInteger."""
    number = integer(text)
    return number if number is not None and int(number) > 0 else None


def is_language(text: str) -> bool:
    """Whether `text` is an xs:language."""
    return _LANGUAGE.fullmatch(text) is not None


def qvalue(text: str) -> float | None:
    """The value of a PIDF priority (RFC 3863 §4.1.5): 0 to 1 with at most three decimals; None for others."""
    return float(text) if _QVALUE.fullmatch(text) is not None else None


def canonical_urn(text: str) -> str:
    """A URN as all who mean the same write it (RFC 8141 §3.1); of any other URI the scheme in lower case."""
    scheme, _, rest = text.partition(":")
    if scheme.lower() != "urn":
        return f"{scheme.lower()}:{rest}"
    namespace, _, specific = rest.partition(":")
    # The one namespace that is in use here and has hexadecimal digits in it (RFC 4122 §3).
    specific = specific.lower() if namespace.lower() == "uuid" else specific
    return f"urn:{namespace.lower()}:{specific}"
