"""Servers to measure; ours, in a data folder of its own with nothing but what was provisioned."""

from __future__ import annotations

import contextlib
import copy
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Protocol

from bench_lib.errors import BenchError
from bench_lib.machine import ROOT
from bench_lib.processes import tree
from bench_lib.wire import DOMAIN, Wire, number_of

START = 120.0  # seconds for a server to be ready
STOP = 30.0
PROVISION = 1800.0


class Target(Protocol):
    """A server that can be measured."""

    name: str
    lists: bool
    """Whether it has the contact lists that the operations on lists need."""

    durable: bool
    """Whether anything is left after a restart."""

    slow: bool
    """Whether each change waits for a disk by itself: some hundred a second."""

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens on UDP."""

    def beside(self, suffix: str) -> Target:
        """The same once more, with data and an address of its own; it was not started yet."""

    def start(self, *, fresh: bool = True) -> float:
        """Start it, `fresh`: with no state; returns the seconds until it answers a request."""

    def stop(self) -> None: ...

    def pids(self) -> list[int]:
        """All its processes."""

    def read_files(self) -> None:
        """Have the system hold its files in memory, see `read_all`."""


def read_all(folder: Path) -> None:
    """Read all files there, so that the system has them in memory.

    So it has what a server has written lately, but for machines that take memory back from who rests (DAMON's
    `pageout`, a balloon): there what is large is read from the disk again.
    """
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                while file.read(1 << 20):
                    pass


def suffixed(path: Path, suffix: str) -> Path:
    """A path beside `path`."""
    return path.with_name(f"{path.stem}-{suffix}{path.suffix}")


def free_port() -> int:
    """A port for UDP and TCP that nobody held a moment ago."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_answer(
    address: tuple[str, int], process: subprocess.Popen[bytes], log: Path, patience: float
) -> None:
    """Send OPTIONS until something answers. Raises BenchError."""
    deadline = time.monotonic() + patience
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(address)
        probe.settimeout(0.05)
        host, port = probe.getsockname()
        wire = Wire(f"{host}:{port}")
        number = 0xF0000000
        while time.monotonic() < deadline:
            if process.poll() is not None:
                raise BenchError(f"the server ended with status {process.returncode}\n{tail(log)}")
            number += 1
            try:
                probe.send(wire.options(number))
                while number_of(answer := probe.recv(65535)) < 0:
                    pass
            except (TimeoutError, ConnectionRefusedError):
                time.sleep(0.005)
                continue
            if not answer.startswith(b"SIP/2.0 503"):
                return
    raise BenchError(f"the server did not answer within {patience:.0f} s\n{tail(log)}")


def tail(log: Path) -> str:
    """The last lines that a server printed."""
    try:
        return "\n".join(log.read_text(errors="replace").splitlines()[-15:])
    except OSError:
        return ""


def end(process: subprocess.Popen[bytes]) -> None:
    """SIGTERM, and if that does not help SIGKILL; what it leaves behind in its process group goes too."""
    if process.poll() is None:
        pids = tree(process.pid)
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP)
        except subprocess.TimeoutExpired:
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            process.wait(STOP)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


class Presentity:
    """Our server as it is by default: durable SQLite, 127.0.0.1 a trusted peer.

    Args:
        work: folder for data; it should lie on the kind of disk that a server has, not in memory.
        users: how many are provisioned, `u0` and on; `contacts`: how many owners by members of a list.
        options: further options of `presentity serve`.
        environment: further variables for it.
        under: a program that runs it, with arguments.
    """

    lists = True
    durable = True
    slow = False

    def __init__(
        self,
        work: Path,
        users: int,
        contacts: Mapping[int, int] | None = None,
        options: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
        name: str = "presentity",
        under: Sequence[str] = (),
    ) -> None:
        self.name = name
        self._work = work
        self._users = users
        self._contacts = dict(contacts or {})
        self._options = list(options)
        self._environment = dict(environment or {})
        self._under = list(under)
        self._data = work / f"{name}-data"
        self._log = work / f"{name}.log"
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> tuple[str, int]:
        return "127.0.0.1", self._port

    def beside(self, suffix: str) -> Presentity:
        other = copy.copy(self)
        other._data, other._log = suffixed(self._data, suffix), suffixed(self._log, suffix)
        other._port, other._process = free_port(), None
        return other

    @property
    def process(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise BenchError("the server was not started")
        return self._process

    def start(self, *, fresh: bool = True) -> float:
        if fresh:
            template = self._template()
            shutil.rmtree(self._data, ignore_errors=True)
            shutil.copytree(template, self._data)
        listen = f"127.0.0.1:{self._port}"
        command = [
            *self._under,
            *(sys.executable, "-P", "-c", "from presence.cli import main; main()", "serve"),
            *("--data", str(self._data), "--domain", DOMAIN, "--trust", "127.0.0.1"),
            *("--listen", f"udp:{listen}", "--listen", f"tcp:{listen}", "--http", "127.0.0.1:0"),
            *self._options,
        ]
        begun = time.monotonic()
        with self._log.open("wb") as log:
            self._process = self._spawn(command, log)
        wait_answer(self.address, self._process, self._log, START)
        return time.monotonic() - begun

    def _spawn(self, command: Sequence[str], log: IO[bytes]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self._work,
            env=server_environment() | self._environment, start_new_session=True,
        )  # fmt: skip

    def stop(self) -> None:
        if self._process is not None:
            end(self._process)
            self._process = None

    def pids(self) -> list[int]:
        return tree(self.process.pid)

    def read_files(self) -> None:
        read_all(self._data)

    def printed(self) -> str:
        """The last lines of its log."""
        return tail(self._log)

    def _template(self) -> Path:
        """A data folder with users and contacts, made once for each amount of them."""
        amounts = "".join(f"-{owners}x{members}" for members, owners in sorted(self._contacts.items()))
        folder = self._work / f"template-{self._users}{amounts}"
        if not folder.exists():
            making = folder.with_suffix(".new")
            shutil.rmtree(making, ignore_errors=True)
            making.mkdir(parents=True)
            contacts = [f"{members}:{owners}" for members, owners in self._contacts.items()]
            command = [
                sys.executable,
                "-P",
                "-m",
                "bench_lib.provision",
                str(making),
                str(self._users),
                *contacts,
            ]
            done = subprocess.run(
                command,
                env=server_environment(),
                capture_output=True,
                text=True,
                timeout=PROVISION,
                check=False,
            )
            if done.returncode:
                raise BenchError(f"users could not be provisioned:\n{done.stderr[-2000:]}")
            making.rename(folder)
        return folder


COMPILED = str(ROOT / "build" / "compiled")
TUNED = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}
"""As `scripts/serve` sets it (decision 0019); the peer runs as it comes."""


def server_environment() -> dict[str, str]:
    """Our environment, with what is to be measured first and without settings that would reach the server."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PRESENTITY_")}
    # `use_compiled` of scripts/_setup.sh has put what was compiled before the sources.
    compiled = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path == COMPILED]
    paths = [*compiled, str(ROOT), str(ROOT / "scripts")]
    return kept | TUNED | {"PYTHONPATH": os.pathsep.join(paths)}
