"""The directory: who is a user here, by which names, with which HA1.  In memory, asked by every request.

It is loaded from a snapshot at start and kept current by news of changes that other processes committed.

A `Change` names what changed (topic, key); it does not carry the new state.  Whoever reads the outbox reads
the user again in the same transaction and hands him over with the entry.  So no HA1 lies in a second table
for the days that the outbox is kept, and a late reader never goes back to an older password: he sees the
newest state with every entry, and to apply it twice changes nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

USER_ADDED: Final = "user.added"
USER_CHANGED: Final = "user.changed"
USER_DELETED: Final = "user.deleted"

_NO_NAMES: Final[frozenset[str]] = frozenset()


def shown(aor: str) -> str:
    """An AOR as people read it: without "sip:"."""
    return aor.removeprefix("sip:")


@dataclass(frozen=True, slots=True, repr=False)
class Credentials:
    """HA1 = H(username:realm:password) (RFC 7616 §3.4.2), lower-case hex; realm is the user's domain.

    Phones send "alice" or "alice@example.com" (`full`) as username, so both are kept, for MD5 and SHA-256.
    They are as good as the password itself and never shown.
    """

    md5: str
    md5_full: str
    sha256: str
    sha256_full: str

    @classmethod
    def of(cls, aor: str, password: str) -> Credentials:
        """Those of the user `aor`, for username "name" and "name@domain"."""
        full = shown(aor)
        name, _, domain = full.rpartition("@")
        short_text = f"{name}:{domain}:{password}".encode()
        full_text = f"{full}:{domain}:{password}".encode()
        return cls(
            hashlib.md5(short_text, usedforsecurity=False).hexdigest(),
            hashlib.md5(full_text, usedforsecurity=False).hexdigest(),
            hashlib.sha256(short_text).hexdigest(),
            hashlib.sha256(full_text).hexdigest(),
        )

    def __repr__(self) -> str:
        return "Credentials(...)"


@dataclass(frozen=True, slots=True)
class User:
    """A user; `aor` is "sip:name@domain", `created_at` epoch seconds, `aliases` AORs."""

    aor: str
    display_name: str
    created_at: float
    credentials: Credentials = field(repr=False)
    aliases: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """As people write it: "alice@example.com"."""
        return shown(self.aor)


@dataclass(frozen=True, slots=True)
class Change:
    """One outbox entry, in the order of `id`.

    `user`: for topics "user.*" the user `key` as he is now, None if he is gone by now.
    `payload`: facts for people and logs (aliases of a deleted user, for one); never a secret.
    `current`: for other topics what the owner `key` has now of the topic's kind, as its storage reads it.
    """

    id: int
    at: float
    topic: str
    key: str
    payload: Mapping[str, object]
    user: User | None = None
    current: tuple[object, ...] = ()


# (RFC 7616 §3.3 algorithm, username is "name@domain")
_HA1: Mapping[tuple[str, bool], Callable[[Credentials], str]] = MappingProxyType(
    {
        ("MD5", False): lambda it: it.md5,
        ("MD5", True): lambda it: it.md5_full,
        ("SHA-256", False): lambda it: it.sha256,
        ("SHA-256", True): lambda it: it.sha256_full,
    }
)


class Directory:
    """Users of the domains that are served here."""

    __slots__ = ("_aliases", "_domains", "_users")

    def __init__(self, domains: Iterable[str]) -> None:
        self._domains = frozenset(_host(domain) for domain in domains)
        self._users: dict[str, User] = {}
        self._aliases: dict[str, str] = {}

    def __len__(self) -> int:
        """The number of users (aliases do not count)."""
        return len(self._users)

    def load(self, users: Iterable[User]) -> None:
        """Take in users, replacing those that are known by the same AOR."""
        for user in users:
            self._remove(user.aor)
            self._users[user.aor] = user
            for alias in user.aliases:
                self._aliases[alias] = user.aor

    def apply(self, changes: Iterable[Change]) -> None:
        """Follow the outbox; entries of other topics are left alone, applying one twice does no harm."""
        for change in changes:
            if not change.topic.startswith("user."):
                continue
            if change.user is None:
                self._remove(change.key)
            else:
                self.load((change.user,))

    def remove(self, aor: str) -> None:
        """Forget a user; harmless when there is none."""
        self._remove(aor)

    def is_local_domain(self, host: str) -> bool:
        """Whether `host` (of a URI, in any case) is a domain that is served here."""
        return host in self._domains or _host(host) in self._domains

    def resolve(self, aor: str) -> str | None:
        """The user's own AOR for his AOR or an alias of his; None: nobody."""
        return aor if aor in self._users else self._aliases.get(aor)

    def known_as(self, name: str) -> str:
        """The AOR of the user whose alias `name` is; else `name` itself, be he a user or nobody."""
        return name if name not in self._aliases or name in self._users else self._aliases[name]

    def aliases_of(self, aor: str) -> frozenset[str]:
        """The other names of the user `aor`; empty for nobody."""
        user = self._users.get(aor)
        if user is None or not user.aliases:
            return _NO_NAMES
        # One of them may belong to somebody else by now.
        return frozenset(alias for alias in user.aliases if self._aliases.get(alias) == aor)

    def exists(self, aor: str) -> bool:
        """Whether the AOR is a user or an alias."""
        return aor in self._users or aor in self._aliases

    def user(self, aor: str) -> User | None:
        """The user of an AOR or alias."""
        found = self.resolve(aor)
        return None if found is None else self._users[found]

    def display_name(self, aor: str) -> str:
        """Empty for nobody and for a user who gave none."""
        user = self.user(aor)
        return "" if user is None else user.display_name

    def ha1(self, username: str, realm: str, algorithm: str) -> str | None:
        """HA1 (RFC 7616 §3.4.2) for the username of an Authorization header, hex.

        `username`: "alice" or "alice@example.com"; `algorithm`: "MD5" or "SHA-256" in any case.
        None: no such user, or no such algorithm.
        """
        aor, full = _identify(username, realm)
        user = self._users.get(aor)
        pick = _HA1.get((algorithm.upper(), full))
        if user is None or pick is None:
            return None
        # The hash was made over exactly this spelling; in any other it would not match anyhow.
        if full and username != user.name:
            return None
        return pick(user.credentials)

    def aor_of(self, username: str, realm: str) -> str:
        """The AOR that a username of this realm stands for, whether or not there is such a user."""
        return _identify(username, realm)[0]

    def _remove(self, aor: str) -> None:
        user = self._users.pop(aor, None)
        if user is None:
            return
        for alias in user.aliases:
            # It may belong to somebody else by now.
            if self._aliases.get(alias) == aor:
                del self._aliases[alias]


def _host(host: str) -> str:
    # `Uri.host` has IPv6 addresses without brackets, a setting may have them with.
    return host.strip().lower().removesuffix(".").strip("[]")


def _identify(username: str, realm: str) -> tuple[str, bool]:
    domain = realm.lower()
    name, at, given = username.rpartition("@")
    if at and given.lower() == domain:
        return f"sip:{name}@{domain}", True
    return f"sip:{username}@{domain}", False
