"""SIP, SIPS and tel URIs: reading, rendering, addresses of record, equivalence.

RFC 3261 §19.1 (syntax in §25.1, comparison in §19.1.4), RFC 3966 (tel), RFC 5118 and RFC 5954 (IPv6).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import IPv6Address
from typing import Final

from sip.errors import BadRequest
from sip.native import native

_USER = r"(?:[A-Za-z0-9\-_.!~*'()&=+$,;?/#\x80-\U0010ffff]++|%[0-9A-Fa-f]{2})*"
_BEHIND_COLON = r"(?:[A-Za-z0-9\-_.!~*'()&=+$,\x80-\U0010ffff]++|%[0-9A-Fa-f]{2})*"
_SIP = re.compile(
    rf"(?:({_USER})(?::({_BEHIND_COLON}))?@)?"
    r"(?:([A-Za-z0-9\-_.]++)|\[([0-9A-Fa-f:.]++)\])"
    r"(?::([0-9]{1,5}+))?"
    r"((?:;[^;?@\s<>\"\x00-\x1f\x7f]*+)*)"
    r"(?:\?([^@\s<>\"\x00-\x1f\x7f]*+))?"
)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+\-.]*+")
_OPAQUE = re.compile(r"[^\s<>\"\x00-\x1f\x7f]++")
_ESCAPED = re.compile(r"%([0-9A-Fa-f]{2})")
_SEPARATORS = re.compile(r"[-.()]")
_TEL = re.compile(r"\+?[0-9A-Fa-f*#\-.()]++")

Params = Mapping[str, str | None]
"""Parameters by name; None where one has no value."""

_NO_PARAMS: Final[Params] = {}

_UNRESERVED = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.!~*'()")

_NEVER_IGNORED = ("user", "ttl", "method", "maddr", "transport")
"""Parameters that must stand in both URIs or in none (RFC 3261 §19.1.4; transport from its examples)."""


class Uri:
    """A sip: or sips: URI; never changed once made, since everybody who reads the same text shares it.

    `user`, `password`, parameter values and `headers` keep their %-escapes; parameter names are in lower
    case; `host` is without the brackets of an IPv6 reference; `headers` is what follows the "?".
    """

    # No dataclass: the constructor of one is not compiled, and costs several times as much.
    __slots__ = ("_aor", "headers", "host", "params", "password", "port", "scheme", "user")

    def __init__(
        self,
        scheme: str = "sip",
        user: str | None = None,
        password: str | None = None,
        host: str = "",
        port: int | None = None,
        params: Params | None = None,
        headers: str = "",
        aor: str = "",
    ) -> None:
        """`aor`: the address of record, where it is known already."""
        self.scheme = scheme
        self.user = user
        self.password = password
        self.host = host
        self.port = port
        self.params: Params = _NO_PARAMS if params is None else params
        self.headers = headers
        self._aor = aor

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Uri):
            return NotImplemented
        return self._parts() == other._parts()

    __hash__ = None  # type: ignore[assignment]

    def _parts(self) -> tuple[object, ...]:
        return self.scheme, self.user, self.password, self.host, self.port, self.params, self.headers

    def __repr__(self) -> str:
        return f"<Uri {self}>"

    def __str__(self) -> str:
        return f"{self._base()}{_render_params(self.params)}{'?' + self.headers if self.headers else ''}"

    def _base(self) -> str:
        userinfo = ""
        if self.user is not None:
            password = "" if self.password is None else f":{self.password}"
            userinfo = f"{self.user}{password}@"
        port = "" if self.port is None else f":{self.port}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}:{userinfo}{host}{port}"

    @property
    def aor(self) -> str:
        """The address of record: "sip:user@host", canonical (RFC 3261 §10.3 step 5).

        The scheme is always sip, the host in lower case, escapes of unreserved characters are resolved,
        and password, port and parameters are left out.
        """
        aor = self._aor
        if not aor:
            aor = self._aor = _aor(self.user, self.host)
        return aor


@dataclass(slots=True)
class TelUri:
    """A tel: URI (RFC 3966); `number` keeps its visual separators."""

    number: str
    params: Params = field(default_factory=dict)

    @property
    def scheme(self) -> str:
        """Always "tel"."""
        return "tel"

    @property
    def aor(self) -> str:
        """The number without visual separators: "tel:+12015550123"."""
        return f"tel:{_SEPARATORS.sub('', self.number).lower()}"

    def __str__(self) -> str:
        return f"tel:{self.number}{_render_params(self.params)}"


@dataclass(slots=True)
class OtherUri:
    """A URI of a scheme that this stack does not know; `text` is the whole of it."""

    scheme: str
    text: str

    @property
    def aor(self) -> str:
        """The URI as it is: nothing is known of its parts."""
        return self.text

    def __str__(self) -> str:
        return self.text


AnyUri = Uri | TelUri | OtherUri


def parse_uri(text: str) -> AnyUri:
    """Read a URI.  Raises BadRequest when it is malformed."""
    plain = plain_uri(text)
    if plain is not None:
        user, host, port, aor = plain
        return Uri("sip", user, None, host, port, None, "", aor)
    return _remembered(text) if len(text) <= _WORTH_REMEMBERING else _parse(text)


def _parse(text: str) -> AnyUri:
    scheme, colon, rest = text.partition(":")
    if scheme != "sip":
        if not colon or _SCHEME.fullmatch(scheme) is None:
            raise BadRequest("Malformed URI: no scheme")
        scheme = scheme.lower()
        if scheme == "tel":
            return _parse_tel(rest)
        if scheme != "sip" and scheme != "sips":
            if _OPAQUE.fullmatch(rest) is None:
                raise BadRequest("Malformed URI")
            return OtherUri(scheme, text)
    match = _SIP.fullmatch(rest)
    if match is None:
        raise BadRequest("Malformed SIP URI")
    user, password, named, ipv6, port_text, params, headers = match.groups()
    host = named if ipv6 is None else _ipv6(ipv6)
    port = None if port_text is None else int(port_text)
    if port is not None and port > _HIGHEST_PORT:
        raise BadRequest("Malformed SIP URI")
    # "sip:@host" is seen for "no user"; the grammar has no empty user.
    return Uri(
        scheme, user or None, password, host, port, _parse_params(params) if params else None, headers or ""
    )


_PLAIN = re.compile(r"sip:([A-Za-z0-9\-_.+]++)@([A-Za-z0-9\-.]++)(?::([0-9]{1,5}+))?")


def plain_uri_in_python(text: str) -> tuple[str, str, int | None, str] | None:
    """User, host, port and address of record of a URI that has nothing else; None for all others.

    Such are nearly all: "sip:", a name without escapes, a host, perhaps a port.
    """
    match = _PLAIN.fullmatch(text)
    if match is None:
        return None
    user, host, digits = match.groups()
    port = None if digits is None else int(digits)
    if port is not None and port > _HIGHEST_PORT:
        return None
    return user, host, port, f"sip:{user}@{host.lower()}"


plain_uri: Final[Callable[[str], tuple[str, str, int | None, str] | None]] = getattr(
    native("sip._heads"), "plain_uri", plain_uri_in_python
)

_HIGHEST_PORT = 65535

_WORTH_REMEMBERING = 96
"""Characters; longer texts would let a stranger fill the memory."""

_remembered = lru_cache(maxsize=4096)(_parse)
"""The same few texts come again and again: outbound proxies with parameters, our own address."""


def _aor(user: str | None, host: str) -> str:
    host = canonical_host(host)
    if ":" in host:
        host = f"[{host}]"
    return f"sip:{host}" if user is None else f"sip:{canonical_escapes(user)}@{host}"


def parse_host(text: str) -> tuple[str, int | None]:
    """Host (IPv6 without brackets) and port of a `host[:port]`.  Raises ValueError."""
    match = _HOST_PORT.fullmatch(text)
    if match is None:
        raise ValueError("malformed host")
    host, ipv6, port_text = match.groups()
    if ipv6 is not None:
        try:
            host = _ipv6(ipv6)
        except BadRequest as error:
            raise ValueError(error.reason) from None
    if port_text is None:
        return host, None
    port = int(port_text)
    if port > _HIGHEST_PORT:
        raise ValueError("port out of range")
    return host, port


_HOST_PORT = re.compile(r"(?:([A-Za-z0-9\-_.]++)|\[([0-9A-Fa-f:.]++)\])[ \t]*+(?::[ \t]*+([0-9]{1,5}+))?")


def canonical_host(host: str) -> str:
    """Host in lower case, an IPv6 address in its shortest form (RFC 5954 §4.2)."""
    if ":" not in host:
        return host.lower()
    try:
        return IPv6Address(host).compressed
    except ValueError:
        return host.lower()


def canonical_escapes(text: str) -> str:
    """Resolve escapes of unreserved characters, write all others as %XX in capitals.

    A reserved character differs from its escape, so `%3B` stays (RFC 3261 §19.1.4).
    """
    if "%" in text:
        text = _ESCAPED.sub(_canonical_escape, text)
    if text.isascii():
        return text
    return "".join(
        char
        if char.isascii()
        else "".join(f"%{byte:02X}" for byte in char.encode("utf-8", "surrogateescape"))
        for char in text
    )


def _canonical_escape(match: re.Match[str]) -> str:
    char = chr(int(match.group(1), 16))
    return char if char in _UNRESERVED else match.group().upper()


def equivalent(a: AnyUri, b: AnyUri) -> bool:
    """Whether two URIs name the same thing (RFC 3261 §19.1.4; tel: RFC 3966 §4)."""
    if isinstance(a, Uri) and isinstance(b, Uri):
        return _equivalent_sip(a, b)
    if isinstance(a, TelUri) and isinstance(b, TelUri):
        return a.aor == b.aor and _folded(a.params) == _folded(b.params)
    return isinstance(a, OtherUri) and isinstance(b, OtherUri) and str(a) == str(b)


def _equivalent_sip(a: Uri, b: Uri) -> bool:
    if a.scheme != b.scheme or a.port != b.port or canonical_host(a.host) != canonical_host(b.host):
        return False
    if _escapes(a.user) != _escapes(b.user) or _escapes(a.password) != _escapes(b.password):
        return False
    ours, theirs = _folded(a.params), _folded(b.params)
    if any((name in ours) != (name in theirs) for name in _NEVER_IGNORED):
        return False
    if any(theirs[name] != value for name, value in ours.items() if name in theirs):
        return False
    return _header_parts(a.headers) == _header_parts(b.headers)


def _escapes(text: str | None) -> str | None:
    return None if text is None else canonical_escapes(text)


def _folded(params: Params) -> dict[str, str | None]:
    return {
        canonical_escapes(name).lower(): None if value is None else canonical_escapes(value).lower()
        for name, value in params.items()
    }


def _header_parts(headers: str) -> list[tuple[str, str]]:
    if not headers:
        return []
    pairs = (part.partition("=") for part in headers.split("&"))
    return sorted((canonical_escapes(name).lower(), canonical_escapes(value)) for name, _, value in pairs)


def _ipv6(text: str) -> str:
    # RFC 5118 §4.10: the grammar of RFC 3261 allowed a third colon before an embedded IPv4 address.
    address = text.replace(":::", "::")
    try:
        IPv6Address(address)
    except ValueError:
        raise BadRequest("Malformed IPv6 address") from None
    return address


def _parse_params(text: str) -> dict[str, str | None]:
    params: dict[str, str | None] = {}
    for part in text[1:].split(";"):
        name, equals, value = part.partition("=")
        if name:
            params.setdefault(name.lower(), value if equals else None)
    return params


def _parse_tel(rest: str) -> TelUri:
    number, _, params = rest.partition(";")
    if _TEL.fullmatch(number) is None or (params and _OPAQUE.fullmatch(params) is None):
        raise BadRequest("Malformed tel URI")
    return TelUri(number, _parse_params(";" + params))


def _render_params(params: Params) -> str:
    if not params:
        return ""
    return "".join(f";{name}" if value is None else f";{name}={value}" for name, value in params.items())
