"""What an event package has to say of publications of it: the protocols that it implements."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from sip.headers import MediaType
from sip.usage.publication.model import Publication, What


class PublicationPackage(Protocol):
    """What an event package has to know about publications of it.

    One with an attribute `from_elements` that is true has a state that elements of the network know, as a
    PBX or a mailbox: they may publish it for users (`PublicationSettings.elements`).
    """

    @property
    def name(self) -> str:
        """The package as the Event header field names it."""

    @property
    def accept(self) -> tuple[str, ...]:
        """The media types of its bodies, for Accept."""

    def parse(self, aor: str, content_type: MediaType, body: bytes) -> object:
        """What to keep of a body; raises SipError (400, 413, 415) with the reason to refuse it."""

    def changed(self, aor: str, publication: Publication, what: What) -> None:
        """`publication` of `aor` was stored or has ended; called when it is durable and answered."""


@runtime_checkable
class Patched(Protocol):
    """A package among whose bodies are some that only say what has changed (RFC 5264)."""

    def whole(
        self, content_type: MediaType, body: bytes, base: Publication | None
    ) -> tuple[MediaType, bytes]:
        """What the package parses and the publication becomes, for a body as it came.

        `base` is the publication to be modified, None for an initial one.  Raises SipError (400, 413).
        """


@runtime_checkable
class Unhurried(Protocol):
    """A package for which a stored body need not be read before somebody wants to know what it says."""

    def may_wait(self, body: bytes) -> bool:
        """Whether that is so of `body`."""


@runtime_checkable
class Divisible(Protocol):
    """A package whose bodies have parts that can be withdrawn one by one."""

    def without(self, publication: Publication, part: str) -> bytes | None:
        """The body of a publication without a part, None if it has no other.

        Raises LookupError: it has no such part; SipError: the body cannot be read.
        """
