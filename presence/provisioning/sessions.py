"""Sessions of client applications: who may log in, and whose a key is (SPEC R58 to R60, Q23 to Q26).

A user has one session (Q24).  It ends by logout, by a forced login, or when it was idle for too long (Q25).
Of its key only a hash is kept.  Whoever tries passwords finds neither who is a user, nor how much of
anything was right, nor time for many tries.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Final, NamedTuple, Protocol

from presence.directory import Credentials
from presence.provisioning.addresses import canonical_aor
from presence.provisioning.attempts import Attempts
from presence.provisioning.errors import ProvisioningError
from presence.provisioning.stored import OpenSession
from sip.buckets import network_of
from sip.kept import make_room

__all__ = [
    "ALREADY_ESTABLISHED",
    "WRONG_CREDENTIALS",
    "LoggedIn",
    "OpenSession",
    "Refused",
    "SessionRepository",
    "SessionService",
    "SessionSettings",
]

WRONG_CREDENTIALS: Final = "Wrong username/password"
ALREADY_ESTABLISHED: Final = "A SOAP session has already been established."
"""The two printed reasons (Examples 13 and 14)."""

_NOBODY: Final = "sip:nobody@invalid"
_SLOWEST: Final = 4.0
_FIRST_DELAY: Final = 0.25
_MOST_KNOWN: Final = 20_000
_WRITTEN: Final = 0.1
"""Part of the idle timeout that may pass before a use is written down."""


@dataclass(frozen=True, slots=True)
class SessionSettings:
    """How long sessions last and how often a login may fail.

    Attributes:
        default_domain: the domain of a username without one.
        idle: seconds without a request after which a session is over.
        attempts_per_user: logins with a wrong password that one user may have within `window`; then none is
            looked at.
        attempts_per_address: the same for one address (of IPv6, for one network of 64 bits).
        window: seconds.
    """

    default_domain: str
    idle: float = 3600.0
    attempts_per_user: int = 10
    attempts_per_address: int = 50
    window: float = 300.0


class LoggedIn(NamedTuple):
    """A session was opened; its key is told once."""

    key: str
    owner: str
    """AOR."""


class Refused(NamedTuple):
    """No session was opened."""

    reason: str
    """WRONG_CREDENTIALS or ALREADY_ESTABLISHED."""
    delay: float = 0.0
    """Seconds for which the answer is to be held back: the more, the more attempts there were before."""
    limited: bool = False
    """Whether there were too many attempts before, so that the password was not looked at."""
    owner: str = ""
    """AOR of the user who was named, "" for nobody: what nobody is called may be a password."""


class SessionRepository(Protocol):
    """Keeps sessions, one a user, by the hashes of their keys; times are epoch seconds."""

    def credentials(self, address: str) -> tuple[str, Credentials] | None:
        """AOR and HA1s of the user with the AOR or alias `address`; None: nobody."""

    def open(self, owner: str, key_hash: str, now: float, used_after: float | None) -> bool:
        """Begin a session of the user `owner` in place of the one that he has.

        `used_after`: not if that was used after this time.  False: it was, or there is no such user.
        """

    def find(self, key_hash: str) -> OpenSession | None:
        """The session of a key, however old."""

    def touch(self, key_hash: str, used_at: float) -> None:
        """Note a use."""

    def close(self, key_hash: str) -> str | None:
        """End a session; the AOR of its owner, None if there is none."""

    def close_of(self, owner: str) -> OpenSession | None:
        """End the session of the user with the AOR or alias `owner`, and give it back if there is one."""

    def list(self) -> Sequence[OpenSession]:
        """All, in the order of the owners."""


class SessionService:
    """Opens sessions, knows whose they are, and ends them.

    It may be called from several threads at once.  No method raises anything of its own.
    """

    __slots__ = (
        "_addresses",
        "_clock",
        "_homes",
        "_known",
        "_limit_reached",
        "_lock",
        "_repository",
        "_settings",
        "_users",
    )

    def __init__(
        self,
        repository: SessionRepository,
        clock: Callable[[], float],
        settings: SessionSettings,
        limit_reached: Callable[[str, str], None] = lambda limit, address: None,
    ) -> None:
        """Make one.

        `clock` tells epoch seconds, and while the service is there it does not jump; `limit_reached` hears
        which setting was reached, and by which address.
        """
        self._repository = repository
        self._clock = clock
        self._settings = settings
        self._users = Attempts(settings.attempts_per_user, settings.window)
        self._addresses = Attempts(settings.attempts_per_address, settings.window)
        self._homes = Attempts(settings.attempts_per_user, settings.window)
        """Attempts for a user from one address."""
        self._known: dict[tuple[str, str], None] = {}
        """Users with the addresses from which they logged in, the longest known first."""
        self._lock = Lock()
        self._limit_reached = limit_reached

    def login(self, username: str, password: str, force: bool, address: str) -> LoggedIn | Refused:
        """Open a session.

        The password is looked at first (Q26).  With `force` it takes the place of a session that there is.
        Where a user has logged in before, only what was tried for him from there counts: no stranger
        elsewhere, and no neighbour who tries other names, locks him out.

        Args:
            username: "name" in the default domain, "name@domain", or an alias.
            password: as it was given.
            force: whether an earlier session is to be ended (R59).
            address: the IP address that the request came from.
        """
        now = self._clock()
        network = network_of(address)
        aor = self._aor(username)
        at_home = (aor, network) in self._known
        if not at_home and self._addresses.take(network, now) is None:
            return self._limited("login_attempts_address", address)
        found = None if aor is None else self._repository.credentials(aor)
        # By whichever of his names it is tried.  Counted beforehand: who tries many at once gets no more of
        # them looked at.
        user = found[0] if found is not None else aor or username[:255]
        home = f"{user} {network}"
        named = "" if found is None else found[0]
        before = self._homes.take(home, now)
        if before is not None and not at_home:
            before = self._users.take(user, now)
        if before is None:
            return self._limited("login_attempts_user", address, named)
        owner = _verified(found, password)
        if owner is None:
            delay = min(_FIRST_DELAY * 2 ** min(before, 16), _SLOWEST)
            return Refused(WRONG_CREDENTIALS, delay, owner=named)
        self._homes.give_back(home, now)
        if not at_home:
            self._users.give_back(user, now)
            self._addresses.give_back(network, now)
            self._know((owner, network), (aor or owner, network))
        key = str(uuid.UUID(bytes=secrets.token_bytes(16), version=4))
        used_after = None if force else now - self._settings.idle
        if not self._repository.open(owner, _hash(key), now, used_after):
            # By force it can only be that the user was deleted meanwhile.
            return Refused(WRONG_CREDENTIALS if force else ALREADY_ESTABLISHED, owner=owner)
        return LoggedIn(key, owner)

    def owner(self, key: str) -> str | None:
        """The AOR of whose session it is, None if there is none (any more).  It counts as a use."""
        key_hash = _hash(key)
        session = self._repository.find(key_hash)
        if session is None:
            return None
        idle = self._clock() - session.used_at
        if idle >= self._settings.idle:
            return None
        # Used in the future: the system's time was set back since, and must not prolong it further.
        if idle < 0 or idle >= self._settings.idle * _WRITTEN:
            self._repository.touch(key_hash, session.used_at + idle)
        return session.owner

    def logout(self, key: str) -> str | None:
        """End a session; the AOR of its owner, None if there is none."""
        return self._repository.close(_hash(key))

    def list(self) -> Sequence[OpenSession]:
        """Those that are not over, in the order of the owners."""
        oldest = self._clock() - self._settings.idle
        return [it for it in self._repository.list() if it.used_at > oldest]

    def end(self, owner: str) -> bool:
        """End the session of a user ("name@domain" or an AOR); whether there was one.

        Raises:
            ProvisioningError: that is no address.
        """
        session = self._repository.close_of(canonical_aor(owner))
        return session is not None and session.used_at > self._clock() - self._settings.idle

    def _know(self, *homes: tuple[str, str]) -> None:
        with self._lock:
            for home in homes:
                if home not in self._known:
                    make_room(self._known, _MOST_KNOWN)
                self._known[home] = None

    def _limited(self, limit: str, address: str, owner: str = "") -> Refused:
        self._limit_reached(limit, address)
        return Refused(WRONG_CREDENTIALS, _SLOWEST, limited=True, owner=owner)

    def _aor(self, username: str) -> str | None:
        username = username.strip()
        try:
            return canonical_aor(
                username if "@" in username else f"{username}@{self._settings.default_domain}"
            )
        except ProvisioningError:
            return None


_UNKNOWN: Final = Credentials.of(_NOBODY, secrets.token_hex(16))


def _verified(found: tuple[str, Credentials] | None, password: str) -> str | None:
    """The AOR of a user if it is his password; takes as long if there is no such user."""
    owner, expected = (_NOBODY, _UNKNOWN) if found is None else found
    try:
        given = Credentials.of(owner, password)
    except UnicodeEncodeError:
        return None
    same = hmac.compare_digest(given.sha256, expected.sha256)
    return owner if same and found is not None else None


def _hash(key: str) -> str:
    # A key is as long as it is random: a plain hash is as good as a slow one.
    return hashlib.sha256(key.strip().encode(errors="replace")).hexdigest()
