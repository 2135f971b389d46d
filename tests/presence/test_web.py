"""The web side as the server makes it: what the settings do to its listener and its database."""

from __future__ import annotations

import http.client
import socket
import sqlite3
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from pytest_twisted import ensureDeferred
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread

from presence.http import make_site
from presence.observe.metrics import Live, Metrics
from presence.settings import Settings
from presence.storage.database import Database, open_database
from presence.web import Web
from sip.stats import Stats
from sip.transport.settings import TransportSettings
from tests.support.soap import PASSWORD, PATH, envelope, make_people

LOGIN = f"<login><username>xmzhou</username><password>{PASSWORD}</password></login>"


class Served:
    """A web side that listens."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        made = Settings(data=folder, domain="cisco.com", http="127.0.0.1:0", **settings)
        make_people(folder / "presentity.db")
        self.database: Database = open_database(made.database_url)
        self.web = Web(made, reactor, self.database, TransportSettings(), lambda *_: None)
        self._site = make_site(dict, dict, Metrics(Stats(), Live()), reactor, limits=self.web.limits)
        self.port = 0

    async def listen(self) -> None:
        self.port, _ = await self.web.listen(self._site)

    async def close(self) -> None:
        await Deferred.fromCoroutine(self.web.close()).addTimeout(15, reactor)
        self.database.close()

    async def post(self, body: str) -> bytes:
        return await deferToThread(self._post, body).addTimeout(20, reactor)

    def _post(self, body: str) -> bytes:
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=15)) as connection:
            connection.request("POST", PATH, envelope(body), {"Connection": "close"})
            return connection.getresponse().read()


@pytest_twisted.async_yield_fixture
async def serve(tmp_path: Path):
    made: list[Served] = []

    async def start(**settings: Any) -> Served:
        made.append(Served(tmp_path, **settings))
        await made[-1].listen()
        return made[-1]

    yield start
    for served in made:
        await served.close()


def _longest_queue() -> int:
    try:
        return int(Path("/proc/sys/net/core/somaxconn").read_text())
    except OSError:
        return socket.SOMAXCONN


@pytest.mark.skipif(_longest_queue() < 200, reason="this system lets fewer connections wait")
@ensureDeferred
async def test_as_many_may_wait_to_be_connected_as_may_be_connected(serve: Callable[..., Any]):
    """Nothing is accepted meanwhile: the event loop is kept by this test."""
    served = await serve(http_max_connections=200)
    with ExitStack() as clients:
        for _ in range(150):
            clients.enter_context(socket.create_connection(("127.0.0.1", served.port), timeout=2))


@ensureDeferred
async def test_a_change_waits_for_other_writers_as_long_as_a_setting_says(serve: Callable[..., Any]):
    served = await serve(soap_lock_timeout=0.2)
    with closing(sqlite3.connect(served.database.url.database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        assert b"Could not connect to database." in await served.post(LOGIN)
        assert time.monotonic() - began < 5
        other.execute("ROLLBACK")
    assert b"session-key" in await served.post(LOGIN)
