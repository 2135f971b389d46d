"""The HTTP side over a real socket."""

from __future__ import annotations

import http.client
import json

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet import reactor
from twisted.internet.address import IPv4Address
from twisted.internet.threads import deferToThread
from twisted.web.test.requesthelper import DummyRequest

from presence.http import make_site
from presence.observe.metrics import Live, Metrics
from presence.operators import Operators
from presence.provisioning.errors import ProvisioningError
from sip.stats import Stats


class Http:
    """A site on a port of its own, and a blocking client in a thread."""

    def __init__(self) -> None:
        self.faults: dict[str, str | None] = {"listeners": None, "journal": None}
        self.status = {"pid": 1, "requests": {}}
        self.site = make_site(
            lambda: self.faults, self._status, Metrics(Stats(), Live()), explain=self._explain
        )
        self.port = reactor.listenTCP(0, self.site, interface="127.0.0.1")

    def _status(self):
        if self.status is None:
            raise RuntimeError("secret of the inside")
        return self.status

    def _explain(self, watcher, presentity):
        if "@" not in watcher:
            raise ProvisioningError(f"{watcher!r} is not a valid address: write name@domain")
        if presentity != "alice@example.com":
            raise LookupError(f"no such user: {presentity}")
        return {"watcher": watcher, "presentity": presentity}

    async def ask(self, path: str, method: str = "GET") -> tuple[int, dict[str, str], str]:
        return await deferToThread(self._ask, path, method).addTimeout(5, reactor)

    def _ask(self, path: str, method: str) -> tuple[int, dict[str, str], str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port.getHost().port, timeout=5)
        connection.request(method, path, headers={"Connection": "close"})
        answer = connection.getresponse()
        found = (
            answer.status,
            {name.lower(): value for name, value in answer.getheaders()},
            answer.read().decode(),
        )
        connection.close()
        return found


@pytest.fixture
def web():
    server = Http()
    yield server
    server.port.stopListening()


@ensureDeferred
async def test_healthz_is_200_while_everything_works(web):
    status, headers, body = await web.ask("/healthz")
    assert (status, headers["content-type"]) == (200, "application/json")
    assert json.loads(body) == {"status": "ok", "checks": {"listeners": "ok", "journal": "ok"}}


@ensureDeferred
async def test_healthz_is_503_and_names_the_check_that_fails(web):
    web.faults["journal"] = "no commit for 5 s"
    status, _, body = await web.ask("/healthz")
    assert status == 503
    assert json.loads(body) == {
        "status": "failing", "checks": {"listeners": "ok", "journal": "no commit for 5 s"},
    }  # fmt: skip


@ensureDeferred
async def test_metrics_are_in_the_format_of_prometheus(web):
    status, headers, body = await web.ask("/metrics")
    assert (status, headers["content-type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
    assert "\npresentity_bindings 0.0\n" in body


@ensureDeferred
async def test_status_is_json(web):
    status, _, body = await web.ask("/status")
    assert (status, json.loads(body)) == (200, {"pid": 1, "requests": {}})


@pytest.mark.parametrize(
    ("query", "status", "body"),
    [
        ("?watcher=b%40x&presentity=alice@example.com", 200,
         {"watcher": "b@x", "presentity": "alice@example.com"}),
        ("?watcher=b@x&presentity=nobody@x", 404, {"error": "no such user: nobody@x"}),
        ("?watcher=b&presentity=alice@example.com", 400,
         {"error": "'b' is not a valid address: write name@domain"}),
        ("?watcher=b@x", 400, {"error": "say watcher=... and presentity=..., once each"}),
        ("?watcher=b@x&watcher=c@x&presentity=alice@example.com", 400,
         {"error": "say watcher=... and presentity=..., once each"}),
    ],
)  # fmt: skip
@ensureDeferred
async def test_explain_takes_a_watcher_and_a_presentity(web, query, status, body):
    answered, headers, text = await web.ask("/explain" + query)
    assert (answered, json.loads(text)) == (status, body)
    assert headers["content-type"] == "application/json"


@ensureDeferred
async def test_head_has_the_headers_of_get_and_no_body(web):
    status, headers, body = await web.ask("/healthz", "HEAD")
    assert (status, body) == (200, "")
    assert int(headers["content-length"]) > 0


@pytest.mark.parametrize("path", ["/", "/nothing", "/status/below", "/healthz/", "/..%2fetc"])
@ensureDeferred
async def test_what_does_not_exist_is_404_in_json(web, path):
    status, headers, body = await web.ask(path)
    assert (status, headers["content-type"]) == (404, "application/json")
    assert json.loads(body) == {"error": "not found"}


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "BREW"])
@ensureDeferred
async def test_other_methods_are_405_with_allow(web, method):
    status, headers, body = await web.ask("/status", method)
    assert (status, headers["allow"]) == (405, "GET, HEAD")
    assert json.loads(body) == {"error": "method not allowed"}


@pytest.mark.parametrize("path", ["/healthz", "/metrics", "/nothing"])
@ensureDeferred
async def test_no_answer_names_the_software(web, path):
    _, headers, _ = await web.ask(path)
    assert "server" not in headers


@ensureDeferred
async def test_a_fault_inside_is_500_and_tells_nothing(web):
    web.status = None
    status, headers, body = await web.ask("/status")
    assert status == 500
    assert "secret" not in body
    assert "server" not in headers


# -- for whom ---------------------------------------------------------------------------------------------


def asked(page: bytes, client: str, host: str, **headers: str) -> DummyRequest:
    """A request for a page, from `client`, which calls the server `host`."""
    request = DummyRequest([page])
    request.path = b"/" + page
    request.client = IPv4Address("TCP", client, 40000)
    request.getHost = lambda: IPv4Address("TCP", "192.0.2.1", 8080)
    request.getRequestHostname = lambda: host.rpartition(":")[0].encode()
    for name, value in headers.items():
        request.requestHeaders.addRawHeader(name.replace("_", "-"), value)
    return request


@pytest.mark.parametrize("page", [b"metrics", b"status", b"explain"])
@pytest.mark.parametrize(
    ("client", "operators", "refused"),
    [
        ("127.0.0.1", (), False),
        ("::1", (), False),
        ("192.0.2.1", (), False),  # the address that it listens at: this computer itself
        ("192.0.2.9", (), True),
        ("2001:db8::9", (), True),
        ("192.0.2.9", ("192.0.2.9/32",), False),
        ("192.0.2.8", ("192.0.2.9/32",), True),
    ],
)
def test_what_is_said_of_users_and_load_is_for_operators_alone(web, page, client, operators, refused):
    site = make_site(
        dict,
        dict,
        Metrics(Stats(), Live()),
        explain=lambda watcher, presentity: {},
        operators=Operators(operators),
    )
    request = asked(page, client, "192.0.2.1:8080")
    body = site.resource.getChildWithDefault(page, request).render(request)
    assert (request.responseCode == 403) is refused
    if refused:
        assert json.loads(body) == {"error": "for operators alone (the setting operators)"}


@pytest.mark.parametrize(
    ("host", "taken"),
    [
        ("127.0.0.1:8080", True),
        ("[::1]:8080", True),
        ("192.0.2.1:8080", True),
        ("localhost:8080", True),
        ("LOCALHOST:8080", True),
        ("sip.example.com:8080", True),  # as the setting calls it
        ("rebound.example.net:8080", False),
        ("127.0.0.1.example.net:8080", False),
        (":8080", False),
    ],
)
def test_what_asks_this_computer_for_a_name_that_is_not_its_own_is_refused(host, taken):
    operators = Operators(name="sip.example.com")
    assert operators.include(asked(b"status", "127.0.0.1", host)) is taken


@pytest.mark.parametrize("header", ["X_Forwarded_For", "Forwarded", "X_Real_IP", "Via"])
def test_what_a_proxy_on_this_computer_passes_on_is_refused(header):
    request = asked(b"status", "127.0.0.1", "127.0.0.1:8080", **{header: "127.0.0.1"})
    assert not Operators().include(request)
    # Unless somebody says that the proxy may.
    assert Operators(["127.0.0.1"]).include(request)
