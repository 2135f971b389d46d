"""The values that settings are made of, each read from the text of an option, a variable or a TOML string.

Every function raises ValueError with a text that names the fault, not the setting: the caller knows the name.
"""

from __future__ import annotations

import re
import tomllib
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from math import isfinite
from typing import NamedTuple

from sip.errors import BadRequest
from sip.uri import Uri, parse_uri

Network = IPv4Network | IPv6Network

TRANSPORTS = ("udp", "tcp", "tls", "ws", "wss")
DATABASES = ("sqlite", "postgresql")

_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_EVENT = re.compile(r"[A-Za-z0-9!%*_+`'~-]+")
_MEDIA_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+")
_HOST_PORT = re.compile(r"(?:\[(?P<v6>[^\]]*)\]|(?P<host>[^:\[\]]*)):(?P<port>[^:]*)")


class HostPort(NamedTuple):
    """Where to listen; the host of an IPv6 address stands without brackets."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


_HTTP_URL = re.compile(r"https?://[^\s<>\"'?#/]+(?:/[^\s<>\"'?#]*)?")


def http_url(value: str) -> str:
    """An absolute URL of HTTP or HTTPS."""
    if _HTTP_URL.fullmatch(value) is None:
        raise ValueError(f"{value!r} is not a URL such as https://presence.example.com/EPASSoap/service")
    return value


class SourcePriority(NamedTuple):
    """How much counts what a source says."""

    name: str
    priority: float

    def __str__(self) -> str:
        return f"{self.name}={self.priority:g}"


def source_priority(value: object) -> SourcePriority:
    """NAME=NUMBER; a name may have blanks within."""
    if isinstance(value, SourcePriority):
        return value
    name, equals, number = value.rpartition("=") if isinstance(value, str) else ("", "", "")
    try:
        priority = float(number)
    except ValueError:
        priority = float("nan")
    if not equals or not name.strip() or not isfinite(priority):
        raise ValueError(f"{value!r} is not NAME=NUMBER such as desk-phone=0.5")
    return SourcePriority(name.strip(), priority)


def split_list(value: object) -> object:
    """What a list may be written as: a TOML list, its text, or one text with commas between the entries."""
    if isinstance(value, str):
        if value.lstrip().startswith('["'):
            try:
                return tomllib.loads(f"list = {value}")["list"]
            except tomllib.TOMLDecodeError:
                raise ValueError(f'{value!r} is not a list such as ["one", "other"]') from None
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


def event_name(text: str) -> str:
    """The name of an event package, a token without points (RFC 6665 §8.2.1)."""
    if _EVENT.fullmatch(text) is None:
        raise ValueError(f"{text!r} is not the name of an event package")
    return text


def media_type(text: str) -> str:
    """A media type without parameters, in lower case."""
    if _MEDIA_TYPE.fullmatch(text) is None:
        raise ValueError(f"{text!r} is not a media type such as application/xml")
    return text.lower()


def identity(text: str) -> str:
    """The AOR of NAME@HOST or of a SIP URI."""
    written = text.strip()
    if written[:4].lower() != "sip:":
        # What has a colon before the host is of another scheme.
        written = f"sip:{written}" if "@" in written and ":" not in written.partition("@")[0] else ""
    try:
        uri = parse_uri(written)
    except BadRequest:
        uri = None
    if not isinstance(uri, Uri):
        raise ValueError(f"{text!r} is not an address such as pbx@example.com")
    return uri.aor


def host(text: str) -> str:
    """A host name or an address, in lower case; an IPv6 address loses its brackets."""
    name = text.strip().lower().removesuffix(".")
    bare = name[1:-1] if name.startswith("[") and name.endswith("]") else name
    try:
        return str(ip_address(bare))
    except ValueError:
        pass
    if name and len(name) <= 253 and all(_LABEL.fullmatch(label) for label in name.split(".")):
        return name
    raise ValueError(f"{text!r} is not a host name or an address")


def host_port(value: object) -> HostPort:
    """HOST:PORT, with an IPv6 address in brackets; port 0 takes any free port."""
    if isinstance(value, HostPort):
        return value
    match = _HOST_PORT.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"{value!r} is not HOST:PORT (an IPv6 address stands in brackets)")
    port = match["port"]
    if not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise ValueError(f"{port!r} is not a port (0 to 65535)")
    return HostPort(host(match["v6"] if match["v6"] is not None else match["host"]), int(port))


def listener(text: str) -> str:
    """TRANSPORT:HOST:PORT, the transport one of udp, tcp, tls, ws and wss."""
    transport, colon, rest = text.strip().partition(":")
    if not colon or transport.lower() not in TRANSPORTS:
        raise ValueError(f"{text!r} is not udp|tcp|tls|ws|wss:HOST:PORT")
    return f"{transport.lower()}:{host_port(rest)}"


def network(value: object) -> Network:
    """A CIDR network or a single address."""
    if isinstance(value, Network):
        return value
    try:
        if isinstance(value, str):
            return ip_network(value.strip(), strict=False)
    except ValueError:
        pass
    raise ValueError(f"{value!r} is not a network such as 192.0.2.0/24")


def database_url(text: str) -> str:
    """An SQLAlchemy address of SQLite or PostgreSQL; the text may hold a password and is never repeated."""
    scheme, separator, _ = text.strip().partition("://")
    if not separator or scheme.partition("+")[0] not in DATABASES:
        raise ValueError("not sqlite:///FILE or postgresql+psycopg://USER:PASSWORD@HOST/NAME")
    return text.strip()


def route(text: str) -> str:
    """A SIP or SIPS URI of a proxy, given bare or in angle brackets; kept bare."""
    uri = text.strip().removeprefix("<").removesuffix(">")
    if not uri.lower().startswith(("sip:", "sips:")) or uri.endswith(":") or re.search(r"[\s<>\"]", uri):
        raise ValueError(f"{text!r} is not a SIP URI such as sip:proxy.example.org;lr")
    return uri
