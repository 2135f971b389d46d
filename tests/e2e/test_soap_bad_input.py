"""What should not be sent to the SOAP service, sent by raw sockets: its documented answer, and SIP goes on.

While each is tried, a phone registers again and again; nothing of it may take longer than usual.
"""

from __future__ import annotations

import re
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress

import pytest

from tests.e2e.conftest import StartServer
from tests.support.server import Server, free_port
from tests.support.sipclient import SipClient
from tests.support.soapclient import EPAS, PATH, SOAP11, SOAP12, TYPES, SoapClient, envelope
from tests.support.wires import Address

SLOW = 1.0  # seconds that no registration may take meanwhile
LIMIT = 20_000  # bytes of a body
PATIENCE = 2.0  # seconds that a request may take to arrive
ALICE, BOB = "alice@example.com", "bob@example.com"
ASK = "<get-user-config/>"
BOMB = (
    '<!DOCTYPE x [<!ENTITY a0 "ha">'
    + "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12))
    + "]>"
).encode()


def outside() -> str | None:
    """An address of this computer that is not the loopback; None where there is none."""
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as probe, suppress(OSError):
        probe.connect(("192.0.2.254", 9))  # sends nothing
        address = str(probe.getsockname()[0])
        return None if address.startswith(("127.", "0.")) else address
    return None


@pytest.fixture(scope="module")
def server(start_server: StartServer) -> Server:
    settings = [f"http_max_body={LIMIT}", f"http_request_timeout={PATIENCE}"]
    return start_server(ALICE, BOB, listen=["udp"], options=[it for one in settings for it in ("--set", one)])


@pytest.fixture
def client(server: Server) -> SoapClient:
    return SoapClient(server.http).login("alice", force=True)


@pytest.fixture(scope="module")
def phone(server: Server) -> Iterator[SipClient]:
    with SipClient(server.address("udp"), BOB, "secret") as it:
        yield it


@pytest.fixture(autouse=True)
def sip_goes_on(server: Server, phone: SipClient) -> Iterator[None]:
    """The phone registers all the time, and the server shows no traceback."""
    stop = threading.Event()
    took: list[float] = []

    def register() -> None:
        while not stop.is_set():
            began = time.monotonic()
            status = phone.register(expect=None).status
            took.append(time.monotonic() - began if status == 200 else float(status))
            stop.wait(0.02)

    registering = threading.Thread(target=register)
    registering.start()
    yield
    stop.set()
    registering.join(20)
    assert took, "the phone got no answer"
    assert max(took) < SLOW
    assert server.get("/healthz")[0] == 200
    assert not [line for line in server.output if "Traceback" in line or "level=error" in line]


def exchange(address: Address, *parts: bytes, pause: float = 0.0, end: bool = False) -> bytes:
    """Send something by a raw socket, and read until the server closes."""
    with socket.create_connection(address, timeout=10) as sock:
        with suppress(OSError):  # the server may have closed by now
            for part in parts:
                sock.sendall(part)
                time.sleep(pause)
            if end:
                sock.shutdown(socket.SHUT_WR)
        answer = b""
        with suppress(ConnectionResetError):
            while data := sock.recv(65536):
                answer += data
        return answer


def head(*lines: str, version: str = SOAP12) -> bytes:
    """The beginning of a POST that closes the connection."""
    fixed = (f"POST {PATH} HTTP/1.1", "Host: x", f"Content-Type: {TYPES[version]}", "Connection: close")
    return "\r\n".join([*fixed, *lines, "", ""]).encode()


# -- what is no request


@pytest.mark.parametrize("version", [SOAP11, SOAP12])
@pytest.mark.parametrize(("message", "subcode"), [
    (b"", "NotWellFormed"),
    (b"<a", "NotWellFormed"),
    (b"\x00\x01\x02\xff", "NotWellFormed"),
    (b"<!DOCTYPE x>%s", "DocumentType"),
    (b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>%s', "DocumentType"),
    (b'<!DOCTYPE x SYSTEM "http://127.0.0.1:1/x.dtd">%s', "DocumentType"),
    (b"<get-user-config/>", "NotSoap"),
])  # fmt: skip
def test_what_is_no_soap(client: SoapClient, message: bytes, subcode: str, version: str) -> None:
    data = message.replace(b"%s", envelope(ASK, client.key, version))
    reply = client.post(data, TYPES[version])
    assert reply.fault == ("Sender", subcode, "Invalid request.")
    assert reply.status == (400 if version == SOAP12 else 500)
    assert reply.headers["content-type"] == TYPES[version]
    assert b"root:" not in reply.body


@pytest.mark.parametrize("version", [SOAP11, SOAP12])
def test_a_billion_laughs(client: SoapClient, version: str) -> None:
    data = BOMB + envelope("<login><username>&a11;</username><password/></login>", version=version)
    began = time.monotonic()
    code, subcode, _ = client.post(data, TYPES[version]).fault
    assert (code, subcode in ("DocumentType", "NotWellFormed")) == ("Sender", True)
    assert time.monotonic() - began < SLOW


def test_a_bomb_in_a_status_does_no_harm(client: SoapClient) -> None:
    escaped = BOMB.decode().replace("&", "&amp;").replace("<", "&lt;") + "&lt;x&gt;&amp;a11;&lt;/x&gt;"
    reply = client.post(envelope(f"<publish-pres-status>{escaped}</publish-pres-status>", client.key))
    assert (reply.status, reply.fault[0]) == (400, "Sender")


@pytest.mark.parametrize("version", [SOAP11, SOAP12])
@pytest.mark.parametrize(("body", "subcode"), [
    ("", "EmptyBody"),
    ("<get-everything/>", "UnknownOperation"),
    ("<__class__/>", "UnknownOperation"),
    ('<get-user-config xmlns="urn:example:other"/>', "UnknownNamespace"),
    (ASK + ASK, "SeveralRequests"),
    ('<login force="perhaps"><username>a</username><password>b</password></login>', "NotBoolean"),
    ("<set-calendaring>perhaps</set-calendaring>", "NotBoolean"),
    ("<publish-pres-status>busy</publish-pres-status>", "Refused"),
])  # fmt: skip
def test_a_request_that_means_nothing(client: SoapClient, body: str, subcode: str, version: str) -> None:
    reply = client.post(envelope(body, client.key, version), TYPES[version])
    assert reply.fault == ("Sender", subcode, "Invalid request.")


@pytest.mark.parametrize(("key", "subcode"), [
    (None, "NoSession"), ("", "NoSession"), ("0" * 36, "UnknownSession"), ("ключ", "UnknownSession"),
    ("k" * 10_000, "UnknownSession"),
])  # fmt: skip
def test_a_key_of_no_session_changes_nothing(client: SoapClient, key: str | None, subcode: str) -> None:
    reply = client.post(envelope('<add-group><group name="stranger"/></add-group>', key))
    assert reply.fault == ("Sender", subcode, "Invalid request.")
    assert len(client.call("<get-contact-list/>")) == 0


def test_a_key_is_stale_after_the_next_login(client: SoapClient, server: Server) -> None:
    SoapClient(server.http).login("alice", force=True)
    assert client.post(envelope(ASK, client.key)).fault[1] == "UnknownSession"


@pytest.mark.parametrize("version", [SOAP11, SOAP12])
def test_a_header_that_must_be_understood(client: SoapClient, version: str) -> None:
    must = '<x:security xmlns:x="urn:example:security" s:mustUnderstand="1"/>'
    reply = client.post(envelope(ASK, client.key, version, header=must), TYPES[version])
    assert (reply.status, reply.fault[0]) == (500, "MustUnderstand")


def test_wrong_types_in_items_spoil_these_items_only(client: SoapClient) -> None:
    def texts(body: str) -> list[str | None]:
        return [status.text for status in client.call(body)]

    assert texts(
        '<add-group><group name="a" index="1e999999999"/><group name="b" index="first"/><group/>'
        f'<group name="c" index="1"/><group name="{"n" * 5000}"/></add-group>'
    ) == ["failed", "failed", "failed", "succeeded", "failed"]
    assert texts(
        '<add-contact><group name="c"><persona-id display-on-phone="maybe">bob</persona-id>'
        '<persona-id index="NaN">bob</persona-id><persona-id>bob</persona-id><persona-id/>'
        "</group></add-contact>"
    ) == ["failed", "failed", "succeeded", "Contact does not exist in."]
    assert texts(
        '<set-presence-rules><presence-rule name="r"><rule><visibility>none</visibility></rule>'
        "</presence-rule><presence-rule><rule/></presence-rule></set-presence-rules>"
    ) == ["failed", "failed"]
    codes = client.call(
        '<set-user-config><property name="p" is-public="maybe">1</property><property>2</property>'
        '<property name="q">3</property></set-user-config>'
    )
    assert [it.get("status-code") for it in codes] == ["1", "1", "0"]
    record = client.call(
        "<add-recent-comm><timestamp>noon</timestamp><type>x</type><data/></add-recent-comm>"
    )
    assert record[0].get("status-code") == "1"
    client.call('<delete-group><group name="c"/></delete-group>')


# -- HTTP


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_other_methods_are_not_allowed(client: SoapClient, method: str) -> None:
    reply = client.ask(method, data=envelope(ASK, client.key))
    assert (reply.status, reply.headers["allow"]) == (405, "POST")


def test_a_body_over_the_limit(client: SoapClient) -> None:
    big = envelope(
        f"<set-user-config><property name='p'>{'x' * LIMIT}</property></set-user-config>", client.key
    )
    assert client.post(big).fault == ("Sender", "TooLarge", "Invalid request.")


def test_a_body_that_says_it_is_endless_is_cut_off(server: Server) -> None:
    began = time.monotonic()
    answer = exchange(server.http, head("Content-Length: 1000000000000"), b"<" * 100_000)
    assert PATIENCE / 2 < time.monotonic() - began < PATIENCE + 5
    assert answer == b"" or b" 400 " in answer


def test_a_slow_body_is_cut_off(server: Server) -> None:
    began = time.monotonic()
    exchange(server.http, head("Content-Length: 1000"), *[b"<"] * 40, pause=0.1)
    assert time.monotonic() - began < PATIENCE + 3


def test_a_body_shorter_than_it_says_is_no_request(server: Server) -> None:
    assert exchange(server.http, head("Content-Length: 500"), envelope(ASK), end=True) == b""


def test_a_body_longer_than_it_says_is_cut_there(server: Server) -> None:
    answer = exchange(server.http, head("Content-Length: 10"), envelope(ASK))
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.count(b"HTTP/1.1") == 1
    assert b"NotWellFormed" in answer


@pytest.mark.parametrize("lines", [
    ("Content-Length: -1",), ("Content-Length: ten",), ("Content-Length: 5", "Content-Length: 6"),
    ("Content-Length: 5", "Transfer-Encoding: chunked"), ("Transfer-Encoding: gzip",), ("no colon",),
])  # fmt: skip
def test_a_length_that_is_none_is_refused(server: Server, lines: tuple[str, ...]) -> None:
    # Without a body: what the server has not read when it closes would take its answer with it.
    answer = exchange(server.http, head(*lines))
    assert re.match(rb"HTTP/1\.1 (400|501) ", answer)
    assert b"Traceback" not in answer
    assert b"twisted" not in answer.lower()


def test_requests_one_after_the_other_in_one_connection(client: SoapClient, server: Server) -> None:
    one = envelope(ASK, client.key)
    keep = head(f"Content-Length: {len(one)}").replace(b"Connection: close\r\n", b"")
    answer = exchange(server.http, (keep + one) * 3 + head(f"Content-Length: {len(one)}") + one)
    assert answer.count(b"HTTP/1.1 200 OK") == answer.count(b"</epas:get-user-config-resp>") == 4


def test_a_hundred_clients_at_a_time(client: SoapClient, server: Server) -> None:
    """Each gets an answer, or is told to come again (the queue is limited)."""
    statuses: list[int] = []
    together = threading.Barrier(100)

    def call() -> None:
        together.wait(20)
        statuses.append(SoapClient(server.http).post(envelope(ASK, client.key)).status)

    clients = [threading.Thread(target=call) for _ in range(100)]
    for one in clients:
        one.start()
    for one in clients:
        one.join(30)
    assert len(statuses) == 100
    assert set(statuses) <= {200, 503}
    assert 200 in statuses


def test_a_hundred_idle_connections_keep_nobody_out(client: SoapClient, server: Server) -> None:
    idle = [socket.create_connection(server.http, timeout=5) for _ in range(100)]
    try:
        for sock in idle:
            sock.sendall(head("Content-Length: 1000")[:40])
        assert client.call(ASK).tag == f"{{{EPAS}}}get-user-config-resp"
    finally:
        for sock in idle:
            sock.close()


# -- from another computer


@pytest.mark.parametrize("allowed", [False, True])
def test_plain_http_from_elsewhere_only_where_a_setting_allows_it(
    start_server: StartServer, allowed: bool
) -> None:
    address = outside()
    if address is None:
        pytest.skip("this computer has no address but the loopback")
    plain, secure = free_port(), free_port()
    options = ["--http", f"0.0.0.0:{plain}", "--set", f"https=0.0.0.0:{secure}"]
    other = start_server(
        ALICE, listen=["udp"], options=[*options, "--set", f"soap_plain_http={str(allowed).lower()}"]
    )
    far, near = SoapClient((address, plain)), SoapClient(("127.0.0.1", plain))
    login = envelope("<login><username>alice</username><password>secret</password></login>")
    if allowed:
        assert far.post(login).status == 200
    else:
        for reply in (far.post(login), far.ask("GET", f"{PATH}?wsdl")):
            assert reply.status == 403
            assert b"soap_plain_http" in reply.body
        assert near.post(login).status == 200
    trusted = ssl.create_default_context(cafile=str(other.data / "tls" / "tls-certificate.pem"))
    trusted.check_hostname = False  # it is made out for the domain
    by_tls = SoapClient((address, secure), tls=trusted).login("alice", force=True)
    assert by_tls.call(ASK).tag == f"{{{EPAS}}}get-user-config-resp"
    # Plain HTTP to the port of HTTPS is no answer and no harm.
    assert b"HTTP" not in exchange((address, secure), head("Content-Length: 0"), end=True)
