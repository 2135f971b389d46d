"""Sessions of client applications (SPEC R58 to R60, Q23 to Q26) and the limits of logging in."""

from __future__ import annotations

import re
import threading

import pytest
from sqlalchemy import text

from presence.directory import Credentials
from presence.provisioning.errors import ProvisioningError
from presence.provisioning.sessions import (
    ALREADY_ESTABLISHED,
    WRONG_CREDENTIALS,
    LoggedIn,
    OpenSession,
    Refused,
    SessionService,
    SessionSettings,
)
from presence.provisioning.users import UserService
from presence.storage.database import Database
from presence.storage.sessions import SqlSessionRepository
from tests.presence.storage.provisioned import ALICE, BOB, add_users, news

HERE, THERE = "192.0.2.1", "192.0.2.2"
SETTINGS = SessionSettings(
    "example.com", idle=1000.0, attempts_per_user=3, attempts_per_address=5, window=60.0
)


class Clock:
    now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def users(database: Database) -> UserService:
    return add_users(database)


@pytest.fixture
def sessions(database: Database, users: UserService, clock: Clock) -> SessionService:
    return SessionService(SqlSessionRepository(database), clock, SETTINGS)


def login(
    sessions: SessionService,
    username: str = "alice",
    password: str = "alice-secret",
    *,
    force: bool = False,
    address: str = HERE,
) -> LoggedIn | Refused:
    return sessions.login(username, password, force, address)


def key_of(sessions: SessionService, username: str = "alice", *, force: bool = False) -> str:
    outcome = login(sessions, username, f"{username}-secret", force=force)
    assert isinstance(outcome, LoggedIn), outcome
    return outcome.key


def reason(outcome: LoggedIn | Refused) -> str:
    return outcome.reason if isinstance(outcome, Refused) else ""


def test_the_reasons_are_the_printed_ones() -> None:
    assert WRONG_CREDENTIALS == "Wrong username/password"
    assert ALREADY_ESTABLISHED == "A SOAP session has already been established."


# -- login


def test_a_login_gives_a_key_that_is_its_users(sessions: SessionService) -> None:
    alice, bob = key_of(sessions), key_of(sessions, "bob")
    assert (sessions.owner(alice), sessions.owner(bob)) == (ALICE, BOB)
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", alice)


@pytest.mark.parametrize("username", ["alice", "alice@example.com", "alice@Example.COM", " alice ", "a"])
def test_a_username_is_a_name_in_the_default_domain_an_address_or_an_alias(
    sessions: SessionService, username: str
) -> None:
    outcome = login(sessions, username)
    assert isinstance(outcome, LoggedIn)
    assert outcome.owner == ALICE


@pytest.mark.parametrize(
    ("username", "password"),
    [
        ("alice", "wrong"),
        ("alice", ""),
        ("alice", "bob-secret"),
        ("alice", "\ud800"),
        ("nobody", "alice-secret"),
        ("alice@example.org", "alice-secret"),
        ("", "alice-secret"),
        ("sip:", ""),
        ("a b", "alice-secret"),
        ("alice@", "alice-secret"),
    ],
)
def test_wrong_credentials_are_refused_alike_whatever_is_wrong(
    sessions: SessionService, username: str, password: str
) -> None:
    assert login(sessions, username, password)[:3] == ("Wrong username/password", 0.25, False)


def test_a_password_is_compared_for_somebody_who_does_not_exist_as_well(
    sessions: SessionService, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []
    of = Credentials.of

    def noted(aor: str, password: str) -> Credentials:
        made.append(aor)
        return of(aor, password)

    monkeypatch.setattr(Credentials, "of", noted)
    for username in ("alice", "nobody", "no name"):
        assert reason(login(sessions, username, "wrong")) == WRONG_CREDENTIALS
    assert len(made) == 3


def test_a_user_has_one_session_q24(sessions: SessionService) -> None:
    key = key_of(sessions)
    assert login(sessions, "a@example.com", address=THERE) == Refused(ALREADY_ESTABLISHED, owner=ALICE)
    assert sessions.owner(key) == ALICE
    key_of(sessions, "bob")


def test_credentials_are_looked_at_first_q26(sessions: SessionService) -> None:
    key_of(sessions)
    assert reason(login(sessions, password="wrong")) == WRONG_CREDENTIALS
    assert reason(login(sessions, password="wrong", force=True)) == WRONG_CREDENTIALS


def test_a_forced_login_ends_the_earlier_session_r59(sessions: SessionService) -> None:
    first = key_of(sessions)
    second = key_of(sessions, force=True)
    assert (sessions.owner(first), sessions.owner(second)) == (None, ALICE)
    assert key_of(sessions, "bob", force=True)


def test_two_logins_at_once_open_one_session(sessions: SessionService) -> None:
    barrier = threading.Barrier(3)
    outcomes: list[LoggedIn | Refused] = []

    def one() -> None:
        barrier.wait(10)
        outcomes.append(login(sessions))

    threads = [threading.Thread(target=one) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(map(reason, outcomes)) == ["", ALREADY_ESTABLISHED, ALREADY_ESTABLISHED]


# -- keys


@pytest.mark.parametrize("key", ["", "x", "b189aa60-24e3-4e66-a3b6-d8488235ba47", "\ud800", "k" * 10_000])
def test_a_key_that_was_never_given_is_nobodys_q23(sessions: SessionService, key: str) -> None:
    key_of(sessions)
    assert sessions.owner(key) is None
    assert sessions.logout(key) is None


def test_blanks_around_a_key_do_not_count_r52(sessions: SessionService) -> None:
    assert sessions.owner(f" {key_of(sessions)}\n") == ALICE


def test_logout_ends_the_session_and_says_whose_it_was(sessions: SessionService) -> None:
    key = key_of(sessions)
    assert sessions.logout(key) == ALICE
    assert (sessions.owner(key), sessions.logout(key)) == (None, None)
    key_of(sessions)


def test_a_key_is_kept_as_a_hash_only(sessions: SessionService, database: Database) -> None:
    key = key_of(sessions)
    with database.reading() as connection:
        (row,) = connection.execute(text("SELECT * FROM soap_session")).all()
    assert key not in "".join(map(str, row))
    assert row[0] == ALICE
    assert re.fullmatch(r"[0-9a-f]{64}", row[1])


def test_a_session_outlives_a_restart(sessions: SessionService, database: Database, clock: Clock) -> None:
    key = key_of(sessions)
    again = SessionService(SqlSessionRepository(database), clock, SETTINGS)
    assert again.owner(key) == ALICE


def test_a_session_that_is_idle_for_too_long_is_over_and_in_nobodys_way_q25(
    sessions: SessionService, clock: Clock
) -> None:
    key = key_of(sessions)
    clock.now += 999
    assert reason(login(sessions)) == ALREADY_ESTABLISHED
    clock.now += 1
    assert sessions.owner(key) is None
    another = key_of(sessions)
    assert (sessions.owner(key), sessions.owner(another)) == (None, ALICE)


def test_each_use_makes_it_last_and_is_written_once_a_tenth_of_the_time(
    sessions: SessionService, database: Database, clock: Clock
) -> None:
    key = key_of(sessions)
    began = clock.now

    def used_at() -> float:
        with database.reading() as connection:
            return float(connection.execute(text("SELECT used_at FROM soap_session")).scalar_one())

    clock.now = began + 99
    assert sessions.owner(key) == ALICE
    assert used_at() == began
    clock.now = began + 100
    assert sessions.owner(key) == ALICE
    assert used_at() == began + 100
    clock.now = began + 1099
    assert sessions.owner(key) == ALICE
    clock.now = began + 2098
    assert sessions.owner(key) == ALICE


def test_a_session_goes_with_its_user(sessions: SessionService, users: UserService) -> None:
    key = key_of(sessions)
    users.delete("alice@example.com")
    assert sessions.owner(key) is None


def test_a_new_password_ends_the_session(sessions: SessionService, users: UserService) -> None:
    alice, bob = key_of(sessions), key_of(sessions, "bob")
    users.set_password("alice@example.com", "another")
    assert (sessions.owner(alice), sessions.owner(bob)) == (None, BOB)


def test_sessions_are_nobodys_news(sessions: SessionService, database: Database) -> None:
    sessions.logout(key_of(sessions))
    assert news(database) == []


# -- limits


def test_each_failure_slows_the_next_answer_until_it_is_slowest(
    database: Database, users: UserService, clock: Clock
) -> None:
    patient = SessionService(
        SqlSessionRepository(database), clock, SessionSettings("example.com", attempts_per_user=7)
    )
    outcomes = [login(patient, password="wrong") for _ in range(7)]
    assert [it.delay for it in outcomes if isinstance(it, Refused)] == [0.25, 0.5, 1.0, 2.0, 4.0, 4.0, 4.0]


def test_after_too_many_failures_of_a_user_his_password_is_not_looked_at(sessions: SessionService) -> None:
    for number in range(3):
        assert not getattr(login(sessions, password="wrong", address=f"192.0.2.{number}"), "limited", True)
    assert login(sessions, address=THERE) == Refused(WRONG_CREDENTIALS, 4.0, limited=True, owner=ALICE)
    assert login(sessions, "a@example.com") == Refused(WRONG_CREDENTIALS, 4.0, limited=True, owner=ALICE)
    key_of(sessions, "bob")


def test_the_window_slides(sessions: SessionService, clock: Clock) -> None:
    for _ in range(3):
        login(sessions, password="wrong")
        clock.now += 10
    assert getattr(login(sessions), "limited", False)
    clock.now += 29
    assert getattr(login(sessions), "limited", False)
    clock.now += 1
    key_of(sessions)


def test_a_limit_holds_for_somebody_who_does_not_exist_as_well(sessions: SessionService) -> None:
    outcomes = [login(sessions, "nobody", address=f"192.0.2.{number}") for number in range(4)]
    assert [getattr(it, "limited", None) for it in outcomes] == [False, False, False, True]


def test_after_too_many_failures_from_an_address_no_password_from_there_is_looked_at(
    sessions: SessionService,
) -> None:
    for number in range(5):
        login(sessions, f"user{number}", "guess")
    assert login(sessions) == Refused(WRONG_CREDENTIALS, 4.0, limited=True)
    assert isinstance(login(sessions, address=THERE), LoggedIn)


def test_an_ipv6_network_is_one_address_and_a_mapped_ipv4_address_is_that_address(
    sessions: SessionService,
) -> None:
    for number in range(5):
        login(sessions, f"user{number}", "guess", address=f"2001:db8::{number}")
        login(sessions, f"another{number}", "guess", address=f"::ffff:{HERE}")
    assert getattr(login(sessions, address="2001:db8::ffff"), "limited", False)
    assert getattr(login(sessions, address=HERE), "limited", False)
    assert isinstance(login(sessions, address="2001:db8:0:1::1"), LoggedIn)


def test_logins_that_succeed_do_not_count(sessions: SessionService) -> None:
    for _ in range(10):
        key_of(sessions, force=True)
    assert login(sessions) == Refused(ALREADY_ESTABLISHED, owner=ALICE)


def test_a_success_does_not_forgive_failures(sessions: SessionService) -> None:
    for _ in range(2):
        login(sessions, password="wrong")
    key_of(sessions, force=True)
    login(sessions, password="wrong")
    assert getattr(login(sessions, force=True), "limited", False)


def test_strangers_do_not_lock_out_a_user_where_he_has_logged_in_before(sessions: SessionService) -> None:
    key_of(sessions)
    for number in range(10):
        login(sessions, password="wrong", address=f"198.51.100.{number}")
    assert login(sessions, address=THERE) == Refused(WRONG_CREDENTIALS, 4.0, limited=True, owner=ALICE)
    key_of(sessions, force=True)


def test_nor_do_his_neighbours_by_trying_other_names(sessions: SessionService) -> None:
    key_of(sessions)
    for number in range(10):
        login(sessions, f"user{number}", "guess")
    assert getattr(login(sessions, "bob"), "limited", False)
    key_of(sessions, force=True)


def test_where_he_has_logged_in_before_no_more_is_tried_than_elsewhere(sessions: SessionService) -> None:
    key_of(sessions)
    for _ in range(3):
        login(sessions, password="wrong")
    assert getattr(login(sessions, force=True), "limited", False)


def test_what_is_refused_is_told_with_the_setting(
    database: Database, users: UserService, clock: Clock
) -> None:
    reached: list[tuple[str, str]] = []
    told = SessionService(
        SqlSessionRepository(database),
        clock,
        SessionSettings("example.com", attempts_per_user=1, attempts_per_address=2),
        lambda limit, address: reached.append((limit, address)),
    )
    for _ in range(3):
        login(told, password="wrong")
    assert reached == [("login_attempts_user", HERE), ("login_attempts_address", HERE)]


# -- for the operator


def test_sessions_are_listed_and_ended(sessions: SessionService, clock: Clock) -> None:
    began = clock.now
    key_of(sessions, "bob")
    clock.now += 500
    key = key_of(sessions)
    assert sessions.list() == [OpenSession(ALICE, began + 500, began + 500), OpenSession(BOB, began, began)]
    clock.now = began + 1000
    assert [it.owner for it in sessions.list()] == [ALICE]
    assert sessions.end("a@example.com") is True
    assert sessions.owner(key) is None
    assert (sessions.end("alice@example.com"), sessions.end("bob@example.com")) == (False, False)
    with pytest.raises(ProvisioningError, match="is not a valid address"):
        sessions.end("bob")


def test_a_session_that_was_used_before_the_time_was_set_back_lasts_from_its_next_use(
    sessions: SessionService, clock: Clock
) -> None:
    key = key_of(sessions)
    clock.now -= 86400
    assert sessions.owner(key) == ALICE
    clock.now += 999
    assert sessions.owner(key) == ALICE
    clock.now += 1000
    assert sessions.owner(key) is None
