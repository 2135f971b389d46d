"""add-recent-comm, get-recent-comm (SPEC R77, R78, Q50 to Q52; Examples 49 to 52): the history of calls."""

from __future__ import annotations

from lxml import etree

from presence.provisioning.errors import ProvisioningError
from presence.provisioning.history import MOST_DATA
from soapapi.markup import TooLarge, inner_xml
from soapapi.messages import Attribute, Markup, Message, Text, many
from soapapi.names import EPAS
from soapapi.operation import Call, Service, operation


class RecentComm(Message):
    """A record; `data` is any XML."""

    timestamp = Text
    type = Text
    data = Markup


class RecentComms(Message):
    """All records."""

    record = many(RecentComm)


class RecentCommStatus(Message):
    """What became of it."""

    timestamp = Attribute
    status_code = Attribute


class RecentCommStatuses(Message):
    """One."""

    record = RecentCommStatus


class History(Service):
    """The history of the user."""

    @operation("add-recent-comm", RecentComm, RecentCommStatuses)
    def add_recent_comm(call: Call, request: RecentComm) -> RecentCommStatuses:
        """One record more; status-code 1 if it is none (R77, Q36, Q50 to Q52; Examples 49 and 50)."""
        return RecentCommStatuses(
            record=RecentCommStatus(
                timestamp=None if request.timestamp is None else request.timestamp.strip(),
                status_code="0" if _added(call, request) else "1",
            )
        )

    @operation("get-recent-comm", response=RecentComms)
    def get_recent_comm(call: Call) -> RecentComms:
        """The newest first, `data` with its namespaces (R78, Q51; Examples 51 and 52)."""
        return RecentComms(
            record=[
                RecentComm(timestamp=it.timestamp, type=it.type, data=_data(it.data))
                for it in call.services.history.list(call.owner)
            ]
        )


def _added(call: Call, record: RecentComm) -> bool:
    if record.timestamp is None or record.type is None or record.data is None:
        return False
    try:
        data = inner_xml(record.data, MOST_DATA)
        call.services.history.add(call.owner, record.timestamp, record.type, data)
    except (ProvisioningError, TooLarge):
        return False
    return True


def _data(inner: str) -> etree._Element:
    parser = etree.XMLParser(resolve_entities=False, no_network=True)
    return etree.fromstring(f'<epas:data xmlns:epas="{EPAS}">{inner}</epas:data>', parser)
