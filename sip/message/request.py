"""Requests (RFC 3261 §7.1)."""

from __future__ import annotations

from collections.abc import Iterable

from sip.errors import BadRequest
from sip.headers.cseq import METHODS
from sip.headers.grammar import TOKEN
from sip.message.message import Fields, Message
from sip.uri import AnyUri, parse_uri


class Request(Message):
    """Method, Request-URI, header fields, body.

    `uri_text` is the Request-URI as written, `uri` is read when asked; `retarget` sets
    both.  `version` is the SIP version that the request came with.
    """

    __slots__ = ("_uri", "_uri_text", "method", "version")

    _uri: AnyUri | None
    _uri_text: str
    method: str
    version: str

    def __init__(
        self,
        method: str,
        uri: AnyUri | str,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        fields: Fields | None = None,
    ) -> None:
        """`fields`: what the parser has looked at already, method and URI too, in place of `headers`.

        Raises ValueError for a method that is no token or a URI that cannot stand in a Request-Line.
        """
        if fields is not None and isinstance(uri, str):
            self.method = method
            self.version = "SIP/2.0"
            self._uri_text = uri
            self._uri = None
            super().__init__((), body, fields)
            return
        if method not in METHODS and TOKEN.fullmatch(method) is None:
            raise ValueError("method is not a token")
        self.method = method
        self.version = "SIP/2.0"
        self.retarget(uri)
        super().__init__(headers, body)

    @property
    def uri(self) -> AnyUri:
        """The Request-URI.  Raises BadRequest when malformed."""
        uri = self._uri
        if uri is None:
            try:
                uri = self._uri = parse_uri(self._uri_text)
            except BadRequest as error:
                raise BadRequest(f"Malformed Request-URI: {error.reason}") from None
        return uri

    def retarget(self, value: AnyUri | str) -> None:
        """Make `value` the Request-URI.  Raises ValueError if it cannot stand in a Request-Line."""
        text = str(value)
        # Printable text has no control character and no surrogate.
        if not text or " " in text or not text.isprintable():
            if not text or any(char <= " " or char == "\x7f" for char in text):
                raise ValueError("whitespace or control character in a Request-URI")
            text.encode("utf-8", "surrogateescape")
        self._uri_text = text
        self._uri = None if isinstance(value, str) else value

    @property
    def uri_text(self) -> str:
        """The Request-URI as written."""
        return self._uri_text

    @property
    def start_line(self) -> str:
        """The line as we send it."""
        return f"{self.method} {self._uri_text} SIP/2.0"

    def copy(self) -> Request:
        """An independent copy: what is done to one leaves the other alone."""
        twin = Request(self.method, self._uri_text, (), self.body, self._copied_fields())
        twin.version = self.version
        return twin

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Request):
            return NotImplemented
        return self.start_line == other.start_line and self._same_content(other)

    __hash__ = None


def build_request(
    method: str, uri_text: str, version: str, first: dict[str, str], more: dict[str, list[str]], body: bytes
) -> Request:
    """A request from parts that the parser has looked at already."""
    request = Request(method, uri_text, (), body, (first, more))
    request.version = version
    return request
