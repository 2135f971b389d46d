"""get-all-config (SPEC R61, R87, Q29, Q39; Examples 18 and 19)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from soapapi.messages import Empty, Message
from soapapi.operation import Call, Service, operation
from soapapi.operations.configuration import SystemConfig, UserConfig, system_config, user_config
from soapapi.operations.contacts import ContactList, contact_list
from soapapi.operations.dialing import DialingRules, dialing_rules
from soapapi.operations.licences import LicensingFeatures, licensing_features
from soapapi.operations.presence_rules import AllPresenceRules, all_presence_rules


class Sections(Message):
    """Those that are asked for; none is all (Q29)."""

    system_config = Empty
    user_config = Empty
    licensing_features = Empty
    contact_list = Empty
    presence_rules = Empty
    dialing_rules = Empty


class AllConfig(Message):
    """The answers of the operations of these names, in this order whatever was asked for first."""

    get_system_config_resp = SystemConfig
    get_user_config_resp = UserConfig
    get_licensing_features_resp = LicensingFeatures
    get_contact_list_resp = ContactList
    get_presence_rules_resp = AllPresenceRules
    get_dialing_rules_resp = DialingRules


_SECTIONS: Final[Mapping[str, Callable[[Call], Any]]] = MappingProxyType(
    {
        "system_config": system_config,
        "user_config": user_config,
        "licensing_features": licensing_features,
        "contact_list": contact_list,
        "presence_rules": all_presence_rules,
        "dialing_rules": dialing_rules,
    }
)


class Everything(Service):
    """What a client fetches after its login."""

    @operation("get-all-config", Sections, AllConfig)
    def get_all_config(call: Call, request: Sections) -> AllConfig:
        """Several sections in one answer."""
        wanted = [name for name in _SECTIONS if getattr(request, name) is not None] or [*_SECTIONS]
        return AllConfig(**{f"get_{name}_resp": _SECTIONS[name](call) for name in wanted})
