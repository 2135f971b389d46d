"""SIP messages, digest and bodies for the black-box client, written from the RFCs alone.

The tests must not share a bug with the server, so nothing here imports `sip` or `presence`: a message is a
start line, a list of header fields and a body (RFC 3261 §7), and digest credentials are computed afresh
(RFC 7616 §3.4).
"""

from __future__ import annotations

import hashlib
import itertools
import re
import secrets
from collections.abc import Iterable

COMPACT = {  # RFC 3261 §7.3.3, RFC 6665 §8.2.1
    "i": "call-id", "m": "contact", "e": "content-encoding", "l": "content-length", "c": "content-type",
    "f": "from", "s": "subject", "k": "supported", "t": "to", "v": "via", "o": "event", "u": "allow-events",
}  # fmt: skip

_numbers = itertools.count(1)


def token(prefix: str = "") -> str:
    """A word that no other call returns, fit for tags, branches and Call-IDs."""
    return f"{prefix}{secrets.token_hex(6)}{next(_numbers)}"


class SipMessage:
    """A request or a response as it went over the wire: `start`, `headers` in order, `body`."""

    __slots__ = ("body", "headers", "start")

    def __init__(self, start: str, headers: Iterable[tuple[str, str]] = (), body: bytes = b"") -> None:
        self.start = start
        self.headers = list(headers)
        self.body = body

    @classmethod
    def parse(cls, data: bytes) -> SipMessage:
        """Read one whole message; raises ValueError when it has no header section."""
        head, blank, body = data.partition(b"\r\n\r\n")
        if not blank:
            raise ValueError(f"no end of headers in {data!r}")
        lines = re.sub(r"\r\n[ \t]+", " ", head.decode("utf-8", "surrogateescape")).split("\r\n")
        headers = []
        for line in lines[1:]:
            name, colon, value = line.partition(":")
            if not colon:
                raise ValueError(f"header line without a colon: {line!r}")
            headers.append((name.strip(), value.strip()))
        return cls(lines[0], headers, body)

    def render(self) -> bytes:
        """The bytes to send, with a Content-Length unless one was given."""
        headers = list(self.headers)
        if self.get("Content-Length") is None:
            headers.append(("Content-Length", str(len(self.body))))
        head = "".join(f"{name}: {value}\r\n" for name, value in headers)
        return f"{self.start}\r\n{head}\r\n".encode("utf-8", "surrogateescape") + self.body

    @property
    def is_request(self) -> bool:
        return not self.start.startswith("SIP/2.0 ")

    @property
    def method(self) -> str:
        """The method of a request, or that of the CSeq of a response."""
        return self.start.split(" ")[0] if self.is_request else self.cseq[1]

    @property
    def uri(self) -> str:
        return self.start.split(" ")[1]

    @property
    def status(self) -> int:
        return 0 if self.is_request else int(self.start.split(" ")[1])

    @property
    def reason(self) -> str:
        return self.start.split(" ", 2)[2]

    @property
    def cseq(self) -> tuple[int, str]:
        number, method = self.need("CSeq").split()
        return int(number), method

    @property
    def call_id(self) -> str:
        return self.need("Call-ID")

    @property
    def branch(self) -> str:
        return parameter(self.need("Via"), "branch") or ""

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")

    def get(self, name: str) -> str | None:
        """The first value of that header, under its long or its compact name."""
        values = self.get_all(name)
        return values[0] if values else None

    def get_all(self, name: str) -> list[str]:
        wanted = name.lower()
        return [value for key, value in self.headers if COMPACT.get(key.lower(), key.lower()) == wanted]

    def need(self, name: str) -> str:
        value = self.get(name)
        if value is None:
            raise AssertionError(f"no {name} header in:\n{self}")
        return value

    def __str__(self) -> str:
        head = "".join(f"{name}: {value}\n" for name, value in self.headers)
        return f"{self.start}\n{head}\n{self.body.decode('utf-8', 'backslashreplace')}"


def parameter(value: str, name: str) -> str | None:
    """A parameter of a header value (`;name=...`), outside of the angle brackets; "" when it has no value."""
    outside = re.sub(r"<[^>]*>", "", value)
    found = re.search(
        rf";\s*{re.escape(name)}(?:\s*=\s*(\"[^\"]*\"|[^;,\s]*))?(?=[;,\s]|$)", outside, re.IGNORECASE
    )
    return None if found is None else (found[1] or "").strip('"')


def address(value: str) -> str:
    """The URI of a name-addr or addr-spec."""
    found = re.search(r"<([^>]*)>", value)
    return found[1] if found else value.split(";")[0].strip()


def challenge_parameters(value: str) -> dict[str, str]:
    """The parameters of one Digest challenge, names in lower case."""
    pairs = re.findall(r'([\w-]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^,\s]+)', value.partition(" ")[2])
    return {name.lower(): text.strip('"') for name, text in pairs}


def credentials(challenge: str, *, method: str, uri: str, user: str, password: str, body: bytes = b"") -> str:
    """The value of Authorization that answers `challenge` (RFC 7616 §3.4; without qop as in RFC 2069)."""
    given = challenge_parameters(challenge)
    algorithm = given.get("algorithm", "MD5")
    make = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}[algorithm.upper()]

    def digest(*parts: str) -> str:
        return make(":".join(parts).encode()).hexdigest()

    ha1 = digest(user, given["realm"], password)
    ha2 = digest(method, uri)
    fields = [f'username="{user}"', f'realm="{given["realm"]}"', f'nonce="{given["nonce"]}"', f'uri="{uri}"']
    if "auth" in re.split(r"[ ,]+", given.get("qop", "")):
        cnonce, count = secrets.token_hex(8), "00000001"
        response = digest(ha1, given["nonce"], count, cnonce, "auth", ha2)
        fields += [f'cnonce="{cnonce}"', f"nc={count}", "qop=auth"]
    else:
        response = digest(ha1, given["nonce"], ha2)
    fields += [f'response="{response}"', f"algorithm={algorithm}"]
    if "opaque" in given:
        fields.append(f'opaque="{given["opaque"]}"')
    return "Digest " + ", ".join(fields)


def pidf(
    entity: str, basic: str = "open", *, activity: str = "", note: str = "", tuple_id: str = "t1"
) -> bytes:
    """A presence document (RFC 3863): one tuple, and a person with an activity (RFC 4480) if asked."""
    said = f"<note>{note}</note>" if note else ""
    person = ""
    if activity:
        person = (
            f'<dm:person id="p-{tuple_id}"><rpid:activities><rpid:{activity}/></rpid:activities></dm:person>'
        )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model"'
        f' xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid" entity="{entity}">'
        f'<tuple id="{tuple_id}"><status><basic>{basic}</basic></status>{said}</tuple>{person}</presence>'
    ).encode()
