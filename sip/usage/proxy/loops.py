"""Keeping requests from going round or multiplying: loop detection, Max-Forwards, Max-Breadth.

RFC 3261 §16.3 steps 3 and 4 as RFC 5393 §4.2 changed them, and RFC 5393 §5.  Every Via of ours carries a mark
that depends on all that decides where the request goes.  If a request comes back with the same mark, nothing
has changed since: it loops.  If it comes back with another one, it spirals, which is legal.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from sip.errors import LoopDetected, SipError, TooManyHops

if TYPE_CHECKING:
    from sip.message import Request

MAX_BREADTH_EXCEEDED = (440, "Max-Breadth Exceeded")
_MARK_BYTES = 8


def loop_mark(request: Request, key: bytes) -> str:
    """The second part of our branch: a keyed hash of the routing inputs (RFC 5393 §4.2.1), 16 hex digits.

    Request-URI and Route decide where it goes; tags, Call-ID and CSeq number are there so that a collision
    does not repeat.  The method is not: CANCEL and ACK carry the branch of their INVITE.
    """
    inputs = [
        request.uri_text,
        *request.values("Route"),
        request.call_id,
        str(request.cseq.number),
        request.from_.tag or "",
        request.to.tag or "",
    ]
    data = "\0".join(inputs).encode("utf-8", "surrogateescape")
    return hashlib.blake2b(data, digest_size=_MARK_BYTES, key=key).hexdigest()


def detect_loop(request: Request, mark: str) -> None:
    """Refuse a request that has been here in the same state before (RFC 5393 §4.2.2).

    The mark is keyed, so a Via that carries it is one of ours, whichever address it was sent from.  The Vias
    of others are looked at as text only: none can be malformed enough to matter (RFC 5393 §4.2.4).

    Raises:
        LoopDetected: a Via of ours carries `mark`.
    """
    ending = f".{mark}"
    if any(ending in via for via in request.get_all("Via")):
        raise LoopDetected


def forwards_left(request: Request, default: int) -> int:
    """Max-Forwards for the copies (RFC 3261 §16.3 step 3 and §16.6 step 3).

    Raises:
        TooManyHops: the request may not be forwarded any more.
        BadRequest: Max-Forwards is not a number.
    """
    hops = request.max_forwards
    if hops is None:
        return default
    if hops <= 0:
        raise TooManyHops
    return hops - 1


def incoming_breadth(request: Request, most: int) -> int:
    """How many branches `request` may have at once: its Max-Breadth, at most `most` (RFC 5393 §5.3.3)."""
    text = request.get("Max-Breadth")
    if text is None or not (text.isascii() and text.isdigit()):
        return most
    return min(int(text), most)


def check_breadth(breadth: int, wanted: int) -> None:
    """Refuse a fork that is wider than the request allows.

    Raises:
        SipError: 440, when `wanted` parallel branches exceed `breadth`.
    """
    if wanted > breadth:
        status, reason = MAX_BREADTH_EXCEEDED
        raise SipError(reason, status=status)


def share_breadth(breadth: int, branches: int) -> list[int]:
    """`breadth` divided among `branches` that are started together, as evenly as it goes."""
    least, more = divmod(breadth, branches)
    return [least + 1] * more + [least] * (branches - more)
