"""What clients are told of a change in the provisioning database: outbox entries as `UPCConfigChange`s.

The table of actions is the reference's (`uccn/TABLES.md`, R45 to R48).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

from presence.directory import Change, shown
from presence.documents.config_change import (
    AclItem,
    ConfigChange,
    ContactItem,
    DialingRuleItem,
    GroupItem,
    Item,
    PresenceRuleItem,
    Property,
)
from presence.provisioning import contact_lists, news

ACTIONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        contact_lists.GROUP_ADDED: "insert-group",
        contact_lists.GROUP_CHANGED: "update-group",
        contact_lists.GROUP_DELETED: "delete-group",
        contact_lists.CONTACT_ADDED: "insert-contact",
        contact_lists.CONTACT_CHANGED: "update-contact",
        contact_lists.CONTACT_DELETED: "delete-contact",
        news.DIAL_RULE_ADDED: "insert-rule",
        news.DIAL_RULE_CHANGED: "update-rule",
        news.DIAL_RULE_DELETED: "delete-rule",
        news.RULE_ADDED: "add-presence-rules",
        news.RULE_CHANGED: "update-presence-rules",
        news.RULE_DELETED: "delete-presence-rules",
        news.ACL_ADDED: "add-acl",
        news.ACL_CHANGED: "update-acl",
        news.ACL_DELETED: "delete-acl",
        news.SETTING_ADDED: "insert-endusercfg",
        news.SETTING_CHANGED: "update-endusercfg",
        news.SETTING_DELETED: "delete-endusercfg",
    }
)
"""Topic to action, where the topic alone says it (of settings: Q17)."""

TABLE_ACTIONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "UcSystemCfg": "update-systemcfg",
        "EpasDevice": "update-systemcfg",
        "UcAttributeMap": "update-ldapmapping",
        "CUPSystemCfg": "update-cupssystemcfg",
        "PEBackendGateway": "update-pebackendgateway",
        "UcLdapHost": "update-ldap",
        "UcLdapProfile": "update-ldap",
    }
)
"""Table to action; hosts and profiles of all other families, and what is set for a user: UPDATE_HOST."""

UPDATE_HOST: Final = "update-host"

_BLOCKS: Final = frozenset(
    {news.PROPERTIES_CHANGED, news.PROFILE_CHANGED, news.DEVICE_CHANGED, news.USER_CONFIGURED}
)


def config_change_of(change: Change) -> ConfigChange | None:
    """What the owner's client is told of `change`; None for what no client is told."""
    payload: Mapping[str, Any] = change.payload
    if change.topic in _BLOCKS:
        return ConfigChange(
            TABLE_ACTIONS.get(payload["table"], UPDATE_HOST),
            tuple(Property(name, value) for name, value in payload["properties"]),
            payload.get("cti-device"),
        )
    action = ACTIONS.get(change.topic)
    if action is None:
        return None
    if change.topic.startswith("setting."):
        return ConfigChange(action, (Property(payload["name"], payload["value"], payload["is-public"]),))
    sides = (payload.get("old"), payload.get("new"))
    old, new = (None if side is None else _item(change, side) for side in sides)
    return ConfigChange(action, old=old, new=new)


def _item(change: Change, side: Mapping[str, Any]) -> Item:
    family = change.topic.partition(".")[0]
    if family == "dialrule":
        return DialingRuleItem(*(side[name] for name in _DIALING))
    if family == "rule":
        return PresenceRuleItem(side["name"], side["data"])
    if family == "acl":
        return AclItem(side["rule"], shown(side["watcher"]))
    if "member" not in side:
        return GroupItem(side["name"], Decimal(side["index"]))
    return ContactItem(
        side["group"],
        Decimal(side["group-index"]),
        persona_id(side["member"], change.key),
        Decimal(side["index"]),
        side["nickname"],
        side["local"],
    )


_DIALING: Final[Sequence[str]] = (
    "type",
    "name",
    "description",
    "priority",
    "number-begins-with",
    "number-of-digits",
    "digits-to-be-removed",
    "prefix",
)


def persona_id(member: str, owner: str) -> str:
    """A contact as clients name him: the bare user id in the owner's domain, else with his domain (R95)."""
    name, _, domain = shown(member).rpartition("@")
    return name if domain == shown(owner).rpartition("@")[2] else shown(member)
