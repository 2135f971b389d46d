"""The directory that every request asks: users, aliases, domains, HA1s."""

from __future__ import annotations

import pytest

from presence.directory import Change, Credentials, Directory, User

ALICE = "sip:alice@example.com"


def user(aor: str = ALICE, password: str = "x", *aliases: str) -> User:
    return User(aor, "Alice", 1.0, Credentials.of(aor, password), aliases)


def change(topic: str, key: str, now: User | None) -> Change:
    return Change(1, 1.0, topic, key, {}, now)


@pytest.fixture
def directory() -> Directory:
    it = Directory(["Example.COM", "[2001:db8::1]"])
    it.load([user(ALICE, "x", "sip:a@example.com")])
    return it


@pytest.mark.parametrize(
    "host", ["example.com", "EXAMPLE.com", "example.com.", "2001:db8::1", "[2001:DB8::1]"]
)
def test_a_served_domain_is_local_however_it_is_written(directory: Directory, host: str) -> None:
    assert directory.is_local_domain(host)


def test_other_domains_are_not_local(directory: Directory) -> None:
    assert not directory.is_local_domain("sub.example.com")
    assert not directory.is_local_domain("")


def test_users_and_aliases_resolve_to_the_user_and_nobody_else_does(directory: Directory) -> None:
    assert directory.resolve(ALICE) == ALICE
    assert directory.resolve("sip:a@example.com") == ALICE
    assert directory.resolve("sip:bob@example.com") is None
    assert directory.exists("sip:a@example.com")
    assert not directory.exists("sip:bob@example.com")
    assert len(directory) == 1


def test_the_display_name_is_found_by_alias_too(directory: Directory) -> None:
    assert directory.display_name("sip:a@example.com") == "Alice"
    assert directory.display_name("sip:bob@example.com") == ""


@pytest.mark.parametrize(
    ("username", "realm", "algorithm", "pick"),
    [
        ("alice", "example.com", "MD5", "md5"),
        ("alice", "EXAMPLE.com", "md5", "md5"),
        ("alice@example.com", "example.com", "MD5", "md5_full"),
        ("alice", "example.com", "SHA-256", "sha256"),
        ("alice@example.com", "example.com", "SHA-256", "sha256_full"),
    ],
)
def test_ha1_is_that_of_the_username_as_the_phone_sent_it(
    directory: Directory, username: str, realm: str, algorithm: str, pick: str
) -> None:
    expected = getattr(Credentials.of(ALICE, "x"), pick)
    assert directory.ha1(username, realm, algorithm) == expected


@pytest.mark.parametrize(
    ("username", "realm", "algorithm"),
    [
        ("bob", "example.com", "MD5"),
        ("alice", "example.org", "MD5"),
        ("alice@example.org", "example.com", "MD5"),
        ("alice", "example.com", "SHA-512-256"),
        ("a", "example.com", "MD5"),
        ("alice@EXAMPLE.com", "example.com", "MD5"),
        ("", "example.com", "MD5"),
    ],
)
def test_there_is_no_ha1_for_what_was_never_hashed(
    directory: Directory, username: str, realm: str, algorithm: str
) -> None:
    assert directory.ha1(username, realm, algorithm) is None


def test_a_username_stands_for_an_aor_of_its_realm(directory: Directory) -> None:
    assert directory.aor_of("alice", "Example.com") == ALICE
    assert directory.aor_of("alice@example.com", "example.com") == ALICE
    assert directory.aor_of("nobody", "example.com") == "sip:nobody@example.com"


def test_it_follows_the_outbox(directory: Directory) -> None:
    bob = user("sip:bob@example.com", "x", "sip:b@example.com")
    directory.apply([change("user.added", bob.aor, bob)])
    assert directory.resolve("sip:b@example.com") == bob.aor
    changed = user("sip:bob@example.com", "new")
    directory.apply([change("user.changed", bob.aor, changed)] * 2)
    assert directory.ha1("bob", "example.com", "MD5") == changed.credentials.md5
    assert directory.resolve("sip:b@example.com") is None
    directory.apply([change("user.deleted", bob.aor, None)] * 2)
    assert not directory.exists(bob.aor)
    assert directory.exists(ALICE)


def test_an_alias_that_was_given_away_stays_with_its_new_owner(directory: Directory) -> None:
    bob = user("sip:bob@example.com", "x", "sip:a@example.com")
    directory.apply([change("user.added", bob.aor, bob), change("user.deleted", ALICE, None)])
    assert directory.resolve("sip:a@example.com") == bob.aor


def test_news_of_other_things_is_left_alone(directory: Directory) -> None:
    directory.apply([change("presence.changed", ALICE, None)])
    assert directory.exists(ALICE)
