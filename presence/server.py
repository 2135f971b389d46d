"""A running server: opens what `wiring` builds on, starts it, and ends it without losing anything.

Start: the database is migrated and read, listeners are opened, the state is restored, the journal starts;
messages are read once the state is there.  End (SIGTERM, SIGINT): new requests are refused, what is under way
is answered, the journal is flushed, connections are closed.  SIGHUP reloads what can be without a restart.
"""

from __future__ import annotations

import logging
import os
import secrets
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet import defer
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from presence.clock import WheelDriver
from presence.collector import look_seldom, resting
from presence.demo import create_demo_users
from presence.directory import Directory
from presence.http import Health, make_site
from presence.network import HubNetwork
from presence.observe.loadwatch import LoadWatch
from presence.observe.looplag import LoopLag
from presence.observe.metrics import Live, Metrics
from presence.observe.status import status_document
from presence.observe.trace import sip_trace
from presence.operators import Operators
from presence.provisioning.errors import ProvisioningError
from presence.runfile import RunFile, claim
from presence.settings import Settings, StartError
from presence.signals import on_end, on_reload
from presence.storage.database import Database, open_database
from presence.storage.errors import DatabaseError
from presence.storage.journal.client import JournalClient, JournalSettings
from presence.storage.migrate import upgrade
from presence.storage.outbox import FollowerSettings, OutboxFollower
from presence.storage.seats import Held, claim_database
from presence.web import Web
from presence.wiring import build
from sip.errors import SipError
from sip.identity import TrustedPeers
from sip.message import Request
from sip.ports import JournalError
from sip.transport.flow import Flow
from sip.transport.hub import TransportHub
from sip.transport.settings import TransportSettings
from sip.transport.spec import ListenError, ListenSpec

log = logging.getLogger(__name__)

SECRET_FILE = "secret"
SECRET_BYTES = 32
CLAIM_PATIENCE = 10.0
"""Seconds to wait for what an earlier server left behind to be stored: its writer's longest time."""
SETTLE_EVERY = 0.05
"""Seconds between two looks at whether everything is answered, at the end."""


def run(
    settings: Settings,
    emit: Callable[[str], None] | None = None,
    reread: Callable[[], Settings] | None = None,
) -> int:
    """Run a server until SIGTERM or SIGINT; returns the exit status.

    Args:
        settings: of the server.
        emit: prints a line for the operator: one a listener, then `ready`.
        reread: reads the settings again from where they came from, for SIGHUP.

    Raises:
        StartError: something that the operator must put right.
    """
    from twisted.internet import reactor

    loop: Any = reactor
    # Twisted counts wall-clock seconds; delays must not move when somebody sets the clock.
    loop.seconds = time.monotonic
    look_seldom()
    server = Server(settings, loop, emit or _print, reread)
    server.prepare()
    end = _once(lambda: loop.callFromThread(loop.stop))
    on_end(end)
    on_reload(lambda: loop.callFromThread(server.reload))
    # Once more, for the reactor puts its own in place of some when it starts.
    loop.callWhenRunning(lambda: on_end(end))
    loop.callWhenRunning(server.start)
    loop.addSystemEventTrigger("before", "shutdown", server.stop)
    loop.run()
    if server.fault is not None:
        raise server.fault
    return 0


class Server:
    """One server on one reactor."""

    def __init__(
        self,
        settings: Settings,
        reactor: Any,
        emit: Callable[[str], None],
        reread: Callable[[], Settings] | None = None,
    ) -> None:
        self.fault: StartError | None = None
        """What kept it from starting."""
        self._settings = settings
        self._reactor = reactor
        self._emit = emit
        self._reread = reread or (lambda: settings)
        self._started = time.time()
        self._stopping = False
        self._starting: Deferred[None] | None = None
        self._running: _Parts | None = None
        self._secret = b""
        self._claim = -1
        self._seat: Held
        self._database: Database

    # -- before the reactor runs --------------------------------------------------------------------------

    def prepare(self) -> None:
        """Everything that may block: folders, keys, migrations, demo users.

        Raises:
            StartError: one line for the operator.
        """
        settings = self._settings
        try:
            self._claim = claim(settings.data)
            self._secret = _secret(settings.data / SECRET_FILE)
            self._database = open_database(settings.database_url)
            self._seat = claim_database(self._database, CLAIM_PATIENCE)
            upgrade(settings.database_url)
            if settings.demo:
                for line in create_demo_users(self._database, settings.domain[0], settings.data):
                    self._emit(line)
        except OSError as error:
            raise StartError(f"cannot use the data folder {settings.data}: {error.strerror}") from None
        except (DatabaseError, ProvisioningError) as error:
            raise StartError(str(error)) from None

    # -- start --------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Open listeners, restore, start the journal, say `ready`."""
        self._starting = Deferred.fromCoroutine(self._start())
        self._starting.addErrback(self._failed)

    async def _start(self) -> None:
        parts = self._running = _Parts(self._settings, self._reactor, self._secret, self._database)
        # Nothing is read from a socket before this method gives way for the first time, at the journal.
        for text in self._settings.listen:
            parts.lines.append(await parts.hub.listen(ListenSpec.parse(text)))
        parts.lines.append(await self._listen_http(parts))
        secure = await parts.web.listen_securely(self._health)
        if secure is not None:
            parts.lines.append(secure)
        # Its process gets ready while we read.
        writing = parts.journal.start()
        try:
            self._restore(parts)
        except BaseException:
            # That this failed is what counts.
            writing.addErrback(lambda _: None)
            raise
        await writing
        parts.start()
        try:
            parts.run_file = self._run_file(parts)
            parts.run_file.write(self._settings.state_file)
        except OSError as error:
            raise StartError(f"cannot write {self._settings.state_file}: {error.strerror}") from None
        for line in (*parts.lines, "ready"):
            self._emit(line)

    def _restore(self, parts: _Parts) -> None:
        began = time.monotonic()
        house = parts.house
        with resting(), self._database.snapshot() as snapshot:
            house.directory.load(snapshot.users())
            house.contacts.load(snapshot.contacts())
            house.timers.advance(time.monotonic())
            house.restore(
                snapshot.load,
                now=house.timers.now,
                wall=time.time(),
                policies=snapshot.policies(),
                profiles=snapshot.profiles(),
                position=snapshot.outbox_position,
                changes=snapshot.changes,
                standing=snapshot.standing(),
                privacy=snapshot.privacy(),
            )
            parts.follow(snapshot.outbox_position)
        log.info(
            "server.restored",
            extra={
                "users": len(house.directory),
                "bindings": len(house.registrar),
                "publications": len(house.publications),
                "subscriptions": len(house.notifier),
                "messages": len(house.messages),
                "seconds": round(time.monotonic() - began, 3),
            },
        )

    async def _listen_http(self, parts: _Parts) -> str:
        metrics = Metrics(parts.house.stats, parts.live, parts.journal.statistics)
        house = parts.house
        watch = LoadWatch(house.core.load, house.stats, house.core.overload, self._reactor.seconds)

        def late(seconds: float) -> None:
            metrics.loop_lag(seconds)
            watch.look(seconds)

        parts.lag = LoopLag(self._reactor, late)

        def status() -> dict[str, Any]:
            run_file = parts.run_file or self._run_file(parts)
            return status_document(run_file, parts.house.stats, parts.live, time.time())

        def explain(watcher: str, presentity: str) -> dict[str, Any]:
            return parts.house.explain(watcher, presentity).as_dict()

        operators = Operators(map(str, self._settings.operators), self._settings.http.host)
        site = make_site(
            self._health,
            status,
            metrics,
            self._reactor,
            explain,
            parts.web.limits,
            operators,
            parts.limit_reached,
        )
        parts.http_port, line = await parts.web.listen(site)
        return line

    def _run_file(self, parts: _Parts) -> RunFile:
        return RunFile(
            pid=os.getpid(),
            http_host=self._settings.http.host,
            http_port=parts.http_port,
            listeners=tuple(line.removeprefix("listening ") for line in parts.lines),
            started=self._started,
            domains=self._settings.domain,
        )

    def _failed(self, failure: Failure) -> None:
        if self._stopping:
            # Somebody ended it before it was ready.
            return
        if isinstance(failure.value, StartError):
            self.fault = failure.value
        elif failure.check(ListenError, JournalError, DatabaseError):
            self.fault = StartError(failure.getErrorMessage())
        else:
            log.error("server.start-failed", exc_info=failure.value)
            self.fault = StartError(f"cannot start: {failure.getErrorMessage()}")
        self._reactor.stop()

    # -- while it runs ------------------------------------------------------------------------------------

    def _health(self) -> Health:
        parts = self._running
        if parts is None or self._stopping or not parts.hub.ports:
            return {"listeners": "no listener is open"}
        return {
            "listeners": None,
            "journal": parts.journal.failure,
            "outbox": None if parts.follower.healthy else "the database cannot be read",
        }

    def reload(self) -> None:
        """Look at the certificates now, and say which settings are others than those of the start."""
        parts = self._running
        if parts is None or self._stopping:
            return
        in_use = [*parts.hub.reload_certificates(), *parts.web.reload_certificates()]
        try:
            fresh = self._reread()
        except StartError as error:
            log.error("server.settings-unusable", extra={"reason": str(error)})
            fresh = self._settings
        changed = [
            name for name in Settings.model_fields if getattr(fresh, name) != getattr(self._settings, name)
        ]
        log.info(
            "server.reloaded",
            extra={
                "certificates": sum(in_use),
                "certificates_kept": len(in_use) - sum(in_use),
                "needs_restart": ",".join(changed) or "nothing",
            },
        )

    # -- end ----------------------------------------------------------------------------------------------

    def stop(self) -> Deferred[None]:
        """Answer what is under way, flush, close; fires when everything is down."""
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        self._stopping = True
        if self._starting is not None:
            self._starting.cancel()
        parts = self._running
        if parts is not None:
            if parts.run_file is not None:
                await self._settle(parts)
            await parts.close()
            if parts.run_file is not None:
                parts.run_file.remove(self._settings.state_file)
                log.info("server.stopped")
        self._seat.release()
        self._database.close()
        os.close(self._claim)

    async def _settle(self, parts: _Parts) -> None:
        """No new work; what is under way gets its answer, as far as the grace period allows."""
        house = parts.house
        house.core.closing = True
        patience = time.monotonic() + self._settings.shutdown_grace
        while house.layer.unanswered and time.monotonic() < patience:
            await deferLater(self._reactor, SETTLE_EVERY, lambda: None)
        house.layer.answer_rest(503, "Server is stopping")
        records = house.notifier.settle()
        if records:
            stored: Deferred[None] = Deferred()
            parts.journal.write(records, lambda error: stored.callback(None))
            await stored


class _Parts:
    """What a server opens, and closes again."""

    def __init__(self, settings: Settings, reactor: Any, secret: bytes, database: Database) -> None:
        self.lines: list[str] = []
        self.http_port = 0
        self.lag: LoopLag | None = None
        self.run_file: RunFile | None = None
        self.follower: OutboxFollower
        self._settings = settings
        self._reactor = reactor
        self._following = False
        self.hub = TransportHub(
            reactor,
            self._received,
            _transport_settings(settings),
            self._broken,
            trace=sip_trace if settings.log_sip else None,
            exempt=TrustedPeers(map(str, settings.trust)).contains,
            limit_reached=self.limit_reached,
        )
        self.journal = JournalClient(
            reactor,
            settings.database_url,
            JournalSettings(max_records=settings.journal_batch, linger=settings.journal_linger / 1000),
            around=self.hub.together,
        )
        self.house = build(
            settings,
            HubNetwork(self.hub),
            self.journal,
            Directory(settings.domain),
            secret=secret,
            now=time.monotonic(),
            wall=time.time,
            backlog=lambda: self.journal.backlog,
        )
        self._driver = WheelDriver(reactor, self.house.timers)
        house = self.house
        self.hub.ingress.gate = house.door
        self.web = Web(
            settings,
            reactor,
            database,
            self.hub.settings,
            house.publications.withdraw_tuple,
            self.limit_reached,
        )
        self.live = Live(
            users=lambda: len(house.directory),
            transactions=lambda: len(house.layer),
            bindings=lambda: len(house.registrar),
            publications=lambda: len(house.publications),
            subscriptions=lambda: len(house.notifier),
            messages_waiting=lambda: len(house.messages),
            connections=lambda: len(self.hub.connections),
            waited=lambda: house.core.load.waited,
            overloaded=lambda: house.core.load.began is not None,
            journal_lag=lambda: self.journal.lag,
        )

    def follow(self, position: int) -> None:
        """Hear of changes after outbox entry `position`."""
        self.follower = OutboxFollower(
            self._reactor,
            self._settings.database_url,
            position,
            self.house.apply,
            FollowerSettings(poll=self._settings.outbox_poll),
        )

    def start(self) -> None:
        """Time goes on."""
        self.follower.start()
        self._following = True
        self._driver.start()
        if self.lag is not None:
            self.lag.start()

    async def close(self) -> None:
        """Flush the journal, then close everything that is open."""
        waits: list[Deferred[Any]] = []
        # First: what is asked there may still write to the journal.
        await self.web.close()
        if self._following:
            waits.append(self.follower.stop())
        await self.journal.stop()
        waits.append(self.hub.close())
        await defer.DeferredList(waits, consumeErrors=True)
        if self.lag is not None:
            self.lag.stop()
        self._driver.stop()

    def limit_reached(self, limit: str, host: str) -> None:
        """Somebody reached a limit of the transports or of HTTP."""
        self.house.stats.limit_reached(limit, time.monotonic(), host)

    def _received(self, data: bytes, flow: Flow, now: float) -> None:
        self.house.core.receive_at(data, flow, now)

    def _broken(self, partial: Request | None, error: SipError, flow: Flow) -> None:
        self._driver.look()
        self.house.core.refuse(partial, error, flow)


def _once(call: Callable[[], object]) -> Callable[[], None]:
    """A function that calls `call` the first time only."""
    calls = iter((call,))

    def first() -> None:
        for it in calls:
            it()

    return first


def _print(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _secret(file: Path) -> bytes:
    """The key of nonces and loop marks: made at the first start, readable by the owner only."""
    try:
        known = file.read_bytes()
        if len(known) >= SECRET_BYTES:
            return known
        file.unlink()
    except FileNotFoundError:
        pass
    made = secrets.token_bytes(SECRET_BYTES)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        out.write(made)
    return made


def _transport_settings(settings: Settings) -> TransportSettings:
    return TransportSettings(
        advertise=settings.advertise,
        max_message=settings.max_message,
        max_connections=settings.max_connections,
        max_connections_address=settings.max_connections_address,
        connections_rate=settings.address_connections,
        connections_burst=settings.address_burst,
        idle_timeout=settings.connection_idle,
        unused_timeout=settings.connection_unused,
        unproved_timeout=settings.connection_unproved,
        handshake_timeout=settings.handshake_timeout,
        message_timeout=settings.message_timeout,
        connect_timeout=settings.connect_timeout,
        receive_buffer=settings.receive_buffer,
        tls_certificate=settings.tls_certificate,
        tls_key=settings.tls_key,
        tls_ca=settings.tls_ca,
        tls_verify=settings.tls_verify,
        generated_folder=settings.tls_folder,
        domains=settings.domain,
    )
