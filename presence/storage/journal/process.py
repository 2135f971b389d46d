"""The writer process as the reactor sees it: frames out, answers in, and when it is certainly gone."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet.interfaces import IReactorSocket, IReactorTime, ITransport
from twisted.internet.protocol import Factory, Protocol
from twisted.python.failure import Failure

import presence
from presence.storage.journal.frames import Answer, Settings, Unpacker, pack

_REAP_EVERY = 0.01
_END_WITHIN = 5.0


class WriterProcess(Protocol):
    """One run of the writer.

    `on_answer(answer)` for each answer; `on_end(exit code)` once, after the process has been reaped: nothing
    is committed by it any more.
    """

    def __init__(
        self,
        reactor: Any,
        settings: Settings,
        on_answer: Callable[[Answer], None],
        on_end: Callable[[int], None],
    ) -> None:
        """Start it. Raises OSError."""
        self._clock: IReactorTime = reactor
        self._on_answer = on_answer
        self._on_end = on_end
        self._unpacker = Unpacker()
        self._kill_at = 0.0
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with ours, theirs:
            for end in (ours, theirs):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
            self._process = _spawn(theirs)
            ours.setblocking(False)
            adopt: IReactorSocket = reactor
            # It works on a duplicate.
            adopt.adoptStreamConnection(ours.fileno(), socket.AF_UNIX, _Once(self))  # type: ignore[arg-type]
        self.send(pack(settings))

    @property
    def pid(self) -> int:
        return self._process.pid

    def send(self, frame: bytes) -> None:
        self._transport.write(frame)

    def close(self) -> None:
        """Let it finish what it has and end."""
        self._transport.loseConnection()

    def kill(self) -> None:
        """End it wherever it is; `on_end` follows."""
        self._process.kill()

    @property
    def _transport(self) -> ITransport:
        transport = self.transport
        assert transport is not None
        return transport

    def dataReceived(self, data: bytes) -> None:
        for answer in self._unpacker.feed(data):
            self._on_answer(answer)

    def connectionLost(self, reason: Failure | None = None) -> None:
        self._kill_at = self._clock.seconds() + _END_WITHIN
        self._reap()

    def _reap(self) -> None:
        code = self._process.poll()
        if code is not None:
            self._on_end(code)
            return
        if self._clock.seconds() >= self._kill_at:
            self._process.kill()
        self._clock.callLater(_REAP_EVERY, self._reap)


class _Once(Factory):
    """The protocol exists already."""

    noisy = False

    def __init__(self, protocol: WriterProcess) -> None:
        self._protocol = protocol

    def buildProtocol(self, addr: object) -> WriterProcess:
        return self._protocol


def _spawn(theirs: socket.socket) -> subprocess.Popen[bytes]:
    environment = dict(os.environ)
    root = str(Path(presence.__file__ or "").resolve().parent.parent)
    # -P keeps the current directory, with whatever lies in it, off the path; so a checkout needs naming.
    if root not in (sysconfig.get_path("purelib"), sysconfig.get_path("platlib")):
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, (root, environment.get("PYTHONPATH"))))
    return subprocess.Popen(  # noqa: S603
        [sys.executable, "-P", "-m", "presence.storage.journal.writer", str(theirs.fileno())],
        stdin=subprocess.DEVNULL,
        # What it might print is for the operator; our standard output belongs to `serve`.
        stdout=2,
        pass_fds=(theirs.fileno(),),
        env=environment,
        # A ^C in the terminal is for the server.
        process_group=0,
    )
