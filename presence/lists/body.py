"""What the body of a SUBSCRIBE for a list holds: the list (RFC 5367 §4), a filter (RFC 4660), or both."""

from __future__ import annotations

from typing import NamedTuple

from presence.documents.multipart import Part, parse_multipart, render_related
from presence.documents.resource_lists import CONTENT_TYPE as RESOURCE_LISTS


class Brought(NamedTuple):
    """A body taken apart."""

    resource_lists: bytes | None = None
    filter_type: str = ""
    filter_body: bytes = b""


def read_body(content_type: str, body: bytes) -> Brought:
    """Take a body apart: a list, a filter, or (multipart) one of each.

    Raises BadRequest or EntityTooLarge for a multipart that cannot be read.
    """
    if content_type == RESOURCE_LISTS:
        return Brought(body)
    if not content_type.startswith("multipart/"):
        return Brought(None, content_type if body else "", body)
    brought = Brought()
    for part in parse_multipart(content_type, body).parts:
        kind = part.content_type.partition(";")[0].strip().lower()
        if kind != RESOURCE_LISTS:
            brought = brought._replace(filter_type=kind, filter_body=part.body)
        elif brought.resource_lists is None:
            brought = brought._replace(resource_lists=part.body)
    return brought


def write_body(brought: Brought) -> tuple[str, bytes]:
    """Content-Type and body that `read_body` makes the same of."""
    if brought.resource_lists is None:
        return brought.filter_type, brought.filter_body
    if not brought.filter_body:
        return RESOURCE_LISTS, brought.resource_lists
    return render_related(
        [Part(RESOURCE_LISTS, brought.resource_lists), Part(brought.filter_type, brought.filter_body)]
    )
