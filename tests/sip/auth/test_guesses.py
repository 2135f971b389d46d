"""Guessing passwords: how often, from where, and that nobody is locked out by it."""

from __future__ import annotations

import pytest

from sip.auth.authenticator import Authenticator
from sip.auth.guesses import Guesses, GuessSettings
from sip.errors import ServiceUnavailable, SipError, Unauthorized
from sip.message import Request
from tests.sip.auth.clients import credentials
from tests.sip.auth.test_authenticator import REALM, SECRET, challenge, request
from tests.sip.usage.fakes import Directory

ALICE, BOB = "sip:alice@example.com", "sip:bob@example.com"
HOME, HOME_TOO, ELSEWHERE = ("192.0.2.10", 5060), ("192.0.2.10", 5062), ("203.0.113.5", 5060)
LIMITS = GuessSettings(place=3, address=5, user=7, window=100.0)


@pytest.fixture
def guesses() -> Guesses:
    return Guesses(LIMITS)


def refused(guesses: Guesses, user: str, remote: tuple[str, int], now: float = 0.0) -> str:
    """The limit that was reached, empty if an answer would be looked at."""
    try:
        guesses.check(user, remote, now)
    except ServiceUnavailable as error:
        return error.limit
    return ""


def guess(guesses: Guesses, user: str, *remotes: tuple[str, int], times: int = 1) -> None:
    for remote in remotes:
        for _ in range(times):
            if not refused(guesses, user, remote):
                guesses.failed(user, remote, 0.0)


def test_a_place_has_some_attempts_and_then_waits(guesses: Guesses) -> None:
    guess(guesses, ALICE, HOME, times=3)
    with pytest.raises(ServiceUnavailable) as caught:
        guesses.check(ALICE, HOME, 0.0)
    assert caught.value.reason == "Too many wrong passwords from here"
    assert caught.value.headers == (("Retry-After", "34"),)
    assert refused(guesses, ALICE, HOME, now=34.0) == ""


def test_another_phone_at_the_address_of_one_with_an_old_password_can_log_in(guesses: Guesses) -> None:
    guess(guesses, ALICE, HOME, times=1000)
    assert refused(guesses, ALICE, HOME_TOO) == ""


def test_an_address_has_some_more_however_many_ports_it_has(guesses: Guesses) -> None:
    guess(guesses, ALICE, *(("203.0.113.5", port) for port in range(1000, 1100)))
    assert refused(guesses, BOB, ELSEWHERE) == "auth_failures_address"


def test_a_user_is_guessed_at_no_more_from_however_many_addresses(guesses: Guesses) -> None:
    guess(guesses, ALICE, *((f"203.0.113.{number}", 5060) for number in range(100)))
    assert refused(guesses, ALICE, ELSEWHERE) == "auth_failures_user"
    assert refused(guesses, BOB, HOME) == ""


def test_strangers_do_not_lock_out_a_user_who_comes_from_where_he_was_before(guesses: Guesses) -> None:
    guesses.succeeded(ALICE, HOME)
    guess(guesses, ALICE, *((f"203.0.113.{number}", 5060) for number in range(100)))
    assert refused(guesses, ALICE, HOME) == ""
    assert refused(guesses, ALICE, HOME_TOO) == ""
    assert refused(guesses, ALICE, ELSEWHERE) == "auth_failures_user"


def test_nor_do_his_neighbours_by_guessing_at_others(guesses: Guesses) -> None:
    guesses.succeeded(ALICE, HOME)
    guess(guesses, BOB, *((HOME[0], port) for port in range(1000, 1100)))
    assert refused(guesses, BOB, HOME_TOO) == "auth_failures_address"
    assert refused(guesses, ALICE, HOME_TOO) == ""


def test_nor_by_guessing_at_him_where_his_phone_is_known(guesses: Guesses) -> None:
    guesses.succeeded(ALICE, HOME)
    guess(guesses, ALICE, *((HOME[0], port) for port in range(1000, 1100)))
    assert refused(guesses, ALICE, HOME_TOO) == "auth_failures_address"
    assert refused(guesses, ALICE, HOME) == ""


def test_and_what_is_tried_for_him_at_home_is_no_matter_of_his_neighbours(guesses: Guesses) -> None:
    guesses.succeeded(ALICE, HOME)
    guess(guesses, ALICE, *((HOME[0], port) for port in range(1000, 1100)))
    assert refused(guesses, BOB, HOME_TOO) == ""


def test_a_network_of_ipv6_is_one_address(guesses: Guesses) -> None:
    guess(guesses, ALICE, *((f"2001:db8:1:2::{number:x}", 5060) for number in range(1, 100)))
    assert refused(guesses, BOB, ("2001:db8:1:2:ffff::1", 5060)) == "auth_failures_address"
    assert refused(guesses, BOB, ("2001:db8:1:3::1", 5060)) == ""


def test_there_may_be_no_limits() -> None:
    free = Guesses(GuessSettings(place=0, address=0, user=0))
    guess(free, ALICE, HOME, times=1000)
    assert refused(free, ALICE, HOME) == ""


class TestAuthenticator:
    """What the limits do to requests."""

    def server(self) -> Authenticator:
        return Authenticator(Directory(), SECRET, guesses=Guesses(LIMITS))

    def answer(self, server: Authenticator, password: str, user: str = "alice") -> Request:
        value = credentials(challenge(server), username=user, password=password)
        return request(f"Authorization: {value}")

    def outcome(self, server: Authenticator, message: Request, remote: tuple[str, int] = HOME) -> SipError:
        with pytest.raises(SipError) as caught:
            server.authenticate(message, realm=REALM, now=100.0, remote=remote)
        return caught.value

    @pytest.mark.parametrize("user", ["alice", "nobody"])
    def test_after_some_wrong_passwords_none_is_looked_at_whoever_it_is(self, user: str) -> None:
        server = self.server()
        for _ in range(3):
            assert isinstance(self.outcome(server, self.answer(server, "wrong", user)), Unauthorized)
        error = self.outcome(server, self.answer(server, "alice-secret", user))
        assert (error.status, error.reason) == (503, "Too many wrong passwords from here")

    def test_right_ones_are_not_counted(self) -> None:
        server = self.server()
        for _ in range(20):
            good = server.authenticate(
                self.answer(server, "alice-secret"), realm=REALM, now=100.0, remote=HOME
            )
            assert good.aor == ALICE

    def test_who_is_challenged_again_because_his_nonce_is_old_did_not_guess(self) -> None:
        server = self.server()
        old = self.answer(server, "alice-secret")
        for _ in range(10):
            with pytest.raises(Unauthorized):
                server.authenticate(old, realm=REALM, now=1000.0, remote=HOME)
        server.authenticate(self.answer(server, "alice-secret"), realm=REALM, now=100.0, remote=HOME)

    def test_a_request_without_credentials_is_challenged_all_the_same(self) -> None:
        server = self.server()
        for _ in range(10):
            self.outcome(server, self.answer(server, "wrong"))
        assert isinstance(self.outcome(server, request()), Unauthorized)

    def test_several_credentials_in_one_request_are_several_guesses(self) -> None:
        server = self.server()
        nonce = challenge(server)
        lines = [f"Authorization: {credentials(nonce, password=f'wrong{number}')}" for number in range(8)]
        assert self.outcome(server, request(*lines)).status == 503
