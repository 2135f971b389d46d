"""The line-based face of the softphone: commands come in as lines, events go out as lines.

Every event is one line in a fixed form (`EVENTS`), texts are JSON strings, so that a script can read along.
Prompts and redrawing appear on a terminal only.
"""

from __future__ import annotations

import json
import queue
import sys
import threading
import time
from collections.abc import Callable
from typing import TextIO

from softphone_lib.engine import STATES, Event, Phone, PhoneError
from softphone_lib.watchers import WatcherQuery

HELP = """\
open|busy|away|offline [NOTE]  set your own state: busy in a meeting
add NAME                       watch somebody: add bob, add bob@example.com
remove NAME                    watch no longer
list                           yourself and everybody you watch
msg NAME TEXT                  send a message: msg bob hello
watchers                       who watches you (needs a server with presence.winfo)
wait SECONDS                   do nothing for a while (for scripts)
help                           this
quit                           sign off"""
PROMPT = "> "
SIGN_ON = 15.0  # seconds until commands are carried out although nobody answered the REGISTER
SIGN_OFF = 5.0  # seconds that the end of the input waits for answers to messages


def quoted(text: str) -> str:
    """A text on one line, in double quotes."""
    return json.dumps(text, ensure_ascii=False)


# The form of each event: what scripts rely on.
EVENTS: dict[str, Callable[[Event], str]] = {
    "registered": lambda e: f"registered {e.who} {e.code}",
    "unregistered": lambda e: f"unregistered {e.who}",
    "refused": lambda e: f"refused {e.who} {e.code} {quoted(e.text)}",
    "state": lambda e: f"state {e.who} {e.value} {quoted(e.text)}",
    "watch": lambda e: f"watch {e.who} {e.value} {quoted(e.text)}",
    "message": lambda e: f"message {e.who} {quoted(e.text)}",
    "sent": lambda e: f"sent {e.who} {e.code} {quoted(e.text)}",
    "typing": lambda e: f"typing {e.who} {e.value}",
}


class Input:
    """Lines from a stream, read by a thread; a terminal is asked for the next one when the last is done."""

    def __init__(self, stream: TextIO, interactive: bool) -> None:
        self._stream = stream
        self._interactive = interactive
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._wanted = threading.Semaphore(0)
        threading.Thread(target=self._read, daemon=True, name="input").start()

    def _read(self) -> None:
        if self._interactive:
            import readline  # noqa: F401 (line editing of input())

        while True:
            try:
                if self._interactive:
                    self._wanted.acquire()
                    line = input(PROMPT)
                else:
                    line = self._stream.readline()
                    if not line:
                        raise EOFError
            except EOFError:
                self._lines.put(None)
                return
            self._lines.put(line.strip())

    def ask(self) -> None:
        """Show the prompt."""
        self._wanted.release()

    def take(self) -> tuple[bool, str | None]:
        """(True, line or None at the end) when there is one."""
        try:
            return True, self._lines.get_nowait()
        except queue.Empty:
            return False, None


class Terminal:
    """A phone, the lines typed, and the lines shown."""

    def __init__(self, phone: Phone, password: str, stream: TextIO, out: TextIO) -> None:
        self._phone = phone
        self._password = password
        self._out = out
        self._interactive = stream.isatty() and out.isatty()
        self._input = Input(stream, self._interactive)
        self._own: tuple[str, str] = ("offline", "")
        self._query: WatcherQuery | None = None
        self._unanswered = 0
        self._idle_until = 0.0
        self._signed_on = False
        self._finish_at: float | None = None
        self.status = 0
        self._commands: dict[str, Callable[[str], None]] = {
            "help": lambda rest: self._help(),
            "add": self._add,
            "remove": self._remove,
            "list": lambda rest: self._list(),
            "msg": self._msg,
            "watchers": lambda rest: self._watchers(),
            "wait": self._wait,
            "quit": lambda rest: self._finish(0.0),
        }

    # --- what is shown -----------------------------------------------------------------------------

    def say(self, line: str) -> None:
        """Print one line, leaving what the user is typing below it."""
        if not self._interactive:
            print(line, file=self._out, flush=True)
            return
        import readline

        print(f"\r\x1b[K{line}\n{PROMPT}{readline.get_line_buffer()}", end="", file=self._out, flush=True)

    def show(self, event: Event) -> None:
        """Print an event, and take note of what it changes."""
        if event.kind in ("answer", "notify"):
            if self._query:
                self._query.hear(event)
            return
        if event.kind == "message" and not event.value.startswith("text/plain"):
            return  # delivery notifications and the like (RFC 5438) are for programs
        self.say(EVENTS[event.kind](event))
        if event.kind == "sent":
            self._unanswered -= 1
        if event.kind == "registered":
            self._signed_on = True
        if event.kind == "refused" and not self._signed_on:
            self.status = 1
            self._finish(0.0)

    # --- commands ----------------------------------------------------------------------------------

    def obey(self, line: str) -> None:
        """Carry out one typed line."""
        word, _, rest = line.partition(" ")
        if not word:
            return
        try:
            if word in STATES:
                self.set_state(word, rest.strip())
            elif word in self._commands:
                self._commands[word](rest.strip())
            else:
                self._error(f"unknown command {word}; type help")
        except PhoneError as error:
            self._error(str(error))

    def _error(self, why: str) -> None:
        self.say(f"error {quoted(why)}")

    def set_state(self, state: str, note: str) -> None:
        """Publish our own state."""
        self._phone.publish(state, note)
        self._own = (state, note)
        self.say(f"self {state} {quoted(note)}")

    def _help(self) -> None:
        for line in HELP.splitlines():
            self.say(f"help {line}" if not self._interactive else line)

    def _add(self, name: str) -> None:
        if not name or " " in name:
            self._error("add NAME")
        else:
            self._phone.watch(self._phone.full(name))

    def _remove(self, name: str) -> None:
        if not self._phone.unwatch(self._phone.full(name)):
            self._error(f"{name} is not watched")

    def _list(self) -> None:
        self.say(f"self {self._own[0]} {quoted(self._own[1])}")
        for aor, state, note in self._phone.buddies():
            self.say(f"state {aor} {state} {quoted(note)}")

    def _msg(self, rest: str) -> None:
        name, _, text = rest.partition(" ")
        if not text.strip():
            self._error("msg NAME TEXT")
            return
        self._phone.message(self._phone.full(name), text.strip())
        self._unanswered += 1

    def _watchers(self) -> None:
        if self._query is None:
            self._query = WatcherQuery(self._phone, self._password, time.monotonic())

    def _show_watchers(self, query: WatcherQuery) -> None:
        if query.outcome is None:
            return
        self._query = None
        if query.outcome.unavailable:
            self.say(f"watchers unavailable {quoted(query.outcome.unavailable)}")
            return
        self.say(f"watchers {len(query.outcome.found)}")
        for aor, status in query.outcome.found:
            self.say(f"watcher {aor} {status}")

    def _wait(self, seconds: str) -> None:
        try:
            self._idle_until = time.monotonic() + float(seconds)
        except ValueError:
            self._error("wait SECONDS")

    def _finish(self, patience: float) -> None:
        self._finish_at = time.monotonic() + patience

    # --- the loop ----------------------------------------------------------------------------------

    def run(self) -> int:
        """Until `quit`, the end of the input or a refusal; returns the exit status."""
        began = time.monotonic()
        if self._interactive:
            self.say(f"{self._phone.aor}: type help")
        self._input.ask()
        while True:
            for event in self._phone.poll(20):
                self.show(event)
            now = time.monotonic()
            if self._query:
                self._query.tick(now)
                self._show_watchers(self._query)
            if self._finish_at is not None:
                if now >= self._finish_at or not (self._unanswered or self._query):
                    return self.status
            elif now >= self._idle_until and (self._signed_on or now > began + SIGN_ON):
                self._take_line()

    def _take_line(self) -> None:
        there, line = self._input.take()
        if not there:
            return
        if line is None:
            self._finish(SIGN_OFF)
            return
        self.obey(line)
        self._input.ask()


def main_loop(phone: Phone, password: str, buddies: list[str]) -> int:
    """Sign on, watch `buddies`, be open, and obey standard input until it is time to go."""
    terminal = Terminal(phone, password, sys.stdin, sys.stdout)
    try:
        terminal.set_state("open", "")
        for name in buddies:
            phone.watch(phone.full(name))
        return terminal.run()
    except KeyboardInterrupt:
        return terminal.status
    finally:
        phone.close()
        terminal.say("bye")
