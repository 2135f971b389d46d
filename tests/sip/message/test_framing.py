"""Cutting messages out of a stream (RFC 3261 §18.3, RFC 5626 §3.5.1)."""

from __future__ import annotations

import pytest

from sip.errors import MessageTooLarge
from sip.framing import FramingError, Ping, StreamFramer
from sip.message import Response


def message(body: bytes = b"", length: bytes | None = None, extra: bytes = b"") -> bytes:
    stated = str(len(body)).encode() if length is None else length
    return (
        b"MESSAGE sip:bob@example.com SIP/2.0\r\n"
        b"Via: SIP/2.0/TCP 192.0.2.1;branch=z9hG4bK1\r\n"
        b"From: <sip:alice@example.com>;tag=1\r\n"
        b"To: <sip:bob@example.com>\r\n"
        b"Call-ID: c1\r\n"
        b"CSeq: 1 MESSAGE\r\n" + extra + b"Content-Length: " + stated + b"\r\n\r\n" + body
    )


NO_LENGTH = message().replace(b"Content-Length: 0\r\n", b"")


def pings(found: list[bytes | Ping]) -> int:
    return sum(isinstance(item, Ping) for item in found)


def test_a_message_comes_out_whole() -> None:
    assert StreamFramer().feed(message(b"hello")) == [message(b"hello")]


def test_bytes_may_come_one_by_one() -> None:
    framer = StreamFramer()
    data = message(b"one") + b"\r\n\r\n" + message(b"two\r\n\r\n")
    found = [item for byte in data for item in framer.feed(bytes([byte]))]
    assert [item for item in found if isinstance(item, bytes)] == [message(b"one"), message(b"two\r\n\r\n")]
    assert pings(found) == 1
    assert framer.pending == 0


def test_several_messages_may_come_at_once() -> None:
    framer = StreamFramer()
    data = message(b"one") + message(b"") + message(b"three")
    assert framer.feed(data + message(b"half")[:-2]) == [message(b"one"), message(b""), message(b"three")]
    assert framer.pending > 0
    assert framer.feed(b"lf") == [message(b"half")]


@pytest.mark.parametrize(
    "line", [b"Content-Length: 5", b"l:5", b"L :\t5", b"CONTENT-LENGTH:\r\n 5", b"content-length:  0005 "]
)
def test_content_length_is_found_in_any_form(line: bytes) -> None:
    data = message(b"hello").replace(b"Content-Length: 5", line)
    assert StreamFramer().feed(data) == [data]


def test_a_folded_line_that_looks_like_a_length_is_none() -> None:
    data = message(b"hello", extra=b"Subject: x\r\n l: 99\r\n")
    assert StreamFramer().feed(data) == [data]


# -- keep-alives ---------------------------------------------------------------------------------------


def test_a_double_crlf_is_a_ping() -> None:
    (ping,) = StreamFramer().feed(b"\r\n\r\n")
    assert isinstance(ping, Ping)
    assert ping.reply == b"\r\n"


def test_a_ping_may_come_in_pieces() -> None:
    framer = StreamFramer()
    found = [item for piece in (b"\r", b"\n", b"\r", b"\n") for item in framer.feed(piece)]
    assert pings(found) == len(found) == 1


def test_a_single_crlf_before_a_message_is_ignored() -> None:
    framer = StreamFramer()
    assert framer.feed(b"\r\n") == []
    assert framer.feed(message(b"x")) == [message(b"x")]


def test_two_pings_are_two() -> None:
    assert pings(StreamFramer().feed(b"\r\n" * 4)) == 2


# -- faults --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (NO_LENGTH, "Missing Content-Length header field"),
        (message(length=b"-999"), "Malformed Content-Length header field"),
        (message(length=b"five"), "Malformed Content-Length header field"),
        (message(length=b""), "Malformed Content-Length header field"),
        (message(extra=b"l: 13\r\n"), "Conflicting Content-Length header fields"),
    ],
)
def test_a_length_that_cannot_be_trusted_ends_the_stream(data: bytes, reason: str) -> None:
    framer = StreamFramer()
    with pytest.raises(FramingError) as refused:
        framer.feed(data)
    assert refused.value.reason == reason
    assert refused.value.partial is not None
    assert Response.answering(refused.value.partial, 400, reason).get("Call-ID") == "c1"
    with pytest.raises(FramingError):
        framer.feed(message())


def test_the_same_length_twice_is_no_conflict() -> None:
    data = message(b"hello", extra=b"l: 5\r\n")
    assert StreamFramer().feed(data) == [data]


def test_what_was_whole_before_the_fault_is_not_lost() -> None:
    framer = StreamFramer()
    assert framer.feed(message(b"good") + NO_LENGTH) == [message(b"good")]
    assert isinstance(framer.error, FramingError)
    with pytest.raises(FramingError):
        framer.feed(b"")


def test_a_bare_line_end_between_messages_ends_the_stream() -> None:
    with pytest.raises(FramingError, match="Bare CR or LF"):
        StreamFramer().feed(b"\n\n")


@pytest.mark.parametrize("length", [b"100", b"9" * 5000])
def test_a_body_above_the_limit_is_too_large_before_it_comes(length: bytes) -> None:
    with pytest.raises(MessageTooLarge) as refused:
        StreamFramer(max_message=250).feed(message(length=length))
    assert refused.value.status == 513


def test_a_message_of_just_the_limit_passes() -> None:
    data = message(b"x" * 100)
    assert StreamFramer(max_message=len(data)).feed(data) == [data]
    with pytest.raises(MessageTooLarge) as refused:
        StreamFramer(max_message=len(data) - 1).feed(data)
    assert refused.value.partial is not None


def test_a_head_that_never_ends_is_too_large() -> None:
    framer = StreamFramer(max_head=1000)
    framer.feed(message()[:-4])
    with pytest.raises(MessageTooLarge) as refused:
        framer.feed(b"\r\nX: " + b"y" * 1000)
    assert refused.value.partial is not None
    assert refused.value.partial.call_id == "c1"


def test_endless_garbage_is_too_large() -> None:
    with pytest.raises(MessageTooLarge) as refused:
        StreamFramer(max_head=1000).feed(b"x" * 1001)
    assert refused.value.partial is None


@pytest.mark.parametrize("most", range(95, 110))
def test_a_head_is_too_large_at_once_or_in_pieces_alike(most: int) -> None:
    data = b"OPTIONS sip:a SIP/2.0\r\n" + b"X: " + b"x" * 75 + b"\r\nl: 0\r\n\r\n"
    outcomes = []
    for size in (1, 2, 3, len(data)):
        framer = StreamFramer(max_head=most)
        try:
            outcomes.append(
                [it for start in range(0, len(data), size) for it in framer.feed(data[start : start + size])]
            )
        except MessageTooLarge:
            outcomes.append([])
    assert outcomes == [[data] if most >= data.index(b"\r\n\r\n") else []] * 4
