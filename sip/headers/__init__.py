"""Header values as value objects, one type a file: `parse(text)` reads, `str()` renders strictly.

Reading is patient where RFC 4475 or a real client asks for it; what cannot be read raises BadRequest with a
reason that names the header field.  The objects are snapshots: changing one does not change its message.
"""

from __future__ import annotations

from sip.headers.challenge import Challenge
from sip.headers.contact import Contact
from sip.headers.credentials import Credentials
from sip.headers.cseq import CSeq
from sip.headers.event import Event
from sip.headers.grammar import malformed, parse_params, quote, render_params, split_commas, unquote
from sip.headers.media_type import MediaType
from sip.headers.name_addr import NameAddr
from sip.headers.names import COMPACT, canonical_name
from sip.headers.quoted import Quoted
from sip.headers.subscription_state import SubscriptionState
from sip.headers.via import Via

__all__ = [
    "COMPACT",
    "CSeq",
    "Challenge",
    "Contact",
    "Credentials",
    "Event",
    "MediaType",
    "NameAddr",
    "Quoted",
    "SubscriptionState",
    "Via",
    "canonical_name",
    "malformed",
    "parse_params",
    "quote",
    "render_params",
    "split_commas",
    "unquote",
]
