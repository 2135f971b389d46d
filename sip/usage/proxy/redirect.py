"""Trying the contacts of a 3xx ourselves, where a setting says so (RFC 3261 §16.7 step 4)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from sip.errors import BadRequest
from sip.uri import Uri
from sip.usage.proxy.forwarding import request_uri
from sip.usage.proxy.interface import Target

if TYPE_CHECKING:
    from sip.headers import Contact
    from sip.message import Request, Response


class Recursion:
    """What one request has been sent to, and where a redirect may send it as well."""

    __slots__ = ("_is_local", "_most", "_sips", "_tried")

    def __init__(
        self, request: Request, targets: Sequence[Target], is_local: Callable[[Uri], bool], most: int
    ) -> None:
        self._is_local = is_local
        self._most = most
        self._sips = request.uri_text[:5].lower() == "sips:"
        self._tried = {
            request.uri_text if target.uri is None else request_uri(target.uri) for target in targets
        }

    def __call__(self, response: Response) -> tuple[list[Target], Response | None]:
        """The contacts to try, and `response` with the others (None when none is left).

        Our own addresses are left to the client: they need a location service, not a next hop.
        """
        try:
            targets, left = self._sorted(response.contacts)
        except BadRequest:
            return [], response
        if not targets:
            return [], response
        if not left:
            return targets, None
        rest = response.copy()
        rest.remove("Contact")
        for value in left:
            rest.add("Contact", value)
        return targets, rest

    def _sorted(self, contacts: Sequence[Contact]) -> tuple[list[Target], list[str]]:
        targets: list[Target] = []
        left: list[str] = []
        for contact in contacts:
            uri = contact.uri
            if not isinstance(uri, Uri) or self._is_local(uri) or (self._sips and uri.scheme != "sips"):
                left.append(str(contact))
                continue
            text = request_uri(uri)
            if text in self._tried:
                continue
            if len(self._tried) >= self._most:
                left.append(str(contact))
                continue
            self._tried.add(text)
            targets.append(Target(uri, uri, 1000 if contact.q is None else contact.q))
        return targets, left
