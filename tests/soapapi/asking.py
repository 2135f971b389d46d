"""The SOAP application over a database, asked as clients ask it, and how answers are held against the print.

At cisco.com live kai, whose session it mostly is, and soapuser1 to soapuser5; all have the password "secret".
"""

from __future__ import annotations

import copy
import functools
import hashlib
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from lxml import etree

from presence.policy.decide import DefaultHandling
from presence.provisioning.configuration import ConfigurationService
from presence.provisioning.contacts import ContactService
from presence.provisioning.dialing import DialingService
from presence.provisioning.history import HistoryService
from presence.provisioning.presence_rules import PresenceRulesService
from presence.provisioning.profiles import ProfileService
from presence.provisioning.sessions import SessionService, SessionSettings
from presence.provisioning.standing import StandingService
from presence.provisioning.user_settings import UserSettingsService
from presence.provisioning.users import UserService
from presence.storage.configuration import SqlConfigurationRepository
from presence.storage.contacts import SqlContactRepository
from presence.storage.database import Database
from presence.storage.dialing import SqlDialingRepository
from presence.storage.history import SqlHistoryRepository
from presence.storage.presence_rules import SqlPresenceRulesRepository
from presence.storage.profiles import SqlProfileRepository
from presence.storage.rows import read_changes
from presence.storage.sessions import SqlSessionRepository
from presence.storage.standing import SqlStandingRepository
from presence.storage.user_settings import SqlUserSettingsRepository
from presence.storage.users import SqlUserRepository
from soapapi.application import CONTENT_TYPES, Answer, SoapApplication
from soapapi.names import EPAS, RULES, SOAP11, SOAP12
from soapapi.services import Services
from soapapi.wsdl import render_wsdl

DOMAIN = "cisco.com"
KAI = f"sip:kai@{DOMAIN}"
NOW = 1_800_000_000.0
USERS = ("kai", "soapuser1", "soapuser2", "soapuser3", "soapuser4", "soapuser5")
NS = {"epas": EPAS, "pr": RULES, "env": SOAP12}


class Reply(NamedTuple):
    """An answer: its status and what is in its body."""

    status: int
    element: etree._Element

    def items(self, path: str = "epas:status") -> list[tuple[dict[str, str], str]]:
        """Attributes and text of each of its statuses."""
        return [(dict(it.attrib), it.text or "") for it in self.element.xpath(path, namespaces=NS)]

    def texts(self, path: str = "epas:status") -> list[str]:
        """The text of each of its statuses."""
        return [text for _, text in self.items(path)]

    @property
    def fault(self) -> str:
        """ "Sender Invalid request. NotBoolean"; "" if it is no fault."""
        if etree.QName(self.element).localname != "Fault":
            return ""
        find = self.element.findtext
        code = (find("env:Code/env:Value", namespaces=NS) or "").partition(":")[2]
        why = (find("env:Code/env:Subcode/env:Value", namespaces=NS) or "").partition(":")[2]
        return f"{code} {find('env:Reason/env:Text', namespaces=NS)} {why}".strip()


class Office:
    """Services on a database and the application that calls them."""

    def __init__(
        self,
        database: Database,
        domain: str = DOMAIN,
        users: Sequence[str] = USERS,
        *,
        contacts: int | None = None,
        history: int = 200,
        defaults: DefaultHandling | None = None,
        **settings: Any,
    ) -> None:
        """`contacts`, `history`: limits; `defaults`: default policy; `settings`: of the application."""
        self.database = database
        self.domain = domain
        self.withdrawn: list[tuple[str, str]] = []
        known = UserService(SqlUserRepository(database))
        for name in users:
            known.add(f"{name}@{domain}", "secret")
        self.repository = SqlSessionRepository(database)
        self.services = Services(
            sessions=SessionService(self.repository, lambda: NOW, SessionSettings(domain)),
            configuration=ConfigurationService(SqlConfigurationRepository(database)),
            profiles=ProfileService(SqlProfileRepository(database)),
            dialing=DialingService(SqlDialingRepository(database)),
            user_settings=UserSettingsService(SqlUserSettingsRepository(database)),
            contacts=ContactService(SqlContactRepository(database), [domain], contacts),
            presence_rules=PresenceRulesService(SqlPresenceRulesRepository(database), [domain], lambda: NOW),
            history=HistoryService(SqlHistoryRepository(database), history),
            standing=StandingService(SqlStandingRepository(database), lambda: NOW),
            withdraw=lambda owner, tuple_id: self.withdrawn.append((owner, tuple_id)),
            defaults=defaults or DefaultHandling(),
        )
        self.application = SoapApplication(self.services, **settings)
        # What is in no namespace is not in the WSDL.
        self._printed = bool(settings.get("printed_namespaces"))
        self._position = 0
        self.news()

    def news(self) -> list[tuple[str, str, Any]]:
        """(topic, key, payload) of what was announced since the last look."""
        with self.database.reading() as connection:
            changes = read_changes(connection, self._position, 1000)
        if changes:
            self._position = changes[-1].id
        return [(it.topic, it.key, it.payload) for it in changes]

    def open(self, user: str, key: str) -> str:
        """A session of a user with this key."""
        owner = f"sip:{user}@{self.domain}"
        assert self.repository.open(owner, hashlib.sha256(key.encode()).hexdigest(), NOW, None)
        return key

    def post(self, data: bytes, version: str = SOAP12) -> Reply:
        """A request as its bytes are; the answer is one that the WSDL has."""
        answer = self.application.answer(data, CONTENT_TYPES[version], "127.0.0.1")
        reply = _reply(answer, version)
        if not self._printed and etree.QName(reply.element).localname != "Fault":
            described().assertValid(etree.ElementTree(copy.deepcopy(reply.element)))
        return reply

    def post_printed(self, request: bytes, user: str = "kai") -> Reply:
        """A printed request as it is, in a session of `user` with the printed key."""
        self.open(user, printed_key(request))
        return self.post(request)

    def ask(self, body: str, user: str = "kai", version: str = SOAP12) -> Reply:
        """`body` is the element in the body of the envelope, in the namespace of the interface."""
        key = self.open(user, f"key-of-{user}")
        return self.post(envelope(body, key, version), version)


def envelope(body: str, key: str, version: str = SOAP12) -> bytes:
    """A request as the examples have it."""
    return (
        f'<e:Envelope xmlns:e="{version}" xmlns="{EPAS}" xmlns:epas="{EPAS}" xmlns:pr="{RULES}">'
        f"<e:Header><session-key> {key} </session-key></e:Header><e:Body>{body}</e:Body></e:Envelope>"
    ).encode()


@functools.cache
def described() -> etree.XMLSchema:
    """The schema of the WSDL that is served."""
    tag = "{http://www.w3.org/2001/XMLSchema}"
    rules, epas = etree.fromstring(render_wsdl("http://localhost/")).findall(f".//{tag}schema")
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "rules.xsd").write_bytes(etree.tostring(rules))
        epas.find(f"{tag}import").set("schemaLocation", "rules.xsd")
        Path(folder, "epas.xsd").write_bytes(etree.tostring(epas))
        return etree.XMLSchema(etree.parse(Path(folder, "epas.xsd")))


def _reply(answer: Answer, version: str) -> Reply:
    assert answer.content_type == CONTENT_TYPES[version]
    root = etree.fromstring(answer.body)
    assert root.tag == f"{{{version}}}Envelope"
    (body,) = root.findall(f"{{{version}}}Body")
    (element,) = body
    return Reply(answer.status, element)


# -- the print


class Printed:
    """The examples of the guide."""

    def __init__(self, shared: Path) -> None:
        self._folder = shared / "reference" / "cup" / "soap"

    def request(self, number: int, *, rebuilt: bool = False) -> bytes:
        """As printed, or as it was rebuilt to fit its answer."""
        folder = self._folder / "reconstructed" if rebuilt else self._folder
        (path,) = folder.glob(f"{number:02}-*.request.xml")
        return path.read_bytes()

    def response(self, number: int, *, printed: bool = False) -> etree._Element:
        """What is in the body; `printed`: with what is in no namespace left there (Q38)."""
        (path,) = self._folder.glob(f"{number:02}-*.response.xml")
        (element,) = etree.parse(path).getroot().find("{*}Body")
        if not printed:
            for it in element.iter(etree.Element):
                if etree.QName(it).namespace is None:
                    it.tag = f"{{{EPAS}}}{it.tag}"
        return element


def printed_key(request: bytes) -> str:
    """The session key of a printed request."""
    return (etree.fromstring(request).findtext("{*}Header/{*}session-key") or "").strip()


def exclusive(element: etree._Element) -> bytes:
    """Canonical XML with its prefixes, without blanks between elements."""
    alone = copy.deepcopy(element)
    for it in alone.iter(etree.Element):
        if not (it.text or "").strip():
            it.text = None
        if not (it.tail or "").strip():
            it.tail = None
    alone.tail = None
    return etree.tostring(alone, method="c14n", exclusive=True)


__all__ = ["DOMAIN", "KAI", "NS", "SOAP11", "SOAP12", "Office", "Printed", "Reply", "envelope", "exclusive"]
