"""Messages as the grammar has them (RFC 3261 §25.1, RFC 3903, RFC 6665), in all its freedom, as strategies.

What these make is valid, however unusual: any case and compact forms of names, folding and blanks wherever the
grammar has LWS or SWS, quoted pairs, escapes, lists in one line and in several, IPv6, unknown schemes and methods.
"""

from __future__ import annotations

from typing import NamedTuple

from hypothesis import strategies as st

_ALPHANUM = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
TOKENS = st.text(_ALPHANUM + "-.!%*_+`'~", min_size=1, max_size=10)
BLANKS = st.sampled_from(("", "", "", " ", "\t", "  ", "\r\n ", " \r\n\t"))
"""SWS, folded now and then."""
SPACES = st.sampled_from((" ", " ", " ", "\t", "  ", "\r\n ", " \r\n  "))
"""LWS."""
UTF8 = st.text(
    st.characters(codec="utf-8", exclude_characters='"\\', min_codepoint=0x20, exclude_categories=["Cc"])
)
PAIRS = st.integers(0, 0x7F).filter(lambda it: it not in (10, 13)).map(lambda it: f"\\{chr(it)}")
QUOTED = st.lists(UTF8 | PAIRS, max_size=4).map(lambda parts: f'"{"".join(parts)}"')
ESCAPES = st.integers(0, 255).map(lambda it: f"%{it:02X}")
USERS = st.lists(
    st.text(_ALPHANUM + "-_.!~*'()&=+$,;?/", min_size=1, max_size=6) | ESCAPES, min_size=1, max_size=4
).map("".join)
HOSTS = st.sampled_from(
    (
        "sip.test",
        "SIP.Test",
        "example.com.",
        "a-b.c",
        "192.0.2.7",
        "127.0.0.1",
        "[2001:db8::1]",
        "[::ffff:192.0.2.1]",
    )
)
PORTS = st.none() | st.integers(0, 65535)
METHODS = st.sampled_from(
    (
        "REGISTER",
        "PUBLISH",
        "SUBSCRIBE",
        "MESSAGE",
        "OPTIONS",
        "NOTIFY",
        "INVITE",
        "BYE",
        "INFO",
        "REFER",
        "UPDATE",
    )
) | TOKENS.filter(lambda it: it.upper() not in ("ACK", "CANCEL"))


class Said(NamedTuple):
    """A message, and what it says."""

    data: bytes
    method: str
    call_id: str
    cseq: int
    from_tag: str
    vias: int
    body: bytes


@st.composite
def uris(draw: st.DrawFn, users: st.SearchStrategy[str] = USERS) -> str:
    """sip and sips URIs with everything that may be in one."""
    scheme = draw(st.sampled_from(("sip", "sip", "SIP", "sips")))
    user = draw(st.none() | users)
    password = draw(st.sampled_from(("", "", ":secret", ":"))) if user else ""
    port = draw(PORTS)
    params = draw(
        st.dictionaries(
            st.sampled_from(("lr", "transport", "user", "maddr", "x-y")), st.none() | TOKENS, max_size=2
        )
    )
    told = "".join(f";{name}" if value is None else f";{name}={value}" for name, value in params.items())
    return f"{scheme}:{user + password + '@' if user else ''}{draw(HOSTS)}{'' if port is None else f':{port}'}{told}"


@st.composite
def params(draw: st.DrawFn, *, tag: str = "") -> str:
    """Parameters of a header field, `tag` among them."""
    given = draw(
        st.dictionaries(st.sampled_from(("x", "y-z", "a.b")), st.none() | TOKENS | QUOTED | HOSTS, max_size=2)
    )
    parts = [
        name if value is None else f"{name}{draw(BLANKS)}={draw(BLANKS)}{value}"
        for name, value in given.items()
    ]
    if tag:
        parts.append(f"tag={tag}")
    return "".join(f"{draw(BLANKS)};{draw(BLANKS)}{part}" for part in draw(st.permutations(parts)))


@st.composite
def addresses(draw: st.DrawFn, *, tag: str = "", users: st.SearchStrategy[str] = USERS) -> str:
    """name-addr with any display name, or addr-spec where it may stand alone."""
    uri = draw(uris(users))
    if draw(st.booleans()) and not any(it in uri for it in ",;?"):
        return uri + draw(params(tag=tag))
    words = st.lists(TOKENS, min_size=1, max_size=3)
    display = draw(st.just("") | QUOTED | words.map(" ".join))
    return f"{display}{draw(BLANKS) if display else ''}<{uri}>{draw(params(tag=tag))}"


@st.composite
def vias(draw: st.DrawFn) -> str:
    """One Via value."""
    slash = f"{draw(BLANKS)}/{draw(BLANKS)}"
    port = draw(PORTS)
    return (
        f"SIP{slash}2.0{slash}{draw(st.sampled_from(('UDP', 'TCP', 'tls', 'WS', 'X-OTHER')))}{draw(SPACES)}{draw(HOSTS)}"
        f"{'' if port is None else f'{draw(BLANKS)}:{draw(BLANKS)}{port}'}"
        f"{draw(BLANKS)};branch=z9hG4bK{draw(TOKENS)}{draw(st.sampled_from(('', ';rport', ' ; rport')))}"
    )


@st.composite
def fields(draw: st.DrawFn, name: str, short: str, values: list[str]) -> list[str]:
    """Lines of one header field: any spelling of its name, values together or apart."""
    apart = len(values) > 1 and draw(st.booleans())
    comma = f"{draw(BLANKS)},{draw(BLANKS)}"
    return [
        f"{draw(st.sampled_from((name, name, name.lower(), name.upper(), short)))}{draw(st.sampled_from(('', ' ', chr(9))))}:"
        f"{draw(BLANKS)}{value}{draw(st.sampled_from(('', ' ')))}"
        for value in (values if apart else [comma.join(values)])
    ]


@st.composite
def requests(draw: st.DrawFn, users: st.SearchStrategy[str] = USERS) -> Said:
    """A request that every element has to understand."""
    method, cseq = draw(METHODS), draw(st.integers(0, 2**31 - 1))
    tag, call_id = (
        draw(TOKENS),
        draw(TOKENS) + draw(st.sampled_from(("", "@host", "@[::1]", '<>()\\"/[]?{}'))),
    )
    body = draw(st.binary(max_size=40))
    tops = draw(st.lists(vias(), min_size=1, max_size=3))
    kinds: list[list[str]] = [
        draw(fields("Via", "v", tops)),
        draw(fields("From", "f", [draw(addresses(tag=tag))])),
        draw(fields("To", "t", [draw(addresses(users=users))])),
        draw(fields("Call-ID", "i", [call_id])),
        draw(fields("CSeq", "CSEQ", [f"{cseq}{draw(SPACES)}{method}"])),
        draw(fields("Max-Forwards", "max-forwards", [str(draw(st.integers(1, 255)))])),
        draw(fields("Content-Length", "l", [f"{draw(st.sampled_from(('', '0', '000')))}{len(body)}"])),
        *draw(
            st.lists(
                st.one_of(
                    st.lists(addresses(), min_size=1, max_size=2).flatmap(lambda it: fields("Contact", "m", it)),
                    st.lists(QUOTED, min_size=1, max_size=2).flatmap(lambda it: fields("Organization", "organization", it)),
                    UTF8.flatmap(lambda it: fields("Subject", "s", [it.strip()])),
                    TOKENS.flatmap(lambda it: fields("Accept", "ACCEPT", [f"{it}/{it}", f"text/*;q=0.{len(it)}"])),
                    TOKENS.flatmap(lambda it: fields("Supported", "k", [it, "path"])),
                    TOKENS.flatmap(lambda it: fields(f"X-{it}", f"x-{it}", [it])),
                ),
                max_size=3,
            )
        ),
        draw(fields("Event", "o", [draw(st.sampled_from(("presence", "presence;id=1", "x.winfo")))])),
        draw(fields("Expires", "EXPIRES", [str(draw(st.sampled_from((0, 1, 60, 3600, 2**32 - 1))))])),
        draw(fields("Content-Type", "c", ["text/plain" + draw(params())])),
    ]  # fmt: skip
    lines = [line for kind in draw(st.permutations(kinds)) for line in kind]
    start = f"{method} {draw(uris(users))} SIP/2.0"
    head = "\r\n".join([start, *lines])
    return Said(f"{head}\r\n\r\n".encode() + body, method, call_id, cseq, tag, len(tops), body)
