"""A database that takes no writes for a while: what has to be stored is refused, the rest goes on.

PostgreSQL goes away behind a proxy; SQLite has a full disk, or files that nobody may change. The long form is
`scripts/crashtest --outage SECONDS`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pytest
from crash_lib.faults import Fault, Impossible, befalling, suffering

from presence.storage.database import open_database
from tests.support.scissors import Scissors
from tests.support.server import Server, postgres_database
from tests.support.sipclient import SipClient, Subscription, Unexpected
from tests.support.sipwire import SipMessage, pidf
from tests.support.soapclient import Refused, SoapClient, envelope

NAMES = ("alice", "bob", "carol", "dave", "erin")
RECOVERY = 10.0
"""Seconds until the server works again by itself."""


class Suffering(NamedTuple):
    server: Server
    fault: Fault


KINDS = {"a full disk": "full", "a read-only file": "read-only", "postgresql away": "away"}


@pytest.fixture(
    params=["a full disk", "a read-only file", pytest.param("postgresql away", marks=pytest.mark.postgres)]
)
def suffering_server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Suffering]:
    data, kind = tmp_path / "data", KINDS[request.param]
    with ExitStack() as stack:
        try:
            url = stack.enter_context(postgres_database()) if kind == "away" else None
            fault, database = stack.enter_context(befalling(kind, data, url))
        except (LookupError, Impossible) as error:
            pytest.skip(str(error))
        server = Server(data, listen=["udp"], database=database, options=["--min-expires", "1"])
        server.add_users(*(f"{name}@example.com" for name in NAMES))
        stack.enter_context(server)
        yield Suffering(server, fault)


class Clients(ExitStack):
    """SIP clients by name, closed at the end."""

    def __init__(self, server: Server) -> None:
        super().__init__()
        self._server = server

    def __call__(self, name: str) -> SipClient:
        return self.enter_context(SipClient(self._server.address("udp"), f"{name}@example.com", "secret"))


def test_while_the_database_takes_no_writes(suffering_server: Suffering) -> None:
    server, fault = suffering_server
    with Clients(server) as clients:
        alice, bob, carol, dave = map(clients, ("alice", "bob", "carol", "dave"))
        bob.register(600)
        published = alice.publish(pidf(alice.uri, note="before"))
        brief = dave.publish(pidf(dave.uri, note="briefly"), expires=3)
        watching, ending = bob.subscribe(alice.uri), carol.subscribe(dave.uri)
        watching.notify(where=lambda it: "before" in it.text)
        ending.notify(where=lambda it: "briefly" in it.text)
        soap = SoapClient(server.http).login("erin")
        soap.call('<add-group><group name="before"/></add-group>')
        # Whoever is told something from now on says that he does not watch any more.
        carol.answers["NOTIFY"] = 481
        with suffering(fault):
            whatever_has_to_be_stored_is_refused(alice, bob, published, watching)
            reply = soap.post(envelope('<add-group><group name="during"/></add-group>', soap.key))
            assert (reply.status, reply.headers.get("retry-after")) == (503, "2"), reply.body
            whatever_is_in_memory_goes_on(alice, bob, carol)
            # The publication ends, which is told; and so ends the subscription of who does not want it.
            ending.notify(where=lambda it: "briefly" not in it.text)
            assert server.get("/healthz")[0] == 503
        server.wait_until(lambda: server.get("/healthz")[0] == 200, timeout=RECOVERY)
        carol.answers["NOTIFY"] = 200
        modified = alice.publish(pidf(alice.uri, note="afterwards"), etag=published.need("SIP-ETag"))
        watching.notify(where=lambda it: "afterwards" in it.text)
        wait_for_soap(soap)
        server.restart()
        alice.publish(etag=modified.need("SIP-ETag"))
        assert "afterwards" in clients("erin").subscribe(alice.uri).notify().text
        assert "refused" not in " ".join(bob.register(contact="").get_all("Contact"))
        assert bob.host_port in bob.register(contact="").need("Contact")
        groups = [group.get("name") for group in soap.call("<get-contact-list/>")]
        assert groups == ["before", "after"]
        # What ended meanwhile has not come back.
        dave.publish(etag=brief.need("SIP-ETag"), expect=412)
        assert ending.refresh(600, expect=None).status == 481
        watching.refresh(600, expect=200)
        dave.register()
        dave.expect_none("MESSAGE", during=0.5)


def whatever_has_to_be_stored_is_refused(
    alice: SipClient, bob: SipClient, published: SipMessage, watching: Subscription
) -> None:
    begun = time.monotonic()
    for answer in (
        alice.publish(pidf(alice.uri, note="refused"), etag=published.need("SIP-ETag"), expect=None),
        bob.register(600, contact="<sip:refused@192.0.2.1>", expect=None),
        bob.message("sip:dave@example.com", "refused", expect=None),
        watching.refresh(900, expect=None),
        Subscription(bob, "sip:dave@example.com", "presence").send(600, expect=None),
    ):
        assert answer.status == 503, answer
        assert int(answer.need("Retry-After")) > 0
    assert time.monotonic() - begun < 10.0


def whatever_is_in_memory_goes_on(alice: SipClient, bob: SipClient, carol: SipClient) -> None:
    assert bob.host_port in bob.register(contact="").need("Contact")
    shown = alice.subscribe(alice.uri, expires=0).notify()
    assert "before" in shown.text
    assert "refused" not in shown.text
    carol.message(bob.uri, "while it is away", expect=200)
    assert bob.expect_request("MESSAGE").text == "while it is away"


def wait_for_soap(soap: SoapClient) -> None:
    """The pool may hand out a connection that is gone, once for each."""
    for _ in range(20):
        try:
            soap.call('<add-group><group name="after"/></add-group>')
        except Refused:
            time.sleep(0.1)
        else:
            return
    raise AssertionError("SOAP does not work again")


@pytest.fixture
def cut_server(tmp_path: Path) -> Iterator[tuple[Server, Scissors]]:
    """A server whose connection to PostgreSQL can be cut at a COMMIT."""
    with ExitStack() as stack:
        try:
            scissors = Scissors(stack.enter_context(postgres_database()))
        except LookupError as error:
            pytest.skip(str(error))
        stack.callback(scissors.close)
        server = Server(tmp_path / "data", listen=["tcp"], database=scissors.url)
        server.add_users(*(f"{name}@example.com" for name in NAMES))
        stack.enter_context(server)
        yield server, scissors


@pytest.mark.postgres
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_request_whose_commit_lost_its_answer_is_answered_once_and_has_happened_once(
    when: str, cut_server: tuple[Server, Scissors]
) -> None:
    server, scissors = cut_server

    def heal() -> None:
        server.wait_until(lambda: server.get("/healthz")[0] == 503)
        # Probes find it away some times.
        time.sleep(1.5)
        scissors.end()

    with ExitStack() as stack:
        alice, dave = (
            stack.enter_context(
                SipClient(server.address("tcp"), f"{name}@example.com", "secret", transport="tcp")
            )
            for name in ("alice", "dave")
        )
        published = alice.publish(pidf(alice.uri, note="first"))
        changed = alice.request(
            "PUBLISH",
            alice.uri,
            headers=[
                ("Event", "presence"),
                ("SIP-If-Match", published.need("SIP-ETag")),
                ("Content-Type", "application/pidf+xml"),
            ],
            body=pidf(alice.uri, note="second"),
        )
        message = alice.request("MESSAGE", dave.uri, headers=[("Content-Type", "text/plain")], body=b"once")
        answers = []
        for request, mark in ((changed, b"application/pidf+xml"), (message, b"text/plain")):
            request = alice.authorized(request, alice.exchange(request))
            healing = threading.Thread(target=heal)
            scissors.mark, scissors.armed = mark, when
            # What somebody else commits is of no account, however near it is.
            open_database(scissors.url).close()
            healing.start()
            answers.append(alice.exchange(request, timeout=RECOVERY))
            healing.join(RECOVERY)
            with pytest.raises(Unexpected, match="no answer"):
                alice.expect_response(request, timeout=0.5)
            server.wait_until(lambda: server.get("/healthz")[0] == 200, timeout=RECOVERY)
        assert [answer.status for answer in answers] == [200, 202]
        server.restart()
        alice.reconnect()
        dave.reconnect()
        alice.publish(etag=published.need("SIP-ETag"), expect=412)
        alice.publish(etag=answers[0].need("SIP-ETag"))
        shown = alice.subscribe(alice.uri, expires=0).notify().text
        assert (shown.count("<tuple"), "second" in shown, "first" in shown) == (1, True, False)
        dave.register()
        assert dave.expect_request("MESSAGE").text == "once"
        dave.expect_none("MESSAGE")
