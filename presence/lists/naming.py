"""Names of contact lists: which URI is whose list, by a pattern for the user part.

`{user}+contacts` and `{user}+contacts.{group}` make of alice@example.com the lists
sip:alice+contacts@example.com and sip:alice+contacts.work@example.com.  The name of a group is escaped as the
user part of a SIP URI has to be (RFC 3261 §25.1): "my friends" becomes my%20friends.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import quote, unquote

USER: Final = "{user}"
GROUP: Final = "{group}"
DEFAULT_PATTERN: Final = "{user}+contacts"
DEFAULT_GROUP_PATTERN: Final = "{user}+contacts.{group}"

# RFC 3261 §25.1 user, without escapes and without ";", "?" and "/", which too many phones cut at.
_LITERAL: Final = re.compile(r"[A-Za-z0-9\-_.!~*'()&=+$,]*")
_UNRESERVED: Final = "-_.!~*'()"


def list_pattern(text: str) -> str:
    """Check the pattern of lists of all contacts.  Raises ValueError."""
    _check(text, (USER,))
    if text == USER:
        raise ValueError("the list would have the address of its owner")
    return text


def group_list_pattern(text: str) -> str:
    """Check the pattern of lists of one group.  Raises ValueError."""
    _check(text, (USER, GROUP))
    if f"{USER}{GROUP}" in text or f"{GROUP}{USER}" in text:
        raise ValueError(f"something must stand between {USER} and {GROUP}")
    return text


def _check(text: str, names: tuple[str, ...]) -> None:
    rest = text
    for name in names:
        if text.count(name) != 1:
            raise ValueError(f"{text!r} must have {name} in it once")
        rest = rest.replace(name, "")
    if _LITERAL.fullmatch(rest) is None:
        raise ValueError(f"{text!r} must be letters, digits and -_.!~*'()&=+$, beside {' and '.join(names)}")


class ListNames:
    """Makes and reads the URIs of contact lists."""

    __slots__ = ("_group", "_own")

    def __init__(self, pattern: str = DEFAULT_PATTERN, group_pattern: str = DEFAULT_GROUP_PATTERN) -> None:
        """Raises ValueError for a pattern that is none."""
        self._own = list_pattern(pattern)
        self._group = group_list_pattern(group_pattern)

    def uri(self, owner: str, group: str | None = None) -> str:
        """The list of the contacts of the AOR `owner`: of all, or of one group."""
        user, _, host = owner.removeprefix("sip:").rpartition("@")
        pattern = self._own
        if group is not None:
            pattern = self._group.replace(GROUP, quote(group, safe=_UNRESERVED))
        return f"sip:{pattern.replace(USER, user)}@{host}"

    def readings(self, aor: str) -> Iterator[tuple[str, str | None]]:
        """Every (owner, group) that `aor` may mean, group None for all contacts; usually one or none."""
        text, at, host = aor.removeprefix("sip:").rpartition("@")
        if not at:
            return
        before, _, behind = self._own.partition(USER)
        user = _between(text, before, behind)
        if user:
            yield f"sip:{user}@{host}", None
        for user, group in self._groups(text):
            try:
                yield f"sip:{user}@{host}", unquote(group, errors="strict")
            except UnicodeDecodeError:
                continue

    def _groups(self, text: str) -> Iterator[tuple[str, str]]:
        first, second = (USER, GROUP) if self._group.index(USER) < self._group.index(GROUP) else (GROUP, USER)
        before, _, rest = self._group.partition(first)
        middle, _, behind = rest.partition(second)
        inner = _between(text, before, behind)
        place = -1 if inner is None else inner.find(middle)
        while inner is not None and place >= 0:
            one, other = inner[:place], inner[place + len(middle) :]
            user, group = (one, other) if first == USER else (other, one)
            if user:
                yield user, group
            place = inner.find(middle, place + 1)


def _between(text: str, before: str, behind: str) -> str | None:
    if len(text) < len(before) + len(behind) or not (text.startswith(before) and text.endswith(behind)):
        return None
    return text[len(before) : len(text) - len(behind)]
