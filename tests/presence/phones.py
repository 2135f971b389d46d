"""Captured clients brought back to life: their bytes, changed only where a new server makes it necessary.

A challenge gives a client another nonce and so another response, a dialog other tags; all else (order,
spelling, quotes, which header field the credentials are in) stays as the client wrote it.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from sip.message import Request, Response, parse
from tests.presence.house import PASSWORD, House
from tests.sip.flows import FakeFlow

# Parametrised at collection, where no fixture is at hand: the same place as the `shared` fixture.
_PLACE = os.environ.get("PRESENTITY_SHARED")
SHARED = Path(_PLACE) if _PLACE else Path(__file__).resolve().parents[3] / "shared"
FOLDER = SHARED / "captures"
CREDENTIALS = ("Authorization", "Proxy-Authorization")

FILES: dict[str, bytes] = {
    file.stem: file.read_bytes()
    for file in sorted(FOLDER.glob("*.sip"))
    if not file.stem.endswith("-GET")  # The handshake of a WebSocket, which is HTTP.
}
"""All captured SIP messages by name."""


def need_captures() -> None:
    """For test modules: leave the module out, and say so, where the captures are not."""
    if not FILES:
        pytest.skip(f"captures not found at {FOLDER} (set PRESENTITY_SHARED)", allow_module_level=True)


def is_request(stem: str) -> bool:
    return not FILES[stem].startswith(b"SIP/2.0")


def client_of(stem: str) -> str:
    """ "pjsua2-tcp" of "pjsua2-tcp-SUBSCRIBE-unsub"."""
    found = re.match(r"(.+?)-(?:\d{3}-)?[A-Z]{4,}", stem)
    assert found is not None
    return found[1]


def request_in(data: bytes) -> Request:
    message = parse(data)
    assert isinstance(message, Request)
    return message


# -- text work -----------------------------------------------------------------------------------------------


def _line(name: str) -> re.Pattern[bytes]:
    return re.compile(rb"^(" + re.escape(name.encode()) + rb"[ \t]*:[ \t]*)([^\r\n]*)\r\n", re.I | re.M)


def _head(data: bytes) -> tuple[bytes, bytes]:
    head, _, body = data.partition(b"\r\n\r\n")
    return head + b"\r\n", b"\r\n" + body


def value(data: bytes, name: str) -> str | None:
    """The value of a header field as it stands there."""
    found = _line(name).search(_head(data)[0])
    return None if found is None else found[2].decode()


def with_value(data: bytes, name: str, text: str) -> bytes:
    """Another value for the header field `name`; it is put in at the end where there is none."""
    head, rest = _head(data)
    changed, count = _line(name).subn(lambda found: found[1] + text.encode() + b"\r\n", head, count=1)
    if not count:
        changed = head + f"{name}: {text}\r\n".encode()
    return changed + rest


def without(data: bytes, *names: str) -> bytes:
    head, rest = _head(data)
    for name in names:
        head = _line(name).sub(b"", head)
    return head + rest


def with_body(data: bytes, body: bytes) -> bytes:
    return with_value(data.partition(b"\r\n\r\n")[0] + b"\r\n\r\n" + body, "Content-Length", str(len(body)))


def with_branch(data: bytes, suffix: str) -> bytes:
    return re.sub(rb"(;branch=[^;\r\n, ]+)", rb"\1" + suffix.encode(), data, count=1)


def first_attempt(data: bytes) -> bytes:
    """What the client sent before it was challenged: an own transaction, one CSeq earlier, no credentials."""
    number, method = (value(data, "CSeq") or "").split()
    attempt = with_branch(without(data, *CREDENTIALS), "a")
    return with_value(attempt, "CSeq", f"{int(number) - 1} {method}")


def parameter(text: str, name: str) -> str | None:
    found = re.search(rf'(?<![\w-]){name}="?([^",\s]*)"?', text, re.I)
    return None if found is None else found[1]


def _with_parameter(text: str, name: str, new: str) -> str:
    return re.sub(rf'((?<![\w-]){name}="?)[^",\s]*', lambda found: found[1] + new, text, count=1, flags=re.I)


def response_to(text: str, method: str, password: str = PASSWORD) -> str:
    """What the `response` parameter of credentials has to be: MD5, from the RFCs with hashlib alone."""

    def hashed(text: str) -> str:
        return hashlib.md5(text.encode()).hexdigest()

    got = {
        name: parameter(text, name) for name in ("username", "realm", "nonce", "uri", "qop", "nc", "cnonce")
    }
    a1 = hashed(f"{got['username']}:{got['realm']}:{password}")
    a2 = hashed(f"{method}:{got['uri']}")
    if got["qop"] is None:
        return hashed(f"{a1}:{got['nonce']}:{a2}")
    return hashed(f"{a1}:{got['nonce']}:{got['nc']}:{got['cnonce']}:{got['qop']}:{a2}")


def nonce_of(answer: Response) -> str:
    challenge = answer.get("WWW-Authenticate") or answer.get("Proxy-Authenticate")
    assert challenge is not None
    nonce = parameter(challenge, "nonce")
    assert nonce is not None
    return nonce


def signed(data: bytes, challenge: Response, *, like: bytes = b"", password: str = PASSWORD) -> bytes:
    """The request with the credentials that the client would have computed for this challenge.

    `like`: another request of the same client, whose credentials show the form when this one has none.
    """
    method = request_in(data).method
    for name in CREDENTIALS:
        text = value(data, name)
        if text is None and like:
            text = value(like, name)
            if text is not None:
                request = request_in(data)
                user, _, _ = request.from_.uri.aor.removeprefix("sip:").partition("@")
                text = _with_parameter(_with_parameter(text, "uri", request.uri_text), "username", user)
        if text is not None:
            text = _with_parameter(text, "nonce", nonce_of(challenge))
            text = _with_parameter(text, "response", response_to(text, method, password))
            return with_value(data, name, text)
    raise AssertionError("this request has no credentials, and there is no other to learn from")


def answer_from(data: bytes, request: Request) -> bytes:
    """A captured answer as the client would have given it to `request`."""
    tag = parse(data).to.tag
    to = request.get("To") or ""
    if request.to.tag is None and tag is not None:
        to += f";tag={tag}"
    head, rest = _head(data)
    vias = "".join(f"Via: {via}\r\n" for via in request.get_all("Via")).encode()
    start, _, fields = _line("Via").sub(b"", head).partition(b"\r\n")
    changed = start + b"\r\n" + vias + fields + rest
    for name, text in (
        ("From", request.get("From") or ""),
        ("To", to),
        ("Call-ID", request.call_id),
        ("CSeq", str(request.cseq)),
    ):
        changed = with_value(changed, name, text)
    return changed


# -- a phone -------------------------------------------------------------------------------------------------


class Phone:
    """One captured client, at the address that its messages came from."""

    def __init__(self, house: House, stem: str, *, port: int | None = None) -> None:
        via = parse(FILES[stem]).via
        self.house = house
        self.client = client_of(stem)
        self.flow: FakeFlow = house.network.at("127.0.0.1", port or via.port or 40000, via.transport)

    def form(self) -> bytes:
        """A request of this client that shows how it writes credentials."""
        return next(data for data in self._own() if any(value(data, name) for name in CREDENTIALS))

    def _own(self) -> Iterator[bytes]:
        return (FILES[stem] for stem in FILES if client_of(stem) == self.client and is_request(stem))

    def send(self, data: bytes) -> list[Response]:
        """Put bytes in as they are; the answers that come at once."""
        return self.house.answers(data, self.flow)

    def prove(self, data: bytes) -> list[Response]:
        """Ask without credentials, be challenged, ask again with them; the answers to that."""
        (challenge,) = self.send(first_attempt(data))
        assert challenge.status in (401, 407), challenge.start_line
        return self.send(signed(data, challenge, like=self.form()))

    def ask(self, data: bytes) -> Response:
        """`prove` where one answer comes at once."""
        (answer,) = self.prove(data)
        return answer

    def answer(self, request: Request, captured: bytes) -> None:
        """Answer a request of the server's with a captured answer."""
        self.house.receive(answer_from(captured, request), self.flow)
