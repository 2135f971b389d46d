"""Certificates that are replaced while the server runs, and what it does not let itself be talked down to."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

import pytest
import trustme
from cryptography import x509
from OpenSSL import SSL
from pytest_twisted import ensureDeferred
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from zope.interface import implementer

from sip.transport import tls

from .conftest import Maker, options, until


class Files:
    """Where the server's certificate and key are, and how somebody replaces them."""

    def __init__(self, folder: Path) -> None:
        self.certificate, self.key = folder / "certificate.pem", folder / "key.pem"
        self.authority = trustme.CA()
        self.renew("old.example.com")

    def renew(self, name: str) -> None:
        """As tools for certificates do it: a new file is moved to where the old one is."""
        issued = self.authority.issue_cert(name)
        for path, part in ((self.key, issued.private_key_pem), (self.certificate, issued.cert_chain_pems[0])):
            part.write_to_path(path.with_suffix(".new"))
            os.replace(path.with_suffix(".new"), path)


@implementer(IOpenSSLClientConnectionCreator)
class Client:
    """Makes connections that take any certificate; `ciphers`: of TLS 1.2 alone, however bad."""

    def __init__(self, ciphers: bytes = b"") -> None:
        self._context = SSL.Context(SSL.TLS_METHOD)
        if ciphers:
            self._context.set_max_proto_version(SSL.TLS1_2_VERSION)
            self._context.set_cipher_list(ciphers + b":@SECLEVEL=0")

    def clientConnectionForTLS(self, protocol: object) -> SSL.Connection:
        self.connection = SSL.Connection(self._context, None)
        return self.connection

    @property
    def shown(self) -> str:
        """The name in the certificate that the server showed."""
        certificate = self.connection.get_peer_certificate(as_cryptography=True)
        assert certificate is not None
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        return names.get_values_for_type(x509.DNSName)[0]


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


async def connect(raw: Any, port: int) -> tuple[Any, Client]:
    """A client that is heard and answered."""
    client = Client()
    peer = await raw(port, tls=client)
    await heard(peer)
    return peer, client


async def heard(peer: Any) -> None:
    before = len(peer.got)
    peer.write(b"\r\n\r\n")
    await until(lambda: len(peer.got) > before)


@pytest.mark.parametrize("listener", ["tls", "wss"])
@ensureDeferred
async def test_who_comes_after_a_renewal_is_shown_the_new_certificate(
    party: Maker, raw: Any, files: Files, listener: str
) -> None:
    server = party(tls_certificate=files.certificate, tls_key=files.key)
    port = await server.listen(f"{listener}:127.0.0.1:0")
    shown = []
    for name in ("old.example.com", "new.example.com"):
        files.renew(name)
        client = Client()
        await raw(port, tls=client)
        await until(lambda: client.connection.get_peer_certificate() is not None)  # noqa: B023
        shown.append(client.shown)
    assert shown == ["old.example.com", "new.example.com"]


@ensureDeferred
async def test_a_connection_from_before_a_renewal_lives_on(party: Maker, raw: Any, files: Files) -> None:
    server = party(tls_certificate=files.certificate, tls_key=files.key)
    port = await server.listen("tls:127.0.0.1:0")
    before, _ = await connect(raw, port)
    files.renew("new.example.com")
    await connect(raw, port)
    before.write(options())
    assert (await server.next())[0] == options()
    await heard(before)


def broken(files: Files) -> str:
    files.certificate.write_text("-----BEGIN CERTIFICATE-----\nhalf of one")
    return f"{files.certificate}: no certificate in PEM form"


def gone(files: Files) -> str:
    files.key.unlink()
    return f"{files.key}: no such file or directory"


def half_replaced(files: Files) -> str:
    files.authority.issue_cert("new.example.com").private_key_pem.write_to_path(files.key)
    return f"{files.key}: no key in PEM form that belongs to {files.certificate}"


@pytest.mark.parametrize("harm", [broken, gone, half_replaced])
@ensureDeferred
async def test_files_that_are_no_use_leave_the_old_certificate_and_say_so_once(
    party: Maker, raw: Any, files: Files, caplog: pytest.LogCaptureFixture, harm: Any
) -> None:
    server = party(tls_certificate=files.certificate, tls_key=files.key)
    port = await server.listen("tls:127.0.0.1:0")
    why = harm(files)
    with caplog.at_level(logging.INFO, "sip.transport.tls"):
        for _ in range(2):
            _, client = await connect(raw, port)
            assert client.shown == "old.example.com"
    said = [
        (it.message, it.__dict__.get("reason")) for it in caplog.records if it.name == "sip.transport.tls"
    ]
    assert said == [("transport.certificate-kept", why)]

    files.renew("new.example.com")
    _, client = await connect(raw, port)
    assert client.shown == "new.example.com"


@ensureDeferred
async def test_who_reloads_is_told_whether_the_files_are_in_use(
    party: Maker, raw: Any, files: Files, caplog: pytest.LogCaptureFixture
) -> None:
    server = party(tls_certificate=files.certificate, tls_key=files.key)
    port = await server.listen("tls:127.0.0.1:0")
    with caplog.at_level(logging.INFO, "sip.transport.tls"):
        assert server.hub.reload_certificates() == [True]
        assert caplog.messages == []
        half_replaced(files)
        # He who asks again is told again.
        assert server.hub.reload_certificates() == [False]
        assert server.hub.reload_certificates() == [False]
        files.renew("new.example.com")
        assert server.hub.reload_certificates() == [True]
    assert caplog.messages == [
        "transport.certificate-kept",
        "transport.certificate-kept",
        "transport.certificate-replaced",
    ]
    _, client = await connect(raw, port)
    assert client.shown == "new.example.com"


# -- what is not spoken -----------------------------------------------------------------------------------

WEAK = {
    "without forward secrecy": b"AES128-SHA",
    "without encryption": b"ECDHE-RSA-NULL-SHA",
    "without a certificate": b"AECDH-AES128-SHA",
}


@pytest.fixture(scope="module")
def rsa(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate that all of these go with."""
    path = tmp_path_factory.mktemp("rsa") / "server.pem"
    issued = trustme.CA().issue_cert("sip.example.com", key_type=trustme.KeyType.RSA)
    issued.private_key_and_cert_chain_pem.write_to_path(path)
    return path


@pytest.mark.parametrize("suite", WEAK.values(), ids=WEAK.keys())
@pytest.mark.parametrize("careless", [False, True], ids=["as it is", "with a server that takes all"])
@ensureDeferred
async def test_weak_cipher_suites_are_not_spoken(
    party: Maker, raw: Any, rsa: Path, monkeypatch: pytest.MonkeyPatch, suite: bytes, careless: bool
) -> None:
    if careless:
        # Without this the test would pass wherever the client's own library refuses.
        monkeypatch.setattr(tls, "CIPHERS", b"ALL:eNULL:@SECLEVEL=0")
    server = party(tls_certificate=rsa)
    peer = await raw(await server.listen("tls:127.0.0.1:0"), tls=Client(suite))
    peer.write(b"\r\n\r\n")
    if careless:
        await until(lambda: peer.got == b"\r\n")
    else:
        await until(lambda: peer.lost)
        assert peer.got == b""
