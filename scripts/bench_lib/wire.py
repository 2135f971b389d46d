"""SIP as the load driver writes and reads it: templates and searches in bytes, nothing of the server's.

Every request carries its number in a branch and a Call-ID of fixed width, by which answers and NOTIFYs find
the exchange that they belong to.
"""

from __future__ import annotations

from dataclasses import dataclass

DOMAIN = "presence.test"
_BRANCH = b"z9hG4bKx"
_CALL = b"\r\nCall-ID: "
_WIDTH = 8

STATES = ("busy", "meeting", "away", "on-the-phone")


@dataclass(frozen=True, slots=True)
class Wire:
    """Makes requests for one local address.

    `local`: host and port that answers and NOTIFYs come to; `domain`: that of all users.
    """

    local: str
    domain: str = DOMAIN

    def _head(self, method: str, target: str, sender: str, to: str, number: int, call: str, seq: int) -> str:
        return (
            f"{method} {target} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP {self.local};branch=z9hG4bKx{number:08x};rport\r\n"
            "Max-Forwards: 70\r\n"
            f"From: <sip:{sender}@{self.domain}>;tag=f{call}\r\n"
            f"To: {to}\r\n"
            f"Call-ID: {call}\r\n"
            f"CSeq: {seq} {method}\r\n"
            "User-Agent: bench\r\n"
        )

    def _own(self, user: str) -> tuple[str, str]:
        uri = f"sip:{user}@{self.domain}"
        return uri, f"<{uri}>"

    def register(
        self, number: int, user: str, *, expires: int = 3600, call: str = "", seq: int = 1, contact: str = ""
    ) -> bytes:
        """REGISTER of one contact (at this address unless `contact` names another)."""
        head = self._head(
            "REGISTER", f"sip:{self.domain}", user, self._own(user)[1], number, call or call_id(number), seq
        )
        where = contact or self.local
        text = f"{head}Contact: <sip:{user}@{where}>\r\nExpires: {expires}\r\nContent-Length: 0\r\n\r\n"
        return text.encode()

    def publish(
        self, number: int, user: str, *, body: bytes = b"", etag: str = "", expires: int = 3600
    ) -> bytes:
        """PUBLISH: initial, or of what `etag` names; without a body a refresh or (`expires` 0) a removal."""
        uri, to = self._own(user)
        head = self._head("PUBLISH", uri, user, to, number, call_id(number), 1)
        match = f"SIP-If-Match: {etag}\r\n" if etag else ""
        kind = "Content-Type: application/pidf+xml\r\n" if body else ""
        text = (
            f"{head}Event: presence\r\nExpires: {expires}\r\n{match}{kind}Content-Length: {len(body)}\r\n\r\n"
        )
        return text.encode() + body

    def subscribe(
        self,
        number: int,
        presentity: str,
        watcher: str,
        *,
        expires: int = 3600,
        call: str = "",
        seq: int = 1,
        to: str = "",
        target: str = "",
        lists: bool = False,
    ) -> bytes:
        """SUBSCRIBE: a new one, or (`call`, `seq`, `to`, `target`) one in its dialog; `lists`: takes RLMI."""
        uri, plain = self._own(presentity)
        head = self._head(
            "SUBSCRIBE", target or uri, watcher, to or plain, number, call or call_id(number), seq
        )
        accept = "application/pidf+xml"
        if lists:
            accept += ", application/rlmi+xml, multipart/related\r\nSupported: eventlist"
        text = (
            f"{head}Contact: <sip:{watcher}@{self.local}>\r\nEvent: presence\r\nAccept: {accept}\r\n"
            f"Expires: {expires}\r\nContent-Length: 0\r\n\r\n"
        )
        return text.encode()

    def message(self, number: int, user: str, sender: str) -> bytes:
        """MESSAGE with a short text."""
        uri, to = self._own(user)
        head = self._head("MESSAGE", uri, sender, to, number, call_id(number), 1)
        body = f"Hello {user}, this is page-mode message number {number}; lunch at noon as usual?\r\n"
        return f"{head}Content-Type: text/plain\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()

    def options(self, number: int) -> bytes:
        """OPTIONS to the server itself."""
        uri = f"sip:{self.domain}"
        head = self._head("OPTIONS", uri, "bench", f"<{uri}>", number, call_id(number), 1)
        return f"{head}Content-Length: 0\r\n\r\n".encode()

    def pidf(self, user: str, change: int) -> bytes:
        """A presence document of about 700 bytes, another one for each `change`."""
        return (
            '<?xml version="1.0" encoding="UTF-8"?>\r\n'
            '<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model"'
            ' xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid"'
            f' entity="sip:{user}@{self.domain}">\r\n'
            f' <tuple id="t-{user}">\r\n'
            "  <status><basic>open</basic></status>\r\n"
            f'  <contact priority="0.8">sip:{user}@{self.local}</contact>\r\n'
            f'  <note xml:lang="en">At my desk until later, change {change:08d} ok</note>\r\n'
            "  <timestamp>2026-11-22T04:00:00Z</timestamp>\r\n"
            " </tuple>\r\n"
            f' <dm:person id="p-{user}">\r\n'
            f"  <rpid:activities><rpid:{STATES[change % len(STATES)]}/></rpid:activities>\r\n"
            '  <dm:note xml:lang="en">Working from the office today</dm:note>\r\n'
            "  <dm:timestamp>2026-11-22T04:00:00Z</dm:timestamp>\r\n"
            " </dm:person>\r\n"
            "</presence>\r\n"
        ).encode()


def call_id(number: int) -> str:
    """The Call-ID of the exchange with this number."""
    return f"c{number:08x}"


def number_of(answer: bytes) -> int:
    """Which exchange an answer is for; -1: none of ours."""
    at = answer.find(_BRANCH)
    if at < 0:
        return -1
    at += len(_BRANCH)
    return int(answer[at : at + _WIDTH], 16)


def call_of(request: bytes) -> bytes:
    """The Call-ID of a NOTIFY, where it is one of ours."""
    at = request.find(_CALL)
    return request[at + 11 : at + 20] if at > 0 else b""


def field(message: bytes, name: bytes) -> str:
    """The value of the first header of that name in the usual spelling; empty: it has none."""
    at = message.find(b"\r\n" + name + b": ")
    if at < 0:
        return ""
    at += len(name) + 4
    return message[at : message.index(b"\r\n", at)].decode()


# The first four bytes of the lines that an answer takes over from its request.
_COPIED = frozenset(
    {b"Via:", b"via:", b"From", b"To: ", b"Call", b"CSeq", b"Reco", b"v: S", b"f: <", b"t: <"}
)


def ok(request: bytes) -> bytes:
    """200 to a request (RFC 3261 §8.2.6)."""
    lines = request[: request.find(b"\r\n\r\n")].split(b"\r\n")
    kept = [line for line in lines if line[:4] in _COPIED]
    return b"SIP/2.0 200 OK\r\n" + b"\r\n".join(kept) + b"\r\nContent-Length: 0\r\n\r\n"
