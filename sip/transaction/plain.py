"""The usual answer to a request of ours, told apart from all others without making a message of it.

Nearly every NOTIFY is answered by a 200 that holds what RFC 3261 §8.2.6.2 copies from the request, and names
of products.  Nothing in it has to be read: its status is known, and what it was copied from is at hand, byte
for byte.  So it is enough to see that it is such a one.  Whatever differs in the least (another status, a
body, a compact or folded line, a header field that may matter, a fault) is parsed as any message.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from sip.message import Response
from sip.native import native

_STATUS_LINE: Final = b"SIP/2.0 200 OK\r\n"
METHOD: Final = "NOTIFY"
"""That of the requests whose answers are looked at in this way."""

PLAIN_OK: Final = Response(200, "OK")
"""What all these answers come to; nobody adds to it."""

ECHO: Final = slice(2, 6)
"""From, To, Call-ID and CSeq among the lines of a request that was written for this; Via is before them."""

SILENT: Final = frozenset(
    (
        b"Server",
        b"User-Agent",
        b"Allow",
        b"Allow-Events",
        b"Supported",
        b"Accept",
        b"Accept-Encoding",
        b"Accept-Language",
        b"Date",
        b"Contact",
    )
)
"""Header fields that nobody here reads in a 200 to a NOTIFY.

The remote target of a subscription's dialog is what its SUBSCRIBEs say, so Contact is among them.
"""


def branch_in_python(data: bytes) -> str | None:
    """The branch of a 200 that has no body, with one Via of one value, on top; None for all else.

    None too where the branch is not to be seen at a glance.  Nothing behind the Via is looked at.
    """
    if not data.startswith(_STATUS_LINE) or not data.endswith(b"\r\n\r\n"):
        return None
    via = data[len(_STATUS_LINE) : data.find(b"\r\n", len(_STATUS_LINE))]
    if not via.startswith(b"Via: SIP/2.0/") or b"," in via or _breaks(via):
        return None
    _, found, rest = via.partition(b";branch=")
    return rest.partition(b";")[0].decode("ascii", "replace") if found else None


def says_no_more_in_python(data: bytes, sent: bytes) -> bool:
    """Whether `data`, a 200 with a branch, has the lines that name `sent`, each once, and no news."""
    lines = data.split(b"\r\n")[2:-2]
    if _breaks(b"".join(lines)):
        # As the parser has it: elements must not disagree on what ends a line.
        return False
    echo = sent.split(b"\r\n", ECHO.stop)[ECHO]
    if len(echo) < ECHO.stop - ECHO.start:
        # Nothing any more: the request is done with.
        return False
    for line in lines:
        if line in echo:
            # Once only: a second one is taken for what it is.
            echo.remove(line)
        elif line != b"Content-Length: 0" and line.partition(b":")[0] not in SILENT:
            return False
    return not echo


def _breaks(text: bytes) -> bool:
    return b"\n" in text or b"\r" in text or b"\0" in text


_NATIVE: Final = native("sip._text")
branch_of: Final[Callable[[bytes], str | None]] = getattr(_NATIVE, "branch_of", branch_in_python)
says_no_more: Final[Callable[[bytes, bytes], bool]] = getattr(_NATIVE, "says_no_more", says_no_more_in_python)
