"""What a subscription to a list asks of its SUBSCRIBE (RFC 4662 §4.1, RFC 5367 §3)."""

from __future__ import annotations

from typing import Final

from sip.errors import BadExtension, BadRequest, ExtensionRequired, NotFound
from sip.message import Request
from sip.usage.content import decode_body
from sip.usage.notifier.package import EventPackage, ListServer

EVENTLIST: Final = "eventlist"
RECIPIENT_LIST: Final = "recipient-list-subscribe"
OPTION_TAGS: Final = (EVENTLIST, RECIPIENT_LIST)
"""What a server with lists supports."""
REQUIRE_EVENTLIST: Final = (("Require", EVENTLIST),)
"""Is in the answers to the SUBSCRIBE of a list, and in its NOTIFYs."""


def undo_encoding(request: Request, limit: int, setting: str = "") -> None:
    """Give `request` the body that its Content-Encoding hides; raises as `decode_body`."""
    if request.body:
        request.body = decode_body(request, limit, setting)
    request.remove("Content-Encoding")


def body_type(request: Request) -> str:
    """Content-Type of the body, with parameters only where it cannot be read without; empty for no body."""
    media_type = request.content_type
    if not request.body or media_type is None:
        return ""
    return str(media_type) if media_type.type == "multipart" else media_type.full


def list_package(
    lists: ListServer | None, package: str, aor: str, content_type: str, body: bytes, *, is_user: bool
) -> EventPackage | None:
    """What serves a subscription to `aor` with this body, if it is one to a list."""
    if lists is None:
        return None
    found = lists.enclosed(package, content_type, body) if body else None
    if found is None and not is_user:
        found = lists.stored(package, aor)
    return found


def check_list(request: Request, lists: ListServer | None, package: str, listed: EventPackage | None) -> None:
    """Whether a SUBSCRIBE says what it has to say for the list that it is for.

    Raises:
        BadExtension: 420, it requires that the list in its body is served, which this package has not.
        BadRequest: the same, and there is no list.
        ExtensionRequired: 421, the phone does not know lists.
    """
    required = _tags(request, "Require")
    if RECIPIENT_LIST in required:
        if lists is None or not lists.serves(package):
            raise BadExtension(_no_lists(package), headers=(("Unsupported", RECIPIENT_LIST),))
        if lists.enclosed(package, body_type(request), request.body) is None:
            raise BadRequest(f"{RECIPIENT_LIST} without a list in the body")
    if listed is not None and EVENTLIST not in required | _tags(request, "Supported"):
        raise ExtensionRequired("A list needs eventlist", headers=REQUIRE_EVENTLIST)


def no_such(lists: ListServer | None, package: str, aor: str) -> NotFound:
    """The answer to who subscribes to an address that is neither a user nor a list of this package."""
    if lists is not None and not lists.serves(package) and lists.is_stored(aor):
        return NotFound(_no_lists(package))
    return NotFound(f"No such user: {aor.removeprefix('sip:')}")


def _no_lists(package: str) -> str:
    return f"There are no lists for {package}"


def _tags(request: Request, header: str) -> set[str]:
    if header not in request:
        return set()
    return {tag.strip().lower() for tag in request.values(header)}
