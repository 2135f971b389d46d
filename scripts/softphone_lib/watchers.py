"""Who watches us: one fetch of presence.winfo (RFC 3857), which pjsua2 does not offer by itself.

`WatcherQuery` follows the phone's events from the first SUBSCRIBE over the digest challenge to the NOTIFY
with the list, or to the answer that there is none.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass

from softphone_lib.engine import WINFO, Event, Phone, aor_of

NAMESPACE = "{urn:ietf:params:xml:ns:watcherinfo}"
PATIENCE = 5.0  # seconds until the query is given up
CHALLENGES = {
    401: ("WWW-Authenticate", "Authorization"),
    407: ("Proxy-Authenticate", "Proxy-Authorization"),
}


@dataclass(frozen=True, slots=True)
class Watchers:
    """The outcome: (AOR, status) of each watcher, or the reason why there is no list."""

    found: tuple[tuple[str, str], ...] = ()
    unavailable: str = ""


def digest_header(answer: str, code: int, *, user: str, password: str, uri: str) -> tuple[str, str] | None:
    """The header, if any, that answers the first MD5 challenge of `answer` (RFC 7616 §3.4)."""
    asked, given = CHALLENGES[code]
    for value in re.findall(rf"^{asked}\s*:\s*Digest\s+(.*)$", answer, re.IGNORECASE | re.MULTILINE):
        pairs = re.findall(r'(\w+)\s*=\s*(?:"([^"]*)"|([^\s,]+))', value)
        challenge = {name.lower(): quoted or bare for name, quoted, bare in pairs}
        if challenge.get("algorithm", "MD5").upper() != "MD5":
            continue
        realm, nonce = challenge.get("realm", ""), challenge.get("nonce", "")
        secret, request = _md5(user, realm, password), _md5("SUBSCRIBE", uri)
        fields = f'username="{user}", realm="{realm}", nonce="{nonce}", uri="{uri}", algorithm=MD5'
        if "qop" in challenge:
            cnonce = secrets.token_hex(8)
            response = _md5(secret, nonce, "00000001", cnonce, "auth", request)
            fields += f', qop=auth, nc=00000001, cnonce="{cnonce}"'
        else:
            response = _md5(secret, nonce, request)
        if "opaque" in challenge:
            fields += f', opaque="{challenge["opaque"]}"'
        return given, f'Digest {fields}, response="{response}"'
    return None


def _md5(*parts: str) -> str:
    return hashlib.md5(":".join(parts).encode(), usedforsecurity=False).hexdigest()


def watchers_in(notify: str) -> Watchers:
    """The watchers that a NOTIFY of presence.winfo lists (RFC 3858); the terminated ones are left out."""
    _, _, body = notify.replace("\r\n", "\n").partition("\n\n")
    try:
        root = ElementTree.fromstring(body.strip())
    except ElementTree.ParseError as error:
        return Watchers(unavailable=f"the list of watchers cannot be read: {error}")
    listed = ((aor_of(one.text or ""), one.get("status", "")) for one in root.iter(f"{NAMESPACE}watcher"))
    return Watchers(tuple(sorted({one for one in listed if one[1] != "terminated"})))


class WatcherQuery:
    """One question; feed it events and the time until `outcome` is there."""

    def __init__(self, phone: Phone, password: str, now: float) -> None:
        self._phone = phone
        self._password = password
        self._until = now + PATIENCE
        self._challenged = False
        self.outcome: Watchers | None = None
        phone.fetch_watchers()

    def hear(self, event: Event) -> None:
        """Take an `answer` or a `notify` event."""
        if event.kind == "notify":
            self.outcome = watchers_in(event.value)
        elif event.code in CHALLENGES and not self._challenged:
            self._challenged = True
            header = digest_header(
                event.value,
                event.code,
                user=self._phone.user,
                password=self._password,
                uri=f"sip:{self._phone.aor}",
            )
            if header is None:
                self.outcome = Watchers(unavailable="the server offers no MD5 challenge")
            else:
                self._phone.fetch_watchers(header)
        elif event.code == 489:
            self.outcome = Watchers(unavailable=f"the server does not offer {WINFO} yet")
        elif event.code >= 300:
            first = event.value.partition("\r\n")[0].removeprefix("SIP/2.0 ")
            self.outcome = Watchers(unavailable=f"the server answered {first or event.code}")

    def tick(self, now: float) -> None:
        """Give up after a while."""
        if self.outcome is None and now > self._until:
            self.outcome = Watchers(unavailable="the server does not answer")
