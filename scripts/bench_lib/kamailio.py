"""The peer: Kamailio (Debian: kamailio and its presence, sqlite and xml modules), three ways to store.

| name | storage | workers |
|---|---|---|
| kamailio-memory | none: everything is lost at a restart | 2 |
| kamailio-sqlite | SQLite as it comes, each change written before it is answered | 1 |
| kamailio-wal | the same with SQLite's write-ahead log | 1 |

More workers than one refuse most requests with SQLite ("database is locked").
"""

from __future__ import annotations

import copy
import glob
import os
import shutil
import sqlite3
import subprocess
import time
from pathlib import Path

from bench_lib.errors import BenchError
from bench_lib.machine import ROOT, version_of
from bench_lib.processes import tree
from bench_lib.targets import START, TUNED, end, free_port, read_all, suffixed, wait_answer
from bench_lib.wire import DOMAIN

CONFIGURATION = ROOT / "scripts" / "bench.d" / "kamailio.cfg.in"
MODULES = "/usr/lib/*/kamailio/modules"
TABLES = Path("/usr/share/kamailio/db_sqlite")
SHARED = 4096  # megabytes of shared memory it may take
PRIVATE = 32  # of each process
VARIANTS = {
    "memory": (2, "V_MEM", "delete"),
    "sqlite": (1, "V_SQLITE", "delete"),
    "wal": (1, "V_SQLITE", "wal"),
}
"""Workers, what is defined in the configuration, and the journal of the database file, which keeps it.

The module's own parameter for the journal has every process set it when it starts, and some find it locked.
"""


def version() -> str:
    """What it calls itself."""
    return version_of(program(), "-v")


def program() -> str:
    """Where it is. Raises BenchError."""
    found = shutil.which("kamailio", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
    if found is None or not glob.glob(f"{MODULES}/presence.so") or not TABLES.is_dir():
        raise BenchError(
            "Kamailio is not there (Debian and Ubuntu: apt install kamailio kamailio-presence-modules"
            " kamailio-sqlite-modules kamailio-xml-modules)"
        )
    return found


class Kamailio:
    """One way to run it."""

    lists = False

    def __init__(self, work: Path, variant: str) -> None:
        self.name = f"kamailio-{variant}"
        self.durable = self.slow = variant != "memory"
        self._program = program()
        self._workers, self._define, self._journal = VARIANTS[variant]
        self._data = work / self.name
        self._log = work / f"{self.name}.log"
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> tuple[str, int]:
        return "127.0.0.1", self._port

    def beside(self, suffix: str) -> Kamailio:
        other = copy.copy(self)
        other._data, other._log = suffixed(self._data, suffix), suffixed(self._log, suffix)
        other._port, other._process = free_port(), None
        return other

    def start(self, *, fresh: bool = True) -> float:
        if fresh:
            shutil.rmtree(self._data, ignore_errors=True)
            self._data.mkdir(parents=True)
            self._make_tables()
        configuration = self._data / "kamailio.cfg"
        configuration.write_text(self._filled())
        command = [
            *(self._program, "-DD", "-E", "-f", str(configuration), "-P", str(self._data / "pid")),
            *("-Y", str(self._data), "-m", str(SHARED), "-M", str(PRIVATE)),
            *("-A", f"NPROC={self._workers}", "-A", self._define),
        ]
        begun = time.monotonic()
        # As it comes: without what the scripts set for our server.
        environment = {name: value for name, value in os.environ.items() if name not in TUNED}
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                start_new_session=True,
            )
        wait_answer(self.address, self._process, self._log, START)
        return time.monotonic() - begun

    def stop(self) -> None:
        if self._process is not None:
            end(self._process)
            self._process = None

    def pids(self) -> list[int]:
        if self._process is None:
            raise BenchError("the server was not started")
        return tree(self._process.pid)

    def read_files(self) -> None:
        read_all(self._data)

    def _make_tables(self) -> None:
        connection = sqlite3.connect(self._data / "kamailio.sqlite")
        try:
            for name in ("standard", "usrloc", "presence"):
                connection.executescript((TABLES / f"{name}-create.sql").read_text())
            connection.execute(f"PRAGMA journal_mode={self._journal}")
        finally:
            connection.close()

    def _filled(self) -> str:
        text = CONFIGURATION.read_text()
        values = {
            "WORK": str(self._data),
            "ADDRESS": f"127.0.0.1:{self._port}",
            "MODULES": next(iter(glob.glob(MODULES))),
            "DOMAIN": DOMAIN,
        }
        for name, value in values.items():
            text = text.replace(f"@{name}@", value)
        return text
