"""`presentity serve` as a real process: started in a folder of its own, stopped, killed, restarted.

The interface is synchronous (subprocess and a reading thread): end-to-end tests need no reactor. Whatever
the server printed is in the message of every failure.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from urllib.error import HTTPError

from tests.support.wires import Address

ROOT = Path(__file__).resolve().parents[2]
START = 30.0  # seconds until `ready`
STOP = 15.0  # seconds until the end of the process after SIGTERM
POSTGRES = "postgresql://postgres@127.0.0.1:5432/postgres"
CLI = 60.0  # seconds for one command
LISTENING = re.compile(r"^listening (\w+) (\S+):(\d+)")
IN_USE = re.compile(r"in use|EADDRINUSE|Couldn't listen", re.IGNORECASE)


class ServerFailure(AssertionError):
    """The server did not do as it should; shows what it printed."""


def command(*arguments: str) -> list[str]:
    """The command line of `presentity` beside the interpreter that runs the tests."""
    script = Path(sys.executable).with_name("presentity")
    if not script.exists():
        raise ServerFailure(f"{script} does not exist: install the project into the environment of the tests")
    return [str(script), *arguments]


def clean_environment() -> dict[str, str]:
    """Our environment without settings that would reach the server."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PRESENTITY_")}
    return kept | {"PYTHONUNBUFFERED": "1"}


def free_port(kind: int = socket.SOCK_STREAM, host: str = "127.0.0.1") -> int:
    """A port that nobody held a moment ago."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, kind) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def run(*arguments: str, text: str | None = None, timeout: float = CLI) -> subprocess.CompletedProcess[str]:
    """Run `presentity ARGUMENTS` to its end, `text` on its standard input."""
    return subprocess.run(
        command(*arguments),
        input=text,
        capture_output=True,
        text=True,
        timeout=timeout,
        env=clean_environment(),
    )


class Server:
    """One server with its data folder; `with Server(tmp_path) as server:` starts and stops it."""

    def __init__(
        self,
        data: Path,
        *,
        domains: Sequence[str] = ("example.com",),
        listen: Sequence[str] = ("udp", "tcp"),
        options: Sequence[str] = (),
        database: str | None = None,
    ) -> None:
        """`listen`: transports on 127.0.0.1 with a port chosen by the system, or whole `udp:HOST:PORT`."""
        self.data = data
        self.domains = domains
        self.options = list(options)
        self.database = database
        self.listen = [one if ":" in one else f"{one}:127.0.0.1:0" for one in listen]
        self.addresses: dict[str, Address] = {}
        self.http: Address = ("127.0.0.1", 0)
        self.output: list[str] = []
        self._process: subprocess.Popen[str] | None = None
        self._changed = threading.Condition()

    # --- life --------------------------------------------------------------------------------------

    def __enter__(self) -> Server:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        if error is not None and hasattr(error, "add_note"):
            error.add_note(self.told(lines=200))

    def arguments(self) -> list[str]:
        """What comes after `presentity serve`."""
        chosen = [*self.where(), "--http", f"{self.http[0]}:{self.http[1]}"]
        for domain in self.domains:
            chosen += ["--domain", domain]
        for spec in self.listen:
            chosen += ["--listen", spec]
        return [*chosen, *self.options]

    def where(self) -> list[str]:
        """The options that name the data, for every command."""
        return ["--data", str(self.data), *(["--database", self.database] if self.database else [])]

    def start(self, *, timeout: float = START) -> Server:
        """Start and wait for `ready`; a port that was taken in between is chosen anew, three times."""
        for attempt in range(3):
            if attempt or not self.http[1]:
                self.http = ("127.0.0.1", free_port())
            mark = len(self.output)
            self._launch()
            try:
                self.wait_for_line(r"ready\b", since=mark, timeout=timeout)
            except ServerFailure:
                taken = any(IN_USE.search(line) for line in self.output[mark:])
                self.close()
                if not taken or self.addresses:  # after a restart the ports have to be the old ones
                    raise
                continue
            self._learn_ports(self.output[mark:])
            return self
        raise ServerFailure(self.told("no free ports found"))

    def _launch(self) -> None:
        self._process = subprocess.Popen(
            command("serve", *self.arguments()),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="backslashreplace",
            env=clean_environment(),
            cwd=ROOT,
            start_new_session=True,
        )
        threading.Thread(target=self._read, args=(self._process,), daemon=True, name="server output").start()

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                with self._changed:
                    self.output.append(line.rstrip("\n"))
                    self._changed.notify_all()
        process.wait()
        with self._changed:
            self._changed.notify_all()

    def _learn_ports(self, lines: Sequence[str]) -> None:
        """Note the real ports, and ask for the same ones at the next start."""
        for line in lines:
            if found := LISTENING.match(line):
                self.addresses.setdefault(found[1].lower(), (found[2].strip("[]"), int(found[3])))
        fixed = []
        for spec in self.listen:
            transport, _, rest = spec.partition(":")
            if rest.endswith(":0"):
                if transport not in self.addresses:
                    raise ServerFailure(self.told(f"no line `listening {transport} HOST:PORT` was printed"))
                spec = f"{transport}:{rest.removesuffix(':0')}:{self.addresses[transport][1]}"
            fixed.append(spec)
        self.listen = fixed

    @property
    def process(self) -> subprocess.Popen[str]:
        if self._process is None:
            raise ServerFailure("the server was not started")
        return self._process

    def stop(self, *, timeout: float = STOP) -> int:
        """SIGTERM; returns the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.wait(timeout=timeout)

    def wait(self, *, timeout: float = STOP) -> int:
        """Wait for the end of the process; returns its exit status."""
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill9()
            raise ServerFailure(self.told(f"the server did not end within {timeout} s")) from None

    def children(self) -> list[int]:
        """The processes that it started: its journal writer, which has a process group of its own."""
        main = self.process.pid
        try:
            return [int(it) for it in Path(f"/proc/{main}/task/{main}/children").read_text().split()]
        except FileNotFoundError:
            return []

    def kill9(self) -> None:
        """SIGKILL to the process and to every process that it started (its journal writer), all at once."""
        with contextlib.suppress(ProcessLookupError):
            # Standing still it starts no other one.
            self.process.send_signal(signal.SIGSTOP)
        for pid in self.children():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.kill()
        self.process.wait(STOP)

    def kill9_main_only(self) -> None:
        """SIGKILL to the main process only: its writer process has to notice by itself."""
        self.process.kill()
        self.process.wait(STOP)

    def kill9_while_starting(self, after: float) -> None:
        """Start it again, and kill that start after so many seconds, ready or not."""
        self._launch()
        time.sleep(after)
        self.kill9()

    def restart(self, *, down: float = 0.0) -> None:
        """Kill -9, stay down for that many seconds, start again with the same data on the same ports."""
        self.kill9()
        time.sleep(down)
        self.start()

    def revive(self) -> None:
        """Start it again if a test before this one left it dead."""
        if self.process.poll() is not None:
            self.kill9()
            self.start()

    def close(self) -> None:
        """End the process whatever it takes."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP)
        if self._process is not None:
            self.kill9()

    # --- what it says ------------------------------------------------------------------------------

    def wait_for_line(self, pattern: str, *, since: int = 0, timeout: float = 5.0) -> str:
        """The first line of output from number `since` on that matches at its beginning."""
        deadline = time.monotonic() + timeout
        with self._changed:
            while True:
                for line in self.output[since:]:
                    if re.match(pattern, line):
                        return line
                left = deadline - time.monotonic()
                if self.process.poll() is not None:
                    self._changed.wait(0.2)  # the last lines
                    if not any(re.match(pattern, line) for line in self.output[since:]):
                        raise ServerFailure(self.told(f"ended with status {self.process.returncode}"))
                elif left <= 0 or (not self._changed.wait(min(left, 0.5)) and time.monotonic() >= deadline):
                    raise ServerFailure(self.told(f"no line {pattern!r} within {timeout} s"))

    def wait_until(self, condition: Callable[[], bool], *, timeout: float = 10.0) -> None:
        """Ask again and again until `condition` holds."""
        deadline = time.monotonic() + timeout
        while not condition():
            if time.monotonic() > deadline:
                raise ServerFailure(self.told(f"did not come true within {timeout} s"))
            time.sleep(0.1)

    def told(self, why: str = "", *, lines: int = 500) -> str:
        whole = "\n".join(self.output[-lines:])
        return f"{why}\n--- presentity serve {' '.join(self.arguments())}\n{whole}"

    def address(self, transport: str = "udp") -> Address:
        """Where the listener of that transport is."""
        return self.addresses[transport]

    def get(self, path: str) -> tuple[int, str]:
        """HTTP GET on the operator's port: status and body."""
        try:
            with urllib.request.urlopen(f"http://{self.http[0]}:{self.http[1]}{path}", timeout=5) as answer:
                return int(answer.status), answer.read().decode()
        except HTTPError as error:
            return error.code, error.read().decode()

    # --- users -------------------------------------------------------------------------------------

    def cli(
        self, *arguments: str, text: str | None = None, expect: int | None = 0
    ) -> subprocess.CompletedProcess[str]:
        """Run another `presentity` command on the same data."""
        done = run(*arguments, *self.where(), text=text)
        if expect is not None and done.returncode != expect:
            raise ServerFailure(
                f"presentity {' '.join(arguments)} ended with {done.returncode}, not {expect}"
                f"\n{done.stdout}{done.stderr}"
            )
        return done

    def commit(self, *arguments: str) -> float:
        """Run a `presentity` command that changes something; when it said that it had, in monotonic seconds.

        It says so as soon as the change is committed, and ends later.
        """
        with subprocess.Popen(
            command(*arguments, *self.where()),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=clean_environment(),
        ) as process:
            too_long = threading.Timer(CLI, process.kill)
            too_long.start()
            assert process.stdout is not None
            said = process.stdout.readline()
            committed = time.monotonic()
            said += process.stdout.read()
            status = process.wait()
            too_long.cancel()
        if status:
            raise ServerFailure(f"presentity {' '.join(arguments)} ended with {status}\n{said}")
        return committed

    def add_user(self, aor: str, password: str = "secret") -> None:
        with self._taken_in(1):
            self.cli("user", "add", aor, "--password", password)

    def add_users(self, *aors: str, password: str = "secret") -> None:
        """Several at once, with one command (`user import`)."""
        table = self.data.parent / f"{self.data.name}-users.csv"
        rows = [f"{aor},{password},{aor.partition('@')[0].title()}" for aor in aors]
        table.write_text("\n".join(["aor,password,display_name", *rows, ""]))
        self.import_users(table, len(aors))

    def import_users(self, table: Path, count: int) -> None:
        """The users of a table, of whom the server knew none."""
        with self._taken_in(count):
            self.cli("user", "import", str(table))

    @contextlib.contextmanager
    def _taken_in(self, more: int) -> Iterator[None]:
        """Wait until the server, if it runs, knows so many users more: it follows the database."""
        before = self._users_known()
        yield
        if before is not None:
            self.wait_until(lambda: (self._users_known() or 0) >= before + more)

    def _users_known(self) -> int | None:
        try:
            return int(json.loads(self.get("/status")[1])["users"])
        except (OSError, AttributeError):
            return None


@contextlib.contextmanager
def postgres_database(server: str | None = None) -> Iterator[str]:
    """An empty database with a random name as an SQLAlchemy URL, dropped at the end.

    Raises LookupError where no PostgreSQL is reachable. The server to use is `server`, or comes from
    PRESENTITY_TEST_POSTGRES: an SQLAlchemy URL of a database whose user may create others.
    """
    try:
        from sqlalchemy import create_engine, make_url, text
        from sqlalchemy.exc import SQLAlchemyError
    except ImportError as error:
        raise LookupError(f"PostgreSQL variant: {error}") from error
    given = make_url(server or os.environ.get("PRESENTITY_TEST_POSTGRES", POSTGRES)).set(
        drivername="postgresql+psycopg"
    )
    name = f"presentity_e2e_{secrets.token_hex(6)}"
    try:
        admin = create_engine(given, isolation_level="AUTOCOMMIT", connect_args={"connect_timeout": 3})
        with admin.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
    except (ImportError, SQLAlchemyError) as error:
        shown = f"{given.render_as_string()}: {error}".splitlines()[0]
        raise LookupError(f"no PostgreSQL (set PRESENTITY_TEST_POSTGRES): {shown}") from error
    try:
        yield given.set(database=name).render_as_string(hide_password=False)
    finally:
        with admin.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
        admin.dispose()
