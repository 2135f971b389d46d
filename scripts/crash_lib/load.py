"""Everybody who makes the load, at once."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from random import Random

from crash_lib.contacts import ContactKeeper
from crash_lib.evidence import Evidence, Lost, Wrong
from crash_lib.postmen import Postman
from crash_lib.readers import Reader
from crash_lib.users import Actor, Binder, Publisher
from crash_lib.watchers import Watcher
from tests.support.server import Server

BINDERS, PUBLISHERS, POSTMEN, WATCHERS, KEEPERS, READERS = 3, 4, 3, 3, 2, 2
_MEMBERS = ("binder0", "binder1", "binder2")


def users(rounds: int) -> list[str]:
    """The names of everybody whom a test of so many rounds may need."""
    names = ["judge"]
    for kind, count in (
        ("binder", BINDERS),
        ("sender", POSTMEN),
        ("receiver", POSTMEN),
        ("watcher", WATCHERS),
        ("keeper", KEEPERS),
        ("reader", READERS),
        # Who lost an entity-tag is followed by another one.
        ("publisher", PUBLISHERS * (rounds + 1)),
    ):
        names += [f"{kind}{number}" for number in range(count)]
    return names


def table(file: Path, rounds: int, domain: str) -> int:
    """Write the users as a table for `presentity user import`; how many they are."""
    names = users(rounds)
    rows = [f"{name}@{domain},secret,{name.title()}" for name in names]
    file.write_text("\n".join(["aor,password,display_name", *rows, ""]))
    return len(names)


class Load:
    """The actors, each in a thread of its own while the load runs."""

    def __init__(self, evidence: Evidence, server: Server, random: Random) -> None:
        self._evidence = evidence
        publishers = map("publisher{}".format, itertools.count())

        def chance() -> Random:
            return Random(random.random())

        self._publishers = [
            Publisher(evidence, server, lambda: next(publishers), chance()) for _ in range(PUBLISHERS)
        ]
        self._watchers = [
            Watcher(evidence, server, f"watcher{number}", self._targets, chance())
            for number in range(WATCHERS)
        ]
        self._others: list[Actor] = [
            *(Binder(evidence, server, f"binder{number}", chance()) for number in range(BINDERS)),
            *(
                Postman(evidence, server, f"sender{number}", f"receiver{number}", chance())
                for number in range(POSTMEN)
            ),
            *(
                ContactKeeper(evidence, server, f"keeper{number}", _MEMBERS, chance())
                for number in range(KEEPERS)
            ),
            *(
                Reader(evidence, server, f"reader{number}", self._targets, chance())
                for number in range(READERS)
            ),
        ]

    def _targets(self) -> Sequence[str]:
        return [it.uri for it in self._publishers]

    @property
    def actors(self) -> list[Actor]:
        return [*self._others, *self._publishers, *self._watchers]

    @contextmanager
    def running(self) -> Iterator[None]:
        """The load runs within; at the end everybody has an answer, or knows that there will be none."""
        evidence = self._evidence
        evidence.over.clear()
        for actor in self.actors:
            actor.renew()
        with ThreadPoolExecutor(len(self.actors), thread_name_prefix="load") as pool:
            running = [(actor, pool.submit(self._run, actor)) for actor in self.actors]
            try:
                yield
            finally:
                evidence.over.set()
                wait(future for _, future in running)
        self._note(running)

    def _run(self, actor: Actor) -> None:
        evidence = self._evidence
        while not evidence.over.is_set() and not evidence.down.is_set():
            try:
                actor.step()
            except Lost:
                return

    def check(self) -> list[str]:
        """What is not as it was answered."""
        # What watchers see is compared when nobody publishes any more.
        for actors in ([*self._others, *self._publishers], self._watchers):
            with ThreadPoolExecutor(len(actors), thread_name_prefix="check") as pool:
                running = [(actor, pool.submit(actor.check)) for actor in actors]
            self._note(running)
        return self._evidence.wrongs()

    def _note(self, done: Sequence[tuple[Actor, Future[None]]]) -> None:
        for actor, future in done:
            error = future.exception()
            if isinstance(error, (Wrong, AssertionError)):
                self._evidence.wrong(f"{error}")
            elif error is not None:
                self._evidence.wrong(f"{actor.name}: {error!r}")

    def close(self) -> None:
        for actor in self.actors:
            actor.close()
