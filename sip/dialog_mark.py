"""The mark in our Record-Route: it tells a request within a dialog that we are part of from one that says so.

RFC 3261 §16.4 only knows that a Route is ours.  Whoever puts our address into a Route and a made-up tag into
To could have anything relayed, so the URI that we record carries a keyed digest of the Call-ID: only those
who were given it, the two ends of that dialog, can send along it (§16.6 step 4 allows parameters of ours).
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from typing import Final

PARAMETER: Final = "d"


def dialog_mark(key: bytes, call_id: str) -> str:
    """The value of the parameter for a dialog."""
    text = b"dialog\0" + call_id.encode("utf-8", "surrogateescape")
    return hmac.new(key, text, hashlib.sha256).hexdigest()[:16]


def is_marked(params: Mapping[str, str | None], key: bytes, call_id: str) -> bool:
    """Whether the parameters of one of our URIs carry the mark of this dialog."""
    return hmac.compare_digest(params.get(PARAMETER) or "", dialog_mark(key, call_id))
