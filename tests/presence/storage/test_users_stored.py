"""Users in the database, and the news of their changes that a running server follows."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
import pytest_twisted
from sqlalchemy import insert, select, text, update
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from presence.directory import Change, Directory
from presence.provisioning.errors import ProvisioningError
from presence.provisioning.users import ImportRow, UserService
from presence.storage.database import Database, load
from presence.storage.kinds import KINDS
from presence.storage.models import Outbox
from presence.storage.outbox import FollowerSettings, OutboxFollower
from presence.storage.rows import announce, begin_announcing
from presence.storage.signs import Listener
from presence.storage.users import SqlUserRepository

TEN_SECONDS = 10.0


@pytest.fixture
def users(database: Database) -> UserService:
    return UserService(SqlUserRepository(database), ["example.com"])


def outbox(database: Database) -> list[tuple[str, str]]:
    with database.reading() as connection:
        rows = connection.execute(select(Outbox.topic, Outbox.key).order_by(Outbox.id))
        return [(row.topic, row.key) for row in rows]


def started(code: str, url: str) -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    return subprocess.Popen([sys.executable, "-c", code, url], stdin=pipe, stdout=pipe, text=True)


def after(seconds: float) -> Deferred[None]:
    return deferLater(reactor, seconds, lambda: None)


async def until(condition: Callable[[], bool], seconds: float = TEN_SECONDS) -> float:
    """Wait for it; returns the seconds that it took."""
    begin = time.monotonic()
    while not condition():
        assert time.monotonic() - begin < seconds, "it did not come to pass"
        await after(0.01)
    return time.monotonic() - begin


class Followers:
    """Makes followers that write what they hear into a list, and stops them at the end."""

    def __init__(self) -> None:
        self.made: list[OutboxFollower] = []

    def __call__(self, url: str, position: int = 0, **settings: Any) -> tuple[OutboxFollower, list[Change]]:
        heard: list[Change] = []
        follower = OutboxFollower(reactor, url, position, heard.extend, FollowerSettings(**settings))
        self.made.append(follower)
        follower.start()
        return follower, heard


@pytest.fixture
def follow() -> Iterator[Followers]:
    followers = Followers()
    yield followers
    for follower in followers.made:
        pytest_twisted.blockon(follower.stop().addTimeout(TEN_SECONDS, reactor))


def test_a_user_is_kept_with_name_and_aliases_but_without_the_password(
    users: UserService, database: Database
) -> None:
    added = users.add("alice@example.com", "wonderland", "Alice", ["a", "al@example.com"])
    assert users.get("alice@example.com") == added
    assert users.get("sip:alice@EXAMPLE.com").aliases == ("sip:a@example.com", "sip:al@example.com")
    with database.reading() as connection:
        tables = [connection.execute(text(f'SELECT * FROM "{it}"')).all() for it in ("user", "outbox")]
    assert "wonderland" not in str(tables)


def test_users_are_listed_in_the_order_of_their_addresses(users: UserService) -> None:
    for name in ("carol", "alice", "bob"):
        users.add(f"{name}@example.com", "x")
    assert [user.name for user in users.list()] == [
        "alice@example.com",
        "bob@example.com",
        "carol@example.com",
    ]


def test_every_change_leaves_its_entry_in_the_outbox(users: UserService, database: Database) -> None:
    users.add("alice@example.com", "x")
    users.set_password("alice@example.com", "y")
    users.delete("alice@example.com")
    key = "sip:alice@example.com"
    assert outbox(database) == [("user.added", key), ("user.changed", key), ("user.deleted", key)]


def test_no_hash_of_a_password_lies_in_the_outbox(users: UserService, database: Database) -> None:
    user = users.add("alice@example.com", "x")
    users.set_password("alice@example.com", "y")
    with database.reading() as connection:
        payloads = str(connection.execute(select(Outbox.payload)).all())
    assert user.credentials.md5 not in payloads
    assert users.get("alice@example.com").credentials.md5 not in payloads


@pytest.mark.parametrize(
    ("address", "aliases", "why"),
    [
        ("alice@example.com", [], "user alice@example.com exists already"),
        ("a@example.com", [], "a@example.com is taken, it is an alias of alice@example.com"),
        ("bob@example.com", ["a"], "alias a@example.com is taken by alice@example.com"),
        ("bob@example.com", ["alice"], "alias alice@example.com is taken, it is a user"),
    ],
)
def test_an_address_belongs_to_one_user_only(
    users: UserService, database: Database, address: str, aliases: list[str], why: str
) -> None:
    users.add("alice@example.com", "x", aliases=["a"])
    with pytest.raises(ProvisioningError, match=f"^{why}$"):
        users.add(address, "x", aliases=aliases)
    assert len(outbox(database)) == 1
    assert len(list(users.list())) == 1


def test_what_concerns_nobody_is_refused_and_announces_nothing(
    users: UserService, database: Database
) -> None:
    for refused in (
        lambda: users.set_password("nobody@example.com", "x"),
        lambda: users.delete("nobody@example.com"),
        lambda: users.get("nobody@example.com"),
    ):
        with pytest.raises(ProvisioningError, match=r"^there is no user nobody@example.com$"):
            refused()
    assert outbox(database) == []


def test_deleting_a_user_deletes_all_that_is_kept_for_him_and_nothing_of_others(
    users: UserService, database: Database
) -> None:
    users.add("alice@example.com", "x", aliases=["a"])
    users.add("bob@example.com", "x", aliases=["b"])
    alice, bob = "sip:alice@example.com", "sip:bob@example.com"

    def row(kind: str, **values: object) -> None:
        filled: dict[str, object] = {
            column.name: 0 if column.type.python_type in (int, float) else "x"
            for column in KINDS[kind].table.columns
            if not column.nullable
        }
        with database.writing() as connection:
            connection.execute(insert(KINDS[kind].table), [filled | values])

    for aor in (alice, bob):
        row("binding", aor=aor)
        row("publication", id=aor, aor=aor)
        row("message", id=aor, recipient=aor, sender=alice)
    for number, (aor, watcher) in enumerate([(alice, bob), (bob, alice), (bob, bob)]):
        row("subscription", id=str(number), aor=aor, watcher=watcher)
        row("waiting", id=str(number), aor=aor, watcher=watcher)
    users.delete("alice@example.com")
    assert [key for key, _ in load(database, "binding")] == [(bob, "x")]
    assert [key for key, _ in load(database, "publication")] == [(bob,)]
    assert [key for key, _ in load(database, "message")] == [(bob,)]
    # Those who watched her have to be told by a server, which then removes it.
    assert [key for key, _ in load(database, "subscription")] == [("0",), ("2",)]
    assert [key for key, _ in load(database, "waiting")] == [("x", bob, bob)]
    assert [user.name for user in users.list()] == ["bob@example.com"]
    users.add("a@example.com", "x")


def test_an_import_reports_bad_rows_and_adds_the_rest(users: UserService) -> None:
    users.add("alice@example.com", "x")
    rows = [
        ImportRow(2, "bob@example.com", "x", "Bob"),
        ImportRow(3, "alice@example.com", "x"),
        ImportRow(4, "no address", "x"),
        ImportRow(5, "bob@example.com", "x"),
        ImportRow(6, "carol@elsewhere.net", "x"),
        ImportRow(7, "dave@example.com", ""),
        ImportRow(8, "eve@example.com", "x"),
    ]
    report = users.import_rows(rows)
    assert report.imported == 2
    assert report.errors == [
        (3, "user alice@example.com exists already"),
        (4, "'no address' is not a valid address: write name@domain"),
        (5, "user bob@example.com exists already"),
        (6, "domain elsewhere.net is not served here (served: example.com)"),
        (7, "the password is empty"),
    ]
    assert len(list(users.list())) == 3


def test_ten_thousand_users_are_imported_in_less_than_ten_seconds(users: UserService) -> None:
    steps: list[int] = []
    rows = [ImportRow(n + 2, f"user{n}@example.com", f"password{n}", f"User {n}") for n in range(10_000)]
    begin = time.perf_counter()
    report = users.import_rows(rows, steps.append)
    assert time.perf_counter() - begin < 10
    assert (report.imported, report.errors) == (10_000, [])
    assert (sum(steps), max(steps)) == (10_000, 500)


@pytest_twisted.ensureDeferred
async def test_a_change_by_another_process_is_heard_within_a_second(url: str, follow: Followers) -> None:
    follower, heard = follow(url)
    await after(0.3)
    code = """
import sys
from presence.provisioning.users import UserService
from presence.storage.database import open_database
from presence.storage.users import SqlUserRepository
users = UserService(SqlUserRepository(open_database(sys.argv[1])))
sys.stdin.readline()
users.add("alice@example.com", "x", "Alice", ["a"])
print("added", flush=True)
sys.stdin.readline()
users.delete("alice@example.com")
print("deleted", flush=True)
"""
    cli = started(code, url)
    assert cli.stdin is not None
    assert cli.stdout is not None
    with cli, cli.stdin, cli.stdout:
        directory = Directory(["example.com"])
        cli.stdin.write("\n")
        cli.stdin.flush()
        assert cli.stdout.readline() == "added\n"
        assert await until(lambda: len(heard) == 1) < 1.0
        directory.apply(heard)
        assert directory.resolve("sip:a@example.com") == "sip:alice@example.com"
        cli.stdin.write("\n")
        cli.stdin.flush()
        assert cli.stdout.readline() == "deleted\n"
        assert await until(lambda: len(heard) == 2) < 1.0
        directory.apply(heard[1:])
    assert len(directory) == 0
    assert [entry.topic for entry in heard] == ["user.added", "user.deleted"]
    assert heard[1].payload == {"aliases": ["sip:a@example.com"]}
    assert follower.position == heard[1].id


@pytest_twisted.ensureDeferred
async def test_entries_are_delivered_in_order_and_each_once(
    url: str, users: UserService, follow: Followers
) -> None:
    _, heard = follow(url)
    for number in range(1200):
        if number % 400 == 0:
            users.import_rows([ImportRow(0, f"u{number + it}@example.com", "x") for it in range(400)])
            await after(0.05)
    await until(lambda: len(heard) >= 1200)
    await after(0.3)
    assert len(heard) == 1200
    assert [entry.id for entry in heard] == sorted({entry.id for entry in heard})


@pytest_twisted.ensureDeferred
async def test_following_begins_after_the_position_of_the_snapshot(
    url: str, users: UserService, database: Database, follow: Followers
) -> None:
    users.add("alice@example.com", "x")
    with database.snapshot() as snapshot:
        assert [user.name for user in snapshot.users()] == ["alice@example.com"]
        position = snapshot.outbox_position
    users.add("bob@example.com", "x")
    _, heard = follow(url, position)
    await until(lambda: bool(heard))
    assert [entry.key for entry in heard] == ["sip:bob@example.com"]


@pytest_twisted.ensureDeferred
async def test_an_entry_comes_with_the_user_as_he_is_now(
    url: str, users: UserService, follow: Followers
) -> None:
    users.add("alice@example.com", "first")
    users.set_password("alice@example.com", "second")
    users.add("bob@example.com", "x")
    users.delete("bob@example.com")
    _, heard = follow(url)
    await until(lambda: bool(heard))
    now = users.get("alice@example.com")
    assert [entry.user for entry in heard] == [now, now, None, None]


@pytest.mark.postgres
@pytest_twisted.ensureDeferred
async def test_transactions_that_overlap_commit_in_the_order_of_their_ids(
    postgres_url: str, opened: Callable[[str], Database], follow: Followers
) -> None:
    from threading import Thread

    from presence.storage.migrate import upgrade

    upgrade(postgres_url)
    database = opened(postgres_url)
    with database.snapshot() as snapshot:
        position = snapshot.outbox_position
    _, heard = follow(postgres_url, position)

    def second() -> None:
        with database.writing() as connection:
            begin_announcing(connection)
            announce(connection, [("test", "second", {})])

    late = Thread(target=second)
    with database.writing() as connection:
        begin_announcing(connection)
        announce(connection, [("test", "first", {})])
        late.start()
        await after(0.5)
        assert heard == []
    late.join()
    await until(lambda: len(heard) == 2)
    assert [entry.key for entry in heard] == ["first", "second"]


@pytest.mark.postgres
@pytest_twisted.ensureDeferred
async def test_a_lost_listening_connection_is_made_anew(
    postgres_url: str, opened: Callable[[str], Database], follow: Followers
) -> None:
    from presence.storage.migrate import upgrade

    upgrade(postgres_url)
    database = opened(postgres_url)
    with database.snapshot() as snapshot:
        position = snapshot.outbox_position
    _, heard = follow(postgres_url, position, fallback=0.3)
    await after(0.2)
    with database.reading() as connection:
        kill = (
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
            "WHERE datname = current_database() AND query LIKE 'LISTEN%'"
        )
        assert connection.execute(text(kill)).scalar() == 1
    with database.writing() as connection:
        begin_announcing(connection)
        announce(connection, [("test", "k", {"n": 1})])
    await until(lambda: len(heard) == 1)
    assert heard[0].payload == {"n": 1}


LISTENING = (
    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
    "WHERE datname = current_database() AND query LIKE 'LISTEN%'"
)


@pytest.mark.postgres
@pytest_twisted.ensureDeferred
async def test_after_the_first_loss_of_the_connection_it_listens_again_at_once_and_then_it_waits(
    postgres_url: str, opened: Callable[[str], Database], follow: Followers
) -> None:
    from presence.storage.migrate import upgrade

    upgrade(postgres_url)
    database = opened(postgres_url)
    with database.snapshot() as snapshot:
        position = snapshot.outbox_position
    follower, heard = follow(postgres_url, position, fallback=60.0)
    sign = follower._sign
    assert isinstance(sign, Listener)

    def cut() -> None:
        with database.reading() as connection:
            assert connection.execute(text(LISTENING)).scalar() == 1

    async def heard_soon(key: str) -> None:
        with database.writing() as connection:
            begin_announcing(connection)
            announce(connection, [("test", key, {})])
        await until(lambda: bool(heard) and heard[-1].key == key, 5)

    await until(lambda: sign._connection is not None)
    first = sign._connection
    cut()
    await until(lambda: sign._connection not in (None, first), 5)
    await heard_soon("after the first loss")
    delays: list[float] = []
    for _ in range(2):
        cut()
        await until(lambda: sign._retry is not None)
        assert sign._retry is not None
        delays.append(sign._retry.getTime() - reactor.seconds())
        await until(lambda: sign._connection is not None)
    assert delays == [pytest.approx(0.25, abs=0.1), pytest.approx(0.5, abs=0.1)]
    await heard_soon("after the third")


@pytest_twisted.ensureDeferred
async def test_what_one_entry_does_to_its_reader_does_not_stop_the_next(
    url: str, users: UserService, follow: Followers, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[str] = []

    def broken(entries: Sequence[Change]) -> None:
        seen.extend(entry.key for entry in entries)
        raise LookupError("mine")

    follower = OutboxFollower(reactor, url, 0, broken)
    follow.made.append(follower)
    follower.start()
    users.add("alice@example.com", "x")
    await until(lambda: len(seen) == 1)
    users.add("bob@example.com", "x")
    await until(lambda: len(seen) == 2)
    assert "outbox.callback" in caplog.messages


@pytest_twisted.ensureDeferred
async def test_of_entries_read_at_once_all_are_delivered_but_the_one_that_fails(
    url: str, users: UserService, follow: Followers, caplog: pytest.LogCaptureFixture
) -> None:
    users.import_rows([ImportRow(0, f"u{number}@example.com", "x") for number in range(9)])
    digested: list[str] = []

    def digest(entries: Sequence[Change]) -> None:
        for entry in entries:
            if entry.key == "sip:u4@example.com":
                raise LookupError("mine")
            digested.append(entry.key)

    follower = OutboxFollower(reactor, url, 0, digest)
    follow.made.append(follower)
    follower.start()
    await until(lambda: len(digested) >= 8)
    assert digested == [f"sip:u{number}@example.com" for number in (0, 1, 2, 3, 5, 6, 7, 8)]
    assert [record.position for record in caplog.records if record.message == "outbox.callback"] == [5]


@pytest_twisted.ensureDeferred
async def test_old_entries_are_pruned_at_the_start(
    url: str, users: UserService, database: Database, follow: Followers
) -> None:
    users.add("old@example.com", "x")
    with database.writing() as connection:
        connection.execute(update(Outbox).values(created_at=time.time() - 8 * 86400))
    users.add("new@example.com", "x")
    follow(url)
    await until(lambda: len(outbox(database)) == 1)
    assert outbox(database) == [("user.added", "sip:new@example.com")]


@pytest_twisted.ensureDeferred
async def test_a_follower_of_a_database_without_tables_recovers_when_they_are_there(
    empty_url: str, opened: Callable[[str], Database], follow: Followers
) -> None:
    from presence.storage.migrate import upgrade

    follower, heard = follow(empty_url, fallback=0.2)
    await until(lambda: not follower.healthy)
    upgrade(empty_url)
    UserService(SqlUserRepository(opened(empty_url))).add("alice@example.com", "x")
    await until(lambda: len(heard) == 1)
    assert follower.healthy
    assert json.dumps(dict(heard[0].payload)) == "{}"
