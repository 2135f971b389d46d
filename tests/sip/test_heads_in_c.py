"""Heads and values of messages, read and written in Python and in C: no difference is to be seen."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sip.headers.cseq import METHODS
from sip.headers.names import KNOWN, canonical_name
from sip.headers.plain import plain_address_in_python, plain_params_in_python, plain_via_in_python
from sip.message.heads import head_in_python, rendered_in_python
from sip.uri import plain_uri_in_python
from tests.support.extensions import loaded

REGISTER = (
    b"REGISTER sip:example.org SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP 192.0.2.1:5060;rport;branch=z9hG4bK1\r\n"
    b"Max-Forwards: 70\r\n"
    b'From: "Alice A." <sip:alice@example.org>;tag=a1\r\n'
    b"To: <sip:alice@example.org>\r\n"
    b"Call-ID: 1@192.0.2.1\r\n"
    b"CSeq: 1 REGISTER\r\n"
    b"Contact: <sip:alice@192.0.2.1:5060>;expires=600\r\n"
    b"Content-Length: 0\r\n\r\n"
)


@pytest.fixture(scope="module")
def heads(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return loaded("sip._heads", tmp_path_factory.mktemp("heads"))


@pytest.fixture(scope="module")
def read(heads: Any) -> Callable[[bytes, int], Any]:
    method: Callable[[bytes, int], Any] = heads.Reader(KNOWN, METHODS, canonical_name).read
    return method


def same_head(read: Callable[[bytes, int], Any], data: bytes, most: int = 0) -> None:
    ours, twin = read(data, most), head_in_python(data, most)
    assert ours == twin
    if twin is not None:
        assert list(ours[2].items()) == list(twin[2].items())


def test_the_usual_request_is_read(read: Callable[[bytes, int], Any]) -> None:
    method, uri, first, more, end = read(REGISTER + b"body", 0)
    assert (method, uri, more, end) == ("REGISTER", "sip:example.org", {}, len(REGISTER))
    assert first["Contact"] == "<sip:alice@192.0.2.1:5060>;expires=600"
    assert list(first) == [
        *("Via", "Max-Forwards", "From", "To", "Call-ID", "CSeq", "Contact", "Content-Length")
    ]


LINES = [
    *REGISTER.removesuffix(b"\r\n\r\n").split(b"\r\n")[1:],
    b"Via: SIP/2.0/TCP 192.0.2.2",
    b"v: SIP/2.0/TCP 192.0.2.3",
    b"VIA: x",
    b"X-Unknown: 1",
    b"x-unknown: 2",
    b"To : spaced",
    b"To:close",
    b"Supported:",
    b"Supported: ",
    b"no colon",
    b": no name",
    b"b\xc3\xa4d: x",
    b"Subject: \xc3\xa4\xff\xe2\x82",
    b"Subject: a,b,c",
    b" folded: line",
    b"\tfolded",
    b"Subject: a\nb",
    b"Subject: a\rb",
    b"Subject: a\0b",
    b"\r",
]
STARTS = [
    b"REGISTER sip:example.org SIP/2.0",
    b"MESSAGE sip:\xc3\xa4@example.org SIP/2.0",
    b"FOO sip:example.org SIP/2.0",
    b"OPTIONS sip:example.org SIP/1.0",
    b"OPTIONS  sip:example.org SIP/2.0",
    b"OPTIONS sip:a b SIP/2.0",
    b"OPTIONS sip:a\tb SIP/2.0",
    b"OPTIONS  SIP/2.0",
    b"OPTIONS SIP/2.0",
    b" SIP/2.0",
    b"SIP/2.0 200 OK, well",
    b"OPTIONS\0 sip:a SIP/2.0",
    b"",
]


@given(
    st.sampled_from(STARTS),
    st.lists(st.sampled_from(LINES), max_size=12),
    st.sampled_from([b"\r\n\r\n", b"\r\n\r\nbody\r\n\r\n", b"\r\n", b"", b"\n\n", b"\r\n\r"]),
    st.sampled_from([0, 1, 3, 7, 100]),
)
def test_any_lines(
    read: Callable[[bytes, int], Any], start: bytes, lines: list[bytes], end: bytes, most: int
) -> None:
    same_head(read, b"\r\n".join([start, *lines]) + end, most)


@given(
    st.integers(0, len(REGISTER)),
    st.integers(0, 3),
    st.sampled_from([b"", b"\r", b"\n", b"\0", b"\r\n", b":", b" ", b",", b"\xc3", b"x"]),
    st.sampled_from([0, 8, 9, 10]),
)
def test_a_fault_anywhere(
    read: Callable[[bytes, int], Any], at: int, lost: int, more: bytes, most: int
) -> None:
    same_head(read, REGISTER[:at] + more + REGISTER[at + lost :], most)


@given(st.binary(max_size=120))
def test_any_bytes(read: Callable[[bytes, int], Any], data: bytes) -> None:
    same_head(read, data)
    same_head(read, REGISTER[:-2] + data + b"\r\n\r\n")


def test_every_spelling_that_is_known_leads_to_one_name(read: Callable[[bytes, int], Any]) -> None:
    for spelling, name in KNOWN.items():
        assert read(b"OPTIONS sip:a SIP/2.0\r\n" + spelling.encode() + b": x\r\n\r\n", 0)[2] == {name: "x"}


@pytest.mark.parametrize("value", [b"", b"x", b"xy"])
def test_the_same_line_twice_is_two_lines(read: Callable[[bytes, int], Any], value: bytes) -> None:
    data = b"OPTIONS sip:a SIP/2.0\r\n" + b"Subject: %b\r\n" % value * 3 + b"\r\n"
    assert read(data, 0)[2:4] == ({"Subject": value.decode()}, {"Subject": [value.decode()] * 2})


def test_blanks_around_values_are_gone(read: Callable[[bytes, int], Any]) -> None:
    data = b"OPTIONS sip:a SIP/2.0\r\nCall-ID: \t  a b \t\r\nSubject:  \r\nX-Any: y\r\n\r\n"
    assert read(data, 0)[2] == {"Call-ID": "a b", "Subject": "", "X-Any": "y"}
    same_head(read, data)


def test_names_of_a_head_that_is_too_long_are_not_looked_at(heads: Any) -> None:
    seen: list[str] = []

    def canonical(name: str) -> str:
        seen.append(name)
        return name

    head = b"OPTIONS sip:a SIP/2.0\r\n" + b"".join(b"N%d: x\r\n" % number for number in range(1000))
    assert heads.Reader({}, METHODS, canonical).read(head + b"\r\n", 10) is None
    assert len(seen) == 10


def test_a_reader_without_names_reads_nothing(heads: Any) -> None:
    with pytest.raises(TypeError, match="without names"):
        heads.Reader.__new__(heads.Reader).read(REGISTER, 0)


def test_messages_of_the_torture_tests(read: Callable[[bytes, int], Any], shared: Path) -> None:
    messages = sorted((shared / "sip-torture" / "rfc4475").glob("*.dat"))
    assert messages
    for path in messages:
        same_head(read, path.read_bytes(), 100)


# -- values ------------------------------------------------------------------------------------------------

ALPHABET = 'abZ019.-_+@:;<>"= ,\\%\t\0äsip/UDP2'
SOME = st.text(st.sampled_from(ALPHABET), max_size=14)
URIS = st.one_of(
    st.builds("{}{}@{}{}".format, st.sampled_from(["sip:", "SIP:", "sips:", ""]), SOME, SOME, SOME),
    st.from_regex(r"sip:[A-Za-z0-9\-_.+]{0,4}@[A-Za-z0-9.\-]{0,4}(:[0-9]{0,6})?", fullmatch=True),
)


@given(URIS)
@example("sip:alice@Example.ORG")
@example("sip:alice@example.org:65536")
@example("sip:alice@example.org:05060")
@example("sip:a@b:")
@example("sip:a@b:0000000000005060")
@example("sip:a@b:0000004294972356")
def test_uris(heads: Any, text: str) -> None:
    assert heads.plain_uri(text) == plain_uri_in_python(text)


def test_the_address_of_record_has_no_capitals_in_its_host_and_no_port(heads: Any) -> None:
    assert heads.plain_uri("sip:Al.ice+1@Example.ORG:5070") == (
        *("Al.ice+1", "Example.ORG", 5070, "sip:Al.ice+1@example.org"),
    )


PARAMS = st.lists(
    st.one_of(st.sampled_from(["branch=z9", "rport", "RPORT", "x=", "=x", "", "tag=a;b", 'a="b"']), SOME)
).map(lambda parts: "".join(f";{part}" for part in parts))


@given(st.one_of(PARAMS, SOME))
def test_parameters(heads: Any, text: str) -> None:
    assert heads.plain_params(text) == plain_params_in_python(text)


@given(st.sampled_from(["SIP/2.0/UDP", "SIP/2.0/WSS", "SIP/2.0/udp", "SIP/2.0/", ""]), SOME, PARAMS)
@example("SIP/2.0/TLS", "h.example:5061", ";branch=z9hG4bK;rport;received=192.0.2.1")
@example("SIP/2.0/TLS", "h:0", "")
@example("SIP/2.0/TLS", "h:65536", ";x")
@example("SIP/2.0/UDP", "192.0.2.1:0000000000005060", ";branch=z")
def test_vias(heads: Any, protocol: str, sent_by: str, params: str) -> None:
    text = f"{protocol} {sent_by}{params}"
    assert heads.plain_via(text) == plain_via_in_python(text)


@given(
    st.sampled_from(["", '"Alice" ', '"Alice"', '""', '"Al\\"ice" ', '"Alice"  ', "Alice ", '"ä" ', '"<" ']),
    st.one_of(URIS, SOME),
    PARAMS,
)
def test_addresses(heads: Any, display: str, uri: str, params: str) -> None:
    for text in (f"{display}<{uri}>{params}", f"{display}<{uri}> {params}", f"{display}{uri}{params}"):
        assert heads.plain_address(text) == plain_address_in_python(text)


# -- writing -----------------------------------------------------------------------------------------------

TEXTS = st.text(st.sampled_from("abc ;=ä\udcff"), max_size=6)


@given(
    st.dictionaries(TEXTS, TEXTS, max_size=6),
    st.dictionaries(TEXTS, st.lists(TEXTS, max_size=3), max_size=2),
    st.binary(max_size=8),
)
def test_a_message_is_written_the_same(
    heads: Any, first: dict[str, str], more: dict[str, list[str]], body: bytes
) -> None:
    written = heads.rendered("SIP/2.0 200 OK", first, more, body)
    expected = rendered_in_python("SIP/2.0 200 OK", first, more, body)
    # What is not ASCII is left to Python.
    assert written == (expected if expected.isascii() or written is not None else None)
    all_ascii = all(
        part.isascii() for name, value in first.items() for part in (name, value, *more.get(name, ()))
    )
    assert (written is None) == (not all_ascii)


def test_lines_of_one_name_stand_together(heads: Any) -> None:
    written = heads.rendered("SIP/2.0 200 OK", {"Via": "1", "To": "x"}, {"Via": ["2", "3"]}, b"body")
    assert written == b"SIP/2.0 200 OK\r\nVia: 1\r\nVia: 2\r\nVia: 3\r\nTo: x\r\n\r\nbody"


@pytest.mark.parametrize("wrong", [("", {}, {}), (b"", {}, {}, b""), ("", [], {}, b""), ("", {}, {}, "")])
def test_what_is_no_message_is_not_written(heads: Any, wrong: tuple[Any, ...]) -> None:
    if isinstance(wrong[0], bytes):
        assert heads.rendered(*wrong) is None
        return
    with pytest.raises(TypeError):
        heads.rendered(*wrong)
