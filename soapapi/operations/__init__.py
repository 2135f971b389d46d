"""The operations, one module a group; `SERVICES` is the table of them."""

from __future__ import annotations

from typing import Any, Final

from soapapi.operations.acl import AccessLists
from soapapi.operations.all_config import Everything
from soapapi.operations.calendaring import Calendaring
from soapapi.operations.configuration import Configuration
from soapapi.operations.contacts import Contacts
from soapapi.operations.dialing import Dialing
from soapapi.operations.groups import Groups
from soapapi.operations.history import History
from soapapi.operations.licences import Licensing
from soapapi.operations.presence_rules import PresenceRuleSets
from soapapi.operations.session import Session
from soapapi.operations.standing import LongTermStatus

SERVICES: Final[tuple[Any, ...]] = (
    Session,
    Everything,
    Configuration,
    Licensing,
    Groups,
    Contacts,
    PresenceRuleSets,
    AccessLists,
    Dialing,
    History,
    LongTermStatus,
    Calendaring,
)
