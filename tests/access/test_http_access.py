"""Who may do what by HTTP: each page, by HTTP and by HTTPS, from the addresses of those who ask."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from typing import NamedTuple

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.task import Clock
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET
from twisted.web.test.requesthelper import DummyRequest

from presence.http import make_site
from presence.observe.metrics import Live, Metrics
from presence.operators import Operators
from presence.web import add_soap, secure_root
from sip.stats import Stats
from soapapi.resource import HttpSettings, SoapResource
from tests.access.table import Cell, check_complete, parametrised
from tests.access.world import ROLES

SECTION = "HTTP"
OPERATORS = "192.0.2.200"
HERE = "192.0.2.1"
"""Where the listeners are."""


class Page(NamedTuple):
    """A request for one page."""

    path: str
    method: bytes = b"GET"
    secure: bool = False


PAGES: Mapping[str, Page] = {
    "GET /healthz": Page("healthz"),
    "GET /metrics": Page("metrics"),
    "GET /status": Page("status"),
    "GET /explain": Page("explain"),
    "POST /status": Page("status", b"POST"),
    "GET /EPASSoap/service?wsdl": Page("EPASSoap/service"),
    "POST /EPASSoap/service": Page("EPASSoap/service", b"POST"),
    "HTTPS: GET /healthz": Page("healthz", secure=True),
    "HTTPS: GET /metrics": Page("metrics", secure=True),
    "HTTPS: GET /status": Page("status", secure=True),
    "HTTPS: GET /explain": Page("explain", secure=True),
    "HTTPS: GET /EPASSoap/service?wsdl": Page("EPASSoap/service", secure=True),
    "HTTPS: POST /EPASSoap/service": Page("EPASSoap/service", b"POST", secure=True),
}


def ask(page: Page, host: str, **headers: str) -> str:
    soap = SoapResource(Clock(), lambda *_: pytest.fail("nothing is read here"), HttpSettings())
    # Without threads what is taken waits.
    if page.secure:
        root: Resource = secure_root(dict, soap)
    else:
        root = make_site(
            dict,
            dict,
            Metrics(Stats(), Live()),
            explain=lambda watcher, presentity: {},
            operators=Operators([f"{OPERATORS}/32"]),
        ).resource
        add_soap(root, soap)
    request = DummyRequest(page.path.encode().split(b"/"))
    request.method = page.method
    request.uri = f"/{page.path}?wsdl".encode()
    request.path = f"/{page.path}".encode()
    request.args = {b"watcher": [b"bob@sip.test"], b"presentity": [b"alice@sip.test"]}
    request.content = BytesIO()
    request.client = IPv4Address("TCP", host, 40000)
    for name, value in headers.items():
        request.requestHeaders.addRawHeader(name.replace("_", "-"), value)
    request.getHost = lambda: IPv4Address("TCP", HERE, 8080)
    request.getRequestHostname = lambda: HERE.encode()
    request.isSecure = lambda: page.secure
    resource = root
    while request.postpath and not resource.isLeaf:
        resource = resource.getChildWithDefault(request.postpath.pop(0), request)
    if resource.render(request) == NOT_DONE_YET:
        return "taken"
    return str(request.responseCode or 200)


@parametrised(SECTION)
def test_everybody_gets_what_the_table_says(cell: Cell) -> None:
    host = OPERATORS if cell.role == "an administrator" else ROLES[cell.role].host
    assert ask(PAGES[cell.request], host) == cell.outcome


def test_the_table_has_a_row_for_each_page_that_is_tried() -> None:
    check_complete(SECTION, PAGES)


def test_this_computer_is_an_administrator_who_may_use_soap_without_tls_too() -> None:
    for host in ("127.0.0.1", "::1"):
        assert {name: ask(page, host) for name, page in PAGES.items() if not page.secure} == {
            "GET /healthz": "200",
            "GET /metrics": "200",
            "GET /status": "200",
            "GET /explain": "200",
            "POST /status": "405",
            "GET /EPASSoap/service?wsdl": "200",
            "POST /EPASSoap/service": "taken",
        }


@pytest.mark.parametrize("name", ["X_Forwarded_For", "Forwarded", "X_Real_IP", "Host"])
def test_nobody_becomes_an_administrator_by_a_header(name: str) -> None:
    value = f"for={OPERATORS}" if name == "Forwarded" else OPERATORS
    assert ask(PAGES["GET /status"], ROLES["stranger"].host, **{name: value}) == "403"
