"""The ways in which a server dies."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from random import Random

from tests.support.server import Server


@dataclass(frozen=True, slots=True)
class Kill:
    """One way.

    Attributes:
        name: what is killed, for people.
        strike: does it; the load runs.
        survives: whether the server itself goes on.
        early: whether the next start is killed too, before it is done.
    """

    name: str
    strike: Callable[[Server, Random], None]
    survives: bool = False
    early: bool = False


def _everything(server: Server, _random: Random) -> None:
    server.kill9()


def _server_alone(server: Server, _random: Random) -> None:
    server.kill9_main_only()


def _writer(server: Server, random: Random) -> None:
    for _ in range(random.randint(1, 3)):
        for pid in server.children():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(random.uniform(0.0, 0.4))


def _writer_then_everything(server: Server, random: Random) -> None:
    _writer(server, random)
    server.kill9()


KILLS = (
    Kill("server and writer", _everything),
    Kill("writer", _writer, survives=True),
    Kill("server alone", _server_alone),
    Kill("writer, then both", _writer_then_everything),
    Kill("both, and the next start", _everything, early=True),
)
"""In the order in which rounds take them."""
