"""Which properties of the system there are: names, defaults, what they belong to, which values they take.

Clients fetch 79 of them in one order (R62); changes are told in blocks (`uccn/TABLES.md`) with names of their
own for the mapping of directory attributes.  Two names that mean the same are one property, known by the one
that is fetched.
The properties of hosts are not here but come from profiles (`presence.provisioning.profiles`).
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from presence.provisioning.addresses import canonical_domain
from presence.provisioning.errors import ProvisioningError
from presence.provisioning.news import PRIVACY_FOREIGN, PRIVACY_LOCAL, Family

SYSTEM_TABLE: Final = "UcSystemCfg"
ATTRIBUTE_TABLE: Final = "UcAttributeMap"
MESSAGING_TABLE: Final = "CUPSystemCfg"
EXCHANGE_TABLE: Final = "PEBackendGateway"

MAXIMUM_LENGTH: Final = 1024
"""Characters of a value; a distinguished name of a directory is the longest that is in use."""

TRUTHS: Final = ("TRUE", "FALSE")
HANDLINGS: Final = ("allow", "confirm", "polite-block", "block", "")


@dataclass(frozen=True, slots=True)
class Property:
    """`table`: that of its news, None: clients are told nothing; `told_as`: its name there.

    `fetched`: whether clients fetch it (R62); `values`: all that it may be, None: any text.
    """

    name: str
    default: str
    table: str | None
    told_as: str
    fetched: bool
    values: tuple[str, ...] | None = None


def _mapping(name: str, default: str, told_as: str) -> Property:
    """An attribute of the directory; `told_as` "": there is no word for it in a block."""
    prefix = "Directory.Map."
    told = f"{prefix}{told_as}" if told_as else ""
    return Property(f"{prefix}{name}" if name else told, default, ATTRIBUTE_TABLE, told, bool(name))


# In the order of Example 21, with what it prints; `orgainzationName` is how it is spelled on the wire (R62).
_FETCHED_MAP: Final = tuple(
    _mapping(*it)
    for it in (
        ("userid", "uid", "UserID"),
        ("givenName", "givenname", "FirstName"),
        ("surName", "sn", "LastName"),
        ("middleName", "middleinitial", "MiddleName"),
        ("displayName", "cn", "DisplayName"),
        ("nickName", "", "nickname"),
        ("jpegPhoto", "", "Photo"),
        ("internalSnailMailAddress", "postofficebox", ""),
        ("site", "site", ""),
        ("building", "building", ""),
        ("floor", "floor", ""),
        ("physicalLocation", "", ""),
        ("orgPersonNumber", "employeenumber", ""),
        ("orgPersonType", "employeetype", ""),
        ("title", "title", "Title"),
        ("orgainzationName", "", ""),
        ("organizationUnitName", "", ""),
        ("departmentNumber", "departmentnumber", ""),
        ("managerID", "manageruid", ""),
        ("preferredLanguage", "", ""),
        ("status", "status", ""),
    )
)
# What a block has besides, with what the printed one has.
_TOLD_MAP: Final = tuple(
    _mapping("", default, told_as)
    for told_as, default in (
        ("UID", "employeenumber"),
        ("NamePrefix", ""),
        ("NameSuffix", ""),
        ("Gender", ""),
        ("BusinessEMail", "mail"),
        ("IM", "uid"),
        ("BusinessPhoneNumber", "telephoneNumber"),
        ("BusinessVoiceMail", "voicemail"),
        ("BusinessMobilePhone", "mobile"),
        ("BusinessPager", "pager"),
        ("BusinessFax", "facsimileTelephoneNumber"),
        ("BusinessOtherPhone", ""),
        ("HomeEMail", ""),
        ("HomeMobilePhone", ""),
        ("HomeFax", ""),
        ("URL", "labeledURI"),
    )
)
_SYSTEM: Final = tuple(
    Property(name, "", SYSTEM_TABLE, name, True)
    for name in ("Security", "TFTP.Primary", "TFTP.Backup1", "TFTP.Backup2")
)
_OTHERS: Final = (
    Property("IM.enable", "TRUE", MESSAGING_TABLE, "IM.enable", False, TRUTHS),
    Property("Presence.ExchangeEnabled", "FALSE", EXCHANGE_TABLE, "Presence.ExchangeEnabled", False, TRUTHS),
    Property(PRIVACY_LOCAL, "", None, "", False, HANDLINGS),
    Property(PRIVACY_FOREIGN, "", None, "", False, HANDLINGS),
)

PROPERTIES: Final[Mapping[str, Property]] = MappingProxyType(
    {it.name: it for it in (*_FETCHED_MAP, *_SYSTEM, *_TOLD_MAP, *_OTHERS)}
)
"""Name to property, in the order in which they are shown."""

_BLOCK_OF_ATTRIBUTES: Final = (
    "UID", "FirstName", "LastName", "MiddleName", "nickname", "UserID", "Photo", "Title", "DisplayName",
    "NamePrefix", "NameSuffix", "Gender", "BusinessEMail", "IM", "BusinessPhoneNumber", "BusinessVoiceMail",
    "BusinessMobilePhone", "BusinessPager", "BusinessFax", "BusinessOtherPhone", "HomeEMail",
    "HomeMobilePhone", "HomeFax", "URL",
)  # fmt: skip
_BY_TOLD_NAME: Final = {it.told_as: it for it in PROPERTIES.values() if it.told_as}

BLOCKS: Final[Mapping[str, tuple[Property, ...]]] = MappingProxyType(
    {
        SYSTEM_TABLE: _SYSTEM,
        ATTRIBUTE_TABLE: tuple(_BY_TOLD_NAME[f"Directory.Map.{it}"] for it in _BLOCK_OF_ATTRIBUTES),
        MESSAGING_TABLE: (_OTHERS[0],),
        EXCHANGE_TABLE: (_OTHERS[1],),
    }
)
"""Table to the properties of its block in the order in which they are told (`uccn/TABLES.md`)."""

# -- what profiles show ------------------------------------------------------------------------------------

FAMILIES: Final[tuple[Family, ...]] = ("voicemail", "meetingplace", "ctigateway", "ldap", "proxy")
"""In the order of Example 21."""

_ENDS: Final = ("Address", "Port", "Protocol")


def _hosts(prefix: str, *places: str) -> tuple[str, ...]:
    return tuple(f"{prefix}.{place}.{end}" for place in places for end in _ENDS)


_THREE: Final = ("Primary", "Backup1", "Backup2")
PILOT_NUMBER: Final = "VoiceMail.PilotNumber"
PRESENCE_DOMAIN: Final = "Presence.Domain"

HOST_PROPERTIES: Final[Mapping[Family, tuple[str, ...]]] = MappingProxyType(
    {
        "voicemail": _hosts("VoiceMail", *_THREE),
        "meetingplace": _hosts("MeetingPlace", *_THREE),
        "ctigateway": _hosts("CallControl", *_THREE),
        "ldap": _hosts("Directory", *_THREE),
        "proxy": _hosts("Presence", "Primary", "Backup"),
    }
)
"""Address, port and protocol of each place of a family, one place after the other."""

ATTRIBUTES: Final[Mapping[Family, Mapping[str, str]]] = MappingProxyType(
    {
        "voicemail": MappingProxyType({}),
        "meetingplace": MappingProxyType({}),
        "ctigateway": MappingProxyType({}),
        "ldap": MappingProxyType(
            {
                "Directory.DN": "",
                "Directory.Password": "",
                "Directory.AnonymousBind": "FALSE",
                "Directory.ConfigurationName": "",
                "Directory.SearchContext1": "",
                "Directory.SearchRecursive1": "FALSE",
                "Directory.SearchContext2": "",
                "Directory.SearchRecursive2": "FALSE",
                "Directory.SearchContext3": "",
                "Directory.SearchRecursive3": "FALSE",
            }
        ),
        "proxy": MappingProxyType({PRESENCE_DOMAIN: ""}),
    }
)
"""What a profile of a family has besides hosts, with its defaults; no domain is that of the user."""

_TRUTH_ATTRIBUTES: Final = frozenset(name for name, default in ATTRIBUTES["ldap"].items() if default)

PASSWORDS: Final = frozenset({"Directory.Password"})
"""What is not shown to everybody who looks over an operator's shoulder."""

PROFILE_PROPERTIES: Final[Mapping[Family, tuple[str, ...]]] = MappingProxyType(
    {
        "voicemail": (*HOST_PROPERTIES["voicemail"], PILOT_NUMBER),
        "meetingplace": HOST_PROPERTIES["meetingplace"],
        "ctigateway": HOST_PROPERTIES["ctigateway"],
        "ldap": (*ATTRIBUTES["ldap"], *HOST_PROPERTIES["ldap"]),
        "proxy": (*HOST_PROPERTIES["proxy"], *ATTRIBUTES["proxy"]),
    }
)
"""The block of a profile in the order in which it is told and fetched."""

FETCHED: Final[tuple[str, ...]] = (
    *(it.name for it in _FETCHED_MAP),
    "Security",
    *(name for family in FAMILIES for name in PROFILE_PROPERTIES[family]),
    *(it.name for it in _SYSTEM[1:]),
)
"""What get-system-config shows, in its order (R62, Example 21)."""

# -- names and values that people write ----------------------------------------------------------------------

# XML 1.0 §2.2 and line ends; lone surrogates are what the command line makes of bytes that are no UTF-8.
_UNSHOWABLE: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]")

_BY_ANY_NAME: Final = {it.told_as.lower(): it for it in PROPERTIES.values() if it.told_as} | {
    name.lower(): it for name, it in PROPERTIES.items()
}
_FAMILY_OF: Final = {name.lower(): family for family, names in PROFILE_PROPERTIES.items() for name in names}


def known(name: str) -> Property:
    """The property that goes by `name`, in upper or lower case, as it is fetched or as it is told.

    Raises ProvisioningError: there is none; the nearest names are told.
    """
    wanted = name.strip().lower()
    found = _BY_ANY_NAME.get(wanted)
    if found is not None:
        return found
    family = _FAMILY_OF.get(wanted)
    if family is not None:
        raise ProvisioningError(f"{name.strip()} comes from the profiles of {family}: see presentity profile")
    near = difflib.get_close_matches(wanted, _BY_ANY_NAME, 3, 0.6)
    names = list(dict.fromkeys(_BY_ANY_NAME[it].name for it in near))
    hint = f"; did you mean {' or '.join(names)}?" if names else "; presentity config list shows all"
    raise ProvisioningError(f"there is no property {name.strip()!r}{hint}")


def checked_value(name: str, value: str, values: tuple[str, ...] | None = None) -> str:
    """`value` without blanks around it, one of `values` in their spelling if there are such.

    Raises ProvisioningError: it is something else, or holds what cannot stand in a document.
    """
    value = checked_text(name, value)
    if values is None:
        return value
    by_lower_case = {it.lower(): it for it in values}
    if value.lower() not in by_lower_case:
        allowed = ", ".join(it or "nothing" for it in values)
        raise ProvisioningError(f"{name} cannot be {value!r}: it is one of {allowed}")
    return by_lower_case[value.lower()]


def checked_text(what: str, text: str, longest: int = MAXIMUM_LENGTH) -> str:
    """`text` without blanks around it. Raises ProvisioningError: too long, or no text of a document."""
    text = text.strip()
    if len(text) > longest:
        raise ProvisioningError(f"{what} is longer than {longest} characters")
    if _UNSHOWABLE.search(text):
        raise ProvisioningError(f"{what} has a character in it that cannot be shown")
    return text


def checked_attribute(family: Family, name: str, value: str) -> tuple[str, str]:
    """An attribute of a profile by its full name or the last part of it, with a value it may have.

    An empty value is the default.
    Raises ProvisioningError: profiles of the family have no such attribute, or not that value.
    """
    wanted = name.strip().lower()
    for full in ATTRIBUTES[family]:
        if wanted in (full.lower(), full.rpartition(".")[2].lower()):
            if not value.strip():
                return full, ATTRIBUTES[family][full]
            if full == PRESENCE_DOMAIN:
                return full, canonical_domain(value)
            return full, checked_value(full, value, TRUTHS if full in _TRUTH_ATTRIBUTES else None)
    allowed = ", ".join(ATTRIBUTES[family]) or "hosts only"
    raise ProvisioningError(f"a profile of {family} has no {name.strip()!r}; it has {allowed}")


def checked_family(family: str) -> Family:
    """Raises ProvisioningError: there is no such family of services."""
    for one in FAMILIES:
        if one == family.strip().lower():
            return one
    raise ProvisioningError(f"there is no family {family.strip()!r}: it is one of {', '.join(FAMILIES)}")
