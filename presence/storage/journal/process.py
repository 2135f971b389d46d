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

from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IReactorFDSet, IReactorTime, IReadDescriptor, IWriteDescriptor
from twisted.python.failure import Failure
from zope.interface import implementer

import presence
from presence.storage.journal.frames import Answer, Settings, Unpacker, pack

_REAP_EVERY = 0.01
_END_WITHIN = 5.0
_AT_ONCE = 1 << 16
"""Bytes that are read at a time."""


@implementer(IReadDescriptor, IWriteDescriptor)
class WriterProcess:
    """One run of the writer.

    `on_answer(answer)` for each answer; `on_end(exit code)` once, after the process has been reaped: nothing
    is committed by it any more.

    A frame goes straight into the socket, which has nearly always room for it: a transport of Twisted would
    wait for another turn of the reactor first, and tell the kernel twice that it does.
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
        self._watching: IReactorFDSet = reactor
        self._on_answer = on_answer
        self._on_end = on_end
        self._unpacker = Unpacker()
        self._kill_at = 0.0
        self._unsent = bytearray()
        self._closing = False
        self._open = True
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with theirs:
            try:
                for end in (self._socket, theirs):
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
                self._process = _spawn(theirs)
            except OSError:
                self._socket.close()
                raise
        self._socket.setblocking(False)
        self._watching.addReader(self)
        self.send(pack(settings))

    @property
    def pid(self) -> int:
        """The number of its process."""
        return self._process.pid

    def send(self, frame: bytes) -> None:
        """Give it a frame; nothing happens where it is gone, of which `on_end` tells."""
        if not self._open:
            return
        if not self._unsent:
            try:
                sent = self._socket.send(frame)
            except BlockingIOError:
                sent = 0
            except OSError:
                # Its end is gone.  Told later, not from within the one that is just sending.
                self._clock.callLater(0, self._hang_up)
                return
            if sent == len(frame):
                return
            frame = frame[sent:]
            self._watching.addWriter(self)
        self._unsent += frame

    def close(self) -> None:
        """Let it finish what it has and end."""
        self._closing = True
        if self._open and not self._unsent:
            self._hang_up()

    def kill(self) -> None:
        """End it wherever it is; `on_end` follows."""
        self._process.kill()

    # -- the reactor's side

    def fileno(self) -> int:
        """The socket, -1 once closed."""
        return self._socket.fileno()

    def logPrefix(self) -> str:
        """How Twisted names us in its log."""
        return "journal"

    def doRead(self) -> None:
        """Take what it answers."""
        try:
            data = self._socket.recv(_AT_ONCE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._hang_up()
            return
        for answer in self._unpacker.feed(data):
            self._on_answer(answer)

    def doWrite(self) -> None:
        """Send what had no room."""
        try:
            sent = self._socket.send(self._unsent)
        except BlockingIOError:
            return
        except OSError:
            self._hang_up()
            return
        del self._unsent[:sent]
        if not self._unsent:
            self._watching.removeWriter(self)
            if self._closing:
                self._hang_up()

    def connectionLost(self, reason: Failure) -> None:
        """It hung up, we did, or the reactor stops."""
        if not self._open:
            return
        self._open = False
        self._watching.removeReader(self)
        self._watching.removeWriter(self)
        self._unsent.clear()
        self._socket.close()
        self._kill_at = self._clock.seconds() + _END_WITHIN
        self._reap()

    def _hang_up(self) -> None:
        self.connectionLost(Failure(ConnectionDone()))

    def _reap(self) -> None:
        code = self._process.poll()
        if code is not None:
            self._on_end(code)
            return
        if self._clock.seconds() >= self._kill_at:
            self._process.kill()
        self._clock.callLater(_REAP_EVERY, self._reap)


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
