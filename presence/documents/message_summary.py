"""Message waiting, `application/simple-message-summary` (RFC 3842 §5.2): lines of text, no XML.

    Messages-Waiting: yes
    Message-Account: sip:alice@vmail.example.com
    Voice-Message: 2/8 (0/2)

and, after an empty line each, header fields of single messages.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from presence.documents.xml import one_line
from sip.errors import BadRequest, EntityTooLarge

CONTENT_TYPE: Final = "application/simple-message-summary"
VOICE: Final = "Voice-Message"

_WHAT: Final = "message-summary"
_MOST: Final = 2**32 - 1
_COUNTS: Final = re.compile(
    r"([0-9]{1,10})\s*+/\s*+([0-9]{1,10})\s*+(?:\(\s*+([0-9]{1,10})\s*+/\s*+([0-9]{1,10})\s*+\))?"
)
_FOLD: Final = re.compile(r"(?<=[^\r\n])\r?\n[ \t]++(?=\S)")
_LINE_END: Final = re.compile(r"\r?\n")
_TOKEN: Final = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]++")
_CLASSES: Final = frozenset(
    {"voice-message", "fax-message", "pager-message", "multimedia-message", "text-message", "none"}
)
"""Message context classes (RFC 3458 §6.2): what has such a name is meant as a count."""
_LINE_BREAKS: Final = str.maketrans(dict.fromkeys("\r\n\0", " "))
_STATUS: Final = {"yes": True, "no": False}


class Counts(NamedTuple):
    """Messages of one class, urgent ones included in `new` and `old`."""

    new: int
    old: int
    urgent: tuple[int, int] | None = None
    """New and old messages that are urgent, if that is said."""


class Headers(NamedTuple):
    """Header fields of one message, in order."""

    fields: tuple[tuple[str, str], ...]


class MessageSummary(NamedTuple):
    """A whole document."""

    waiting: bool
    account: str | None = None
    """URI of the mailbox."""
    counts: tuple[tuple[str, Counts], ...] = ()
    """By message context class (RFC 3458 §6.2), e.g. `Voice-Message`, `Fax-Message`."""
    messages: tuple[Headers, ...] = ()


def parse_message_summary(data: bytes, size: int = 65536) -> MessageSummary:
    """Read a document; names are taken in any case, lines may end with LF alone or be folded.

    Lines of the first block that are no counts are kept as a block of their own.

    Raises:
        EntityTooLarge: 413, more than `size` bytes.
        BadRequest: 400, no Messages-Waiting, a line without colon, a count that is none or above 2^32-1.
    """
    if len(data) > size:
        raise EntityTooLarge(f"{_WHAT}: more than {size} bytes")
    text = _FOLD.sub(" ", data.decode("utf-8", "surrogateescape")).lstrip()
    blocks: list[list[tuple[str, str]]] = [[]]
    for line in _LINE_END.split(text):
        if line.strip():
            blocks[-1].append(_field(line))
        elif blocks[-1]:
            blocks.append([])
    waiting: bool | None = None
    account: str | None = None
    counts: dict[str, tuple[str, Counts]] = {}
    others: list[tuple[str, str]] = []
    for name, value in blocks[0]:
        match name.lower():
            case "messages-waiting":
                waiting = _STATUS.get(value.lower())
                if waiting is None:
                    raise BadRequest(f"{_WHAT}: Messages-Waiting is {one_line(value)!r}, neither yes nor no")
            case "message-account":
                account = value.strip("<>")
            case key:
                found = _counts(name, value)
                if found is None and key in _CLASSES:
                    raise BadRequest(f"{_WHAT}: {name} is {one_line(value)!r}, which is no count")
                if found is None:
                    others.append((name, value))
                else:
                    counts[key] = (name, found)
    if waiting is None:
        raise BadRequest(f"{_WHAT}: Messages-Waiting is missing")
    messages = [Headers(tuple(block)) for block in (others, *blocks[1:]) if block]
    return MessageSummary(waiting, account, tuple(counts.values()), tuple(messages))


def _field(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    name = name.strip()
    if not colon or _TOKEN.fullmatch(name) is None:
        raise BadRequest(f"{_WHAT}: {one_line(line)!r} is no header line")
    return name, value.strip()


def _counts(name: str, value: str) -> Counts | None:
    match = _COUNTS.fullmatch(value)
    if match is None:
        return None
    new, old, new_urgent, old_urgent = (None if text is None else int(text) for text in match.groups())
    assert new is not None
    assert old is not None
    urgent = None if new_urgent is None or old_urgent is None else (new_urgent, old_urgent)
    if max(new, old, *(urgent or ())) > _MOST:
        raise BadRequest(f"{_WHAT}: a count of {one_line(name)} is above {_MOST}")
    return Counts(new, old, urgent)


def render_message_summary(summary: MessageSummary) -> bytes:
    """The document as bytes."""
    lines = [f"Messages-Waiting: {'yes' if summary.waiting else 'no'}"]
    if summary.account is not None:
        lines.append(f"Message-Account: {summary.account}")
    for name, (new, old, urgent) in summary.counts:
        lines.append(f"{name}: {new}/{old}" + (f" ({urgent[0]}/{urgent[1]})" if urgent else ""))
    for message in summary.messages:
        lines.append("")
        lines += (f"{name}: {value}" for name, value in message.fields)
    text = "".join(f"{line.translate(_LINE_BREAKS)}\r\n" for line in lines)
    return text.encode("utf-8", "surrogateescape")
