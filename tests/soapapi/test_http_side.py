"""SOAP over HTTP: methods, who may come by plain HTTP, limits, and that nothing blocks the event loop."""

from __future__ import annotations

import gc
import re
import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet import reactor
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.logger import globalLogPublisher

from presence.http import RequestLimits
from soapapi.names import SOAP11, SOAP12
from soapapi.resource import HttpSettings, SoapResource
from tests.support.soap import PATH, TYPES, envelope

LOGIN = "<login><username>xmzhou</username><password>12345</password></login>"


async def until(condition) -> None:
    """Let the event loop go on until something holds."""
    ends = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < ends
        await deferLater(reactor, 0.005, lambda: None)


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
@ensureDeferred
async def test_another_method_is_not_allowed(soap, method):
    reply = await soap.ask(method)
    assert (reply.status, reply.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize("path", ["/EPASSoap", "/EPASSoap/", "/EPASSoap/other", "/service"])
@ensureDeferred
async def test_the_service_is_nowhere_else(soap, path):
    assert (await soap.ask("POST", path, b"")).status in (404, 405)


@ensureDeferred
async def test_answers_are_not_to_be_kept(soap):
    reply = await soap.call(LOGIN)
    assert reply.headers["cache-control"] == "no-store"
    assert "server" not in reply.headers


# -- plain HTTP


class Asked:
    """A request from somewhere, as far as the decision about it goes."""

    method = b"PUT"
    uri = PATH.encode()

    def __init__(self, address: str, secure: bool) -> None:
        self.status = 0
        self.isSecure = lambda: secure
        self.getClientAddress = lambda: SimpleNamespace(host=address)
        self.setHeader = lambda name, value: None

    def setResponseCode(self, status: int) -> None:
        self.status = status


@pytest.mark.parametrize(("address", "secure", "allowed", "status"), [
    ("127.0.0.1", False, False, 405),
    ("127.8.8.8", False, False, 405),
    ("::1", False, False, 405),
    ("::ffff:127.0.0.1", False, False, 405),
    ("192.0.2.1", False, False, 403),
    ("::ffff:192.0.2.1", False, False, 403),
    ("2001:db8::1", False, False, 403),
    ("fe80::1%eth0", False, False, 403),
    ("", False, False, 403),
    ("192.0.2.1", True, False, 405),
    ("192.0.2.1", False, True, 405),
])  # fmt: skip
def test_plain_http_is_for_this_computer_unless_a_setting_allows_more(address, secure, allowed, status):
    resource = SoapResource(reactor, lambda *_: None, HttpSettings(plain_http=allowed))
    asked = Asked(address, secure)
    text = resource.render(asked)
    assert asked.status == status
    assert (b"by HTTPS" in text) == (status == 403)


# -- limits


@pytest.mark.parametrize("version", [SOAP11, SOAP12])
@ensureDeferred
async def test_a_body_over_the_limit_is_no_request(make_soap, version):
    soap = make_soap(limits=RequestLimits(body=2000))
    reply = await soap.call(LOGIN + " " * 2000, version=version)
    assert reply.fault[1:] == ("TooLarge", "Invalid request.")
    assert (await soap.call(LOGIN + " " * 1000, version=version)).status == 200


@ensureDeferred
async def test_a_body_of_unknown_length_over_the_limit_is_no_request(make_soap):
    soap = make_soap(limits=RequestLimits(body=2000))
    chunk = b"200\r\n" + b" " * 512 + b"\r\n"
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n".encode()
    )
    answer = await deferToThread(_exchange, soap.port, head + chunk * 4 + b"0\r\n\r\n").addTimeout(
        10, reactor
    )
    assert answer.startswith(b"HTTP/1.1 400")
    assert b"epas:TooLarge" in answer


@ensureDeferred
async def test_the_limit_holds_for_every_page(make_soap):
    soap = make_soap(limits=RequestLimits(body=2000))
    reply = await soap.ask("GET", "/status", b" " * 3000)
    assert reply.status == 413


@ensureDeferred
async def test_who_trickles_a_request_is_cut_off(make_soap):
    soap = make_soap(limits=RequestLimits(seconds=0.3))
    head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n".encode()
    answer = await deferToThread(_exchange, soap.port, head, b" ", 0.02).addTimeout(10, reactor)
    assert answer == b""


def _exchange(port: int, data: bytes, trickle: bytes = b"", pause: float = 0.0) -> bytes:
    """Send, trickle on until it ends, and give back what came."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
        client.sendall(data)
        try:
            for _ in range(200 if trickle else 0):
                time.sleep(pause)
                client.sendall(trickle)
            answer = b""
            while part := client.recv(65536):
                answer += part
            return answer
        except ConnectionError:
            return b""


# -- threads


@ensureDeferred
async def test_requests_beyond_the_queue_are_told_to_come_again(make_soap):
    soap = make_soap(http=HttpSettings(threads=1, queue=1))
    go_on, asked = threading.Event(), soap._answer

    def slow(*request):
        go_on.wait(10)
        return asked(*request)

    soap.resource._reading = slow
    try:
        waiting = [Deferred.fromCoroutine(soap.call(LOGIN)) for _ in range(2)]
        await until(lambda: soap.resource.under_way == 2)
        refused = await soap.call(LOGIN)
        assert (refused.status, refused.headers["retry-after"]) == (503, "2")
        assert refused.fault == ("env:Receiver", "", "Server is busy.")
        # The event loop answers others meanwhile.
        assert (await soap.ask("GET", "/status")).status == 200
    finally:
        go_on.set()
    replies = await DeferredList(waiting).addTimeout(10, reactor)
    assert [reply.status for _, reply in replies] == [200, 200]
    assert (await soap.call(LOGIN)).status == 200


class Held:
    """Keeps the threads of a service from reading requests until it is let go; what was read after that."""

    def __init__(self, soap) -> None:
        self.read: list[bytes] = []
        self.begun = threading.Event()
        self.go_on = threading.Event()
        self._asked = soap._answer
        soap.resource._reading = self

    def __call__(self, data, *more):
        self.begun.set()
        self.go_on.wait(10)
        self.read.append(data)
        return self._asked(data, *more)


@ensureDeferred
async def test_who_waits_too_long_is_told_to_come_again_and_nothing_is_done(make_soap):
    soap = make_soap(http=HttpSettings(threads=1, patience=0.3))
    key = await soap.login()
    held = Held(soap)
    try:
        first = Deferred.fromCoroutine(soap.call('<add-group><group name="a"/></add-group>', key))
        await until(held.begun.is_set)
        refused = await soap.call('<add-group><group name="b"/></add-group>', key)
        assert (refused.status, refused.headers["retry-after"]) == (503, "2")
        assert refused.fault == ("env:Receiver", "", "Server is busy.")
    finally:
        held.go_on.set()
    # The first was read, but not begun in time either.
    assert (await first).status == 503
    await until(lambda: soap.resource.under_way == 0)
    assert len(held.read) == 1
    groups = (await soap.call("<get-contact-list/>", key)).content
    assert [it.get("name") for it in groups] == []


@ensureDeferred
async def test_an_error_after_the_answer_that_it_takes_too_long_is_not_answered_again(
    make_soap, failures, caplog
):
    soap = make_soap(http=HttpSettings(threads=1, patience=0.1))
    go_on = threading.Event()

    def broken(*_):
        go_on.wait(10)
        raise RuntimeError("too late")

    soap.resource._reading = broken
    assert (await soap.call(LOGIN)).status == 503
    go_on.set()
    await until(lambda: soap.resource.under_way == 0)
    assert "too late" in caplog.text
    assert failures() == []


@ensureDeferred
async def test_who_was_begun_in_time_has_all_the_time(make_soap):
    soap = make_soap(http=HttpSettings(threads=1, patience=0.1))
    key = await soap.login()
    begun, go_on = threading.Event(), threading.Event()

    def slow(*request):
        asked = soap.application.read(*request)

        def answer():
            begun.set()
            go_on.wait(10)
            return asked.answer()

        return asked._replace(answer=answer)

    soap.resource._reading = slow
    reply = Deferred.fromCoroutine(soap.call("<get-user-config/>", key))
    await until(begun.is_set)
    await deferLater(reactor, 0.3, go_on.set)
    assert (await reply).status == 200


@ensureDeferred
async def test_what_a_client_asked_that_went_before_its_turn_is_not_done(make_soap):
    soap = make_soap(http=HttpSettings(threads=1))
    key = await soap.login()
    held = Held(soap)
    data = envelope('<add-group><group name="gone"/></add-group>', key)
    head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(data)}\r\n\r\n".encode()
    try:
        first = Deferred.fromCoroutine(soap.call("<get-user-config/>", key))
        await until(held.begun.is_set)
        with socket.create_connection(("127.0.0.1", soap.port)) as client:
            client.sendall(head + data)
            await until(lambda: soap.resource.under_way == 2)
        await deferLater(reactor, 0.05, lambda: None)
    finally:
        held.go_on.set()
    assert (await first).status == 200
    await until(lambda: soap.resource.under_way == 0)
    assert len(held.read) == 1
    assert len((await soap.call("<get-contact-list/>", key)).content) == 0


@ensureDeferred
async def test_who_only_reads_does_not_wait_for_those_who_wait_to_write(make_soap):
    soap = make_soap(http=HttpSettings(threads=3))
    key = await soap.login()
    other = sqlite3.connect(soap.database.url.database, isolation_level=None)
    try:
        other.execute("BEGIN IMMEDIATE")
        writes = [
            Deferred.fromCoroutine(soap.call(f'<add-group><group name="g{number}"/></add-group>', key))
            for number in range(8)
        ]
        await until(lambda: soap.resource.under_way == 8)
        await deferLater(reactor, 0.1, lambda: None)
        for _ in range(5):
            assert (await soap.call("<get-contact-list/>", key)).status == 200
        assert soap.resource.under_way == 8
        other.execute("ROLLBACK")
    finally:
        other.close()
    replies = await DeferredList(writes, fireOnOneErrback=True).addTimeout(20, reactor)
    assert [reply.status for _, reply in replies] == [200] * 8


@ensureDeferred
async def test_requests_are_worked_on_outside_the_event_loop(soap):
    threads = []
    asked = soap._answer

    def noting(*request):
        threads.append(threading.current_thread())
        return asked(*request)

    soap.resource._reading = noting
    await soap.call(LOGIN)
    assert threads
    assert threading.main_thread() not in threads


@pytest.fixture
def failures() -> Iterator[Callable[[], list[object]]]:
    """What went wrong in the event loop and was taken by nobody, so far."""
    found: list[object] = []

    def observer(event: dict[str, object]) -> None:
        if "log_failure" in event:
            found.append(event["log_failure"])

    def so_far() -> list[object]:
        # What nobody has taken of a Deferred is logged when it goes.
        gc.collect()
        return found

    globalLogPublisher.addObserver(observer)
    yield so_far
    globalLogPublisher.removeObserver(observer)


@ensureDeferred
async def test_a_client_that_goes_before_its_answer_is_no_error(soap, failures):
    go_on, asked = threading.Event(), soap._answer

    def slow(*request):
        go_on.wait(10)
        return asked(*request)

    soap.resource._reading = slow
    data = envelope(LOGIN)
    head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(data)}\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", soap.port)) as client:
        client.sendall(head + data)
        await until(lambda: soap.resource.under_way == 1)
    await deferLater(reactor, 0.05, lambda: None)
    go_on.set()
    await until(lambda: soap.resource.under_way == 0)
    assert (await soap.call(LOGIN)).status == 200
    assert failures() == []


@ensureDeferred
async def test_an_error_outside_the_application_is_a_fault_too(soap, caplog):
    def broken(*_):
        raise RuntimeError("secret of the inside")

    soap.resource._reading = broken
    reply = await soap.call(LOGIN, version=SOAP11)
    assert (reply.status, reply.headers["content-type"]) == (500, TYPES[SOAP11])
    assert reply.fault == ("env:Server", "", "Internal error.")
    assert "secret" not in reply.body.decode()


@ensureDeferred
async def test_wrong_passwords_are_answered_slower_and_slower(soap):
    """Held back in the event loop: no thread waits for it."""
    took = []
    for _ in range(2):
        began = time.monotonic()
        await soap.call(LOGIN.replace("12345", "54321"))
        took.append(time.monotonic() - began)
        assert soap.resource.under_way == 0
    assert took[0] >= 0.25
    assert took[1] >= 0.5


# -- WSDL


@pytest.mark.parametrize("query", ["wsdl", "wsdl=wsdl", "WSDL"])
@ensureDeferred
async def test_the_wsdl_names_the_address_by_which_it_was_fetched(soap, query):
    reply = await soap.ask("GET", f"{PATH}?{query}", headers={"Host": "presence.example.com:8080"})
    assert (reply.status, reply.headers["content-type"]) == (200, "text/xml; charset=utf-8")
    assert set(re.findall(rb'address location="([^"]*)"', reply.body)) == {
        b"http://presence.example.com:8080/EPASSoap/service"
    }


@pytest.mark.parametrize("host", ['x"><y/>', "b\xfccher.example.com", "\xff"])
@ensureDeferred
async def test_an_odd_host_does_not_get_into_the_wsdl(soap, host):
    reply = await soap.ask("GET", f"{PATH}?wsdl", headers={"Host": host})
    assert set(re.findall(rb'address location="([^"]*)"', reply.body)) == {
        f"http://localhost:{soap.port}/EPASSoap/service".encode()
    }


@ensureDeferred
async def test_a_setting_says_the_address_in_the_wsdl(make_soap):
    soap = make_soap(http=HttpSettings(address="https://p.example.com/EPASSoap/service"))
    reply = await soap.ask("GET", f"{PATH}?wsdl=wsdl")
    assert set(re.findall(rb'address location="([^"]*)"', reply.body)) == {
        b"https://p.example.com/EPASSoap/service"
    }


@ensureDeferred
async def test_head_of_the_wsdl(soap):
    reply = await soap.ask("HEAD", f"{PATH}?wsdl")
    assert (reply.status, reply.body) == (200, b"")
