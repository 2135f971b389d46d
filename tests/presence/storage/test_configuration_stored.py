"""System properties in the database: what clients fetch, what is kept, what is announced."""

from __future__ import annotations

from pathlib import Path

import pytest

from presence.provisioning.configuration import ConfigurationService
from presence.provisioning.errors import ProvisioningError
from presence.provisioning.news import PRIVACY_CHANGED, PROPERTIES_CHANGED, SYSTEM
from presence.provisioning.profiles import ProfileService
from presence.provisioning.users import UserService
from presence.storage.configuration import SqlConfigurationRepository
from presence.storage.database import Database
from presence.storage.profiles import SqlProfileRepository
from presence.storage.users import SqlUserRepository
from tests.presence.storage.news import Told, fetched_example, printed_block

ALICE = "alice@cisco.com"


@pytest.fixture
def config(database: Database) -> ConfigurationService:
    UserService(SqlUserRepository(database)).add(ALICE, "x", aliases=["al"])
    return ConfigurationService(SqlConfigurationRepository(database))


@pytest.fixture
def profiles(database: Database) -> ProfileService:
    return ProfileService(SqlProfileRepository(database))


class TestFetching:
    def test_what_nobody_has_set_is_what_example_21_prints(self, config, shared: Path) -> None:
        example = fetched_example(shared)
        assert len(example) == 79
        assert config.system_properties(ALICE) == example
        assert config.system_properties("sip:al@cisco.com") == example

    def test_what_is_set_is_fetched(self, config) -> None:
        assert config.set({"TFTP.Primary": "hosta", "directory.map.GIVENNAME": " gn "}) == (
            "TFTP.Primary",
            "Directory.Map.givenName",
        )
        fetched = dict(config.system_properties(ALICE))
        assert (fetched["TFTP.Primary"], fetched["Directory.Map.givenName"]) == ("hosta", "gn")

    def test_a_user_fetches_the_blocks_of_the_profiles_that_he_has(self, config, profiles) -> None:
        profiles.set_host("voicemail", "vm", "vm.cisco.com", "143", "TCP")
        profiles.set_host("voicemail", "spare", "spare.cisco.com", "143", "TLS")
        profiles.set_pilot("main", "5000")
        profiles.set_profile("voicemail", "sales", primary="vm", backup2="spare", pilot="main")
        profiles.set_profile("proxy", "default", attributes={"Domain": "Example.ORG"})
        profiles.assign(ALICE, "voicemail", "sales")
        fetched = config.system_properties(ALICE)
        assert [value for name, value in fetched if name.startswith("VoiceMail.")] == [
            *("vm.cisco.com", "143", "TCP"),
            *("", "", ""),
            *("spare.cisco.com", "143", "TLS"),
            "5000",
        ]
        assert dict(fetched)["Presence.Domain"] == "example.org"
        origins = {it.name: it.origin for it in config.shown_to(ALICE)}
        assert origins["VoiceMail.Primary.Address"] == "profile sales of voicemail"
        assert origins["Presence.Domain"] == "profile default of proxy"
        assert origins["Directory.DN"] == origins["Security"] == "default"

    def test_for_nobody_there_is_nothing(self, config) -> None:
        with pytest.raises(ProvisioningError, match=r"^there is no user bob@cisco.com$"):
            config.system_properties("bob@cisco.com")


class TestAnnouncing:
    @pytest.mark.parametrize(
        ("file", "table"),
        [
            ("UcSystemCfg-update", "UcSystemCfg"),
            ("UcAttributeMap-update", "UcAttributeMap"),
            ("CUPSystemCfg-update", "CUPSystemCfg"),
            ("PEBackendGateway-update", "PEBackendGateway"),
        ],
    )
    def test_a_change_announces_the_printed_block(self, config, database, shared, file, table) -> None:
        block = printed_block(shared, file)
        # Something else first, that it is a change.
        config.set({name: "FALSE" if value == "TRUE" else "TRUE" for name, value in block})
        told = Told(database)
        config.set(dict(block))
        assert told.news() == [(PROPERTIES_CHANGED, SYSTEM, {"table": table, "properties": block})]

    def test_one_call_announces_each_table_once(self, config, database) -> None:
        told = Told(database)
        config.set({"Security": "1", "TFTP.Primary": "a", "IM.enable": "false", "Directory.Map.site": "s"})
        assert [it[2]["table"] for it in told.news()] == ["UcSystemCfg", "UcAttributeMap", "CUPSystemCfg"]

    def test_the_same_value_again_announces_nothing(self, config, database) -> None:
        config.set({"Security": "1"})
        told = Told(database)
        assert config.set({"Security": "1"}) == ()
        assert config.reset("IM.enable") == ()
        assert told.news() == []

    def test_one_property_with_two_names_is_told_by_the_one_and_fetched_by_the_other(
        self, config, database
    ) -> None:
        told = Told(database)
        config.set({"Directory.Map.LastName": "surname"})
        ((_, _, payload),) = told.news()
        assert ["Directory.Map.LastName", "surname"] in payload["properties"]
        assert dict(config.system_properties(ALICE))["Directory.Map.surName"] == "surname"
        assert config.get("Directory.Map.LastName") == config.get("Directory.Map.surName") == "surname"

    def test_the_default_privacy_is_announced_to_the_server_alone(self, config, database) -> None:
        told = Told(database)
        config.set({"Privacy.Default.Local": "Confirm"})
        assert told.news() == [(PRIVACY_CHANGED, SYSTEM, {})]
        assert config.get("Privacy.Default.Local") == "confirm"
        config.reset("Privacy.Default.Local")
        assert config.get("Privacy.Default.Local") == ""
        assert [it[0] for it in told.news()] == [PRIVACY_CHANGED]


class TestFiles:
    def test_what_is_exported_is_imported(self, config) -> None:
        config.set({"Security": '1 "quoted" \\ é', "Directory.Map.LastName": "sur", "IM.enable": "FALSE"})
        text = config.export()
        for name in ("Security", "Directory.Map.LastName", "IM.enable"):
            assert config.reset(name) != ()
        assert set(config.import_(text)) == {"Security", "Directory.Map.surName", "IM.enable"}
        assert config.get("Security") == '1 "quoted" \\ é'
        assert config.export() == text
        assert '# TFTP.Primary = ""\n' in text

    @pytest.mark.parametrize(
        ("text", "why"),
        [
            ("Security = ", "this is not TOML: Invalid value (at end of document)"),
            ("Security = 1", 'Security must be a text in quotation marks: Security = "..."'),
            (
                'Security = "2"\nDirectory.Map.surname = "x"\nDirectory.Map.LastName = "y"',
                "Directory.Map.surName is given twice (once as Directory.Map.LastName)",
            ),
            (
                'Security = "2"\nTFTP.Primry = "x"',
                "there is no property 'TFTP.Primry'; did you mean TFTP.Primary?",
            ),
        ],
    )
    def test_a_file_with_a_fault_changes_nothing(self, config, text: str, why: str) -> None:
        with pytest.raises(ProvisioningError) as refused:
            config.import_(text)
        assert str(refused.value) == why
        assert config.get("Security") == ""
