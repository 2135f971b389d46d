"""SIP over TLS, and the certificate that a server makes for itself."""

from __future__ import annotations

import datetime
import socket
import stat
from pathlib import Path
from typing import Any

import pytest
import trustme
from cryptography import x509
from OpenSSL import SSL
from pytest_twisted import ensureDeferred
from twisted.internet import ssl
from twisted.internet.task import Clock

from sip.errors import TransportError
from sip.transport import Destination, ListenError, ListenSpec
from sip.transport.tls import CERTIFICATE_FILE, KEY_FILE, self_signed

from .conftest import Maker, options, until, within


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A small authority and a certificate of it for `sip.example.com` and `127.0.0.1`."""
    folder = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    issued = authority.issue_cert("sip.example.com", "127.0.0.1")
    authority.cert_pem.write_to_path(folder / "ca.pem")
    issued.private_key_and_cert_chain_pem.write_to_path(folder / "server.pem")
    return {"ca": folder / "ca.pem", "server": folder / "server.pem"}


def to(port: int, name: str | None = "sip.example.com", transport: str = "TLS") -> Destination:
    return Destination(transport, "127.0.0.1", port, name)


@pytest.mark.parametrize("name", ["sip.example.com", "127.0.0.1"])
@ensureDeferred
async def test_messages_travel_over_a_verified_connection(
    party: Maker, files: dict[str, Path], name: str
) -> None:
    server, client = party(tls_certificate=files["server"]), party(tls_ca=files["ca"])
    port = await server.listen("tls:127.0.0.1:0")
    out = await within(client.hub.connect(to(port, name)))
    out.send(options())
    data, flow = await server.next()
    assert data == options()
    assert (flow.transport, flow.reliable, flow.secure) == ("TLS", True, True)
    assert flow.uri("bob") == f"sip:bob@127.0.0.1:{port};transport=tls"
    flow.send(options("back"))
    assert await client.next() == (options("back"), out)


@ensureDeferred
async def test_a_certificate_for_another_name_is_refused(party: Maker, files: dict[str, Path]) -> None:
    server, client = party(tls_certificate=files["server"]), party(tls_ca=files["ca"])
    port = await server.listen("tls:127.0.0.1:0")
    with pytest.raises(
        TransportError, match=r"cannot connect to tls .*: tls: the certificate is for another name"
    ):
        await within(client.hub.connect(to(port, "other.example.com")))


@ensureDeferred
async def test_a_certificate_of_an_unknown_authority_is_refused(party: Maker, files: dict[str, Path]) -> None:
    server, client = party(tls_certificate=files["server"]), party()
    port = await server.listen("tls:127.0.0.1:0")
    with pytest.raises(TransportError, match=r"cannot connect to tls .*: tls: certificate verify failed"):
        await within(client.hub.connect(to(port)))


@ensureDeferred
async def test_verification_can_be_turned_off(party: Maker, files: dict[str, Path]) -> None:
    server, client = party(tls_certificate=files["server"]), party(tls_verify=False)
    port = await server.listen("tls:127.0.0.1:0")
    (await within(client.hub.connect(to(port, "other.example.com")))).send(options())
    await server.next()


class Version:
    """A client that speaks one version of TLS only."""

    def __init__(self, version: int) -> None:
        self._context = SSL.Context(SSL.TLS_METHOD)
        self._context.set_cipher_list(b"ALL:@SECLEVEL=0")
        self._context.set_min_proto_version(version)
        self._context.set_max_proto_version(version)
        self.connection: Any = None

    def getContext(self) -> SSL.Context:
        return self._context


class Creator(Version):
    def clientConnectionForTLS(self, protocol: object) -> SSL.Connection:
        self.connection = SSL.Connection(self._context, None)
        return self.connection


def only(version: int) -> Any:
    from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
    from zope.interface import alsoProvides

    creator = Creator(version)
    alsoProvides(creator, IOpenSSLClientConnectionCreator)
    return creator


@pytest.mark.parametrize(
    ("version", "name"), [(SSL.TLS1_2_VERSION, "TLSv1.2"), (SSL.TLS1_3_VERSION, "TLSv1.3")]
)
@ensureDeferred
async def test_tls_1_2_and_1_3_are_spoken(
    party: Maker, raw: Any, files: dict[str, Path], version: int, name: str
) -> None:
    server = party(tls_certificate=files["server"])
    creator = only(version)
    peer = await raw(await server.listen("tls:127.0.0.1:0"), tls=creator)
    peer.write(options() + b"\r\n\r\n")
    assert (await server.next())[0] == options()
    await until(lambda: peer.got == b"\r\n")
    assert creator.connection.get_protocol_version_name() == name


@ensureDeferred
async def test_tls_1_1_is_not_spoken(party: Maker, raw: Any, files: dict[str, Path]) -> None:
    server = party(tls_certificate=files["server"])
    peer = await raw(await server.listen("tls:127.0.0.1:0"), tls=only(SSL.TLS1_1_VERSION))
    peer.write(options())
    await until(lambda: peer.lost)
    assert not server.messages.pending


@ensureDeferred
async def test_a_handshake_that_never_comes_has_a_limit(
    party: Maker, raw: Any, files: dict[str, Path]
) -> None:
    clock = Clock()
    server = party(hub_options={"clock": clock}, tls_certificate=files["server"], handshake_timeout=10.0)
    peer = await raw(await server.listen("tls:127.0.0.1:0"))
    await until(lambda: len(server.hub.connections) == 1)
    clock.pump([1.0] * 9)
    assert len(server.hub.connections) == 1
    clock.pump([1.0] * 2)
    await until(lambda: peer.lost)


@ensureDeferred
async def test_a_connection_of_a_peer_serves_its_address_but_no_name_that_needs_proof(
    party: Maker, files: dict[str, Path]
) -> None:
    server, client = party(tls_certificate=files["server"]), party(tls_ca=files["ca"])
    port = await server.listen("tls:127.0.0.1:0")
    out = await within(client.hub.connect(to(port)))
    out.send(options())
    _, flow = await server.next()
    host, own = flow.remote
    assert await server.hub.connect(Destination("TLS", host, own, host)) is flow
    with pytest.raises(TransportError, match="connection refused"):
        await within(server.hub.connect(Destination("TLS", host, own, "phone.example.com")))
    assert await client.hub.connect(to(port)) is out
    assert await within(client.hub.connect(to(port, "127.0.0.1"))) is not out


@ensureDeferred
async def test_close_flushes_over_tls(party: Maker, files: dict[str, Path]) -> None:
    server, client = party(tls_certificate=files["server"]), party(tls_ca=files["ca"])
    port = await server.listen("tls:127.0.0.1:0")
    (await within(client.hub.connect(to(port)))).send(options())
    _, flow = await server.next()
    for number in range(100):
        flow.send(options(str(number), b"x" * 5000))
    await within(server.hub.close())
    for number in range(100):
        assert (await client.next())[0] == options(str(number), b"x" * 5000)


# -- the certificate of one's own -------------------------------------------------------------------------


def names(path: Path) -> set[str]:
    found = x509.load_pem_x509_certificate(path.read_bytes())
    value = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return {str(name.value) for name in value}


def test_a_self_signed_certificate_names_this_machine_and_the_domains(tmp_path: Path) -> None:
    certificate, _ = self_signed(tmp_path / "data", ("example.com",))
    assert names(certificate) == {"localhost", "127.0.0.1", "::1", socket.gethostname(), "example.com"}


def test_the_key_is_created_for_its_owner_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    modes: list[int] = []
    real = os.open

    def spy(path: Any, flags: int, mode: int = 0o777, **more: Any) -> int:
        if KEY_FILE in str(path):
            assert flags & os.O_EXCL
            modes.append(mode)
        return real(path, flags, mode, **more)

    monkeypatch.setattr(os, "open", spy)
    monkeypatch.setattr(os, "chmod", lambda *args, **more: pytest.fail("chmod comes too late"))
    old = os.umask(0)
    try:
        _, key = self_signed(tmp_path)
    finally:
        os.umask(old)
    assert modes == [0o600]
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == [CERTIFICATE_FILE, KEY_FILE]


def test_a_certificate_is_kept_while_it_is_good(tmp_path: Path) -> None:
    certificate, key = self_signed(tmp_path, ("example.com",))
    before = certificate.read_bytes(), key.read_bytes()
    self_signed(tmp_path, ("example.com",))
    assert (certificate.read_bytes(), key.read_bytes()) == before


@pytest.mark.parametrize("reason", ["a new domain", "another key", "a broken file", "soon over"])
def test_a_certificate_is_made_anew_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reason: str) -> None:
    if reason == "soon over":
        monkeypatch.setattr("sip.transport.tls.LIFETIME", datetime.timedelta(days=20))
    certificate, key = self_signed(tmp_path, ("example.com",))
    monkeypatch.undo()
    before = certificate.read_bytes()
    if reason == "another key":
        key.write_bytes(self_signed(tmp_path / "other")[1].read_bytes())
    elif reason == "a broken file":
        key.write_bytes(b"nonsense")
    domains = ("example.com", "example.org") if reason == "a new domain" else ("example.com",)
    self_signed(tmp_path, domains)
    assert certificate.read_bytes() != before
    assert stat.S_IMODE(key.stat().st_mode) == 0o600


@ensureDeferred
async def test_a_client_that_trusts_the_file_is_satisfied(party: Maker, raw: Any, tmp_path: Path) -> None:
    server = party(generated_folder=tmp_path)
    port = await server.listen("tls:127.0.0.1:0")
    client = party(tls_ca=tmp_path / CERTIFICATE_FILE)
    (await within(client.hub.connect(to(port, "localhost")))).send(options())
    await server.next()
    trusted = ssl.Certificate.loadPEM((tmp_path / CERTIFICATE_FILE).read_bytes())
    peer = await raw(port, tls=ssl.optionsForClientTLS("127.0.0.1", trustRoot=trusted))
    peer.write(options("second"))
    assert (await server.next())[0] == options("second")


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({}, "cannot listen on tls 127.0.0.1:0: no certificate given, and no folder to make one in"),
        (
            {"tls_certificate": Path("/nonexistent/cert.pem")},
            "cannot listen on tls 127.0.0.1:0: /nonexistent/cert.pem: no such file or directory",
        ),
    ],
)
@ensureDeferred
async def test_a_missing_certificate_is_told_in_one_line(
    party: Maker, settings: dict[str, Any], why: str
) -> None:
    with pytest.raises(ListenError) as caught:
        await party(**settings).hub.listen(ListenSpec.parse("tls:127.0.0.1:0"))
    assert str(caught.value) == why


@ensureDeferred
async def test_a_key_that_does_not_belong_is_told_in_one_line(
    party: Maker, files: dict[str, Path], tmp_path: Path
) -> None:
    _, key = self_signed(tmp_path)
    server = party(tls_certificate=files["server"], tls_key=key)
    with pytest.raises(ListenError) as caught:
        await server.hub.listen(ListenSpec.parse("tls:127.0.0.1:0"))
    why = f"{key}: no key in PEM form that belongs to {files['server']}"
    assert str(caught.value) == f"cannot listen on tls 127.0.0.1:0: {why}"
