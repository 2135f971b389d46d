"""Hosts, profiles and what users have in the database: every change announces what the reference prints."""

from __future__ import annotations

from pathlib import Path

import pytest

from presence.provisioning.catalogue import FAMILIES, HOST_PROPERTIES
from presence.provisioning.configuration import ConfigurationService
from presence.provisioning.errors import ProvisioningError
from presence.provisioning.news import (
    DEVICE_CHANGED,
    HOST_TABLES,
    LICENCES_CHANGED,
    PROFILE_CHANGED,
    PROFILE_COLUMNS,
    PROFILE_TABLES,
    SYSTEM,
    USER_CONFIGURED,
    Family,
)
from presence.provisioning.profiles import Device, Licences, ProfileService
from presence.provisioning.users import UserService
from presence.storage.configuration import SqlConfigurationRepository
from presence.storage.database import Database
from presence.storage.profiles import SqlProfileRepository
from presence.storage.users import SqlUserRepository
from tests.presence.storage.news import NS, Told, printed, printed_block

ALICE, AOR = "alice@cisco.com", "sip:alice@cisco.com"


@pytest.fixture
def users(database: Database) -> UserService:
    users = UserService(SqlUserRepository(database))
    users.add(ALICE, "x", aliases=["al"])
    users.add("bob@cisco.com", "x")
    return users


@pytest.fixture
def profiles(database: Database, users: UserService) -> ProfileService:
    return ProfileService(SqlProfileRepository(database))


def furnish(profiles: ProfileService, family: Family, name: str, block: list[list[str]]) -> None:
    """Make a profile that shows `block`, with a host of its own for each place."""
    values = dict(block)
    places: list[str] = []
    names = HOST_PROPERTIES[family]
    for at in range(0, len(names), 3):
        address, port, protocol = (values.pop(it) for it in names[at : at + 3])
        places.append(f"{name}-{at // 3}" if address else "")
        if address:
            profiles.set_host(family, places[-1], address, port, protocol)
    pilot = values.pop("VoiceMail.PilotNumber", "")
    if pilot:
        profiles.set_pilot(f"{name}-pilot", pilot)
    primary, backup1, backup2 = (*places, "")[:3]
    profiles.set_profile(
        family,
        name,
        primary=primary,
        backup1=backup1,
        backup2=backup2,
        pilot=f"{name}-pilot" if pilot else "",
        attributes=values,
    )


class TestProfilesAndHosts:
    @pytest.mark.parametrize(
        ("file", "family"),
        [
            ("UcUnityProfile-update", "voicemail"),
            ("UcMeetingPlaceProfile-update", "meetingplace"),
            ("UcCtiGatewayProfile-update", "ctigateway"),
            ("UcLdapProfile-update", "ldap"),
            ("UcProxyProfile-update", "proxy"),
        ],
    )
    def test_a_profile_that_changes_announces_the_printed_block(
        self, profiles, database, shared: Path, file: str, family: Family
    ) -> None:
        told = Told(database)
        block = printed_block(shared, file)
        furnish(profiles, family, "sales", block)
        assert told.news() == [(PROFILE_CHANGED, SYSTEM, _changed(PROFILE_TABLES[family], family, block))]

    @pytest.mark.parametrize(
        ("file", "family"),
        [
            ("UcUnityHost-update", "voicemail"),
            ("UcMeetingPlaceHost-update", "meetingplace"),
            ("UcCtiGatewayHost-update", "ctigateway"),
            ("UcLdapHost-update", "ldap"),
        ],
    )
    def test_a_host_that_changes_announces_the_whole_block_of_its_profile(
        self, profiles, database, shared: Path, file: str, family: Family
    ) -> None:
        block = printed_block(shared, file)
        furnish(profiles, family, "sales", block)
        profiles.set_host(family, "sales-0", "elsewhere")
        told = Told(database)
        host = dict(block)[HOST_PROPERTIES[family][0]]
        assert profiles.set_host(family, "sales-0", host) == ["sales"]
        assert told.news() == [(PROFILE_CHANGED, SYSTEM, _changed(HOST_TABLES[family], family, block))]

    def test_a_proxy_that_goes_announces_the_printed_block_of_empty_values(
        self, profiles, database, shared: Path
    ) -> None:
        profiles.set_host("proxy", "cup", "dsulzen-cup", "5060", "TCP")
        profiles.set_profile("proxy", "sales", primary="cup", attributes={"domain": "cisco.com"})
        told = Told(database)
        assert profiles.delete_host("proxy", "cup") == ["sales"]
        block = printed_block(shared, "ProcessConfig-update")
        assert told.news() == [(PROFILE_CHANGED, SYSTEM, _changed("ProcessConfig", "proxy", block))]

    def test_a_pilot_with_another_number_announces_the_printed_block(
        self, profiles, database, shared: Path
    ) -> None:
        block = printed_block(shared, "VoiceMessagingPilot-update")
        furnish(profiles, "voicemail", "sales", block)
        number = block[-1][1]
        profiles.set_pilot("sales-pilot", "1")
        told = Told(database)
        assert profiles.set_pilot("sales-pilot", number) == ["sales"]
        changed = _changed("VoiceMessagingPilot", "voicemail", block)
        assert told.news() == [(PROFILE_CHANGED, SYSTEM, changed)]

    def test_a_pilot_that_goes_leaves_no_number(self, profiles, database) -> None:
        profiles.set_pilot("main", "5000")
        profiles.set_profile("voicemail", "sales", pilot="main")
        told = Told(database)
        assert profiles.delete_pilot("main") == ["sales"]
        ((_, _, payload),) = told.news()
        assert payload["properties"][-1] == ["VoiceMail.PilotNumber", ""]

    def test_a_host_is_told_for_each_profile_that_shows_it_and_for_no_other(self, profiles, database) -> None:
        for name in ("a", "b"):
            profiles.set_host("voicemail", name, f"{name}.cisco.com")
        profiles.set_profile("voicemail", "default", primary="a")
        profiles.set_profile("voicemail", "sales", primary="b", backup2="a")
        profiles.set_profile("voicemail", "other", primary="b")
        profiles.set_host("meetingplace", "a", "mp.cisco.com")
        told = Told(database)
        assert profiles.set_host("voicemail", "a", port="143") == ["default", "sales"]
        assert [it[2]["profile"] for it in told.news()] == ["default", "sales"]

    def test_what_no_profile_shows_and_what_is_as_before_is_not_told(self, profiles, database) -> None:
        told = Told(database)
        assert profiles.set_host("ldap", "idle", "idle.cisco.com") == []
        assert profiles.set_pilot("idle", "1") == []
        assert profiles.set_profile("ldap", "empty") == []
        profiles.set_profile("ldap", "full", primary="idle")
        told.news()
        assert profiles.set_host("ldap", "idle", "idle.cisco.com") == []
        assert profiles.set_profile("ldap", "full", primary="idle") == []
        assert told.news() == []

    def test_a_profile_may_be_written_before_its_hosts(self, profiles, database) -> None:
        assert profiles.set_profile("voicemail", "sales", primary="later", pilot="soon") == []
        (profile,) = profiles.profiles("voicemail")
        assert profiles.tables().missing(profile) == ["host later", "pilot soon"]
        assert profiles.set_host("voicemail", "later", "vm") == ["sales"]
        assert profiles.set_pilot("soon", "1") == ["sales"]

    def test_the_default_profile_that_goes_leaves_its_users_an_empty_block(self, profiles, database) -> None:
        profiles.set_host("ctigateway", "cti", "cti.cisco.com")
        profiles.set_profile("ctigateway", "default", primary="cti")
        told = Told(database)
        assert profiles.delete_profile("ctigateway", "default") == ["default"]
        ((_, _, payload),) = told.news()
        assert {value for _, value in payload["properties"]} == {""}

    def test_a_profile_that_users_have_is_not_deleted(self, profiles) -> None:
        profiles.set_profile("ldap", "sales")
        profiles.assign(ALICE, "ldap", "sales")
        with pytest.raises(ProvisioningError, match=r"^profile sales of ldap is that of 1 user: give them"):
            profiles.delete_profile("ldap", "sales")
        profiles.assign(ALICE, "ldap", None)
        profiles.delete_profile("ldap", "sales")
        assert profiles.profiles() == []

    def test_what_is_not_given_stays_and_what_is_empty_goes(self, profiles) -> None:
        profiles.set_host("ldap", "a", "a.cisco.com", "389", "TCP")
        profiles.set_host("ldap", "a", protocol="TLS")
        assert [(it.address, it.port, it.protocol) for it in profiles.hosts()] == [
            ("a.cisco.com", "389", "TLS")
        ]
        profiles.set_profile(
            "ldap", "p", primary="a", backup1="b", attributes={"DN": "cn=x", "password": "y"}
        )
        profiles.set_profile("ldap", "p", backup1="", attributes={"Directory.Password": ""})
        (profile,) = profiles.profiles("ldap")
        assert (profile.hosts, profile.attributes) == (("a", "", ""), {"Directory.DN": "cn=x"})

    @pytest.mark.parametrize(
        ("method", "arguments", "more", "why"),
        [
            ("set_host", ("mail", "a", "b"), {}, "there is no family 'mail': it is one of voicemail, "),
            ("set_host", ("ldap", "a"), {"port": "1"}, "host a of ldap is new: it needs an address"),
            ("set_host", ("ldap", "a", "b", "70000"), {}, "'70000' is not a port: it is a number from 1 to"),
            ("set_host", ("ldap", "a", "b c"), {}, "the address 'b c' has a blank in it"),
            ("set_host", ("ldap", " ", "b"), {}, "the name of a host cannot be empty"),
            ("set_host", ("ldap", "a\n", "b\x00"), {}, "the address has a character in it that cannot be"),
            ("delete_host", ("ldap", "a"), {}, "there is no host 'a' of ldap"),
            ("set_pilot", ("a", " "), {}, "the number of a pilot cannot be empty"),
            ("delete_pilot", ("a",), {}, "there is no pilot 'a'"),
            ("set_profile", ("ldap", "a"), {"pilot": "b"}, "a profile of ldap has no pilot"),
            ("set_profile", ("proxy", "a"), {"backup2": "b"}, "a profile of proxy has one backup only"),
            (
                "set_profile",
                ("ldap", "a"),
                {"attributes": {"SearchRecursive1": "perhaps"}},
                "Directory.SearchRecursive1 cannot be 'perhaps': it is one of TRUE, FALSE",
            ),
            (
                "set_profile",
                ("proxy", "a"),
                {"attributes": {"DN": "x"}},
                "a profile of proxy has no 'DN'; it has Presence.Domain",
            ),
            ("set_profile", ("proxy", "a"), {"attributes": {"domain": "a b"}}, "domain 'a b' is not valid"),
            ("delete_profile", ("ldap", "a"), {}, "there is no profile 'a' of ldap"),
            ("assign", (ALICE, "ldap", "a"), {}, "there is no profile 'a' of ldap"),
            ("assign", ("eve@cisco.com", "ldap", None), {}, "there is no user eve@cisco.com"),
            ("set_device", (ALICE, "SEP 1"), {}, "the device 'SEP 1' has a blank in it"),
            ("person", ("eve@cisco.com",), {}, "there is no user eve@cisco.com"),
        ],
    )
    def test_what_cannot_be_is_refused_with_the_reason(
        self, profiles, database, method, arguments, more, why
    ) -> None:
        told = Told(database)
        with pytest.raises(ProvisioningError) as refused:
            getattr(profiles, method)(*arguments, **more)
        assert str(refused.value).startswith(why)
        assert told.news() == []


class TestWhatUsersHave:
    @pytest.mark.parametrize("family", FAMILIES)
    def test_another_profile_announces_the_printed_block_with_the_device(
        self, profiles, database, shared: Path, family: Family
    ) -> None:
        file = f"EndUser-update-{PROFILE_COLUMNS[family]}"
        block = printed_block(shared, file)
        furnish(profiles, family, "sales", block)
        device = printed(shared, file).findtext("u:cti-device", namespaces=NS)
        profiles.set_device(ALICE, device)
        told = Told(database)
        assert profiles.assign("al@cisco.com", family, "sales") is True
        payload = {
            "table": "EndUser",
            "column": PROFILE_COLUMNS[family],
            "family": family,
            "profile": "sales",
            "properties": block,
            "cti-device": device,
        }
        assert told.news() == [(USER_CONFIGURED, AOR, payload)]
        assert profiles.assign(ALICE, family, "sales") is False
        assert told.news() == []
        assert profiles.person(ALICE).profile(family) == "sales"

    def test_the_default_profile_is_that_of_who_has_none(self, profiles, database) -> None:
        profiles.set_profile("ldap", "default")
        profiles.set_profile("ldap", "sales")
        told = Told(database)
        assert profiles.assign(ALICE, "ldap", "default") is False
        assert told.news() == []
        profiles.assign(ALICE, "ldap", "sales")
        told.news()
        assert profiles.assign(ALICE, "ldap", None) is True
        ((_, _, payload),) = told.news()
        assert (payload["profile"], payload["cti-device"]) == ("default", "")

    def test_a_proxy_without_domain_is_told_with_that_of_the_user(self, profiles, database) -> None:
        profiles.set_profile("proxy", "sales")
        told = Told(database)
        profiles.assign(ALICE, "proxy", "sales")
        ((_, _, payload),) = told.news()
        assert payload["properties"][-1] == ["Presence.Domain", "cisco.com"]

    def test_a_device_announces_the_block_of_the_system(self, profiles, database, shared: Path) -> None:
        block = printed_block(shared, "EpasDevice-update")
        ConfigurationService(SqlConfigurationRepository(database)).set(dict(block))
        told = Told(database)
        assert profiles.set_device(ALICE, "SEP000E836F0164", "desk") is True
        news = [(DEVICE_CHANGED, AOR, {"table": "EpasDevice", "properties": block})]
        assert told.news() == news
        assert profiles.person(ALICE).device == Device("SEP000E836F0164", "desk")
        assert profiles.set_device(ALICE, "SEP000E836F0164", "desk") is False
        assert told.news() == []
        assert profiles.set_device(ALICE, "") is True
        assert told.news() == news
        assert profiles.person(ALICE).device is None

    def test_the_calendar_announces_the_printed_word(self, profiles, database, shared: Path) -> None:
        told = Told(database)
        assert profiles.calendar(ALICE) is False
        assert profiles.set_calendar(ALICE, False) is False
        assert told.news() == []
        assert profiles.set_calendar(ALICE, True) is True
        assert profiles.calendar(ALICE) is True
        profiles.set_calendar(ALICE, False)
        on, off = (
            {"table": "EndUser", "column": "enablecalendarpresence", "properties": block}
            for block in (
                [["Presence.calendar", "enabled"]],
                printed_block(shared, "EndUser-update-enablecalendarpresence"),
            )
        )
        assert told.news() == [(USER_CONFIGURED, AOR, on), (USER_CONFIGURED, AOR, off)]

    def test_licences_are_announced_without_saying_which(self, profiles, database) -> None:
        told = Told(database)
        assert profiles.licences(ALICE) == Licences(base=False, im=False, audio=False, video=False)
        assert profiles.set_licences(ALICE, Licences(base=True, video=True)) is True
        assert profiles.set_licences(ALICE, Licences(base=True, video=True)) is False
        assert told.news() == [(LICENCES_CHANGED, AOR, {})]
        assert profiles.licences(ALICE) == Licences(base=True, video=True)
        assert profiles.licences("bob@cisco.com") == Licences()

    def test_one_thing_of_a_user_leaves_the_others_as_they_are(self, profiles) -> None:
        profiles.set_profile("ldap", "sales")
        profiles.assign(ALICE, "ldap", "sales")
        profiles.set_licences(ALICE, Licences(im=True))
        profiles.set_device(ALICE, "SEP1")
        profiles.set_calendar(ALICE, True)
        person = profiles.person(ALICE)
        assert (person.owner, dict(person.profiles), person.calendar) == (AOR, {"ldap": "sales"}, True)
        assert (person.licences, person.device) == (Licences(im=True), Device("SEP1"))

    def test_it_goes_with_the_user(self, profiles, users) -> None:
        profiles.set_profile("ldap", "sales")
        profiles.assign(ALICE, "ldap", "sales")
        profiles.set_device(ALICE, "SEP1")
        users.delete(ALICE)
        users.add(ALICE, "x")
        assert (profiles.person(ALICE).device, dict(profiles.person(ALICE).profiles)) == (None, {})
        profiles.delete_profile("ldap", "sales")


def _changed(table: str, family: Family, block: list[list[str]]) -> dict[str, object]:
    return {"table": table, "family": family, "profile": "sales", "properties": block}
