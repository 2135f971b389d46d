"""The view of a list: what one subscriber has been told of its members, and what he has to be told now.

It makes the notifications of RFC 4662 §5: the first one and those after a SUBSCRIBE or a failure with the
full state, all others with the resources that changed since the one before, each version one higher.  When to
send is for others to decide: a view knows no time.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Sequence, Set
from functools import lru_cache
from hashlib import blake2s
from typing import Final, NamedTuple

from presence.documents.common import Name, escaped
from presence.documents.multipart import Part, render_related
from presence.documents.rlmi import (
    ACTIVE,
    CONTENT_TYPE,
    PENDING,
    TERMINATED,
    Instance,
    ListInformation,
    Resource,
    render_resource,
    render_rlmi,
)
from presence.lists.model import GIVEUP, NORESOURCE, Member, ResourceList

__all__ = ["ACTIVE", "PENDING", "TERMINATED", "ListNotification", "ListView"]

log = logging.getLogger(__name__)

PIDF: Final = "application/pidf+xml"

_TOKEN: Final = re.compile(r"[A-Za-z0-9_.\-]+")
_ID_BYTES: Final = 5
_PART_BYTES: Final = 120
"""What a part takes beside its body, Content-Type and Content-ID."""
_INSTANCE_BYTES: Final = len('<instance id="" state="" cid="" reason=""/>')
"""What an instance takes in RLMI beside its values."""
_STATES: Final = frozenset({ACTIVE, PENDING, TERMINATED})


class ListNotification(NamedTuple):
    """The body of one NOTIFY, before it is made bytes."""

    information: ListInformation
    parts: tuple[Part, ...]
    """The documents of the active instances, in the order of their resources."""
    content_id: str
    """Of the root part."""

    @property
    def version(self) -> int:
        return self.information.version

    @property
    def full(self) -> bool:
        return self.information.full

    @property
    def resources(self) -> tuple[Resource, ...]:
        return self.information.resources

    def render(self) -> tuple[str, bytes]:
        """Content-Type and body."""
        root = Part(f'{CONTENT_TYPE};charset="UTF-8"', render_rlmi(self.information), self.content_id)
        return render_related((root, *self.parts))


class _Shown:
    """A member and his state; `state` is None as long as nothing is known of him."""

    __slots__ = ("_unknown_size", "body", "content_type", "instance", "member", "reason", "reported", "state")

    def __init__(self, member: Member) -> None:
        self.member = member
        self._unknown_size = 0
        self.instance = _instance_of(member.aor)
        self.state: str | None = None
        self.reason: str | None = None
        self.body: bytes | None = None
        self.content_type = PIDF
        self.reported = False
        """Whether a notification named him."""
        if member.refused is not None:
            self.set(TERMINATED, None, PIDF, member.refused)

    def rename(self, member: Member) -> None:
        """The same one, by another URI or name."""
        self.member = member
        self._unknown_size = 0

    @property
    def unknown_size(self) -> int:
        """Bytes in a notification as one of whom nothing is known."""
        if not self._unknown_size:
            # With the line end after it.
            self._unknown_size = len(render_resource(_unknown(self))) + 1
        return self._unknown_size

    def size(self, cid_size: int) -> int:
        """The same with his state, rather too many than too few; a Content-ID has `cid_size` bytes."""
        if self.state is None:
            return self.unknown_size
        size = self.unknown_size + _INSTANCE_BYTES + len(self.instance) + len(self.state)
        if self.reason is not None:
            size += len(escaped(self.reason).encode())
        if self.body is not None:
            size += 2 * cid_size + _PART_BYTES + len(self.content_type) + len(self.body)
        return size

    def set(self, state: str, body: bytes | None, content_type: str, reason: str | None) -> bool:
        """Whether that is anything new."""
        if state == ACTIVE and body is None:
            raise ValueError("an active instance has a document")
        if state != ACTIVE:
            body, content_type = None, PIDF
        reason = (reason or NORESOURCE) if state == TERMINATED else None
        if (state, reason, body, content_type) == (self.state, self.reason, self.body, self.content_type):
            return False
        self.state, self.reason, self.body, self.content_type = state, reason, body, content_type
        return True


class ListView:
    """One list subscription's view; `version` is the one of the next notification."""

    __slots__ = (
        "_full_due",
        "_gone",
        "_gone_sent",
        "_host",
        "_marked",
        "_name",
        "_shown",
        "_token",
        "room",
        "uri",
        "version",
    )

    def __init__(self, resource_list: ResourceList, *, token: str, version: int = 0) -> None:
        """`token`: what no other subscription has (an id of letters, digits and "_.-"), for Content-IDs.

        Raises ValueError for a token with other characters.
        """
        if _TOKEN.fullmatch(token) is None:
            raise ValueError(f"{token!r} cannot stand in a Content-ID")
        self.uri = resource_list.uri
        self.version = version
        self.room: int | None = None
        """Bytes of the body of a notification at most, None for any.

        Whose document has no place is named without an instance in a full state, as one of whom nothing is
        known yet (§4.5), and told in the next ones.
        """
        self._name = resource_list.name
        self._token = token
        self._host = resource_list.uri.rpartition("@")[2].removeprefix("sip:")
        self._shown = {member.aor: _Shown(member) for member in resource_list.members}
        self._marked: set[str] = set()
        self._gone: dict[str, _Shown] = {}
        self._gone_sent: dict[str, _Shown] = {}
        self._full_due = True

    def __contains__(self, aor: object) -> bool:
        return aor in self._shown

    @property
    def members(self) -> tuple[Member, ...]:
        """Those of now, in the order of the list."""
        return tuple(it.member for it in self._shown.values())

    @property
    def due(self) -> bool:
        """Whether there is anything to tell."""
        return self._full_due or bool(self._marked) or bool(self._gone)

    def changed(
        self,
        aor: str,
        state: str,
        body: bytes | None = None,
        *,
        content_type: str = PIDF,
        reason: str | None = None,
    ) -> bool:
        """Take in the state of the member `aor`: active with his document, pending, or terminated.

        Returns whether that is new to the subscriber; False too when he is no member (any more).
        Raises ValueError: another state, or active without a document.
        """
        if state not in _STATES:
            raise ValueError(f"{state!r} is no state of an instance")
        shown = self._shown.get(aor)
        if shown is None or not shown.set(state, body, content_type, reason):
            return False
        self._marked.add(aor)
        return True

    def replace(self, resource_list: ResourceList) -> tuple[Sequence[Member], Sequence[str]]:
        """Take in the list as it is now.

        Returns the members who came, of whom nothing is known yet, and the AORs of those who went.
        """
        before, self._shown = self._shown, {}
        came: list[Member] = []
        for member in resource_list.members:
            shown = before.pop(member.aor, None)
            if shown is not None and shown.member.refused == member.refused:
                if shown.member != member:
                    shown.rename(member)
                    self._marked.add(member.aor)
            else:
                known = shown is not None and shown.reported
                shown = _Shown(member)
                shown.reported = known or member.aor in self._gone
                self._marked.add(member.aor)
                came.append(member)
            self._gone.pop(member.aor, None)
            self._shown[member.aor] = shown
        for aor, shown in before.items():
            self._marked.discard(aor)
            if shown.reported:
                shown.set(TERMINATED, None, PIDF, NORESOURCE)
                self._gone[aor] = shown
        if resource_list.name != self._name:
            self._name = resource_list.name
            self._full_due = True
        return came, tuple(before)

    def take(self, full: bool = False) -> ListNotification | None:
        """The next notification, None when there is nothing to tell; `full`: after a SUBSCRIBE (§5.2).

        Call `delivered` or `failed` before the next one.  What had no place in it is `due` afterwards.
        """
        if not (full or self.due):
            return None
        full = full or self._full_due
        chosen = [it for aor, it in self._shown.items() if full or aor in self._marked]
        # Who went is named once more, as terminated (§4.5); a full state without him would do as well.
        told = [*chosen, *self._gone.values()]
        later = self._later(told, full) if self.room is not None else frozenset()
        resources: list[Resource] = []
        parts: list[Part] = []
        for shown in told:
            if shown in later:
                if full and shown.member.aor in self._shown:
                    resources.append(_unknown(shown))
                    shown.reported = True
                continue
            cid = None
            if shown.body is not None:
                cid = self._content_id(shown.instance)
                parts.append(Part(shown.content_type, shown.body, cid))
            resources.append(_resource(shown, cid))
            shown.reported = True
        information = ListInformation(self.uri, self.version, full, _names(self._name), tuple(resources))
        notification = ListNotification(information, tuple(parts), self._content_id("list"))
        self._gone_sent |= {aor: it for aor, it in self._gone.items() if it not in later}
        self._gone = {aor: it for aor, it in self._gone.items() if it in later}
        self._marked = {it.member.aor for it in chosen if it in later}
        self._full_due = False
        self.version += 1
        return notification

    def _later(self, told: Sequence[_Shown], full: bool) -> Set[_Shown]:
        """Of those who are to be told, whose state has no place in the next notification."""
        empty = ListInformation(self.uri, self.version, full, _names(self._name))
        left = (self.room or 0) - len(ListNotification(empty, (), self._content_id("list")).render()[1])
        whole = left
        # In a full state all members are named in any case, those who went are not.
        named = {it: it.unknown_size for it in told if full and it.member.aor in self._shown}
        left -= sum(named.values())
        cid_size = len(escaped(self._content_id("0" * 2 * _ID_BYTES)).encode())
        later: set[_Shown] = set()
        for shown in told:
            size = shown.size(cid_size)
            if size > whole:
                log.warning("list.document-too-large", extra={"member": shown.member.aor, "size": size})
                shown.set(TERMINATED, None, PIDF, GIVEUP)
                size = shown.size(cid_size)
            size -= named.get(shown, 0)
            if size > left:
                later.add(shown)
            else:
                left -= size
        return later

    def delivered(self) -> None:
        """The last notification has arrived."""
        self._gone_sent.clear()

    def failed(self) -> None:
        """The last notification may not have arrived: the next one holds the full state again."""
        self._full_due = True
        self._gone = {aor: it for aor, it in self._gone_sent.items() if aor not in self._shown} | self._gone
        self._gone_sent.clear()

    def _content_id(self, what: str) -> str:
        return f"{what}.{self.version}.{self._token}@{self._host}"


@lru_cache(maxsize=16_384)
def _instance_of(aor: str) -> str:
    """The same for a member whenever he is in a list: nobody is two instances to his subscriber."""
    return blake2s(aor.encode("utf-8", "replace"), digest_size=_ID_BYTES).hexdigest()


def _resource(shown: _Shown, cid: str | None) -> Resource:
    member, state = shown.member, shown.state
    instances: Iterable[Instance] = ()
    if state is not None:
        instances = (Instance(shown.instance, state, cid, shown.reason),)
    return Resource(member.uri, _names(member.name), tuple(instances))


def _unknown(shown: _Shown) -> Resource:
    """One whose state follows."""
    return Resource(shown.member.uri, _names(shown.member.name))


def _names(name: str | None) -> tuple[Name, ...]:
    return () if name is None else (Name(name),)
