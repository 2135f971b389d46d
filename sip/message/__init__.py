"""SIP messages: bytes to `Request` and `Response` and back (RFC 3261 §7).

`parse` reads the start line and the header names at once and leaves the values for whoever asks;
`check_request` and `check_response` look at what every element must refuse or drop, `check_lengths` at what a
server would keep.
"""

from __future__ import annotations

from sip.message.check import check_lengths, check_request, check_response
from sip.message.message import Message
from sip.message.parser import parse, parse_head
from sip.message.request import Request
from sip.message.response import Response

__all__ = [
    "Message",
    "Request",
    "Response",
    "check_lengths",
    "check_request",
    "check_response",
    "parse",
    "parse_head",
]
