"""The SOAP service on a database of its own, behind a real HTTP listener; and how messages are compared.

Requests are posted by a blocking client in a thread; `Soap.printed` gives those of the guide.
"""

from __future__ import annotations

import copy
import http.client
import re
import shutil
from pathlib import Path
from typing import Any, NamedTuple

from lxml import etree
from twisted.internet import reactor
from twisted.internet.threads import deferToThread

from presence.http import LimitedSite, RequestLimits, make_site
from presence.observe.metrics import Live, Metrics
from presence.provisioning.users import UserService
from presence.settings import Settings
from presence.storage.database import Database, open_database
from presence.storage.errors import DatabaseError
from presence.storage.migrate import upgrade
from presence.storage.users import SqlUserRepository
from presence.web import add_soap, make_services
from sip.stats import Stats
from soapapi.application import SoapApplication
from soapapi.names import EPAS, SOAP11, SOAP12
from soapapi.resource import HttpSettings, SoapResource

PATH = "/EPASSoap/service"
TYPES = {SOAP11: "text/xml; charset=utf-8", SOAP12: "application/soap+xml; charset=utf-8"}
KEY = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
PASSWORD = "12345"
"""That of Example 11; everybody has it."""
PEOPLE = ("xmzhou", *(f"soapuser{number}" for number in range(1, 7)))
"""Those whom the examples name."""


class Reply(NamedTuple):
    """An HTTP answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def root(self) -> etree._Element:
        return etree.fromstring(self.body)

    @property
    def content(self) -> etree._Element:
        """The element in the body."""
        return self.root.find("{*}Body")[0]

    @property
    def fault(self) -> tuple[str, str, str]:
        """Code, subcode ("" for none) and reason of a fault of either version."""
        fault = self.content
        assert etree.QName(fault).localname == "Fault", self.body
        if fault.find("faultcode") is not None:
            code, _, subcode = fault.findtext("faultcode").partition(".")
            return code, subcode, fault.findtext("faultstring")
        subcode = fault.findtext("{*}Code/{*}Subcode/{*}Value", "")
        return (
            fault.findtext("{*}Code/{*}Value"),
            subcode.removeprefix("epas:"),
            fault.findtext("{*}Reason/{*}Text"),
        )


def envelope(body: str, key: str | None = None, version: str = SOAP12, header: str = "") -> bytes:
    """A request as the examples have them, with `body` in it."""
    session = "" if key is None else f"<session-key>{key}</session-key>"
    blocks = f"<e:Header>{header}{session}</e:Header>" if header or session else ""
    text = f'<e:Envelope xmlns:e="{version}" xmlns="{EPAS}">{blocks}<e:Body>{body}</e:Body></e:Envelope>'
    return text.encode()


def with_key(request: bytes, key: str) -> bytes:
    """A printed request with another session key, the blank before it kept."""
    return re.sub(rb"(<(?:epas:)?session-key> ?)[^<]*", rb"\g<1>" + key.encode(), request)


def canonical(message: bytes | etree._Element) -> bytes:
    """Exclusive canonical XML without the white space between elements, and session keys all alike."""
    root = etree.fromstring(message) if isinstance(message, bytes) else copy.deepcopy(message)
    for element in root.iter(etree.Element):
        if len(element) and not (element.text or "").strip():
            element.text = None
        if not (element.tail or "").strip():
            element.tail = None
        if etree.QName(element).localname == "session-key":
            assert KEY.fullmatch((element.text or "").strip()), element.text
            element.text = "KEY"
    return etree.tostring(root, method="c14n", exclusive=True)


def make_people(file: Path) -> Path:
    """A database with PEOPLE of cisco.com, to make copies of."""
    url = f"sqlite:///{file}"
    upgrade(url)
    database = open_database(url)
    users = UserService(SqlUserRepository(database), ["cisco.com"])
    for name in PEOPLE:
        users.add(f"{name}@cisco.com", PASSWORD)
    database.close()
    return file


class Soap:
    """The service, its database, and a client."""

    def __init__(
        self,
        folder: Path,
        examples: Path,
        *,
        http: HttpSettings | None = None,
        limits: RequestLimits | None = None,
        people: Path,
        **settings: Any,
    ) -> None:
        """Start it.

        Args:
            folder: where the database is to be.
            examples: the folder soap/ of the reference.
            http, limits, settings: what is not to be the default.
            people: a database of `make_people`.
        """
        self.examples = examples
        self.withdrawn: list[tuple[str, str]] = []
        self.settings = Settings(data=folder, domain="cisco.com", **settings)
        shutil.copy(people, folder / "presentity.db")
        self.database: Database = open_database(self.settings.database_url)
        self.services = make_services(self.settings, self.database, self._withdraw)
        self.application = SoapApplication(
            self.services,
            database_errors=(DatabaseError,),
            printed_namespaces=self.settings.soap_namespaces == "printed",
        )
        self.resource = SoapResource(reactor, self._answer, http or HttpSettings())
        self.resource.start()
        site: LimitedSite = make_site(
            dict, dict, Metrics(Stats(), Live()), reactor, limits=limits or RequestLimits()
        )
        add_soap(site.resource, self.resource)
        self._port: Any = reactor.listenTCP(0, site, interface="127.0.0.1")
        self.port = self._port.getHost().port

    def _withdraw(self, aor: str, tuple_id: str) -> None:
        self.withdrawn.append((aor, tuple_id))

    def _answer(self, *request: Any) -> Any:
        return self.application.read(*request)

    async def close(self) -> None:
        await self._port.stopListening()
        await deferToThread(self.resource.stop).addTimeout(10, reactor)
        self.database.close()

    def printed(self, name: str) -> bytes:
        """An example by its number and kind: "11.request", "reconstructed/32.request"."""
        place, _, rest = name.rpartition("/")
        number, _, kind = rest.partition(".")
        (file,) = (self.examples / place).glob(f"{number}-*.{kind}.xml")
        return file.read_bytes()

    async def login(self, username: str = "xmzhou", force: bool = True) -> str:
        """A session key."""
        answer = await self.call(
            f'<login force="{"true" if force else "false"}"><username>{username}</username>'
            f"<password>{PASSWORD}</password></login>"
        )
        return answer.content.findtext("{*}success/{*}session-key")

    async def call(self, body: str, key: str | None = None, version: str = SOAP12, header: str = "") -> Reply:
        """Call an operation: what stands in the body, and in the header."""
        return await self.post(envelope(body, key, version, header), TYPES.get(version, TYPES[SOAP12]))

    async def post(self, data: bytes, content_type: str | None = TYPES[SOAP12]) -> Reply:
        headers = {} if content_type is None else {"Content-Type": content_type}
        return await self.ask("POST", PATH, data, headers)

    async def ask(
        self, method: str, path: str = PATH, data: bytes | None = None, headers: dict[str, str] | None = None
    ) -> Reply:
        return await deferToThread(self._ask, method, path, data, headers or {}).addTimeout(20, reactor)

    def _ask(self, method: str, path: str, data: bytes | None, headers: dict[str, str]) -> Reply:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=15)
        try:
            connection.request(method, path, data, headers | {"Connection": "close"})
            answer = connection.getresponse()
            found = {name.lower(): value for name, value in answer.getheaders()}
            return Reply(answer.status, found, answer.read())
        finally:
            connection.close()
