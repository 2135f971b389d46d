"""The reactor of the server, in a process of its own: there is one reactor to a process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAM = """
import socket
from presence.loop import choose_reactor
choose_reactor()
from twisted.internet import main, reactor

turns = 0

class Descriptor:
    def __init__(self, name):
        self.name, (self.ours, self.theirs) = name, socket.socketpair()
        self.ours.setblocking(False)
        reactor.addReader(self)
        self.theirs.send(b"x")
    def fileno(self):
        return self.ours.fileno()
    def logPrefix(self):
        return self.name
    def doRead(self):
        print(turns, self.name)
        if self.name == "gone":
            reactor.removeReader(others["taken"])
            return main.CONNECTION_LOST
        self.ours.recv(10)
    def connectionLost(self, why):
        self.ours.close()
        raise RuntimeError("not even its end")

others = {name: Descriptor(name) for name in ("gone", "taken", "last")}
iterate = reactor.doIteration
def counted(timeout):
    global turns
    turns += 1
    iterate(timeout)
reactor.doIteration = counted
reactor.callLater(0.1, reactor.stop)
reactor.run()
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems have Twisted's own")
def test_what_fails_at_its_end_keeps_no_other_waiting_and_what_was_taken_away_is_not_served() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout.splitlines() == ["1 gone", "1 last"]
    assert "not even its end" not in done.stdout
