"""Settings that clients keep for their users (SPEC R63, R64, Q53), and what is announced of them."""

from __future__ import annotations

import pytest

from presence.provisioning.errors import ProvisioningError
from presence.provisioning.user_settings import LINE_ID, MOST_SETTINGS, UserSettingsService
from presence.storage.database import Database
from presence.storage.user_settings import SqlUserSettingsRepository
from tests.presence.storage.provisioned import ALICE, BOB, add_users, news

LINE = (LINE_ID, "", False)


@pytest.fixture
def settings(database: Database) -> UserSettingsService:
    add_users(database)
    return UserSettingsService(SqlUserSettingsRepository(database))


def value(name: str, value: str, is_public: bool) -> dict[str, object]:
    return {"name": name, "value": value, "is-public": is_public}


def test_a_new_user_has_the_line_id_and_nothing_else(settings: UserSettingsService) -> None:
    assert settings.list(ALICE) == [("CallControl.Lineid", "", False)]


def test_settings_of_example_24_are_kept_in_the_order_of_their_names(settings: UserSettingsService) -> None:
    given = [
        ("Preferred.Contact", "email", True),
        ("UI.Color.Background", "white", False),
        ("UI.Color.Foreground", "black", False),
        ("PhoneNumber.Primary", "200", True),
    ]
    assert settings.set("alice@example.com", given) == [True, True, True, True]
    assert settings.list(ALICE) == [LINE, given[3], given[0], given[1], given[2]]
    assert settings.list(BOB) == [LINE]


def test_an_empty_text_is_a_value_and_deletes_nothing_q53(settings: UserSettingsService) -> None:
    settings.set(ALICE, [("a", "1", True)])
    settings.set(ALICE, [("a", "", True)])
    assert settings.list(ALICE) == [LINE, ("a", "", True)]


def test_each_change_is_announced_with_what_is_there_now(
    settings: UserSettingsService, database: Database
) -> None:
    settings.set(ALICE, [("attrname", "one", True)])
    settings.set(ALICE, [("attrname", "two", True), ("attrname", "two", False)])
    settings.delete(ALICE, ["attrname"])
    assert news(database) == [
        ("setting.added", ALICE, value("attrname", "one", True)),
        ("setting.changed", ALICE, value("attrname", "two", True)),
        ("setting.changed", ALICE, value("attrname", "two", False)),
        ("setting.deleted", ALICE, value("attrname", "two", False)),
    ]
    assert settings.list(ALICE) == [LINE]


def test_what_is_set_to_what_it_is_announces_nothing(
    settings: UserSettingsService, database: Database
) -> None:
    settings.set(ALICE, [("a", "1", True)])
    assert settings.set(ALICE, [("a", "1", True), LINE]) == [True, True]
    assert [topic for topic, _, _ in news(database)] == ["setting.added"]


def test_the_line_id_that_everybody_has_changes_and_is_never_new_or_gone(
    settings: UserSettingsService, database: Database
) -> None:
    settings.set(ALICE, [(LINE_ID, "1001", True)])
    assert settings.list(ALICE) == [(LINE_ID, "1001", True)]
    assert settings.delete(ALICE, [LINE_ID]) == [True]
    assert settings.list(ALICE) == [LINE]
    assert news(database) == [
        ("setting.changed", ALICE, value(LINE_ID, "1001", True)),
        ("setting.changed", ALICE, value(LINE_ID, "", False)),
    ]


def test_what_cannot_be_kept_fails_alone(settings: UserSettingsService, database: Database) -> None:
    given = [
        ("", "x", False),
        ("a\nb", "x", False),
        ("n" * 256, "x", False),
        ("a", "\x00", False),
        ("a", "\ufffe", False),
        ("a", "v" * 8193, False),
        ("good", "two\nlines\tand \N{SNOWMAN}", True),
    ]
    assert settings.set(ALICE, given) == [False] * 6 + [True]
    assert settings.list(ALICE) == [LINE, given[-1]]
    assert len(news(database)) == 1


def test_a_user_has_so_many_settings_and_no_more(settings: UserSettingsService) -> None:
    given = [(f"n{number:04}", "x", False) for number in range(MOST_SETTINGS + 1)]
    assert settings.set(ALICE, given) == [True] * MOST_SETTINGS + [False]
    assert settings.set(ALICE, [("n0000", "y", False)]) == [True]


def test_deleting_what_is_not_there_says_so_and_announces_nothing(
    settings: UserSettingsService, database: Database
) -> None:
    assert settings.delete(ALICE, ["a", LINE_ID]) == [False, False]
    assert news(database) == []


def test_an_owner_may_be_named_by_an_alias_and_must_be_a_user(
    settings: UserSettingsService, database: Database
) -> None:
    settings.set("a@example.com", [("n", "v", False)])
    assert settings.list("a@example.com") == settings.list(ALICE)
    assert [key for _, key, _ in news(database)] == [ALICE]
    for refused in (
        lambda: settings.list("eve@example.com"),
        lambda: settings.set("eve@example.com", [("n", "v", False)]),
        lambda: settings.delete("eve@example.com", ["n"]),
    ):
        with pytest.raises(ProvisioningError, match=r"^there is no user eve@example.com$"):
            refused()


def test_settings_go_with_their_user(settings: UserSettingsService, database: Database) -> None:
    from presence.provisioning.users import UserService
    from presence.storage.users import SqlUserRepository

    settings.set(ALICE, [("n", "v", False)])
    users = UserService(SqlUserRepository(database))
    users.delete("alice@example.com")
    users.add("alice@example.com", "another")
    assert settings.list(ALICE) == [LINE]
