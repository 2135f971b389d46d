"""The operations as exchanges: what a call of each is, and what has to be there before it."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterator

from bench_lib.driver import Driver, Exchange, Group, Outcome, Watch
from bench_lib.errors import BenchError
from bench_lib.provision_names import owner
from bench_lib.wire import field

Maker = Callable[[], Exchange]
SETUP_WINDOW = 50


class OutOfUsers(BenchError):
    """Every user has been used: start again with an empty server."""

    def __init__(self) -> None:
        super().__init__("there are not enough users (option --users)")


class Traffic:
    """Makes exchanges of a driver against a server with the users u0 and on; `first` is the first to use."""

    def __init__(self, driver: Driver, users: int, first: int = 0) -> None:
        self.driver = driver
        self._wire = driver.wire
        self._users = users
        self._taken = first
        self._watcher = itertools.cycle(range(users))
        self._changes = itertools.count(1)
        self.published: deque[tuple[str, str]] = deque()
        """User and entity-tag of each publication."""

        self._registered: deque[str] = deque()

    @property
    def left(self) -> int:
        """Users that nothing has been done with."""
        return self._users - self._taken

    def take(self) -> str:
        """A user that nothing has been done with. Raises OutOfUsers."""
        if self._taken >= self._users:
            raise OutOfUsers
        self._taken += 1
        return f"u{self._taken - 1}"

    def watcher(self) -> str:
        """Somebody."""
        return f"u{next(self._watcher)}"

    # -- single requests ----------------------------------------------------------------------------------

    def register(self) -> Exchange:
        """REGISTER of a user who is not registered."""
        number = self.driver.number()
        return Exchange(number, self._wire.register(number, self.take()))

    def publish(self) -> Exchange:
        """First PUBLISH of a user."""
        number, user = self.driver.number(), self.take()
        body = self._wire.pidf(user, next(self._changes))
        return self._publishing(number, user, self._wire.publish(number, user, body=body))

    def modify(self) -> Exchange:
        """PUBLISH with another document, of the publication that was changed longest ago."""
        number = self.driver.number()
        user, etag = self._oldest()
        body = self._wire.pidf(user, next(self._changes))
        return self._publishing(number, user, self._wire.publish(number, user, body=body, etag=etag))

    def refresh(self) -> Exchange:
        """PUBLISH without a body, of the publication that was changed longest ago."""
        number = self.driver.number()
        user, etag = self._oldest()
        return self._publishing(number, user, self._wire.publish(number, user, etag=etag))

    def _oldest(self) -> tuple[str, str]:
        if not self.published:
            raise BenchError("every publication is being changed already")
        return self.published.popleft()

    def _publishing(self, number: int, user: str, request: bytes) -> Exchange:
        def answered(data: bytes) -> None:
            self.published.append((user, field(data, b"SIP-ETag")))

        return Exchange(number, request, on_answer=answered)

    def subscriber(self, groups: Iterator[Group]) -> Maker:
        """SUBSCRIBE with its first NOTIFY, to the presentity of the next group."""

        def make() -> Exchange:
            group = next(groups)
            return self.subscribe(group, self.watcher())[0]

        return make

    def subscribe(self, group: Group, watcher: str, *, lists: bool = False) -> tuple[Exchange, Watch]:
        """A new subscription of `watcher` to what `group` names."""
        number = self.driver.number()
        request = self._wire.subscribe(number, group.user, watcher, lists=lists)
        exchange = Exchange(number, request, notifies=1)
        return exchange, self.driver.watch(group, exchange)

    def list_subscriber(self, members: int, owners: int) -> Maker:
        """SUBSCRIBE of the next owner to the list of all of his contacts, with its first NOTIFY."""
        names = itertools.cycle(owner(members, number) for number in range(owners))
        groups: dict[str, Group] = {}

        def make() -> Exchange:
            name = next(names)
            group = groups.setdefault(name, Group(f"{name}+contacts"))
            return self.subscribe(group, name, lists=True)[0]

        return make

    def message(self) -> Exchange:
        """MESSAGE to the next of those who were registered at this driver by `register_many`."""
        number = self.driver.number()
        return Exchange(number, self._wire.message(number, self.registered(), self.watcher()))

    def registered(self) -> str:
        """The next of them."""
        self._registered.rotate(-1)
        return self._registered[-1]

    # -- changes that are told of -------------------------------------------------------------------------

    def change(self, group: Group, notifies: int, ended: Callable[[], None] | None = None) -> Exchange:
        """PUBLISH with another document, and the NOTIFYs that tell of it."""
        number, user = self.driver.number(), group.user
        request = self._wire.publish(
            number, user, body=self._wire.pidf(user, next(self._changes)), etag=group.etag
        )

        def answered(data: bytes) -> None:
            group.etag = field(data, b"SIP-ETag")

        exchange = group.exchange = Exchange(
            number, request, notifies=notifies, on_answer=answered, on_end=ended
        )
        return exchange

    def changer(self, groups: list[Group], notifies: int) -> Maker:
        """Changes of the group that has been at rest longest; no window may be larger than their number."""
        resting = deque(groups)

        def make() -> Exchange:
            group = resting.popleft()
            return self.change(group, notifies, lambda: resting.append(group))

        return make

    # -- what has to be there -----------------------------------------------------------------------------

    def set_up(self, count: int, make: Maker, window: int = SETUP_WINDOW) -> Outcome:
        """Do that so many times. Raises BenchError if not all succeed."""
        outcome = self.driver.closed(count, window, make)
        if outcome.failed:
            raise BenchError(f"{outcome.failed} of {count} failed while preparing: {dict(outcome.refusals)}")
        return outcome

    def register_many(self, count: int) -> None:
        """Register so many users here."""
        first = self._taken
        self.set_up(count, self.register)
        self._registered.extend(f"u{number}" for number in range(first, first + count))

    def publish_many(self, count: int) -> list[Group]:
        """Publish for so many users; a group for each."""
        self.set_up(count, self.publish)
        made = []
        for user, etag in itertools.islice(reversed(self.published), count):
            group = Group(user)
            group.etag = etag
            made.append(group)
        return made

    def watch_many(self, groups: list[Group], each: int) -> None:
        """So many watchers on each of the groups."""
        turns = (group for _ in range(each) for group in groups)
        self.set_up(each * len(groups), self.subscriber(turns))
