"""The rules of users, without a database: addresses, passwords, what is refused and how."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest

from presence.directory import Credentials, User
from presence.provisioning.addresses import canonical_aor
from presence.provisioning.errors import ProvisioningError
from presence.provisioning.users import ImportRow, Taken, UserService


class Memory:
    """The smallest repository."""

    def __init__(self) -> None:
        self.users: dict[str, User] = {}
        self.transactions: list[int] = []

    def add(self, users: Sequence[User]) -> Sequence[Taken | None]:
        self.transactions.append(len(users))
        results: list[Taken | None] = []
        for user in users:
            taken = user.aor in self.users
            results.append(Taken(user.aor, None) if taken else None)
            self.users.setdefault(user.aor, user)
        return results

    def set_credentials(self, aor: str, credentials: Credentials) -> bool:
        if aor not in self.users:
            return False
        self.users[aor] = replace(self.users[aor], credentials=credentials)
        return True

    def delete(self, aor: str) -> bool:
        return self.users.pop(aor, None) is not None

    def get(self, aor: str) -> User | None:
        return self.users.get(aor)

    def list(self) -> Iterator[User]:
        return iter(self.users.values())


@pytest.fixture
def memory() -> Memory:
    return Memory()


@pytest.fixture
def users(memory: Memory) -> UserService:
    return UserService(memory, ["Example.com", "example.net"], clock=lambda: 1000.0)


@pytest.mark.parametrize(
    ("written", "aor"),
    [
        ("alice@example.com", "sip:alice@example.com"),
        ("sip:alice@example.com", "sip:alice@example.com"),
        (" SIP:Alice@EXAMPLE.com. ", "sip:Alice@example.com"),
        ("+4930123@10.0.0.1", "sip:+4930123@10.0.0.1"),
        ("a.b-c_d~e@localhost", "sip:a.b-c_d~e@localhost"),
        ("alice@[2001:DB8::1]", "sip:alice@[2001:db8::1]"),
    ],
)
def test_an_address_as_people_write_it_becomes_an_aor(written: str, aor: str) -> None:
    assert canonical_aor(written) == aor


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("alice", "'alice' is not a valid address: write name@domain"),
        ("@example.com", "'' is not a valid name: "),
        ("x y@example.com", "'x y' is not a valid name: letters, digits and "),
        ("a@b@example.com", "'a@b' is not a valid name: "),
        ("jürgen@example.com", "'jürgen' is not a valid name: "),
        ("a;b@example.com", "'a;b' is not a valid name: "),
        ("tel:+4930@example.com", "'tel:+4930' is not a valid name: "),
        ("alice@", "domain '' is not valid: "),
        ("alice@example.com:5060", "domain 'example.com:5060' is not valid: "),
        ("alice@exa mple.com", "domain 'exa mple.com' is not valid: "),
        ("alice@example..com", "domain 'example..com' is not valid: "),
        ("alice@example.com;lr", "domain 'example.com;lr' is not valid: "),
    ],
)
def test_what_is_no_address_is_refused_with_the_reason(written: str, why: str) -> None:
    with pytest.raises(ProvisioningError) as caught:
        canonical_aor(written)
    assert str(caught.value).startswith(why)
    assert "\n" not in str(caught.value)


def test_a_user_is_added_with_ha1s_of_both_usernames_and_both_algorithms(users: UserService) -> None:
    user = users.add("alice@EXAMPLE.com", "wönderland", " Alice ")
    short, full = "alice:example.com:wönderland".encode(), "alice@example.com:example.com:wönderland".encode()
    assert user.credentials.md5 == hashlib.md5(short).hexdigest()
    assert user.credentials.md5_full == hashlib.md5(full).hexdigest()
    assert user.credentials.sha256 == hashlib.sha256(short).hexdigest()
    assert user.credentials.sha256_full == hashlib.sha256(full).hexdigest()
    assert (user.aor, user.display_name, user.created_at) == ("sip:alice@example.com", "Alice", 1000.0)


def test_neither_password_nor_hash_is_shown_when_a_user_is_printed(users: UserService) -> None:
    user = users.add("alice@example.com", "wonderland")
    assert "wonderland" not in repr(user)
    assert user.credentials.md5 not in repr(user) + repr(user.credentials)


def test_an_alias_without_a_domain_is_in_the_domain_of_its_user(users: UserService) -> None:
    user = users.add("alice@example.com", "x", aliases=["al", "alice@example.net", "al@example.com"])
    assert user.aliases == ("sip:al@example.com", "sip:alice@example.net")


def test_a_user_of_a_domain_that_is_not_served_is_refused(users: UserService) -> None:
    with pytest.raises(
        ProvisioningError,
        match=r"^domain example.org is not served here \(served: example.com, example.net\)$",
    ):
        users.add("alice@example.org", "x")
    with pytest.raises(ProvisioningError, match=r"^domain example.org is not served here"):
        users.add("alice@example.com", "x", aliases=["alice@example.org"])


def test_where_the_domains_are_not_known_any_is_welcome(memory: Memory) -> None:
    assert UserService(memory).add("alice@example.org", "x").name == "alice@example.org"


@pytest.mark.parametrize(
    ("password", "display_name", "aliases", "why"),
    [
        ("", "", [], "the password is empty"),
        ("a\nb", "", [], "the password has a line break in it"),
        ("a\0b", "", [], "the password has a NUL character in it"),
        ("x", "Al\r\nice", [], r"display name 'Al\\r\\nice' has a control character in it"),
        ("x", "", ["alice"], "alias alice@example.com is the user's own address"),
        ("x", "", ["x y"], "'x y' is not a valid name: .*"),
        ("\udcfc", "", [], "the password is not valid UTF-8"),
    ],
)
def test_what_a_user_cannot_have_is_refused(
    users: UserService, memory: Memory, password: str, display_name: str, aliases: list[str], why: str
) -> None:
    with pytest.raises(ProvisioningError, match=f"^{why}$"):
        users.add("alice@example.com", password, display_name, aliases)
    assert memory.users == {}


def test_a_user_exists_once(users: UserService) -> None:
    users.add("alice@example.com", "x")
    with pytest.raises(ProvisioningError, match=r"^user alice@example.com exists already$"):
        users.add("sip:alice@EXAMPLE.COM", "x")


def test_a_new_password_replaces_the_old_hashes(users: UserService) -> None:
    users.add("alice@example.com", "old")
    users.set_password("alice@example.com", "new")
    expected = Credentials.of("sip:alice@example.com", "new")
    assert users.get("alice@example.com").credentials == expected


def test_a_user_of_a_domain_that_is_not_served_any_more_can_still_be_deleted(memory: Memory) -> None:
    UserService(memory).add("alice@old.example", "x")
    UserService(memory, ["new.example"]).delete("alice@old.example")
    assert memory.users == {}


def test_an_import_goes_in_transactions_of_five_hundred_and_tells_its_progress(
    users: UserService, memory: Memory
) -> None:
    steps: list[int] = []
    rows = (ImportRow(number, f"u{number}@example.com", "x") for number in range(1, 1202))
    assert users.import_rows(rows, steps.append).imported == 1201
    assert memory.transactions == steps == [500, 500, 201]
