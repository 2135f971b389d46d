"""Nonces: ours, young enough, and each count once (RFC 7616 §5.4, §5.5)."""

from __future__ import annotations

import pytest

from sip.auth.nonce import Nonces

SECRET = b"sixteen bytes ok"


@pytest.fixture
def nonces() -> Nonces:
    return Nonces(SECRET, life=300)


def test_a_nonce_is_good_for_its_life_and_not_longer(nonces: Nonces) -> None:
    nonce = nonces.issue(1000.0)
    assert nonces.use(nonce, 1, 1000.0)
    assert nonces.use(nonce, 2, 1300.0)
    assert not nonces.use(nonce, 3, 1300.1)


def test_no_two_nonces_are_the_same(nonces: Nonces) -> None:
    assert len({nonces.issue(1000.0) for _ in range(100)}) == 100


def test_a_nonce_needs_no_escape_in_a_quoted_string(nonces: Nonces) -> None:
    nonce = nonces.issue(1000.0)
    assert len(nonce) == 28
    assert nonce.replace("-", "").replace("_", "").isalnum()


@pytest.mark.parametrize("nonce", ["", "x", "A" * 28, "\u00e9" * 28, "A" * 27 + "=", "A" * 2000])
def test_what_we_did_not_issue_is_refused(nonces: Nonces, nonce: str) -> None:
    assert not nonces.use(nonce, 1, 1000.0)


def test_a_changed_time_breaks_the_signature(nonces: Nonces) -> None:
    nonce = nonces.issue(1000.0)
    other = nonces.issue(2000.0)
    assert not nonces.use(other[:8] + nonce[8:], 1, 2000.0)


def test_another_spelling_of_a_nonce_is_not_ours(nonces: Nonces) -> None:
    nonce = next(it for it in (nonces.issue(1000.0) for _ in range(1000)) if "-" in it or "_" in it)
    assert not nonces.use(nonce.replace("-", "+").replace("_", "/"), 1, 1000.0)
    assert nonces.use(nonce, 1, 1000.0)


def test_another_secret_issues_other_nonces(nonces: Nonces) -> None:
    assert not nonces.use(Nonces(b"another 16 bytes", life=300).issue(1000.0), 1, 1000.0)


def test_the_same_secret_knows_nonces_of_before_a_restart() -> None:
    nonce = Nonces(SECRET, life=300).issue(1000.0)
    assert Nonces(SECRET, life=300).use(nonce, 1, 1100.0)


@pytest.mark.parametrize("before", [1000.0, 1100.0], ids=["earlier", "by a clock that was ahead"])
def test_nonces_of_before_a_restart_are_refused_where_their_counts_matter(before: float) -> None:
    nonce = Nonces(SECRET, life=300, fresh=True).issue(before)
    restarted = Nonces(SECRET, life=300, fresh=True)
    assert not restarted.use(nonce, 1, 1100.0)
    assert restarted.use(restarted.issue(1050.0), 1, 1100.0)


def test_a_nonce_from_the_future_is_refused(nonces: Nonces) -> None:
    assert not nonces.use(nonces.issue(2000.0), 1, 1000.0)


def test_a_count_is_good_once(nonces: Nonces) -> None:
    nonce = nonces.issue(1000.0)
    assert nonces.use(nonce, 7, 1000.0)
    assert not nonces.use(nonce, 7, 1000.0)


def test_counts_that_overtook_each_other_are_all_good_once(nonces: Nonces) -> None:
    nonce = nonces.issue(1000.0)
    order = [3, 1, 2, 66, 5, 4, 65]
    assert [nonces.use(nonce, count, 1000.0) for count in order] == [True] * 7
    assert [nonces.use(nonce, count, 1000.0) for count in order] == [False] * 7


def test_a_count_too_far_behind_is_refused(nonces: Nonces) -> None:
    nonce = nonces.issue(1000.0)
    assert nonces.use(nonce, 100, 1000.0)
    assert nonces.use(nonce, 37, 1000.0)
    assert not nonces.use(nonce, 36, 1000.0)


def test_a_leap_to_the_highest_count_costs_nothing(nonces: Nonces) -> None:
    nonce = nonces.issue(1000.0)
    assert nonces.use(nonce, 1, 1000.0)
    assert nonces.use(nonce, 0xFFFFFFFF, 1000.0)
    assert not nonces.use(nonce, 0xFFFFFFFF, 1000.0)
    assert not nonces.use(nonce, 1, 1000.0)


def test_a_use_without_count_spends_the_nonce(nonces: Nonces) -> None:
    nonce = nonces.issue(1000.0)
    assert nonces.use(nonce, None, 1000.0)
    assert not nonces.use(nonce, None, 1000.0)
    assert not nonces.use(nonce, 1, 1000.0)


def test_a_use_without_count_after_one_with_count_is_refused(nonces: Nonces) -> None:
    nonce = nonces.issue(1000.0)
    assert nonces.use(nonce, 1, 1000.0)
    assert not nonces.use(nonce, None, 1000.0)


def test_expired_nonces_are_not_remembered(nonces: Nonces) -> None:
    for moment in range(0, 10_000, 10):
        assert nonces.use(nonces.issue(moment), 1, moment)
        assert len(nonces) <= 36  # 300 seconds of one nonce every 10, and a bucket or two on top
    assert len(nonces) > 25


def test_a_secret_that_is_too_short_is_refused() -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        Nonces(b"short", life=300)
