"""Contact: where to reach somebody, how much he prefers it, and for how long (RFC 3261 §20.10)."""

from __future__ import annotations

import re

from sip.errors import BadRequest
from sip.headers.grammar import delta_seconds, malformed
from sip.headers.name_addr import NameAddr

_QVALUE = re.compile(r"0?(?:\.([0-9]{0,3}))?|1(?:\.0{0,3})?|0")

DEFAULT_EXPIRES = 3600
"""Seconds that a malformed `expires` parameter stands for (RFC 3261 §20.10)."""


class Contact(NameAddr):
    """One contact address; "*" is not one of them (see `Message.contact_star`)."""

    __slots__ = ()

    @property
    def q(self) -> int | None:
        """Preference in thousandths, 0 to 1000; None when not given.  Raises BadRequest when malformed."""
        text = self.params.get("q")
        if text is None:
            return None
        match = _QVALUE.fullmatch(text)
        if match is None or not text:
            raise malformed("Contact", "bad q")
        if text[0] == "1":
            return 1000
        return int((match.group(1) or "").ljust(3, "0"))

    @property
    def expires(self) -> int | None:
        """Seconds; None when not given, 3600 when malformed or too large.

        RFC 3261 §20.10, RFC 4475 §3.1.2.4.
        """
        text = self.params.get("expires")
        if text is None:
            return None if "expires" not in self.params else DEFAULT_EXPIRES
        try:
            seconds = delta_seconds(text, "Contact")
        except BadRequest:
            return DEFAULT_EXPIRES
        return DEFAULT_EXPIRES if seconds is None else seconds
