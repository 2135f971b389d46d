"""The usual answer to a request of ours, told apart from all others without making a message of it.

Nearly every NOTIFY is answered by a 200 that holds what RFC 3261 §8.2.6.2 copies from the request, and names
of products.  Nothing in it has to be read: its status is known, and what it was copied from is at hand, byte
for byte.  So it is enough to see that it is such a one.  Whatever differs in the least (another status, a
body, a compact or folded line, a header field that may matter, a fault) is parsed as any message.
"""

from __future__ import annotations

from typing import Final

from sip.message import Response

STATUS_LINE: Final = b"SIP/2.0 200 OK"
METHOD: Final = "NOTIFY"
CSEQ_END: Final = b" NOTIFY\r\n"
"""That of the requests whose answers are looked at in this way."""

PLAIN_OK: Final = Response(200, "OK")
"""What all these answers come to; nobody adds to it."""

ECHO: Final = slice(2, 6)
"""From, To, Call-ID and CSeq among the lines of a request that was written for this; Via is before them."""

_SILENT: Final = frozenset(
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


def head_lines(data: bytes) -> list[bytes] | None:
    """The lines of the head of a 200 without a body, with one Via of one value, on top; None for all else."""
    lines = data.split(b"\r\n")
    joined = b"".join(lines)
    if (
        lines[0] != STATUS_LINE
        or lines[-2:] != [b"", b""]
        # As the parser has it: elements must not disagree on what ends a line.
        or b"\n" in joined
        or b"\r" in joined
        or b"\0" in joined
        or not lines[1].startswith(b"Via: SIP/2.0/")
        or b"," in lines[1]
    ):
        return None
    del lines[-2:]
    return lines


def branch_of(via: bytes) -> str:
    """The branch in the line of the topmost Via; empty where it is not to be seen at a glance."""
    return via.partition(b";branch=")[2].partition(b";")[0].decode("ascii", "replace")


def says_no_more(lines: list[bytes], sent: bytes) -> bool:
    """Whether `lines` (of `head_lines`) hold what names `sent`, each line once, and nothing that is news."""
    echo = sent.split(b"\r\n", ECHO.stop)[ECHO]
    for line in lines[2:]:
        if line in echo:
            # Once only: a second one is taken for what it is.
            echo.remove(line)
        elif line != b"Content-Length: 0" and line.partition(b":")[0] not in _SILENT:
            return False
    return not echo
