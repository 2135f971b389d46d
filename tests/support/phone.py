"""A pjsua2 softphone in a process of its own, driven over JSON lines.

Run as a module it is the child: one JSON object per line comes in on standard input (`{"do": "publish",
"state": "busy", "note": "in a meeting"}`), one event per line goes out. `SoftPhone` is the parent's side:
it starts the child and waits for events. pjsua2 wants a process per endpoint, and a process can be killed
without saying goodbye.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

from tests.support.wires import Address

ROOT = Path(__file__).resolve().parents[2]
WAIT = 10.0  # seconds that an expectation waits unless told otherwise
END = 15.0  # seconds until the process ends after it was told to
LOG_TAIL = 12000  # characters of pjsip's log that a failure shows
JsonObject = dict[str, Any]


class PhoneFailure(AssertionError):
    """What was waited for did not happen; shows the events and the end of pjsip's log."""


def missing() -> str:
    """Why there are no softphones here, or "" when there are."""
    try:
        import pjsua2  # noqa: F401
    except ImportError as error:
        return f"softphones need pjsua2-python (extra softphone, Python 3.11 or 3.12): {error}"
    return ""


class SoftPhone:
    """The parent's side of one phone; a context manager that signs off at the end."""

    def __init__(
        self,
        aor: str,
        password: str,
        server: Address,
        *,
        transport: str = "udp",
        expires: int = 600,
        log: Path,
    ) -> None:
        """Start it; `expires` is that of the registration in seconds, `log` a file for pjsip's log."""
        self.aor = aor
        self._log = log
        self._events: list[JsonObject] = []
        self.seen: list[JsonObject] = []
        self._arrived = threading.Condition()
        settings = {
            "aor": aor,
            "password": password,
            "server": server,
            "transport": transport,
            "expires": expires,
            "log": str(log),
        }
        paths = os.pathsep.join([str(ROOT), str(ROOT / "scripts")])
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.phone", json.dumps(settings)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            bufsize=1,
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": paths},
        )
        self._reader = threading.Thread(target=self._read, daemon=True, name=f"phone {aor}")
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            try:
                event = json.loads(line)
            except ValueError:
                event = {"kind": "printed", "text": line.rstrip("\n")}
            event["at"] = time.monotonic()
            with self._arrived:
                self._events.append(event)
                self.seen.append(event)
                self._arrived.notify_all()
        with self._arrived:
            self._arrived.notify_all()

    def __enter__(self) -> SoftPhone:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def tell(self, do: str, **fields: str) -> None:
        """Send a command to the phone."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": do, **fields}) + "\n")
        self._process.stdin.flush()

    def expect(self, kind: str, *, timeout: float = WAIT, **fields: str | int) -> JsonObject:
        """The next event of that kind with those fields; the ones before it are taken away too.

        `at` in it is when it came, in monotonic seconds.
        """
        deadline = time.monotonic() + timeout
        passed = 0
        with self._arrived:
            while True:
                for index, event in enumerate(self._events[passed:], passed):
                    if event["kind"] == kind and all(event[name] == value for name, value in fields.items()):
                        del self._events[: index + 1]
                        return event
                passed = len(self._events)
                left = deadline - time.monotonic()
                if left <= 0 or (not self._reader.is_alive() and passed == len(self._events)):
                    raise self.fail(f"no {kind} {fields} within {timeout} s")
                self._arrived.wait(min(left, 0.5))

    def expect_state(self, who: str, value: str, note: str = "", *, timeout: float = WAIT) -> JsonObject:
        """The buddy `who` is shown in that state with that note."""
        return self.expect("state", who=who, value=value, text=note, timeout=timeout)

    def fail(self, why: str) -> PhoneFailure:
        """The error to raise."""
        events = "\n".join(json.dumps(event) for event in self.seen)
        log = self._log.read_text(errors="backslashreplace")[-LOG_TAIL:] if self._log.exists() else ""
        return PhoneFailure(f"{self.aor}: {why}\n--- events\n{events}\n--- end of pjsip's log\n{log}")

    def requests_sent(self, method: str) -> int:
        """How many requests of that method pjsip sent so far (with those that answer a challenge)."""
        text = self._log.read_text(errors="backslashreplace") if self._log.exists() else ""
        return sum(
            f"Request msg {method}/" in line and " bytes " in line and "TX " in line
            for line in text.splitlines()
        )

    def kill9(self) -> None:
        """End it without a goodbye."""
        self._process.kill()
        self._end()

    def close(self) -> None:
        """Sign off and end."""
        with contextlib.suppress(BrokenPipeError, ValueError):
            self.tell("close")
        try:
            self._process.wait(END)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._end()

    def _end(self) -> None:
        self._process.wait(END)
        self._reader.join(END)
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()


def child(settings: Mapping[str, Any], commands: TextIO, out: TextIO) -> None:
    """The phone itself: obey command lines until `close` or the end of the input."""
    from dataclasses import asdict

    from softphone_lib.engine import Event, Phone, PhoneError

    def show(event: Event) -> None:
        print(json.dumps(asdict(event)), file=out, flush=True)

    lines: queue.SimpleQueue[str] = queue.SimpleQueue()

    def read() -> None:
        for line in commands:
            lines.put(line)
        lines.put('{"do": "close"}')

    phone = Phone(
        settings["aor"],
        settings["password"],
        server=tuple(settings["server"]),
        transport=settings["transport"],
        expires=settings["expires"],
        log=Path(settings["log"]),
    )
    threading.Thread(target=read, daemon=True).start()
    actions: dict[str, Callable[[JsonObject], object]] = {
        "watch": lambda told: phone.watch(told["who"]),
        "unwatch": lambda told: phone.unwatch(told["who"]),
        "publish": lambda told: phone.publish(told["state"], told.get("note", "")),
        "message": lambda told: phone.message(told["who"], told["text"]),
    }
    while True:
        for event in phone.poll(10):
            show(event)
        try:
            told = json.loads(lines.get_nowait())
        except queue.Empty:
            continue
        if told["do"] == "close":
            phone.close()
            return
        try:
            actions[told["do"]](told)
        except PhoneError as error:
            show(Event("error", phone.aor, told["do"], str(error)))


if __name__ == "__main__":
    child(json.loads(sys.argv[1]), sys.stdin, sys.stdout)
    os._exit(0)  # pjsua2 may abort when its library is taken down
