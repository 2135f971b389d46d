"""One address floods a running server; others hardly notice, and hardly anything goes back to it."""

from __future__ import annotations

import re
import socket
import sys
import threading
import time

import pytest

from tests.e2e.conftest import StartServer
from tests.support.server import Server
from tests.support.sipclient import SipClient

ALICE = "alice@example.com"
ATTACKER = "127.0.0.2"
SECONDS = 2.0


def datagram(number: int) -> bytes:
    return (
        "REGISTER sip:example.com SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP {ATTACKER};rport;branch=z9hG4bKflood{number}\r\n"
        "Max-Forwards: 70\r\n"
        f"From: <sip:{ALICE}>;tag=1\r\n"
        f"To: <sip:{ALICE}>\r\n"
        f"Call-ID: flood{number}\r\n"
        "CSeq: 1 REGISTER\r\n"
        "Content-Length: 0\r\n\r\n"
    ).encode()


class Flood:
    """So many datagrams a second from an address of its own, while it is entered."""

    def __init__(self, to: tuple[str, int], rate: int) -> None:
        self.sent = self.sent_bytes = self.got_bytes = 0
        self._to = to
        self._pause = 20 / rate
        self._ended = threading.Event()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((ATTACKER, 0))
        self._socket.setblocking(False)
        self._thread = threading.Thread(target=self._work)

    def __enter__(self) -> Flood:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        self._socket.close()

    def _work(self) -> None:
        due = time.monotonic()
        while not self._ended.is_set():
            for _ in range(20):
                data = datagram(self.sent)
                self._socket.sendto(data, self._to)
                self.sent += 1
                self.sent_bytes += len(data)
            self._listen()
            due += self._pause
            time.sleep(max(0.0, due - time.monotonic()))
        time.sleep(0.2)
        self._listen()

    def _listen(self) -> None:
        while True:
            try:
                self.got_bytes += len(self._socket.recv(65535))
            except BlockingIOError:
                return


@pytest.fixture(scope="module")
def server(start_server: StartServer) -> Server:
    # Small enough to be reached in two seconds; the defaults allow more at once.  Shedding by load is off:
    # how fast the machine is must not decide who is refused.
    wanted = ("address_unproved=50", "address_requests=100", "address_burst=2", "overload_wait=0")
    return start_server(ALICE, options=[word for setting in wanted for word in ("--set", setting)])


def test_a_user_is_served_while_another_address_floods(server: Server) -> None:
    with SipClient(server.address("udp"), ALICE, "secret") as alice:
        alice.register()
        slowest, count = 0.0, 0
        with Flood(server.address("udp"), rate=4000) as flood:
            ends = time.monotonic() + SECONDS
            while time.monotonic() < ends:
                began = time.monotonic()
                alice.register()
                slowest = max(slowest, time.monotonic() - began)
                count += 1
                # Her own address has a limit as well: two requests each time, of a hundred a second.
                time.sleep(0.025)
    sys.stdout.write(
        f"{flood.sent} datagrams in {SECONDS} s, {flood.sent_bytes} bytes in, {flood.got_bytes} bytes back;"
        f" {count} registrations meanwhile, the slowest took {slowest * 1000:.0f} ms\n"
    )
    assert flood.sent > 1000
    assert count >= 20
    assert slowest < 1.0
    assert flood.got_bytes < flood.sent_bytes / 2
    _, text = server.get("/metrics")
    kept_out = re.findall(r'presentity_limits_reached_total\{limit="address_\w+"\} (\S+)', text)
    assert sum(map(float, kept_out)) > flood.sent / 2
    lines = [line for line in server.output if "event=limit.reached" in line]
    assert 1 <= len(lines) <= 4
    assert f"peer={ATTACKER}" in lines[0]
