"""What one exchange of the busiest kinds costs, in counts that are the same at every run: scripts/costs.

The whole server runs in process around fakes (`tests.presence.house`). Counted are, for each exchange with
the end of its transactions:

- instructions: of Python's bytecode, in the server and in every library of Python that it uses;
- calls: of functions that are written in C. What they cost is not counted, so one call more that parses a
  document weighs as little as one of `len`; lxml's own functions are not seen at all;
- records: that the journal is to write.

Seconds would depend on the machine and on what else runs there. The counts depend on the version of Python,
so `costs.toml` has figures for each.
"""

from __future__ import annotations

import argparse
import gc
import itertools
import json
import platform
import sys
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from time import perf_counter
from types import CodeType, FrameType, TracebackType
from typing import Any

from bench_lib.wire import DOMAIN, Wire, field, ok

import sip.core
from presence.lists.book import BookGroup
from tests.presence.house import PASSWORD, TRUSTED, House
from tests.sip.auth.clients import credentials, nonce_of

FILE = Path(__file__).with_name("costs.toml")
ROOT = Path(__file__).resolve().parents[2]
PYTHON = "{}.{}".format(*platform.python_version_tuple())
TOLERANCE = 0.2
"""So much more, or less, than recorded is nobody's concern."""

WARM = 5
"""Exchanges that are not counted: what is made once is there by then."""
COUNT = 10
"""Exchanges that are counted, one after the other."""
RUNS = 20
"""How often a time is taken; other work on the machine makes all but the least longer."""
ENDED = 40.0
"""Seconds after which no transaction is left (RFC 3261 §17: 64 * T1 is 32)."""
MEMBERS = 20
"""Contacts on each list."""
STRANGER = "198.51.100.9"
"""Somebody who has to prove himself."""
WATCHERS = 100
USERS = 150


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one exchange, on average."""

    instructions: float
    calls: float
    records: float


Known = dict[str, Cost]
"""Costs by operation."""


class Counter:
    """Counts instructions and calls while it is entered, except those of the tests and of `bench_lib`."""

    def __init__(self) -> None:
        self.instructions = 0
        self.calls = 0
        self._ours: dict[CodeType, bool] = {}
        self._apart = (str(ROOT / "tests"), str(ROOT / "scripts"))

    def __enter__(self) -> Counter:
        self._before = (sys.gettrace(), sys.getprofile(), gc.isenabled())
        # The collector runs whenever it likes, and calls what libraries have hung on it.
        gc.disable()
        # Python 3.12 tells of none if nobody wanted them when tracing began (python/cpython#103615).
        sys._getframe().f_trace_opcodes = True
        sys.setprofile(self._profile)
        sys.settrace(self._trace)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        traced, profiled, collecting = self._before
        sys.settrace(traced)
        sys.setprofile(profiled)
        if collecting:
            gc.enable()

    def _counts(self, code: CodeType) -> bool:
        known = self._ours.get(code)
        if known is None:
            known = self._ours[code] = not code.co_filename.startswith(self._apart)
        return known

    def _trace(self, frame: FrameType, event: str, arg: Any) -> Callable[..., Any] | None:
        if not self._counts(frame.f_code):
            return None
        frame.f_trace_opcodes = True
        frame.f_trace_lines = False
        return self._instruction

    def _instruction(self, frame: FrameType, event: str, arg: Any) -> Callable[..., Any]:
        if event == "opcode":
            self.instructions += 1
        return self._instruction

    def _profile(self, frame: FrameType, event: str, arg: Any) -> None:
        if event == "c_call" and self._counts(frame.f_code):
            self.calls += 1


class Traffic:
    """Users of a server and one trusted peer, who answers everything with 200."""

    def __init__(self) -> None:
        self.house = House([f"u{number}" for number in range(USERS)], domain=(DOMAIN,))
        self.wire = Wire(f"{TRUSTED}:5060")
        self.numbers = itertools.count(1)
        self.sent = 0

    def exchange(self, *requests: bytes) -> list[bytes]:
        """Put them in and answer what comes of them.

        Returns:
            The final answers.

        Raises:
            ValueError: one is a refusal.
        """
        answers: list[bytes] = []
        waiting = list(requests)
        while waiting:
            for data in waiting:
                self.house.receive(data)
            news = self.house.peer.sent[:]
            self.house.peer.sent.clear()
            self.sent += len(news)
            waiting = [ok(data) for data in news if not data.startswith(b"SIP/2.0")]
            answers += [data for data in news if data.startswith(b"SIP/2.0")]
        refused = [data for data in answers if not data.startswith((b"SIP/2.0 1", b"SIP/2.0 2"))]
        if refused:
            raise ValueError(f"refused: {refused[0].decode(errors='replace')}")
        return [data for data in answers if not data.startswith(b"SIP/2.0 1")]

    def end(self) -> None:
        """All transactions come to their ends."""
        self.house.after(ENDED)
        self.exchange()

    def register(self, user: int) -> None:
        self.exchange(self.wire.register(next(self.numbers), f"u{user}"))

    def publish(self, user: int, etag: str = "") -> str:
        """A first document, or (`etag`) another one; the entity-tag."""
        number, name = next(self.numbers), f"u{user}"
        body = self.wire.pidf(name, number)
        (answer,) = self.exchange(self.wire.publish(number, name, body=body, etag=etag))
        return field(answer, b"SIP-ETag")

    def subscribe(self, presentity: str, watcher: int, *, lists: bool = False) -> None:
        request = self.wire.subscribe(next(self.numbers), presentity, f"u{watcher}", lists=lists)
        self.exchange(request)

    def message(self, user: int, sender: int) -> None:
        self.exchange(self.wire.message(next(self.numbers), f"u{user}", f"u{sender}"))


Operation = Callable[[int], object]
"""Does it for the nth time."""


def _register(traffic: Traffic) -> Operation:
    return traffic.register


def _digest(traffic: Traffic) -> Operation:
    """A REGISTER whose sender proves himself, with the nonce of a challenge from before."""
    peer = traffic.house.network.at(STRANGER)

    def ask(user: str, authorization: str = "") -> bytes:
        request = traffic.wire.register(next(traffic.numbers), user)
        head = request.removesuffix(b"\r\n\r\n")
        traffic.house.receive(head + f"{authorization}\r\n\r\n".encode(), peer)
        answer = peer.sent.pop()
        traffic.sent += 1
        return answer

    nonce = nonce_of(ask("u0").decode())
    who = {"password": PASSWORD, "realm": DOMAIN, "uri": f"sip:{DOMAIN}"}
    proofs = [
        credentials(nonce, username=f"u{time}", nc=f"{time + 1:08x}", **who) for time in range(WARM + COUNT)
    ]

    def register(time: int) -> None:
        answer = ask(f"u{time}", f"\r\nAuthorization: {proofs[time]}")
        if not answer.startswith(b"SIP/2.0 200"):
            raise ValueError(f"refused: {answer.decode()}")

    return register


def _publish(traffic: Traffic) -> Operation:
    return traffic.publish


def _modify(traffic: Traffic) -> Operation:
    etags = [traffic.publish(user) for user in range(WARM + COUNT)]
    return lambda time: traffic.publish(time, etags[time])


def _subscribe(traffic: Traffic) -> Operation:
    for user in range(3):
        traffic.publish(user)
    return lambda time: traffic.subscribe(f"u{time % 3}", 10 + time)


def _message(traffic: Traffic) -> Operation:
    for user in range(3):
        traffic.register(user)
    return lambda time: traffic.message(time % 3, 10 + time)


def _fanout(traffic: Traffic) -> Operation:
    etag = traffic.publish(0)
    for user in range(WATCHERS):
        traffic.subscribe("u0", 1 + user)

    def change(time: int) -> None:
        nonlocal etag
        etag = traffic.publish(0, etag)
        traffic.end()

    return change


def _list(traffic: Traffic) -> Operation:
    members = tuple(f"sip:u{user}@{DOMAIN}" for user in range(MEMBERS))
    owners = [f"sip:u{MEMBERS + time}@{DOMAIN}" for time in range(WARM + COUNT)]
    traffic.house.parts.contacts.load((owner, (BookGroup("", members),)) for owner in owners)
    for user in range(MEMBERS):
        traffic.publish(user)
    return lambda time: traffic.subscribe(f"u{MEMBERS + time}+contacts", MEMBERS + time, lists=True)


@dataclass(frozen=True, slots=True)
class Kind:
    """How it is prepared, how many messages the server sends each time, how many units each is."""

    prepare: Callable[[Traffic], Operation]
    messages: int
    count: int = COUNT
    units: int = 1


OPERATIONS = {
    "register": Kind(_register, 1),
    "register-digest": Kind(_digest, 1),
    "publish": Kind(_publish, 1),
    "publish-modify": Kind(_modify, 1),
    "subscribe": Kind(_subscribe, 2),
    "message": Kind(_message, 2),
    # One NOTIFY, with its share of the PUBLISH.
    "fanout-100": Kind(_fanout, 1 + WATCHERS, 2, WATCHERS),
    "list-20": Kind(_list, 2),
}
"""As `scripts/bench` names them."""


def measure(name: str) -> Cost:
    """Do it some times. Raises ValueError if the server does not do what it should."""
    kind = OPERATIONS[name]
    traffic = Traffic()
    operation = kind.prepare(traffic)
    traffic.end()
    for time in range(WARM):
        operation(time)
    traffic.end()
    traffic.sent = 0
    traffic.house.journal.writes.clear()
    with Counter() as counter:
        for time in range(WARM, WARM + kind.count):
            operation(time)
        traffic.end()
    if traffic.sent != kind.messages * kind.count:
        raise ValueError(f"{name}: {traffic.sent} messages were sent, not {kind.messages * kind.count}")
    each = kind.count * kind.units
    return Cost(
        instructions=round(counter.instructions / each),
        calls=round(counter.calls / each),
        records=round(sum(map(len, traffic.house.journal.writes)) / each, 2),
    )


def timed(name: str) -> float:
    """Microseconds of one exchange in this process, with the answers of the peer: the least of some runs."""
    kind = OPERATIONS[name]
    least = float("inf")
    for _ in range(RUNS):
        traffic = Traffic()
        operation = kind.prepare(traffic)
        for turn in range(WARM):
            operation(turn)
        for turn in range(WARM, WARM + kind.count):
            begun = perf_counter()
            operation(turn)
            least = min(least, (perf_counter() - begun) / kind.units)
    return least * 1e6


def interpreted() -> bool:
    """Whether there is bytecode to count: not where mypyc has compiled it (decision 0018)."""
    return str(sip.core.__file__).endswith(".py")


# -- what is recorded ---------------------------------------------------------------------------------


def recorded(python: str = PYTHON, file: Path = FILE) -> Known:
    """Figures for a version of Python; empty: there are none."""
    table = tomllib.loads(file.read_text()).get(python, {})
    return {name: Cost(**figures) for name, figures in table.items()}


def record(costs: Known, python: str = PYTHON, file: Path = FILE) -> None:
    """Write them down beside those for other versions of Python."""
    versions = {version: recorded(version, file) for version in tomllib.loads(file.read_text())}
    versions[python] = versions.get(python, {}) | costs
    head = [line for line in file.read_text().splitlines() if line.startswith("#")]
    tables = []
    for version, known in sorted(versions.items(), key=lambda it: [int(part) for part in it[0].split(".")]):
        rows = [f"{name:15} = {{ {_figures(cost)} }}" for name, cost in known.items()]
        tables.append("\n".join([f'["{version}"]', *rows]))
    file.write_text("\n\n".join(["\n".join(head), *tables]) + "\n")


def _figures(cost: Cost) -> str:
    return ", ".join(f"{name} = {figure:g}" for name, figure in _exactly(cost).items())


def _exactly(cost: Cost) -> dict[str, float]:
    return {it.name: getattr(cost, it.name) for it in fields(cost)}


def complaints(name: str, known: Cost | None, present: Cost) -> list[str]:
    """What to say of an operation whose cost is another one than recorded."""
    if known is None:
        return [f"{name}: nothing is recorded; scripts/costs --record {name}"]
    found = []
    for what, before in _exactly(known).items():
        now = getattr(present, what)
        change = now / before - 1 if before else float(now > 0)
        if abs(change) <= TOLERANCE:
            continue
        advice = (
            "make it cheaper, or, if it has to be,"
            if change > 0
            else "so that it stays cheap, and nobody takes the gain back unseen,"
        )
        found.append(
            f"{name}: {now:g} {what}, recorded are {before:g} ({change:+.0%}); {advice} record it anew:"
            f" scripts/costs --record {name}"
        )
    return found


# -- the command --------------------------------------------------------------------------------------


def table(costs: Known, known: Known) -> str:
    """What it costs and, in brackets, by how much it has changed since it was recorded."""
    lines = [f"{'':16}" + "".join(f"{it.name:>20}" for it in fields(Cost))]
    for name, cost in costs.items():
        before = known.get(name)
        cells = []
        for what, now in _exactly(cost).items():
            then = getattr(before, what) if before else 0
            cells.append(f"{now:g}" + (f" ({now / then - 1:+.1%})" if then else ""))
        lines.append(f"{name:16}" + "".join(f"{cell:>20}" for cell in cells))
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit status: 0, 1 if something costs not what is recorded, 2 if nothing can be counted."""
    parser = argparse.ArgumentParser(prog="scripts/costs", description="Count what one exchange costs.")
    parser.add_argument("operations", nargs="*", metavar="OPERATION", help=", ".join(OPERATIONS))
    parser.add_argument("--record", action="store_true", help=f"write the figures into {FILE.name}")
    parser.add_argument(
        "--time", action="store_true", help="microseconds in one process, compared with nothing"
    )
    parser.add_argument("--json", action="store_true", help="print them as JSON, compare nothing")
    chosen = parser.parse_args(arguments)
    if unknown := [name for name in chosen.operations if name not in OPERATIONS]:
        parser.error(f"there is no operation {unknown[0]!r}, only {', '.join(OPERATIONS)}")
    if chosen.time:
        for name in chosen.operations or OPERATIONS:
            print(f"{name:16}{timed(name):10.1f} µs")
        return 0
    if not interpreted():
        print("scripts/costs: the compiled form has no bytecode to count", file=sys.stderr)
        return 2
    costs = {name: measure(name) for name in chosen.operations or OPERATIONS}
    if chosen.json:
        print(json.dumps({name: asdict(cost) for name, cost in costs.items()}))
        return 0
    known = recorded()
    print(f"Python {PYTHON}, for one exchange (change since it was recorded)\n{table(costs, known)}")
    if chosen.record:
        record(costs)
        return 0
    found = [text for name, cost in costs.items() for text in complaints(name, known.get(name), cost)]
    for text in found:
        print(text, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
