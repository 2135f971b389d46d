"""Users: the rules of adding, changing, deleting and importing them; a repository keeps them.

Passwords end here: what is kept are the HA1s of `presence.directory.Credentials`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple, Protocol

from presence.directory import Credentials, User, shown
from presence.provisioning.addresses import canonical_aor, canonical_domain
from presence.provisioning.errors import ProvisioningError

__all__ = [
    "Credentials",
    "ImportReport",
    "ImportRow",
    "ProvisioningError",
    "Taken",
    "User",
    "UserRepository",
    "UserService",
]

IMPORT_CHUNK = 500
"""Rows of an import per transaction: a running server's journal waits for one of them at most."""


class Taken(NamedTuple):
    """Why a user could not be added: `address` is a user, or an alias of `owner`."""

    address: str
    owner: str | None


class UserRepository(Protocol):
    """Keeps users; every change is announced to running servers in the same transaction."""

    def add(self, users: Sequence[User]) -> Sequence[Taken | None]:
        """Add, in one transaction, each user whose addresses are free; tell per user what was taken."""

    def set_credentials(self, aor: str, credentials: Credentials) -> bool:
        """False: there is no such user."""

    def delete(self, aor: str) -> bool:
        """Delete him and his bindings, publications, subscriptions (either side), messages, rules."""

    def get(self, aor: str) -> User | None:
        """The user, None if there is none."""

    def list(self) -> Iterator[User]:
        """All, in the order of their AORs."""


class ImportRow(NamedTuple):
    """A row to import; `line` is its line number in the file, `aor` as people write it."""

    line: int
    aor: str
    password: str
    display_name: str = ""


@dataclass(slots=True)
class ImportReport:
    """What became of an import: users added, and (line, why) of each row that was refused."""

    imported: int = 0
    errors: list[tuple[int, str]] = field(default_factory=list)


class UserService:
    """What operators may do with users. All methods raise ProvisioningError with one clear line."""

    __slots__ = ("_clock", "_domains", "_repository")

    def __init__(
        self,
        repository: UserRepository,
        domains: Collection[str] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`domains`: those that are served, None = unknown, a user of any domain is welcome."""
        self._repository = repository
        self._domains = None if domains is None else frozenset(map(canonical_domain, domains))
        self._clock = clock

    def add(self, address: str, password: str, display_name: str = "", aliases: Iterable[str] = ()) -> User:
        """Add the user "name@domain"; an alias is "name@domain", or "name" in the same domain."""
        user = self._user(address, password, display_name, aliases)
        (taken,) = self._repository.add([user])
        if taken is not None:
            raise ProvisioningError(_refusal(user, taken))
        return user

    def set_password(self, address: str, password: str) -> None:
        aor = canonical_aor(address)
        _check_password(password)
        if not self._repository.set_credentials(aor, Credentials.of(aor, password)):
            raise ProvisioningError(f"there is no user {shown(aor)}")

    def delete(self, address: str) -> None:
        """Delete the user and everything that is kept for him."""
        aor = canonical_aor(address)
        if not self._repository.delete(aor):
            raise ProvisioningError(f"there is no user {shown(aor)}")

    def get(self, address: str) -> User:
        aor = canonical_aor(address)
        user = self._repository.get(aor)
        if user is None:
            raise ProvisioningError(f"there is no user {shown(aor)}")
        return user

    def list(self) -> Iterator[User]:
        """All users in the order of their addresses."""
        return self._repository.list()

    def import_rows(
        self, rows: Iterable[ImportRow], progress: Callable[[int], None] = lambda done: None
    ) -> ImportReport:
        """Add many users; a bad row is reported and the rest is imported.

        `progress` is called with the number of rows done since its last call.
        """
        report = ImportReport()
        remaining = iter(rows)
        while chunk := list(islice(remaining, IMPORT_CHUNK)):
            self._import_chunk(chunk, report)
            progress(len(chunk))
        report.errors.sort()
        return report

    def _import_chunk(self, chunk: Sequence[ImportRow], report: ImportReport) -> None:
        users: list[User] = []
        lines: list[int] = []
        for row in chunk:
            try:
                users.append(self._user(row.aor, row.password, row.display_name, ()))
                lines.append(row.line)
            except ProvisioningError as error:
                report.errors.append((row.line, str(error)))
        if not users:
            return
        for line, user, taken in zip(lines, users, self._repository.add(users), strict=True):
            if taken is None:
                report.imported += 1
            else:
                report.errors.append((line, _refusal(user, taken)))

    def _user(self, address: str, password: str, display_name: str, aliases: Iterable[str]) -> User:
        aor = canonical_aor(address, self._domains)
        _check_password(password)
        domain = aor.rpartition("@")[2]
        others = [
            canonical_aor(alias if "@" in alias else f"{alias.strip()}@{domain}", self._domains)
            for alias in aliases
        ]
        if aor in others:
            raise ProvisioningError(f"alias {shown(aor)} is the user's own address")
        return User(
            aor,
            _checked_display_name(display_name),
            self._clock(),
            Credentials.of(aor, password),
            tuple(dict.fromkeys(others)),
        )


def _check_password(password: str) -> None:
    if not password:
        raise ProvisioningError("the password is empty")
    if "\n" in password or "\r" in password:
        raise ProvisioningError("the password has a line break in it")
    if "\x00" in password:
        raise ProvisioningError("the password has a NUL character in it")
    try:
        password.encode()
    except UnicodeEncodeError:
        raise ProvisioningError("the password is not valid UTF-8") from None


def _checked_display_name(display_name: str) -> str:
    name = display_name.strip()
    # It goes into header lines; a line break in it would begin a header of its own.
    if any(ord(character) < 32 or ord(character) == 127 for character in name):
        raise ProvisioningError(f"display name {name!r} has a control character in it")
    try:
        name.encode()
    except UnicodeEncodeError:
        raise ProvisioningError(f"display name {name!r} is not valid UTF-8") from None
    return name


def _refusal(user: User, taken: Taken) -> str:
    address = shown(taken.address)
    if taken.address == user.aor:
        if taken.owner is None:
            return f"user {address} exists already"
        return f"{address} is taken, it is an alias of {shown(taken.owner)}"
    if taken.owner is None:
        return f"alias {address} is taken, it is a user"
    return f"alias {address} is taken by {shown(taken.owner)}"
