"""The digest authenticator: a request in, the user or a challenge out (RFC 3261 §22, RFC 7616, RFC 8760)."""

from __future__ import annotations

import enum
import hmac
import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from sip.auth import digest
from sip.auth.guesses import Guesses
from sip.auth.nonce import Nonces
from sip.errors import BadRequest, ProxyAuthRequired, SipError, Unauthorized
from sip.headers import Credentials
from sip.identity import UserDirectory
from sip.message import Request
from sip.transport.spec import Address
from sip.uri import Uri, parse_uri

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DigestSettings:
    """What is asked of clients.

    Attributes:
        algorithms: offered algorithms, the most preferred first (RFC 8760 §2.3).  MD5 alone by default,
            because many phones fail when another challenge stands beside it.
        nonce_life: seconds that a nonce may be used; then the client is asked again with stale=true.
        accept_without_qop: take responses in the form of RFC 2069, without nonce count (libpurple sends
            them whatever it is offered).  Such a response spends its nonce.
        nonce_life_without_qop: seconds that a nonce may be used for such a response.
        authentication_info: hand out the next nonce with the answer (RFC 7616 §3.5).
    """

    algorithms: tuple[str, ...] = ("MD5",)
    nonce_life: float = 300.0
    accept_without_qop: bool = True
    nonce_life_without_qop: float = 60.0
    authentication_info: bool = False

    def __post_init__(self) -> None:
        unknown = [name for name in self.algorithms if name not in digest.ALGORITHMS]
        if unknown or not self.algorithms:
            known = ", ".join(digest.ALGORITHMS)
            raise ValueError(f"digest algorithms must be of {known}, not {', '.join(unknown) or 'none'}")


class Authenticated(NamedTuple):
    """The outcome of a good response; `info` is the value of Authentication-Info to answer with, if any."""

    username: str
    aor: str
    realm: str
    algorithm: str
    info: str | None = None


class _Rank(enum.IntEnum):
    """How far credentials came; of several, what is said about those that came furthest counts."""

    ABSENT = 0
    NOT_OFFERED = 1
    WRONG = 2
    MALFORMED = 3
    STALE = 4


class _Refused(NamedTuple):
    rank: _Rank
    reason: str | None


_ABSENT = _Refused(_Rank.ABSENT, None)
# One text for both: who does not exist must look like who mistyped.
_WRONG = _Refused(_Rank.WRONG, "Wrong user name or password")
_STALE = _Refused(_Rank.STALE, "Nonce expired or used")
_OWN_FIRST = ("Authorization", "Proxy-Authorization")
_PROXY_FIRST = _OWN_FIRST[::-1]
_NEEDED = ("username", "nonce", "uri", "response")
_CREDENTIALS_LIMIT = 8
"""Header fields looked at in one request: more is nobody's need and costs two hashes each."""


class Authenticator:
    """Checks digest credentials against a directory.

    Args:
        secret: key of the nonces; see `Nonces`, as for `fresh`.
        is_ours: whether a URI without user names this server by address (clients such as SIPp
            put the address they send to into the `uri` parameter).
        guesses: counts wrong answers; None: there may be any number.
    """

    __slots__ = ("_directory", "_dummy", "_guesses", "_is_ours", "_nonces", "_offered", "_settings")

    def __init__(
        self,
        directory: UserDirectory,
        secret: bytes,
        settings: DigestSettings | None = None,
        *,
        is_ours: Callable[[Uri], bool] | None = None,
        fresh: bool = False,
        guesses: Guesses | None = None,
    ) -> None:
        self._directory = directory
        self._guesses = guesses
        self._settings = settings or DigestSettings()
        self._nonces = Nonces(secret, self._settings.nonce_life, fresh=fresh)
        self._is_ours = is_ours or (lambda uri: False)
        self._offered = {name.upper(): name for name in self._settings.algorithms}
        self._dummy = {
            name: digest.ha1(secrets.token_hex(8), "", secrets.token_hex(8), name)
            for name in self._settings.algorithms
        }

    def authenticate(
        self,
        request: Request,
        *,
        realm: str,
        now: float,
        proxy: bool = False,
        remote: Address | None = None,
    ) -> Authenticated:
        """The user who sent `request`, proven by credentials for `realm`.

        Authorization and Proxy-Authorization are both looked at, whichever we ask for: libpurple puts the one
        where the other belongs.  Among several the first that verifies counts (RFC 3261 §22.3).

        Args:
            request: any request but ACK and CANCEL, which must not be challenged (RFC 3261 §22.1).
            realm: the protection domain that we ask for.
            now: seconds of the clock that ages the nonces.
            proxy: ask with 407 and Proxy-Authenticate instead of 401 and WWW-Authenticate.
            remote: where it came from; None: wrong answers are not counted.

        Raises:
            Unauthorized: 401 with a challenge for each offered algorithm.
            ProxyAuthRequired: 407 likewise.
            BadRequest: for credentials that cannot be read or that are for another Request-URI.
            ServiceUnavailable: there were too many wrong passwords; these were not looked at.
        """
        names = _PROXY_FIRST if proxy else _OWN_FIRST
        furthest = _ABSENT
        looked_at = 0
        for name in names:
            for text in request.get_all(name):
                looked_at += 1
                if looked_at > _CREDENTIALS_LIMIT:
                    raise BadRequest("Too many credentials")
                outcome = self._check(request, name, text, realm, now, remote)
                if isinstance(outcome, Authenticated):
                    return outcome
                if outcome.rank > furthest.rank:
                    furthest = outcome
        if furthest.rank is _Rank.MALFORMED:
            raise BadRequest(furthest.reason)
        raise self.challenge(
            realm, now, proxy=proxy, stale=furthest.rank is _Rank.STALE, reason=furthest.reason
        )

    def challenge(
        self, realm: str, now: float, *, proxy: bool = False, stale: bool = False, reason: str | None = None
    ) -> SipError:
        """The 401 or 407 to raise, one challenge for each offered algorithm in order of preference."""
        name = "Proxy-Authenticate" if proxy else "WWW-Authenticate"
        quoted = realm.replace("\\", "\\\\").replace('"', '\\"')
        nonce = self._nonces.issue(now)
        tail = ", stale=true" if stale else ""
        # The separator is comma and space, and no value holds a space: libpurple splits at spaces.
        headers = tuple(
            (name, f'Digest realm="{quoted}", nonce="{nonce}", qop="auth", algorithm={algorithm}{tail}')
            for algorithm in self._settings.algorithms
        )
        return ProxyAuthRequired(reason, headers=headers) if proxy else Unauthorized(reason, headers=headers)

    def _check(
        self, request: Request, name: str, text: str, realm: str, now: float, remote: Address | None
    ) -> Authenticated | _Refused:
        try:
            credentials = Credentials.parse(text)
        except BadRequest as error:
            return _Refused(_Rank.MALFORMED, error.reason)
        given = credentials.params
        if credentials.scheme.lower() != "digest" or given.get("realm") != realm:
            return _ABSENT  # For somebody else on the way, or Basic, which RFC 3261 §22 forbids.
        for key in _NEEDED:
            if key not in given:
                return _Refused(_Rank.MALFORMED, f"Missing {key} in {name}")
        username, nonce, uri, answer = given["username"], given["nonce"], given["uri"], given["response"]
        if not nonce or not answer:
            return _ABSENT  # Empty before the first challenge (RFC 8760 §2.7).

        algorithm = self._offered.get(given.get("algorithm", "MD5").upper())
        if algorithm is None:
            return _Refused(_Rank.NOT_OFFERED, "Digest algorithm not offered")
        qop, nc, cnonce = given.get("qop"), given.get("nc", ""), given.get("cnonce", "")
        count: int | None = None
        if qop is None:
            if not self._settings.accept_without_qop:
                return _Refused(_Rank.NOT_OFFERED, "Digest qop required")
        elif qop.lower() != "auth":
            return _Refused(_Rank.NOT_OFFERED, "Digest qop not offered")
        else:
            if not cnonce:
                return _Refused(_Rank.MALFORMED, f"Missing cnonce in {name}")
            count = _nonce_count(nc)
            if count is None:
                return _Refused(_Rank.MALFORMED, f"Bad nc in {name}")
        if uri != request.uri_text and not self._same_resource(request, uri):
            return _Refused(_Rank.MALFORMED, f"The uri in {name} is not the Request-URI")

        aor = self._directory.aor_of(username, realm)
        guesses = None if remote is None else self._guesses
        # By whichever of his names it is tried.
        user = aor or f"{username}@{realm}"
        if guesses is not None and remote is not None:
            guesses.check(user, remote, now)
        stored = self._directory.ha1(username, realm, algorithm)
        # The same work is done for a user who does not exist, so that time does not tell him apart.
        expected = digest.response(
            stored or self._dummy[algorithm],
            request.method,
            uri,
            nonce,
            algorithm=algorithm,
            qop=qop,
            nc=nc,
            cnonce=cnonce,
        )
        equal = hmac.compare_digest(expected.encode(), answer.lower().encode("utf-8", "surrogateescape"))
        if not equal or stored is None or aor is None:
            # The name of a stranger is not logged: it may be a password typed into the wrong field.
            known = username if stored is not None else None
            log.info("auth.failed", extra={"user": known, "realm": realm, "method": request.method})
            if guesses is not None and remote is not None:
                guesses.failed(user, remote, now)
            return _WRONG
        if guesses is not None and remote is not None:
            guesses.succeeded(user, remote)
        life = self._settings.nonce_life_without_qop if count is None else None
        # Only now: stale=true says "same password, new nonce", so the response must be right (RFC 7616 §3.3).
        if not self._nonces.use(nonce, count, now, life):
            return _STALE
        info = f'nextnonce="{self._nonces.issue(now)}"' if self._settings.authentication_info else None
        return Authenticated(username, aor, realm, algorithm, info)

    def _same_resource(self, request: Request, text: str) -> bool:
        """Whether the `uri` parameter means what the Request-URI means (RFC 7616 §3.4.6, RFC 8760 §2.6, 6).

        Accepted beside equal texts: the same user at the same host whatever port, parameters and scheme
        (clients name their AOR, proxies touch the rest), and a URI without user that names one of our
        domains or this server itself, as SIPp writes it, when the Request-URI is ours too.  What this
        gives up is protection of the Request-URI from somebody on the path between client and us, who can
        change the body and every other header field just as well under qop=auth; a recorded response helps
        nobody else, because its nonce count is used up.
        """
        try:
            named = parse_uri(text)
            asked = request.uri
        except BadRequest:
            return False
        if not isinstance(named, Uri) or not isinstance(asked, Uri):
            return False
        if named.aor == asked.aor:
            return True
        return not named.user and self._local(named) and self._local(asked)

    def _local(self, uri: Uri) -> bool:
        return self._directory.is_local_domain(uri.host) or self._is_ours(uri)


_HEX = frozenset("0123456789abcdefABCDEF")


def _nonce_count(text: str) -> int | None:
    # RFC 7616 wants eight digits; fewer are as clear.
    return int(text, 16) if 0 < len(text) <= 8 and _HEX.issuperset(text) else None
