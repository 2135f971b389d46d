"""What the outbox tells of provisioning: topics, keys and payloads, one entry a change.

The payload says what the change notifier has to tell, as it was when the change was made:
`old` and `new` where a thing has both, a whole block of properties where the reference sends one
(`uccn/TABLES.md`).  The key is the owner's AOR, or SYSTEM for what concerns everybody.  Contacts and groups
have topics of their own (`presence.provisioning.contact_lists`).

Passwords of the directory service are part of a block that clients are sent, so they stand in such entries as
they stand in their tables; passwords of users never do.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final, Literal

SYSTEM: Final = ""
"""The key of entries that concern everybody."""

PROPERTIES_CHANGED: Final = "config.properties"
"""`{"table": ..., "properties": [[name, value], ...]}`: the block of a table of system properties."""

PROFILE_CHANGED: Final = "config.profile"
"""The same with `family` and `profile`, the profile that shows another block now; key SYSTEM."""

DEVICE_CHANGED: Final = "config.device"
"""The same without these; key: the owner of the device."""

PRIVACY_CHANGED: Final = "config.privacy"
"""`{}`; key SYSTEM: PRIVACY_LOCAL or PRIVACY_FOREIGN is another one. `Change.current` has those that are
set, as (name, value); nothing is told to clients."""

PRIVACY_LOCAL: Final = "Privacy.Default.Local"
PRIVACY_FOREIGN: Final = "Privacy.Default.Foreign"
"""System properties: what watchers get whom no rule names, of domains served here and of others: allow,
confirm, polite-block or block; an empty value or none is the setting of the server."""

USER_CONFIGURED: Final = "config.user"
"""`{"table": "EndUser", "column": ..., "properties": [...], "cti-device": ...}`; of a profile column also
`family` and `profile`; the calendar has no `cti-device`."""

LICENCES_CHANGED: Final = "licences.changed"
"""`{}`: nothing is told to clients, which ask for it at login."""

DIAL_RULE_ADDED: Final = "dialrule.added"
DIAL_RULE_CHANGED: Final = "dialrule.changed"
DIAL_RULE_DELETED: Final = "dialrule.deleted"
"""`old`, `new`: `type`, `name`, `description`, `priority`, `number-begins-with`, `number-of-digits`,
`digits-to-be-removed`, `prefix`, all texts; key SYSTEM."""

SETTING_ADDED: Final = "setting.added"
SETTING_CHANGED: Final = "setting.changed"
SETTING_DELETED: Final = "setting.deleted"
"""`{"name": ..., "value": ..., "is-public": true|false}`, as it is now (as it was, of a deleted one)."""

RULE_ADDED: Final = "rule.added"
RULE_CHANGED: Final = "rule.changed"
RULE_DELETED: Final = "rule.deleted"
"""`old`, `new`: `name` and `data`, the text of a presence rule without its ACL."""

ACL_ADDED: Final = "acl.added"
ACL_CHANGED: Final = "acl.changed"
ACL_DELETED: Final = "acl.deleted"
"""`old`, `new`: `rule` (its name) and `watcher` (AOR)."""

STANDING_CHANGED: Final = "standing.changed"
"""`{}`; `Change.current` has the document, or nothing when it was taken back."""

TOPICS: Final = frozenset(
    {
        PROPERTIES_CHANGED,
        PROFILE_CHANGED,
        DEVICE_CHANGED,
        PRIVACY_CHANGED,
        USER_CONFIGURED,
        LICENCES_CHANGED,
        DIAL_RULE_ADDED,
        DIAL_RULE_CHANGED,
        DIAL_RULE_DELETED,
        SETTING_ADDED,
        SETTING_CHANGED,
        SETTING_DELETED,
        RULE_ADDED,
        RULE_CHANGED,
        RULE_DELETED,
        ACL_ADDED,
        ACL_CHANGED,
        ACL_DELETED,
        STANDING_CHANGED,
    }
)

Family = Literal["voicemail", "meetingplace", "ctigateway", "ldap", "proxy"]
"""A kind of service that clients find by a profile of hosts."""

HOST_TABLES: Final[Mapping[Family, str]] = MappingProxyType(
    {
        "voicemail": "UcUnityHost",
        "meetingplace": "UcMeetingPlaceHost",
        "ctigateway": "UcCtiGatewayHost",
        "ldap": "UcLdapHost",
        "proxy": "ProcessConfig",
    }
)
PROFILE_TABLES: Final[Mapping[Family, str]] = MappingProxyType(
    {
        "voicemail": "UcUnityProfile",
        "meetingplace": "UcMeetingPlaceProfile",
        "ctigateway": "UcCtiGatewayProfile",
        "ldap": "UcLdapProfile",
        "proxy": "UcProxyProfile",
    }
)
PROFILE_COLUMNS: Final[Mapping[Family, str]] = MappingProxyType(
    {
        "voicemail": "fkucunityprofile",
        "meetingplace": "fkucmeetingplaceprofile",
        "ctigateway": "fkucctigatewayprofile",
        "ldap": "fkucldapprofile",
        "proxy": "fkucproxyprofile",
    }
)
"""The tables and columns by the names of the reference (R45 to R47)."""

PILOT_TABLE: Final = "VoiceMessagingPilot"
CALENDAR_COLUMN: Final = "enablecalendarpresence"
DEFAULT_PROFILE: Final = "default"
"""The profile of every family that users have who have none of their own."""

Block = list[list[str]]
"""Properties in the order in which they are told: [name, value]."""


def block(properties: Iterable[tuple[str, str]]) -> Block:
    """As JSON has them."""
    return [[name, value] for name, value in properties]
