"""What a server offers by HTTP and HTTPS: its own pages, and the SOAP service with what that works on."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from twisted.internet import defer
from twisted.internet.endpoints import TCP4ServerEndpoint, TCP6ServerEndpoint
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort, IProtocolFactory
from twisted.internet.threads import deferToThread
from twisted.python.failure import Failure
from twisted.web.resource import IResource, Resource

from presence.clock import steady
from presence.documents.xml import XmlLimits
from presence.http import Health, Healthz, JsonResource, LimitedConnections, LimitedSite, RequestLimits
from presence.lists.naming import ListNames
from presence.policy.decide import DefaultHandling
from presence.provisioning.configuration import ConfigurationService
from presence.provisioning.contacts import ContactService
from presence.provisioning.dialing import DialingService
from presence.provisioning.history import HistoryService
from presence.provisioning.presence_rules import PresenceRulesService
from presence.provisioning.profiles import ProfileService
from presence.provisioning.sessions import SessionService
from presence.provisioning.standing import StandingService
from presence.provisioning.user_settings import UserSettingsService
from presence.settings import HostPort, Settings
from presence.storage.configuration import SqlConfigurationRepository
from presence.storage.contacts import SqlContactRepository
from presence.storage.database import Database
from presence.storage.dialing import SqlDialingRepository
from presence.storage.errors import DatabaseError
from presence.storage.history import SqlHistoryRepository
from presence.storage.presence_rules import SqlPresenceRulesRepository
from presence.storage.profiles import SqlProfileRepository
from presence.storage.sessions import SqlSessionRepository
from presence.storage.standing import SqlStandingRepository
from presence.storage.user_settings import SqlUserSettingsRepository
from sip.identity import TrustedPeers
from sip.transport.settings import TransportSettings
from sip.transport.spec import ListenError
from soapapi.application import SoapApplication
from soapapi.resource import HttpSettings, SoapResource, is_loopback
from soapapi.services import Services

if TYPE_CHECKING:
    from sip.transport.tls import ServerTls

WITHDRAWAL: Final = 5.0
"""Seconds that a logout waits for the event loop."""


class Web:
    """The listeners for HTTP and HTTPS, and the threads of the SOAP service.

    `tls` is made use of for the certificate of HTTPS alone.
    """

    def __init__(
        self,
        settings: Settings,
        reactor: Any,
        database: Database,
        tls: TransportSettings,
        withdraw: Callable[[str, str, Callable[[], None]], None],
        limit_reached: Callable[[str, str], None] = lambda limit, address: None,
    ) -> None:
        """Make it; nothing is opened.

        `withdraw` withdraws a tuple (AOR, id), and calls the last argument when that is stored;
        `limit_reached` hears, in the event loop, which setting was reached, and by which address.
        """

        def stored(aor: str, tuple_id: str) -> defer.Deferred[None]:
            done: defer.Deferred[None] = defer.Deferred()
            withdraw(aor, tuple_id, lambda: done.callback(None))
            return done

        self._settings = settings
        self._reactor = reactor
        self._tls = tls
        self._ports: list[IListeningPort] = []
        self._certificate: ServerTls | None = None
        self._trusted = TrustedPeers(map(str, settings.trust))
        self._limit_reached = limit_reached
        # Clients wait for an answer: they are told sooner than the command line that somebody else writes.
        self._database = Database(database.url, lock_timeout=settings.soap_lock_timeout)
        self.soap = SoapResource(
            reactor,
            SoapApplication(
                make_services(
                    settings,
                    self._database,
                    partial(in_reactor, reactor, stored),
                    partial(reactor.callFromThread, limit_reached),
                ),
                database_errors=(DatabaseError,),
                printed_namespaces=settings.soap_namespaces == "printed",
                depth=settings.soap_max_depth,
            ).read,
            HttpSettings(
                threads=settings.soap_threads,
                queue=settings.soap_queue,
                patience=settings.soap_queue_timeout,
                plain_http=settings.soap_plain_http,
                address=settings.soap_address,
            ),
            limit_reached,
        )
        self.soap.start()

    @property
    def limits(self) -> RequestLimits:
        """Of requests."""
        return RequestLimits(self._settings.http_max_body, self._settings.http_request_timeout)

    async def listen(self, site: LimitedSite) -> tuple[int, str]:
        """Open the HTTP listener, with the SOAP service on it; its port, and the line to print.

        Raises:
            ListenError: it cannot be opened.
        """
        add_soap(site.resource, self.soap)
        return await self._open("http", self._settings.http, site)

    async def listen_securely(self, health: Callable[[], Health]) -> str | None:
        """Open the HTTPS listener if there is to be one: the SOAP service and `/healthz`; the line to print.

        What says who is told what of whom stays off it, for it is there to be reached from afar.

        Raises:
            ListenError: it cannot be opened, or its certificate cannot be had.
        """
        where = self._settings.https
        if where is None:
            return None
        # Imported late: plain listeners work without these packages.
        try:
            from twisted.protocols.tls import TLSMemoryBIOFactory

            from sip.transport.tls import server_tls
        except ImportError as error:
            raise ListenError(f"cannot listen on https {where}: {error.name} is not installed") from None
        site = LimitedSite(secure_root(health, self.soap), self.limits, self._reactor, self._limit_reached)
        tls = self._certificate = server_tls(self._tls, f"https {where}")
        factory = TLSMemoryBIOFactory(tls, False, site, self._reactor)
        _, line = await self._open("https", where, factory)
        return line

    def reload_certificates(self) -> list[bool]:
        """`TransportHub.reload_certificates` for HTTPS."""
        return [] if self._certificate is None else [self._certificate.reload()]

    async def close(self) -> None:
        """Close the listeners, and wait for the requests that are being worked on."""
        await defer.DeferredList(
            [defer.maybeDeferred(port.stopListening) for port in self._ports], consumeErrors=True
        )
        # What they wait for may come from the event loop.
        await deferToThread(self.soap.stop)
        self._database.close()

    def _exempt(self, host: str) -> bool:
        # A proxy on this computer brings many.
        return is_loopback(host) or self._trusted.contains(host)

    async def _open(self, kind: str, where: HostPort, factory: Any) -> tuple[int, str]:
        # With the usual 50, some of many who come at once are cut off and not told to come again.
        most = self._settings.http_max_connections
        shown = f"[{where.host}]" if ":" in where.host else where.host
        endpoint = (TCP6ServerEndpoint if ":" in where.host else TCP4ServerEndpoint)(
            self._reactor, where.port, backlog=most, interface=where.host
        )
        # Outermost: what comes after it cannot say no.
        served: IProtocolFactory = LimitedConnections(
            factory, most, self._settings.http_max_connections_address, self._exempt, self._limit_reached
        )
        try:
            port: Any = await endpoint.listen(served)  # type: ignore[no-untyped-call]
        except CannotListenError as error:
            reason = getattr(error.socketError, "strerror", None) or error.socketError
            raise ListenError(
                f"cannot listen on {kind} {shown}:{where.port}: {str(reason).lower()}"
            ) from None
        self._ports.append(port)
        bound: int = port.getHost().port
        return bound, f"listening {kind} {shown}:{bound}"


def secure_root(health: Callable[[], Health], service: IResource) -> Resource:
    """What is offered by HTTPS."""
    root = JsonResource()
    root.putChild(b"healthz", Healthz(health))
    add_soap(root, service)
    return root


def add_soap(root: Resource, service: IResource) -> None:
    """Put the SOAP service where its clients look for it."""
    branch = JsonResource()
    branch.putChild(b"service", service)
    root.putChild(b"EPASSoap", branch)


def make_services(
    settings: Settings,
    database: Database,
    withdraw: Callable[[str, str], None],
    limit_reached: Callable[[str, str], None] = lambda limit, address: None,
) -> Services:
    """What the operations of SOAP call, on a database."""
    return Services(
        sessions=SessionService(SqlSessionRepository(database), steady(), settings.sessions, limit_reached),
        configuration=ConfigurationService(SqlConfigurationRepository(database)),
        profiles=ProfileService(SqlProfileRepository(database)),
        dialing=DialingService(SqlDialingRepository(database)),
        user_settings=UserSettingsService(SqlUserSettingsRepository(database)),
        contacts=ContactService(
            SqlContactRepository(database),
            settings.domain,
            settings.max_list_members,
            ListNames(settings.list_uri, settings.group_list_uri),
        ),
        presence_rules=PresenceRulesService(SqlPresenceRulesRepository(database), settings.domain),
        history=HistoryService(SqlHistoryRepository(database), settings.max_history),
        standing=StandingService(
            SqlStandingRepository(database),
            time.time,
            XmlLimits(settings.max_document, settings.max_document_depth),
        ),
        withdraw=withdraw,
        defaults=DefaultHandling(settings.default_policy_local, settings.default_policy_foreign),
    )


def in_reactor(reactor: Any, call: Callable[[str, str], Any], aor: str, tuple_id: str) -> None:
    """Call `call` in the event loop, from another thread, and wait for its return, or for its Deferred.

    Raises:
        TimeoutError: it was not called for too long; it may still be.
    """
    done: Future[None] = Future()

    def failed(failure: Failure) -> None:
        done.set_exception(failure.value)

    def run() -> None:
        defer.maybeDeferred(call, aor, tuple_id).addCallbacks(done.set_result, failed)

    reactor.callFromThread(run)
    done.result(WITHDRAWAL)
