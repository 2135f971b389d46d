"""Every payload that the guide prints: the change is made in the database, the NOTIFY has that document.

Who changes something does it by a provisioning service; the outbox is read as the follower reads it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from presence.documents.config_change import (
    ConfigChange,
    PresenceRuleItem,
    parse_config_change,
    render_config_change,
)
from presence.policy.cisco import CiscoRule
from presence.provisioning import catalogue, news
from presence.provisioning.configuration import ConfigurationService
from presence.provisioning.contacts import ContactService
from presence.provisioning.dial_rules import DialingRule
from presence.provisioning.dialing import DialingService
from presence.provisioning.presence_rules import PresenceRulesService
from presence.provisioning.profiles import ProfileService
from presence.provisioning.user_settings import UserSettingsService
from presence.provisioning.users import UserService
from presence.storage.configuration import SqlConfigurationRepository
from presence.storage.contacts import SqlContactRepository
from presence.storage.database import Database
from presence.storage.dialing import SqlDialingRepository
from presence.storage.presence_rules import SqlPresenceRulesRepository
from presence.storage.profiles import SqlProfileRepository
from presence.storage.rows import read_changes
from presence.storage.user_settings import SqlUserSettingsRepository
from presence.storage.users import SqlUserRepository
from sip.message import Request
from tests.presence.packages.watching import ALICE, Phone, Watching
from tests.presence.uccn import canonical, payloads

OWNER = "alice@sip.test"
DEVICE = "SEP000E836F0164"
RULE = "String"
ACL_RULE = "String obtained from fkepasprivacypolicy name"
PLACES = {"Primary": "primary", "Backup": "backup1", "Backup1": "backup1", "Backup2": "backup2"}


class Provisioning:
    """A database with two users, the services over it, and a server that reads its outbox."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._position = 0
        users = UserService(SqlUserRepository(database))
        for name in (OWNER, "Jack@sip.test"):
            users.add(name, "secret")
        self.contacts = ContactService(SqlContactRepository(database))
        self.rules = PresenceRulesService(SqlPresenceRulesRepository(database))
        self.settings = UserSettingsService(SqlUserSettingsRepository(database))
        self.dialing = DialingService(SqlDialingRepository(database))
        self.configuration = ConfigurationService(SqlConfigurationRepository(database))
        self.profiles = ProfileService(SqlProfileRepository(database))
        self.watching = Watching()
        self.phone: Phone

    def follow(self) -> None:
        """What the follower does when there is a sign."""
        with self._database.reading() as connection:
            changes = read_changes(connection, self._position, 500)
        self._position = changes[-1].id if changes else self._position
        self.watching.house.parts.apply(changes)
        self.watching.house.settle()

    def begin(self) -> None:
        """The client subscribes."""
        self.follow()
        more = "Accept: application/xml"
        self.phone = self.watching.subscribe("uc-config-change", ALICE, ALICE, more=more)
        self.phone.heard()

    def told(self) -> list[Request]:
        """The NOTIFYs of what was changed since."""
        self.follow()
        return self.phone.heard()


@pytest.fixture
def world(database: Database) -> Provisioning:
    return Provisioning(database)


Case = Callable[[Provisioning, ConfigChange], Callable[[], Any]]
"""Brings about what was there before the change of a payload, and returns how the change is made."""


# -- properties of the system


def properties(world: Provisioning, wanted: ConfigChange) -> Callable[[], Any]:
    known = {it.told_as: it.name for it in catalogue.PROPERTIES.values() if it.told_as}
    values = {known[it.name]: it.value for it in wanted.properties}
    # All but the first are there already, and the first has another value.
    first = next(iter(values))
    world.configuration.set({**values, first: {"TRUE": "FALSE", "FALSE": "TRUE"}.get(values[first], "x")})
    return lambda: world.configuration.set({first: values[first]})


def device(world: Provisioning, wanted: ConfigChange) -> Callable[[], Any]:
    world.configuration.set({it.name: it.value for it in wanted.properties})
    world.profiles.set_device(OWNER, DEVICE, "first floor")
    return lambda: world.profiles.set_device(OWNER, DEVICE, "second floor")


# -- hosts, profiles, users


def arrange(world: Provisioning, family: news.Family, wanted: ConfigChange, profile: str) -> dict[str, str]:
    """The hosts and the profile of a block; the names of the hosts by place."""
    values = {it.name: it.value for it in wanted.properties}
    hosts: dict[str, str] = {}
    for name in catalogue.HOST_PROPERTIES[family]:
        prefix, place, end = name.split(".")
        if end == "Address" and values[name]:
            parts = [values[f"{prefix}.{place}.{it}"] for it in ("Address", "Port", "Protocol")]
            hosts[PLACES[place]] = f"host-{place}"
            world.profiles.set_host(family, f"host-{place}", *parts)
    pilot = values.get(catalogue.PILOT_NUMBER, "")
    if pilot:
        world.profiles.set_pilot("pilot", pilot)
    attributes = {name: values[name] for name in catalogue.ATTRIBUTES[family] if name in values}
    more = {"pilot": "pilot"} if pilot else {}
    world.profiles.set_profile(family, profile, **hosts, **more, attributes=attributes)  # type: ignore[arg-type]
    return hosts


def host(family: news.Family) -> Case:
    def case(world: Provisioning, wanted: ConfigChange) -> Callable[[], Any]:
        hosts = arrange(world, family, wanted, news.DEFAULT_PROFILE)
        if not hosts:
            # The printed block is empty: what was there goes.
            world.profiles.set_host(family, "old", "192.0.2.1")
            world.profiles.set_profile(family, news.DEFAULT_PROFILE, primary="old")
            return lambda: world.profiles.delete_host(family, "old")
        address = wanted.properties[[it.name.endswith(".Address") for it in wanted.properties].index(True)]
        world.profiles.set_host(family, hosts["primary"], "old.example")
        return lambda: world.profiles.set_host(family, hosts["primary"], address.value)

    return case


def profile(family: news.Family) -> Case:
    def case(world: Provisioning, wanted: ConfigChange) -> Callable[[], Any]:
        hosts = arrange(world, family, wanted, news.DEFAULT_PROFILE)
        world.profiles.set_profile(family, news.DEFAULT_PROFILE, primary="")
        return lambda: world.profiles.set_profile(family, news.DEFAULT_PROFILE, primary=hosts["primary"])

    return case


def pilot(world: Provisioning, wanted: ConfigChange) -> Callable[[], Any]:
    arrange(world, "voicemail", wanted, news.DEFAULT_PROFILE)
    number = wanted.properties[-1].value
    world.profiles.set_pilot("pilot", "1")
    return lambda: world.profiles.set_pilot("pilot", number)


def user(family: news.Family) -> Case:
    def case(world: Provisioning, wanted: ConfigChange) -> Callable[[], Any]:
        world.profiles.set_device(OWNER, DEVICE)
        arrange(world, family, wanted, "own")
        return lambda: world.profiles.assign(OWNER, family, "own")

    return case


def calendar(world: Provisioning, wanted: ConfigChange) -> Callable[[], Any]:
    world.profiles.set_calendar(OWNER, True)
    return lambda: world.profiles.set_calendar(OWNER, False)


# -- contacts and groups


def group_added(world: Provisioning, wanted: ConfigChange) -> Callable[[], Any]:
    return lambda: world.contacts.add_group(OWNER, "General", "1")


def group_changed(world: Provisioning, wanted: ConfigChange) -> Callable[[], Any]:
    world.contacts.add_group(OWNER, "General", "1")
    return lambda: world.contacts.modify_group(OWNER, "General", "Work")


def group_deleted(world: Provisioning, wanted: ConfigChange) -> Callable[[], Any]:
    world.contacts.add_group(OWNER, "General", "1")
    return lambda: world.contacts.delete_group(OWNER, "General")


def contact_added(world: Provisioning, wanted: ConfigChange) -> Callable[[], Any]:
    world.contacts.add_group(OWNER, "General", "1")
    return lambda: world.contacts.add_contact(OWNER, "General", "Jack", "1", "Curly")


def contact_changed(world: Provisioning, wanted: ConfigChange) -> Callable[[], Any]:
    contact_added(world, wanted)()
    return lambda: world.contacts.modify_contact(OWNER, "General", "Jack", nickname="Baldy")


def contact_deleted(world: Provisioning, wanted: ConfigChange) -> Callable[[], Any]:
    contact_added(world, wanted)()
    return lambda: world.contacts.delete_contact(OWNER, "General", "Jack")


# -- rules


def _dialing(description: str) -> DialingRule:
    return DialingRule(1, "9", description, 1, "9", 4, 1, "1")


def dial_rule_added(world: Provisioning, wanted: ConfigChange) -> Callable[[], Any]:
    return lambda: world.dialing.add(_dialing("9 to 1"))


def dial_rule_changed(world: Provisioning, wanted: ConfigChange) -> Callable[[], Any]:
    world.dialing.add(_dialing("9 changed to 1"))
    return lambda: world.dialing.modify(1, "9", description="9 to 1")


def dial_rule_deleted(world: Provisioning, wanted: ConfigChange) -> Callable[[], Any]:
    world.dialing.add(_dialing("9 changed to 1"))
    return lambda: world.dialing.delete(1, "9")


def rule_added(world: Provisioning, wanted: ConfigChange) -> Callable[[], Any]:
    return lambda: world.rules.set(OWNER, [CiscoRule(RULE)])


def rule_changed(world: Provisioning, wanted: ConfigChange) -> Callable[[], Any]:
    rule_added(world, wanted)()
    return lambda: world.rules.set(OWNER, [CiscoRule(RULE, "reachability-only")])


def rule_deleted(world: Provisioning, wanted: ConfigChange) -> Callable[[], Any]:
    rule_added(world, wanted)()
    return lambda: world.rules.delete(OWNER, [RULE])


def acl_added(world: Provisioning, wanted: ConfigChange) -> Callable[[], Any]:
    world.rules.set(OWNER, [CiscoRule(ACL_RULE)])
    return lambda: world.rules.add_watchers(OWNER, ACL_RULE, ["watcherx@ex.com"])


def acl_changed(world: Provisioning, wanted: ConfigChange) -> Callable[[], Any]:
    acl_added(world, wanted)()
    return lambda: world.rules.replace_watcher(OWNER, ACL_RULE, "watcherx@ex.com", "watcherx@ab.com")


def acl_deleted(world: Provisioning, wanted: ConfigChange) -> Callable[[], Any]:
    acl_added(world, wanted)()
    return lambda: world.rules.delete_watchers(OWNER, ACL_RULE, ["watcherx@ex.com"])


# -- settings


def setting_added(world: Provisioning, wanted: ConfigChange) -> Callable[[], Any]:
    return lambda: world.settings.set(OWNER, [("attrname", "attrvalue", True)])


def setting_changed(world: Provisioning, wanted: ConfigChange) -> Callable[[], Any]:
    setting_added(world, wanted)()
    return lambda: world.settings.set(OWNER, [("attrname", "attrvalue", False)])


def setting_deleted(world: Provisioning, wanted: ConfigChange) -> Callable[[], Any]:
    setting_added(world, wanted)()
    return lambda: world.settings.delete(OWNER, ["attrname"])


CASES: dict[str, Case] = {
    "ApplicationDialRule-delete": dial_rule_deleted,
    "ApplicationDialRule-insert": dial_rule_added,
    "ApplicationDialRule-update": dial_rule_changed,
    "CUPSystemCfg-update": properties,
    "EPASContactGroup-delete": group_deleted,
    "EPASContactGroup-insert": group_added,
    "EPASContactGroup-update": group_changed,
    "EPASContacts-delete": contact_deleted,
    "EPASContacts-insert": contact_added,
    "EPASContacts-update": contact_changed,
    "EndUser-update-enablecalendarpresence": calendar,
    "EndUser-update-fkucctigatewayprofile": user("ctigateway"),
    "EndUser-update-fkucldapprofile": user("ldap"),
    "EndUser-update-fkucmeetingplaceprofile": user("meetingplace"),
    "EndUser-update-fkucproxyprofile": user("proxy"),
    "EndUser-update-fkucunityprofile": user("voicemail"),
    "EpasDevice-update": device,
    "EpasPrivacyPolicy-delete": rule_deleted,
    "EpasPrivacyPolicy-insert": rule_added,
    "EpasPrivacyPolicy-update": rule_changed,
    "PEBackendGateway-update": properties,
    "PeUriAcl-delete": acl_deleted,
    "PeUriAcl-insert": acl_added,
    "PeUriAcl-update": acl_changed,
    "ProcessConfig-update": host("proxy"),
    "UCEnduserCfg-delete": setting_deleted,
    "UCEnduserCfg-insert": setting_added,
    "UCEnduserCfg-update": setting_changed,
    "UcAttributeMap-update": properties,
    "UcCtiGatewayHost-update": host("ctigateway"),
    "UcCtiGatewayProfile-update": profile("ctigateway"),
    "UcLdapHost-update": host("ldap"),
    "UcLdapProfile-update": profile("ldap"),
    "UcMeetingPlaceHost-update": host("meetingplace"),
    "UcMeetingPlaceProfile-update": profile("meetingplace"),
    "UcProxyProfile-update": profile("proxy"),
    "UcSystemCfg-update": properties,
    "UcUnityHost-update": host("voicemail"),
    "UcUnityProfile-update": profile("voicemail"),
    "VoiceMessagingPilot-update": pilot,
}


def test_there_is_a_change_for_every_payload(shared: Path) -> None:
    assert set(CASES) == set(payloads(shared))


@pytest.mark.parametrize("name", CASES)
def test_the_change_is_told_as_printed(name: str, world: Provisioning, shared: Path) -> None:
    printed = payloads(shared)[name]
    change = CASES[name](world, parse_config_change(printed))
    world.begin()
    change()
    (notify,) = world.told()
    assert canonical(with_data_of(printed, notify.body)) == canonical(notify.body)


def with_data_of(printed: bytes, sent: bytes) -> bytes:
    """`printed` with the text of the rules in `sent`: the guide prints a placeholder for it."""
    wanted, told = parse_config_change(printed), parse_config_change(sent)
    for side in ("old", "new"):
        ours, theirs = getattr(told, side), getattr(wanted, side)
        if isinstance(theirs, PresenceRuleItem):
            assert isinstance(ours, PresenceRuleItem)
            assert "<" in ours.data
            assert theirs.data == "filterdata pointed to by fkpefilterinfo"
            wanted = wanted._replace(**{side: theirs._replace(data=ours.data)})
    return printed if wanted == parse_config_change(printed) else render_config_change(wanted)
