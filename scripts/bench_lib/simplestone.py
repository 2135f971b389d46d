"""A mix of requests as a domain of users makes it, after SIMPLEstone (Singh and Schulzrinne, CUCS-023-06).

Sign-on: each user registers, publishes and watches `BUDDIES` others.  Steady state: each changes its state
and refreshes everything once in the lifetime of an hour.  Sign-off: each ends its subscriptions, removes
its publication and its binding.  The figures of users and rates are ours; a result is for one user, or for
one hour of one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from bench_lib import wire
from bench_lib.driver import Driver, Exchange, Group, Outcome, Watch
from bench_lib.measure import Bench, Measured, Result, fill
from bench_lib.traffic import Traffic

BUDDIES = 10
CHANGES_AN_HOUR = 3


@dataclass(slots=True)
class Dialog:
    """A subscription as its watcher knows it."""

    call: str
    watch: Watch
    seq: int = 1


@dataclass(slots=True)
class User:
    """One of the domain."""

    name: str
    group: Group
    dialogs: list[Dialog] = field(default_factory=list)
    call: str = ""
    seq: int = 0


class Domain:
    """Users in a ring: each watches those that come after."""

    def __init__(self, traffic: Traffic, count: int) -> None:
        self._traffic = traffic
        self._driver: Driver = traffic.driver
        self._buddies = min(BUDDIES, count // 4)
        self.users = [User(name, Group(name)) for name in (traffic.take() for _ in range(count))]

    def sign_on(self) -> Iterator[Exchange]:
        """Everything that users do at first, all registering and publishing before anybody watches."""
        for user in self.users:
            yield self._register(user, 3600)
            yield self._traffic.change(user.group, 0)
        for place, user in enumerate(self.users):
            for ahead in range(1, self._buddies + 1):
                yield self._watch(user, self.users[(place + ahead) % len(self.users)])

    def steady(self) -> Iterator[Exchange]:
        """An hour of each user.

        One changes while another, half a ring away, refreshes: the two would have one NOTIFY together if
        the first watched the second.
        """
        half = len(self.users) // 2
        for change in range(CHANGES_AN_HOUR):
            for place, user in enumerate(self.users):
                yield self._traffic.change(user.group, self._buddies)
                if change == 0:
                    yield from self._refreshes(self.users[(place + half) % len(self.users)])

    def sign_off(self) -> Iterator[Exchange]:
        """Everything ends."""
        for user in self.users:
            for dialog in user.dialogs:
                yield self._in_dialog(user, dialog, 0)
            yield self._publish(user, 0)
            yield self._register(user, 0)

    def _refreshes(self, user: User) -> Iterator[Exchange]:
        yield self._register(user, 3600)
        yield self._publish(user, 3600)
        for dialog in user.dialogs:
            yield self.refresh(user, dialog)

    def _register(self, user: User, expires: int) -> Exchange:
        number = self._driver.number()
        user.call = user.call or wire.call_id(number)
        user.seq += 1
        request = self._driver.wire.register(number, user.name, expires=expires, call=user.call, seq=user.seq)
        return Exchange(number, request)

    def _publish(self, user: User, expires: int) -> Exchange:
        number = self._driver.number()
        group = user.group

        def answered(data: bytes) -> None:
            group.etag = wire.field(data, b"SIP-ETag")

        request = self._driver.wire.publish(number, user.name, etag=group.etag, expires=expires)
        return Exchange(number, request, on_answer=answered)

    def _watch(self, user: User, other: User) -> Exchange:
        exchange, watch = self._traffic.subscribe(other.group, user.name)
        user.dialogs.append(Dialog(wire.call_id(exchange.number), watch))

        def answered(data: bytes) -> None:
            watch.remote = wire.field(data, b"To")
            watch.target = wire.field(data, b"Contact").partition("<")[2].partition(">")[0]

        exchange.on_answer = answered
        return exchange

    def refresh(self, user: User, dialog: Dialog) -> Exchange:
        """SUBSCRIBE within a dialog, with its NOTIFY."""
        return self._in_dialog(user, dialog, 3600)

    def _in_dialog(self, user: User, dialog: Dialog, expires: int) -> Exchange:
        number = self._driver.number()
        dialog.seq += 1
        watch = dialog.watch
        request = self._driver.wire.subscribe(
            number,
            watch.group.user,
            user.name,
            expires=expires,
            call=dialog.call,
            seq=dialog.seq,
            to=watch.remote,
            target=watch.target,
        )
        exchange = watch.exchange = Exchange(number, request, notifies=1)
        return exchange


def measure(bench: Bench) -> list[Result]:
    """The three phases, one after the other."""
    results = []
    count = bench.options.presentities
    window = max(1, min(bench.options.window, count // 4))
    with bench.fresh() as traffic:
        domain = Domain(traffic, count)
        for name, unit, work in (
            ("mixed-sign-on", "user", domain.sign_on()),
            ("mixed-steady", "user-hour", domain.steady()),
            ("mixed-sign-off", "user", domain.sign_off()),
        ):
            bench.say(name)
            result = bench.result(name, unit)
            measured = Measured(bench.target)
            outcome = traffic.driver.through(work, window)
            traffic.driver.idle(bench.options.settle)
            measured.stop()
            fill(result, outcome, measured)
            _for_users(result, outcome, measured, count)
            results.append(result)
    return results


def _for_users(result: Result, outcome: Outcome, measured: Measured, users: int) -> None:
    """CPU and rate for one user; the requests and NOTIFYs stay beside."""
    result.count = users
    result.cpu = measured.seconds / users * 1e6
    result.by_process = {name: seconds / users * 1e6 for name, seconds in measured.by_process.items()}
    result.closed_rate = users / outcome.seconds
    result.more = {
        "requests": float(outcome.good),
        "notifies": float(outcome.notifies),
        "us_a_transaction": measured.seconds / max(1, outcome.good + outcome.notifies) * 1e6,
    }
