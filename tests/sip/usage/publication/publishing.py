"""The usage of PUBLISH with a package that knows nothing of presence."""

from __future__ import annotations

from sip.errors import BadRequest
from sip.headers import MediaType
from sip.message import Response
from sip.usage.publication import Publication, PublicationSettings, PublicationUsage, What
from tests.sip.usage.fakes import Directory, Handler, MemoryJournal, sip

ALICE = "sip:alice@example.com"


class Package:
    """Takes text/plain and upper-cases it; refuses the word "broken"."""

    def __init__(self, name: str, accept: tuple[str, ...] = ("text/plain",)) -> None:
        self.name = name
        self.accept = accept
        self.changes: list[tuple[str, What, bytes]] = []
        self.read: list[bytes] = []

    def parse(self, aor: str, content_type: MediaType, body: bytes) -> object:
        self.read.append(body)
        if body == b"broken":
            raise BadRequest("Body is broken")
        return body.upper()

    def changed(self, aor: str, publication: Publication, what: What) -> None:
        self.changes.append((aor, what, publication.body))


def publish(*headers: str, body: bytes = b"", event: str = "weather", uri: str = ALICE) -> bytes:
    lines = "\n".join([f"Event: {event}", *headers] if event else headers)
    if body and not any(header.startswith("Content-Type") for header in headers):
        lines += "\nContent-Type: text/plain"
    return sip(
        f"""
        PUBLISH {uri} SIP/2.0
        Via: SIP/2.0/UDP 192.0.2.4;branch=z9hG4bK652hsge
        To: <sip:alice@example.com>
        From: <sip:alice@example.com>;tag=1234wxyz
        Call-ID: 81818181@pua.example.com
        CSeq: 1 PUBLISH
        User-Agent: test/1.0 (some words)
        {lines}
        """,
        body,
    )


class House(Handler):
    def __init__(
        self, settings: PublicationSettings | None = None, journal: MemoryJournal | None = None
    ) -> None:
        self.journal = journal or MemoryJournal()
        super().__init__(lambda sr: self.usage.handle(sr), self.journal)
        self.weather = Package("weather")
        self.tides = Package("tides", ("text/plain", "application/tides+xml"))
        self.usage = PublicationUsage(
            [self.weather, self.tides],
            Directory(),
            self.journal,
            self.timers,
            settings or PublicationSettings(),
            self.wall,
        )

    @property
    def bodies(self) -> list[bytes]:
        return [publication.body for publication in self.usage.publications("weather", ALICE)]

    def ok(self, *headers: str, body: bytes = b"", event: str = "weather") -> Response:
        answer = self.send(publish(*headers, body=body, event=event))
        assert answer is not None
        assert answer.status == 200, answer.start_line
        return answer

    def tag(self, *headers: str, body: bytes = b"", event: str = "weather") -> str:
        """The entity-tag of a good answer."""
        return self.ok(*headers, body=body, event=event).get("SIP-ETag") or ""

    def refused(self, *headers: str, body: bytes = b"", event: str = "weather", uri: str = ALICE) -> Response:
        answer = self.send(publish(*headers, body=body, event=event, uri=uri))
        assert answer is not None
        assert answer.status >= 400, answer.start_line
        return answer
