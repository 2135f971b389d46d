"""The list directory: what a list URI means, and who is in a list that a SUBSCRIBE brings along.

A list within a list (RFC 4662 §7.4) is unfolded into the outer one when it is here and of the same owner, and
counts once, so lists that contain each other come to an end.  Lists of others and lists that do not exist are
members that nobody can subscribe to.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final, NamedTuple, Protocol

from presence.documents.resource_lists import Reference, parse_resource_lists
from presence.documents.resource_lists import ResourceList as Document
from presence.documents.xml import DEFAULT_LIMITS, XmlLimits
from presence.lists.book import BookGroup
from presence.lists.model import NORESOURCE, REJECTED, Member, ResourceList
from presence.lists.naming import ListNames
from sip.errors import BadRequest, EntityTooLarge, Forbidden, NotFound
from sip.uri import Uri, parse_uri

_PRESENCE_SCHEME: Final = "pres:"


class Users(Protocol):
    """Who is a user (`presence.directory.Directory`)."""

    def is_local_domain(self, host: str) -> bool: ...

    def resolve(self, aor: str) -> str | None: ...


class Contacts(Protocol):
    """Who has which contacts (`presence.lists.book.ContactBook`)."""

    def groups(self, owner: str) -> tuple[BookGroup, ...]: ...


class ListReference(NamedTuple):
    """A list of contacts, said in other words than a URI."""

    owner: str
    """The user's own AOR."""
    group: str | None
    """None: all contacts."""


class _Entry(NamedTuple):
    uri: str
    name: str | None
    group: str | None = None
    """URI of the list of its group."""


class _Within:
    """Who is in which lists, as they are unfolded."""

    __slots__ = ("_paths",)

    def __init__(self) -> None:
        self._paths: dict[str, list[tuple[str, ...]]] = {}

    def add(self, aor: str, path: tuple[str, ...]) -> None:
        """`aor` is in the last of the lists `path`, which has the others around it."""
        paths = self._paths.get(aor)
        if paths is None:
            self._paths[aor] = [path]
        else:
            paths.append(path)

    def of(self, members: Iterable[Member]) -> dict[str, tuple[str, ...]]:
        """By the AOR of each member, the innermost list first."""
        found: dict[str, tuple[str, ...]] = {}
        # Most are in the same lists: these have one tuple together.
        known: dict[tuple[tuple[str, ...], ...], tuple[str, ...]] = {}
        for member in members:
            paths = tuple(self._paths.get(member.aor, ()))
            lists = known.get(paths)
            if lists is None:
                lists = known[paths] = _innermost_first(paths)
            found[member.aor] = lists
        return found


class ListDirectory:
    """Resolves list URIs."""

    __slots__ = ("_contacts", "_limit", "_names", "_users")

    def __init__(
        self, contacts: Contacts, users: Users, names: ListNames | None = None, limit: int = 500
    ) -> None:
        """`limit`: members of one list."""
        self._contacts = contacts
        self._users = users
        self._names = names or ListNames()
        self._limit = limit

    def find(self, aor: str) -> ListReference | None:
        """Which list `aor` is; None: none at all, or the address of a user.

        Whether there is such a group is not asked.
        """
        if not self._users.is_local_domain(_host(aor)) or self._users.resolve(aor) is not None:
            return None
        for user, group in self._names.readings(aor):
            owner = self._users.resolve(user)
            if owner is not None:
                return ListReference(owner, group)
        return None

    def meaning(self, aor: str) -> str:
        """The one name of what `aor` stands for: a user's own AOR, the list of one, or itself."""
        user = self._users.resolve(aor)
        if user is not None:
            return user
        found = self.find(aor)
        return aor if found is None else self._names.uri(found.owner, found.group)

    def resolve(self, aor: str, watcher: str) -> ResourceList:
        """The list `aor` as it is now; members beyond the limit are left out.

        Raises:
            NotFound: 404, no list, or a group that its owner does not have.
            Forbidden: 403, a list of somebody else than `watcher` (RFC 4662 §4.4).
        """
        reference = self.find(aor)
        if reference is None:
            raise NotFound("There is no such list")
        if not self._is(watcher, reference.owner):
            raise Forbidden("A contact list is for its owner only")
        entries = self._entries(reference)
        if entries is None:
            raise NotFound("There is no such group of contacts")
        names: dict[str, str] = {}
        within = _Within()
        unfolded = list(self._unfold(entries, watcher, {aor}, within, (aor,), names))
        members = [
            it if it.name or it.aor not in names else it._replace(name=names[it.aor]) for it in unfolded
        ]
        return ResourceList(
            aor,
            tuple(members[: self._limit]),
            reference.group or None,
            max(0, len(members) - self._limit),
            within.of(members[: self._limit]),
        )

    def enclosed(
        self, uri: str, body: bytes, watcher: str, limits: XmlLimits = DEFAULT_LIMITS
    ) -> ResourceList:
        """The list that a SUBSCRIBE to `uri` brings along as application/resource-lists+xml (RFC 5367 §4).

        Entries of lists within count as entries; references to lists and entries elsewhere are left out.

        Raises:
            BadRequest: 400, the document cannot be read.
            EntityTooLarge: 413, it or the list in it is too large.
        """
        documents = parse_resource_lists(body, limits)
        members: list[Member] = []
        within = _Within()
        for member in self._unfold(_document_entries(documents), watcher, {uri}, within, (uri,)):
            if len(members) == self._limit:
                raise EntityTooLarge(
                    f"resource-lists: more than {self._limit} members", limit="max_list_members"
                )
            members.append(member)
        name = documents[0].display_name if len(documents) == 1 else None
        called = None if name is None else name.text or None
        return ResourceList(uri, tuple(members), called, within=within.of(members))

    def _entries(self, reference: ListReference) -> Iterable[_Entry] | None:
        """Those of a list of contacts; None: there is no such group."""
        groups = self._contacts.groups(reference.owner)
        if reference.group is not None:
            groups = tuple(it for it in groups if it.name == reference.group)
            if not groups and reference.group:
                return None
        owner = reference.owner
        return (
            entry for group in groups for entry in _group_entries(group, self._names.uri(owner, group.name))
        )

    def _unfold(
        self,
        entries: Iterable[_Entry],
        watcher: str,
        seen: set[str],
        within: _Within,
        path: tuple[str, ...],
        names: dict[str, str] | None = None,
    ) -> Iterator[Member]:
        """Members in order, each once; `seen` are AORs of members and lists that had their turn.

        `within` gets the lists that each is in, of which `path` are around these entries.  `names` gets the
        first name that each is called by: a member may have one in another group only.
        """
        for uri, name, group in entries:
            aor = _aor(uri)
            if aor is None:
                if uri not in seen:
                    seen.add(uri)
                    yield Member(uri, uri, name, NORESOURCE)
                continue
            user = self._users.resolve(aor)
            aor = user or aor
            around = path if group is None or group in path else (*path, group)
            within.add(aor, around)
            if names is not None and name:
                names.setdefault(aor, name)
            if aor in seen:
                continue
            seen.add(aor)
            reference = self.find(aor) if user is None else None
            if reference is None:
                yield Member(uri, aor, name)
            elif not self._is(watcher, reference.owner):
                yield Member(uri, aor, name, REJECTED)
            elif (inner := self._entries(reference)) is None:
                yield Member(uri, aor, name, NORESOURCE)
            else:
                listed = self._names.uri(reference.owner, reference.group)
                yield from self._unfold(inner, watcher, seen, within, (*around, listed), names)

    def _is(self, watcher: str, owner: str) -> bool:
        return (self._users.resolve(watcher) or watcher) == owner


def _group_entries(group: BookGroup, uri: str) -> Iterator[_Entry]:
    names = group.nicknames or ("",) * len(group.members)
    for member, name in zip(group.members, names, strict=True):
        yield _Entry(member, name or None, uri)


def _document_entries(items: Iterable[Document | Reference]) -> Iterator[_Entry]:
    for item in items:
        if isinstance(item, Document):
            yield from _document_entries(item.items)
        elif item.kind == "entry":
            name = item.display_name
            yield _Entry(item.uri, None if name is None else name.text or None)


def _innermost_first(paths: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    """The lists of all these paths, each once, by how deep it is in the first path that has it."""
    depths: dict[str, int] = {}
    for path in paths:
        for depth, uri in enumerate(path):
            depths.setdefault(uri, depth)
    return tuple(sorted(depths, key=lambda uri: -depths[uri]))


@lru_cache(maxsize=16_384)
def _aor(uri: str) -> str | None:
    """The AOR of what can be subscribed to; None for URIs of other worlds."""
    if uri[: len(_PRESENCE_SCHEME)].lower() == _PRESENCE_SCHEME:
        # RFC 3859 §3: the same address, in the terms of no protocol.
        uri = f"sip:{uri[len(_PRESENCE_SCHEME) :]}"
    try:
        parsed = parse_uri(uri)
    except BadRequest:
        return None
    return parsed.aor if isinstance(parsed, Uri) else None


def _host(aor: str) -> str:
    return aor.removeprefix("sip:").rpartition("@")[2]
