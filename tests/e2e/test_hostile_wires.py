"""Hostile bytes over real sockets: connections end, datagrams are dropped, and the server serves as ever."""

from __future__ import annotations

import re
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import closing, suppress

import pytest

from tests.e2e.conftest import StartServer
from tests.fuzz.corpus import ANSWER
from tests.fuzz.mutate import inputs
from tests.fuzz.targets import seeds
from tests.fuzz.whole import UPGRADE, frame
from tests.support.server import Server
from tests.support.sipclient import SipClient
from tests.support.sipwire import pidf

PATIENCE = 5.0
FAULT = re.compile(r"Traceback|\berror\s|critical|request\.failed|exception", re.IGNORECASE)
OPTIONS = (
    b"OPTIONS sip:example.com SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1:9;branch=z9hG4bK%d;rport\r\n"
    b"Max-Forwards: 70\r\nFrom: <sip:a@example.com>;tag=1\r\nTo: <sip:example.com>\r\nCall-ID: c%d\r\n"
    b"CSeq: 1 OPTIONS\r\n%b\r\n"
)


@pytest.fixture(scope="module")
def server(start_server: StartServer) -> Server:
    return start_server("alice@example.com", "bob@example.com", listen=("udp", "tcp", "ws"))


class Life:
    """Alice publishes over UDP, bob watches her over TCP."""

    def __init__(self, alice: SipClient, bob: SipClient) -> None:
        self.alice = alice
        alice.register()
        bob.register()
        self.etag: str | None = None
        self.watched = bob.subscribe(alice.uri)
        self.turns = 0

    def goes_on(self) -> None:
        self.turns += 1
        note = f"turn {self.turns}."
        answer = self.alice.publish(pidf(self.alice.uri, "open", note=note), etag=self.etag)
        self.etag = answer.need("SIP-ETag")
        self.watched.notify(where=lambda notify: note in notify.text, what=f"a NOTIFY with {note}")


@pytest.fixture(scope="module")
def life(server: Server) -> Iterator[Life]:
    with (
        SipClient(server.address("udp"), "alice@example.com", "secret") as alice,
        SipClient(server.address("tcp"), "bob@example.com", "secret", transport="tcp") as bob,
    ):
        yield Life(alice, bob)


@pytest.fixture(autouse=True)
def serves(server: Server, life: Life) -> Iterator[None]:
    """It does as ever afterwards, and has told of no fault of its own."""
    before = len(server.output)
    yield
    life.goes_on()
    faults = [line for line in server.output[before:] if FAULT.search(line)]
    assert faults == []


def talk(
    server: Server, transport: str, *pieces: bytes, greeting: bytes = b"", hears_out: bool = False
) -> bytes:
    """Say it on a connection of its own, and no more; all that the server says until it closes that.

    `greeting` is answered before the rest is said; with `hears_out` the end is not said, but waited for.
    """
    with closing(socket.create_connection(server.address(transport), PATIENCE)) as wire:
        if greeting:
            wire.sendall(greeting)
            assert wire.recv(65536).startswith(b"HTTP/1.1 101 ")
        heard = b""
        with suppress(OSError):
            for piece in pieces:
                wire.sendall(piece)
            if hears_out:
                wire.settimeout(0.5)
            else:
                wire.shutdown(socket.SHUT_WR)
            while data := wire.recv(65536):
                heard += data
        return heard


def shout(server: Server, packets: list[bytes]) -> int:
    """Send datagrams; how many bytes come back."""
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as wire:
        wire.settimeout(0.3)
        for packet in packets:
            wire.sendto(packet, server.address("udp"))
        heard = 0
        with suppress(OSError):
            while True:
                heard += len(wire.recv(65536))
    return heard


def options(number: int, *lines: bytes) -> bytes:
    return OPTIONS % (number, number, b"".join(line + b"\r\n" for line in lines))


def test_datagrams_of_all_kinds(server: Server) -> None:
    held = list(seeds("message").values())
    packets = list(inputs(held, 1000, 4096, seed=3))
    packets += [
        ANSWER,
        b"\0" * 1000,
        b"\r\n" * 500,
        bytes(range(256)),
        b"ACK" + ANSWER[7:],
        b"SIP/2.0 200 OK\r\n\r\n",
    ]
    # From a stranger: at most a challenge for each, none of them much larger than what asked for it.
    assert shout(server, packets) < 4 * sum(map(len, packets))


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        ([b"Content-Length: 5", b"Content-Length: 6"], b"400 Conflicting Content-Length header fields"),
        ([b"Content-Length: -1"], b"400 Malformed Content-Length header field"),
        ([b"Content-Length: 99999999999"], b"513 Message Too Large"),
        ([], b"400 Missing Content-Length header field"),
    ],
)
def test_a_length_that_lies_ends_a_stream(server: Server, lines: list[bytes], status: bytes) -> None:
    heard = talk(server, "tcp", options(1, *lines), options(2, b"Content-Length: 0"), hears_out=True)
    assert heard.startswith(b"SIP/2.0 " + status)
    assert heard.count(b"\r\nCSeq: ") == 1, "what follows has no begin any more"


def test_a_length_that_is_too_small_makes_the_rest_another_message(server: Server) -> None:
    heard = talk(server, "tcp", options(3, b"Content-Length: 0") + b"smuggled\r\n\r\n", hears_out=True)
    assert heard.startswith(b"SIP/2.0 200 OK")
    assert heard.count(b"\r\nCSeq: ") == 1


def test_a_length_that_is_too_large_takes_the_next_message_for_its_body(server: Server) -> None:
    second = options(5, b"Content-Length: 0")
    heard = talk(server, "tcp", options(4, b"Content-Length: %d" % len(second)), second, hears_out=True)
    assert heard.count(b"\r\nCSeq: ") == 1


@pytest.mark.parametrize("cut", [1, 30, 100, 150, -1])
def test_an_early_end_of_a_stream(server: Server, cut: int) -> None:
    assert talk(server, "tcp", options(6, b"Content-Length: 0")[:cut]) == b""


def test_an_abort_in_the_middle_of_an_answer(server: Server) -> None:
    for number in range(20):
        wire = socket.create_connection(server.address("tcp"), PATIENCE)
        wire.sendall(options(100 + number, b"Content-Length: 0"))
        # Closed with a reset.
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        wire.close()


@pytest.mark.parametrize(
    "noise",
    [
        b"\0" * 70000, b"\r\n" * 40000, b"\n", b"GET / HTTP/1.1\r\n\r\n",
        b"x" * 100000, b"\x16\x03\x01\x02\x00\x01",
        b"OPTIONS sip:a SIP/2.0\r\nl: 5\r\n\r\n", ANSWER * 50, options(7, b"Content-Length: 0", b"X: a\0b"),
    ],
    ids=lambda it: repr(it[:12]),
)  # fmt: skip
@pytest.mark.parametrize("transport", ["tcp", "ws"])
def test_noise_on_a_connection(server: Server, noise: bytes, transport: str) -> None:
    assert len(talk(server, transport, noise)) < 2 * len(noise) + 1000


@pytest.mark.parametrize(
    "lie",
    [
        frame(b"x", masked=False), frame(b"x", length=2**62), frame(b"x", 0x83), frame(bytes(126), 0x89),
        frame(b"x", 0x80), frame(b"", 0x09), frame(b"\x03", 0x88), frame(options(8))[:20],
    ],
)  # fmt: skip
def test_frames_that_lie(server: Server, lie: bytes) -> None:
    assert b"SIP/2.0" not in talk(server, "ws", lie, greeting=UPGRADE)


def test_hundreds_of_broken_frames_are_counted_and_do_not_flood_the_log(server: Server) -> None:
    def malformed() -> int:
        found = re.search(r"^presentity_malformed_total (\S+)", server.get("/metrics")[1], re.MULTILINE)
        assert found is not None
        return int(float(found[1]))

    lines, before, begun = len(server.output), malformed(), time.monotonic()
    for _ in range(300):
        talk(server, "ws", frame(b"x", 0x83), greeting=UPGRADE)
    server.wait_until(lambda: malformed() >= before + 300)
    seconds = time.monotonic() - begun
    told = server.output[lines:]
    assert len(told) <= 100 + 10 * seconds + 1
    assert [line for line in told if "event=message.malformed" not in line] == []
