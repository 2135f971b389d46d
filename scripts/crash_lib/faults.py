"""Databases that fail and come back: PostgreSQL behind a proxy, a full disk, files that nobody may write."""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import struct
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Protocol

from sqlalchemy import make_url

from tests.support.wires import close_socket

_CHUNK = 1 << 16
_GET_FLAGS: Final = 0x80086601
_SET_FLAGS: Final = 0x40086602
_IMMUTABLE: Final = 0x10
"""ioctl_iflags(2): nobody, not even root, may change the file."""


class Impossible(Exception):
    """The machine does not allow the fault; `str()` says why."""


class Fault(Protocol):
    """Something that keeps the database from taking writes, until it is taken away."""

    name: str

    def begin(self) -> None: ...

    def end(self) -> None: ...


@contextmanager
def suffering(fault: Fault) -> Iterator[None]:
    """It is so within."""
    fault.begin()
    try:
        yield
    finally:
        fault.end()


class Proxy:
    """A TCP proxy before PostgreSQL: while it is down, connections are cut and new ones refused."""

    name = "the database is away"

    def __init__(self, url: str) -> None:
        """`url`: of the database as SQLAlchemy has it."""
        self._parsed = make_url(url)
        self._behind = (self._parsed.host or "127.0.0.1", self._parsed.port or 5432)
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._listener: socket.socket | None = None
        self._port = 0
        self.end()

    @property
    def url(self) -> str:
        """The URL of the database by way of the proxy."""
        return self._parsed.set(host="127.0.0.1", port=self._port).render_as_string(hide_password=False)

    def end(self) -> None:
        """Let everybody through (again)."""
        listener = socket.create_server(("127.0.0.1", self._port))
        self._listener, self._port = listener, listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(listener,), daemon=True, name="proxy").start()

    def begin(self) -> None:
        """Cut all connections, refuse new ones."""
        listener, self._listener = self._listener, None
        if listener is not None:
            close_socket(listener)
        self.cut()

    def cut(self) -> None:
        """Cut all connections; new ones are let through as before."""
        with self._lock:
            held, self._open = self._open, set()
        for one in held:
            # A reset, so that the port is free for the next listener.
            with contextlib.suppress(OSError):
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            close_socket(one)

    close = begin

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                front, _ = listener.accept()
            except OSError:
                return
            try:
                back = socket.create_connection(self._behind, timeout=5)
            except OSError:
                front.close()
                continue
            back.settimeout(None)
            with self._lock:
                if self._listener is not listener:
                    front.close()
                    back.close()
                    return
                self._open |= {front, back}
            for source, sink in ((front, back), (back, front)):
                arguments = (source, sink, front)
                threading.Thread(target=self._pass, args=arguments, daemon=True, name="proxy").start()

    def _pass(self, source: socket.socket, sink: socket.socket, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(_CHUNK):
                self._passes(data, client)
                sink.sendall(data)
        for one in (source, sink):
            close_socket(one)
        with self._lock:
            self._open -= {source, sink}

    def _passes(self, data: bytes, client: socket.socket) -> None:
        """Called before `data` goes on, in either direction, of the connection that `client` made."""


class FullDisk:
    """A small file system in memory, full to its last byte."""

    name = "the disk is full"

    def __init__(self, folder: Path) -> None:
        """`folder`: of the database, on a file system of its own (`small_disk`)."""
        self._filler = folder / "filler"

    def begin(self) -> None:
        with open(self._filler, "ab", buffering=0) as filler, contextlib.suppress(OSError):
            while True:
                filler.write(b"\0" * 4096)

    def end(self) -> None:
        self._filler.unlink(missing_ok=True)


class ReadOnly:
    """The files of SQLite may be read and not changed, not even by who has them open."""

    name = "the file is read-only"

    def __init__(self, database: Path) -> None:
        # Not the index of the log (-shm): it is memory to SQLite, and the kernel kills who writes to memory
        # that it cannot keep.
        self._files = [database.with_name(database.name + end) for end in ("", "-wal")]

    def begin(self) -> None:
        for file in self._files:
            _set_immutable(file, True)

    def end(self) -> None:
        for file in self._files:
            _set_immutable(file, False)


@contextmanager
def befalling(
    kind: str, data: Path, url: str | None = None, megabytes: int = 16
) -> Iterator[tuple[Fault, str | None]]:
    """What can befall a server, and the URL of its database; None: SQLite in `data`.

    Args:
        kind: "away", "full" or "read-only".
        data: its data folder, which is not there yet.
        url: for "away", that of a PostgreSQL database.
        megabytes: for "full", how much the disk holds.

    Raises:
        Impossible: not on this machine.
    """
    if kind == "away":
        assert url is not None
        proxy = Proxy(url)
        try:
            yield proxy, proxy.url
        finally:
            proxy.close()
    elif kind == "full":
        with small_disk(data, megabytes):
            yield FullDisk(data), None
    else:
        check_immutable(data.parent)
        yield ReadOnly(data / "presentity.db"), None


@contextmanager
def small_disk(folder: Path, megabytes: int = 16) -> Iterator[Path]:
    """A folder on a file system of its own.  Raises Impossible."""
    folder.mkdir(mode=0o700)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0700", "presentity-test", folder],
        check=False,
        capture_output=True,
        text=True,
    )
    if mounted.returncode:
        raise Impossible(f"no file system can be mounted here: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        # What is still open does not hold it up.
        subprocess.run(["umount", "--lazy", folder], check=True)


def check_immutable(folder: Path) -> None:
    """Raises Impossible if files in `folder` cannot be made immutable."""
    probe = folder / "probe"
    probe.touch()
    try:
        _set_immutable(probe, True)
        _set_immutable(probe, False)
    except OSError as error:
        raise Impossible(f"files cannot be made immutable here: {error.strerror}") from error
    finally:
        probe.unlink()


def _set_immutable(file: Path, on: bool) -> None:
    try:
        descriptor = os.open(file, os.O_RDONLY)
    except FileNotFoundError:
        return
    try:
        (flags,) = struct.unpack("l", fcntl.ioctl(descriptor, _GET_FLAGS, struct.pack("l", 0)))
        flags = flags | _IMMUTABLE if on else flags & ~_IMMUTABLE
        fcntl.ioctl(descriptor, _SET_FLAGS, struct.pack("l", flags))
    finally:
        os.close(descriptor)
