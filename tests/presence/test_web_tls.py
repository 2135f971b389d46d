"""HTTPS as the server makes it: the certificate of the settings, and its successor."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
import trustme
from cryptography import x509
from pytest_twisted import ensureDeferred
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread

from presence.settings import Settings
from presence.storage.database import open_database
from presence.storage.migrate import upgrade
from presence.web import Web
from sip.transport.settings import TransportSettings

AUTHORITY = trustme.CA()


def renew(file: Path, name: str) -> None:
    AUTHORITY.issue_cert(name).private_key_and_cert_chain_pem.write_to_path(file)


def shown(port: int) -> str:
    """The name in the certificate that a client is shown who comes now."""
    certificate = x509.load_pem_x509_certificate(ssl.get_server_certificate(("127.0.0.1", port)).encode())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return names.get_values_for_type(x509.DNSName)[0]


@ensureDeferred
async def test_soap_over_https_follows_the_file_of_the_certificate(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "server.pem"
    renew(file, "old.example.com")
    settings = Settings(data=tmp_path, domain="example.com", https="127.0.0.1:0")
    upgrade(settings.database_url)
    database = open_database(settings.database_url)
    web = Web(settings, reactor, database, TransportSettings(tls_certificate=file), lambda *_: None)
    try:
        line = await web.listen_securely(dict)
        assert line is not None
        port = int(line.rpartition(":")[2])
        names = [await deferToThread(shown, port).addTimeout(10, reactor)]
        for change in (lambda: renew(file, "new.example.com"), lambda: file.write_text("no certificate")):
            change()
            names.append(await deferToThread(shown, port).addTimeout(10, reactor))
        assert names == ["old.example.com", "new.example.com", "new.example.com"]
        assert "transport.certificate-kept" in caplog.messages
    finally:
        await Deferred.fromCoroutine(web.close()).addTimeout(15, reactor)
        database.close()
