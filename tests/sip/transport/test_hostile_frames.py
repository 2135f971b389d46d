"""WebSocket frames that lie (RFC 6455 §5, §7.4.1): the connection ends with the code for it."""

from __future__ import annotations

import pytest

from tests.fuzz.whole import LARGEST, frame, framed

from .conftest import options

TEXT, BINARY, CLOSE, PING = 0x81, 0x82, 0x88, 0x89
PROTOCOL_ERROR, INVALID_TEXT, TOO_LARGE = 1002, 1007, 1009
MESSAGE = options()


def ended_with(told: bytes) -> int:
    """The code of the close frame that the server has sent last."""
    while told[0] != CLOSE:
        told = told[2 + told[1] :]
    return int.from_bytes(told[2:4], "big")


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        (frame(MESSAGE, masked=False), PROTOCOL_ERROR),
        (frame(b"", PING, masked=False), PROTOCOL_ERROR),
        (frame(MESSAGE, length=LARGEST + 1), TOO_LARGE),
        (frame(MESSAGE, length=2**32), TOO_LARGE),
        (frame(MESSAGE, length=2**63 - 1), TOO_LARGE),
        (frame(MESSAGE, length=2**63), PROTOCOL_ERROR),
        (frame(MESSAGE, length=2**64 - 1), PROTOCOL_ERROR),
        # Lengths longer than they need to be.
        (b"\x81\xfe\x00\x05\0\0\0\0hello", PROTOCOL_ERROR),
        (b"\x81\xff\0\0\0\0\0\0\x00\x05\0\0\0\0hello", PROTOCOL_ERROR),
        (frame(MESSAGE, 0x83), PROTOCOL_ERROR),
        (frame(MESSAGE, 0x8B), PROTOCOL_ERROR),
        (frame(MESSAGE, 0xC1), PROTOCOL_ERROR),
        (frame(MESSAGE, 0x91), PROTOCOL_ERROR),
        # A control frame in fragments, or too long.
        (frame(b"", 0x09), PROTOCOL_ERROR),
        (frame(b"", 0x08), PROTOCOL_ERROR),
        (frame(bytes(126), PING), PROTOCOL_ERROR),
        (frame(bytes(126), CLOSE), PROTOCOL_ERROR),
        # A continuation of nothing, a message within a message.
        (frame(MESSAGE, 0x80), PROTOCOL_ERROR),
        (frame(b"OPTIONS", 0x01) + frame(MESSAGE), PROTOCOL_ERROR),
        # A close frame of one byte, with a code that is none, with a reason that is no text.
        (frame(b"\x03", CLOSE), PROTOCOL_ERROR),
        (frame((999).to_bytes(2, "big"), CLOSE), PROTOCOL_ERROR),
        (frame((1005).to_bytes(2, "big"), CLOSE), PROTOCOL_ERROR),
        (frame((1000).to_bytes(2, "big") + b"\xff", CLOSE), INVALID_TEXT),
        (frame(b"\xc0\x8d\xc0\x8a"), INVALID_TEXT),
        (frame(b"\xed\xa0\x80"), INVALID_TEXT),
    ],
)
@pytest.mark.parametrize("pieces", [0, 1])
def test_a_frame_that_lies_ends_the_connection(frames: bytes, code: int, pieces: int) -> None:
    received, told = framed(frames + frame(MESSAGE), pieces)
    assert ended_with(told) == code
    assert received == []


def test_fragments_cannot_be_more_than_a_message_may_be() -> None:
    pieces = frame(b"OPTIONS", 0x01) + frame(b"x" * 200, 0x00) * (LARGEST // 200 + 1)
    received, told = framed(pieces)
    assert ended_with(told) == TOO_LARGE
    assert received == []


def test_a_message_before_the_lie_is_taken() -> None:
    received, told = framed(frame(MESSAGE) + frame(b"x", 0x83))
    assert received == [MESSAGE]
    assert ended_with(told) == PROTOCOL_ERROR


def test_control_frames_between_fragments_are_answered() -> None:
    frames = frame(MESSAGE[:10], 0x01) + frame(b"hi", PING) + frame(MESSAGE[10:], 0x80)
    received, told = framed(frames)
    assert received == [MESSAGE]
    assert told == b"\x8a\x02hi"


@pytest.mark.parametrize("cut", [1, 2, 5, 6, 20, len(MESSAGE) - 1])
def test_an_end_within_a_frame_is_no_message(cut: int) -> None:
    received, told = framed(frame(MESSAGE)[:cut])
    assert (received, told) == ([], b"")


def test_thousands_of_empty_fragments_are_one_message() -> None:
    received, _ = framed(frame(b"", 0x01) + frame(b"", 0x00) * 5000 + frame(MESSAGE, 0x80))
    assert received == [MESSAGE]


def test_a_length_inside_the_message_is_of_the_message_alone() -> None:
    """RFC 7118 §5: a frame is a message; what its Content-Length says beyond that makes it a broken one."""
    received, _ = framed(frame(MESSAGE.replace(b"Content-Length: 0", b"Content-Length: 5")) + frame(MESSAGE))
    assert len(received) == 2
