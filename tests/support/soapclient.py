"""A small SOAP client on `http.client` for black-box tests; it shares no code with the server."""

from __future__ import annotations

import http.client
import ssl
from dataclasses import dataclass, field
from typing import Self
from xml.sax.saxutils import escape, quoteattr

from lxml import etree

from tests.support.wires import Address

EPAS = "urn:cisco:epas:soap"
SOAP11 = "http://schemas.xmlsoap.org/soap/envelope/"
SOAP12 = "http://www.w3.org/2003/05/soap-envelope"
PATH = "/EPASSoap/service"
TYPES = {SOAP11: "text/xml; charset=utf-8", SOAP12: "application/soap+xml; charset=utf-8"}
WAIT = 15.0  # seconds for an answer


class Refused(AssertionError):
    """A fault, where an answer was expected."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def content(self) -> etree._Element:
        """The element in the SOAP body."""
        (one,) = etree.fromstring(self.body).iterfind("{*}Body/*")
        return one

    @property
    def fault(self) -> tuple[str, str, str]:
        """Code, subcode ("" if none) and text of a fault, the same for both versions of SOAP."""
        fault = self.content
        assert etree.QName(fault).localname == "Fault", self.body
        if fault.find("faultcode") is not None:
            code, _, subcode = fault.findtext("faultcode").rpartition(":")[2].partition(".")
            return (
                {"Client": "Sender", "Server": "Receiver"}.get(code, code),
                subcode,
                fault.findtext("faultstring"),
            )
        values = [value.rpartition(":")[2] for value in fault.itertext("{*}Value")]
        return values[0], "".join(values[1:]), fault.findtext("{*}Reason/{*}Text")


def envelope(body: str, key: str | None = None, version: str = SOAP12, header: str = "") -> bytes:
    """A request with `body` in it, its names in the namespace of the interface."""
    session = "" if key is None else f"<session-key>{escape(key)}</session-key>"
    blocks = f"<s:Header>{session}{header}</s:Header>" if session or header else ""
    content = f"{blocks}<s:Body>{body}</s:Body>"
    return f'<s:Envelope xmlns:s="{version}" xmlns="{EPAS}">{content}</s:Envelope>'.encode()


@dataclass
class SoapClient:
    """One client application.

    Attributes:
        server: where it calls.
        tls: by HTTPS with this context; None: by HTTP.
        key: of its session, sent with every call.
    """

    server: Address
    tls: ssl.SSLContext | None = None
    version: str = SOAP12
    key: str | None = field(default=None, init=False)

    def ask(
        self, method: str, path: str = PATH, data: bytes | None = None, headers: dict[str, str] | None = None
    ) -> Reply:
        """Any HTTP request."""
        connection: http.client.HTTPConnection
        if self.tls is None:
            connection = http.client.HTTPConnection(*self.server, timeout=WAIT)
        else:
            connection = http.client.HTTPSConnection(*self.server, timeout=WAIT, context=self.tls)
        try:
            connection.request(method, path, data, {"Connection": "close", **(headers or {})})
            answer = connection.getresponse()
            return Reply(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def post(self, data: bytes, content_type: str | None = None) -> Reply:
        """Post something as it is."""
        return self.ask("POST", data=data, headers={"Content-Type": content_type or TYPES[self.version]})

    def call(self, body: str, header: str = "") -> etree._Element:
        """Call an operation, and return the element that answers it.  Raises Refused."""
        reply = self.post(envelope(body, self.key, self.version, header))
        if reply.status != 200:
            raise Refused(f"{body} was answered {reply.status} {reply.body.decode(errors='replace')}")
        return reply.content

    def login(self, username: str, password: str = "secret", *, force: bool = False) -> Self:
        """Open a session."""
        answer = self.call(
            f"<login force={quoteattr(str(force).lower())}><username>{escape(username)}</username>"
            f"<password>{escape(password)}</password></login>"
        )
        self.key = answer.findtext("{*}success/{*}session-key")
        if self.key is None:
            raise Refused(f"login: {answer.findtext('{*}failure/{*}reason')}")
        return self
