"""What is done with documents, lists and messages of users."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from presence.lists.naming import DEFAULT_GROUP_PATTERN, DEFAULT_PATTERN
from presence.settings.kinds import (
    LISTED,
    Count,
    Group,
    GroupListPattern,
    ListPattern,
    Seconds,
    SourcePriority,
    setting,
)


class PresenceSettings(Group):
    """Section Presence: what is published, and how it is put together."""

    empty_document: Literal["closed", "entity"] = setting(
        "closed",
        "Presence",
        "What watchers of a presentity without publications get: a closed tuple, or a document with nothing"
        " but the entity.",
    )
    registration_is_open: bool = setting(
        False,
        "Presence",
        "Show a presentity that has a live binding and no publication as open. Off, since phones remove their"
        " publication to appear offline.",
    )
    source_priorities: Annotated[tuple[SourcePriority, ...], *LISTED] = setting(
        (),
        "Presence",
        "What counts more where a presentity's sources disagree about him: entries NAME=NUMBER, the highest"
        " number wins. A name is that of a source (as it names itself, else the product in its User-Agent),"
        " or a kind: publication (0 by default), standing (long-term status, -0.5), registration (-1).",
    )
    max_document: Annotated[int, Field(ge=1024)] = setting(
        32768, "Presence", "Largest published document, after decompression; more is answered 413.", "bytes"
    )
    max_document_depth: Annotated[int, Field(ge=4, le=250)] = setting(
        32, "Presence", "Deepest nesting of elements in a published document; more is answered 400."
    )


class ListSettings(Group):
    """Section Lists: resource lists (RFC 4662)."""

    list_uri: ListPattern = setting(
        DEFAULT_PATTERN,
        "Lists",
        "User part of the URI that is the list of all contacts of `{user}`, for himself only (RFC 4662).",
    )
    group_list_uri: GroupListPattern = setting(
        DEFAULT_GROUP_PATTERN,
        "Lists",
        "The same for one group of contacts; `{group}` is its name, escaped as in any URI.",
    )
    max_list_members: Count = setting(
        500,
        "Lists",
        "Members of one list: a user has no more contacts, and a longer list in a SUBSCRIBE (RFC 5367) is"
        " answered 413.",
    )
    list_window: Annotated[float, Field(ge=0, le=60)] = setting(
        0.3, "Lists", "How long changes of members gather before one NOTIFY tells of them all.", "seconds"
    )


class MessageSettings(Group):
    """Section Messages: what is kept for those who are away."""

    max_message_body: Annotated[int, Field(ge=1)] = setting(
        16384, "Messages", "Largest body of a MESSAGE; more is answered 413.", "bytes"
    )
    max_stored_messages: Annotated[int, Field(ge=0)] = setting(
        200, "Messages", "Messages kept for one user who is away; more are refused with 480. 0 stores none."
    )
    message_expires: Seconds = setting(604_800, "Messages", "How long a stored message is kept.", "seconds")
