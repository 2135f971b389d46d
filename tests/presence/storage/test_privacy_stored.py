"""The default privacy policy as operators set it, and what a running server reads of it."""

from __future__ import annotations

import pytest

from presence.policy.decide import DefaultHandling
from presence.provisioning.configuration import ConfigurationService
from presence.provisioning.news import PRIVACY_CHANGED, PRIVACY_FOREIGN, PRIVACY_LOCAL, SYSTEM
from presence.provisioning.privacy import default_handling
from presence.storage.configuration import SqlConfigurationRepository
from presence.storage.database import Database
from presence.storage.rows import read_changes

SETTINGS = DefaultHandling("allow", "confirm")


@pytest.fixture
def config(database: Database) -> ConfigurationService:
    return ConfigurationService(SqlConfigurationRepository(database))


def heard(database: Database) -> list[DefaultHandling]:
    """What a running server makes of each entry of the outbox."""
    with database.reading() as connection:
        changes = read_changes(connection, 0, 100)
    assert {(it.topic, it.key) for it in changes} <= {(PRIVACY_CHANGED, SYSTEM)}
    return [default_handling(it.current, SETTINGS) for it in changes]


def at_start(database: Database) -> DefaultHandling:
    with database.snapshot() as snapshot:
        return default_handling(snapshot.privacy(), SETTINGS)


def test_without_a_property_the_settings_hold(database: Database) -> None:
    assert at_start(database) == SETTINGS


def test_a_property_comes_before_the_setting_at_once_and_at_the_next_start(
    config: ConfigurationService, database: Database
) -> None:
    config.set({PRIVACY_LOCAL: "polite-block"})
    assert heard(database) == [("polite-block", "confirm")]
    assert at_start(database) == ("polite-block", "confirm")


def test_each_entry_comes_with_what_holds_now(config: ConfigurationService, database: Database) -> None:
    config.set({PRIVACY_LOCAL: "block"})
    config.set({PRIVACY_FOREIGN: "block", PRIVACY_LOCAL: "confirm"})
    assert set(heard(database)) == {("confirm", "block")}


def test_taken_back_it_is_the_setting_again(config: ConfigurationService, database: Database) -> None:
    config.set({PRIVACY_FOREIGN: "block"})
    config.reset(PRIVACY_FOREIGN)
    assert heard(database)[-1] == at_start(database) == SETTINGS
