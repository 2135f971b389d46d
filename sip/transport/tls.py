"""TLS for both sides of a connection (RFC 3261 §26.3.1, RFC 5922): 1.2 and 1.3, nothing older.

Also the self-signed certificate that a server without one of its own makes for itself, so that `tls:` and
`wss:` work on the first day.
"""

from __future__ import annotations

import datetime
import ipaddress
import logging
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from OpenSSL import SSL
from twisted.internet import ssl
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator, IOpenSSLServerConnectionCreator
from zope.interface import implementer

from sip.transport.spec import ListenError, numeric

if TYPE_CHECKING:
    from twisted.protocols.tls import TLSMemoryBIOProtocol

    from sip.transport.settings import TransportSettings

log = logging.getLogger(__name__)

CERTIFICATE_FILE: Final = "tls-certificate.pem"
KEY_FILE: Final = "tls-key.pem"
LIFETIME: Final = datetime.timedelta(days=825)
"""What browsers and phones at most believe in a certificate that they were told to trust."""
RENEW_BEFORE: Final = datetime.timedelta(days=30)

CIPHERS: Final = b"ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:DHE+CHACHA20:ECDHE+AES:!aNULL:!eNULL:!DSS"
"""For TLS 1.2 (RFC 9325 §4.2, and CBC last for old phones); the suites of 1.3 are all good."""


def _context() -> SSL.Context:
    context = SSL.Context(SSL.TLS_METHOD)
    context.set_min_proto_version(SSL.TLS1_2_VERSION)
    context.set_options(SSL.OP_NO_COMPRESSION | SSL.OP_NO_RENEGOTIATION | SSL.OP_CIPHER_SERVER_PREFERENCE)
    context.set_cipher_list(CIPHERS)
    # The memory of an idle connection's buffers is worth more than the time to get it again.
    context.set_mode(SSL.MODE_RELEASE_BUFFERS)
    return context


@implementer(IOpenSSLServerConnectionCreator)
class ServerTls:
    """Makes the server side of TLS connections from certificate and key files (PEM).

    Who connects after the files were replaced gets the new certificate; connections that there are live on
    with theirs.  Files that cannot be used (one is written before the other) leave everything as it was until
    they change again.

    Raises:
        ValueError: a file cannot be read, or key and certificate do not belong together.
    """

    def __init__(self, certificate: Path, key: Path) -> None:
        self._certificate = certificate
        self._key = key
        # Before the files are read: what is written meanwhile is seen at the next connection.
        self._used = self._seen = _marks(certificate, key)
        self._context = _server_context(certificate, key)

    def serverConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        """A fresh connection object for a client that has just come."""
        marks = _marks(self._certificate, self._key)
        if marks != self._seen:
            self._replace(marks)
        return SSL.Connection(self._context, None)

    def reload(self) -> bool:
        """Look at the files now, also at those that could not be used; whether what they hold is in use."""
        marks = _marks(self._certificate, self._key)
        if marks != self._used:
            self._replace(marks)
        return self._used == marks

    def _replace(self, marks: tuple[_Mark, ...]) -> None:
        self._seen = marks
        try:
            self._context = _server_context(self._certificate, self._key)
        except ValueError as error:
            log.error("transport.certificate-kept", extra={"reason": str(error)})
        else:
            self._used = marks
            log.info("transport.certificate-replaced", extra={"file": str(self._certificate)})


_Mark = tuple[int, int, int] | None


def _marks(*files: Path) -> tuple[_Mark, ...]:
    """What is another one when a file is: its inode, its size and when it was written; None for no file."""
    return tuple(map(_mark, files))


def _mark(file: Path) -> _Mark:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def _server_context(certificate: Path, key: Path) -> SSL.Context:
    context = _context()
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    for path in (certificate, key):
        try:
            path.read_bytes()
        except OSError as error:
            raise ValueError(f"{path}: {(error.strerror or str(error)).lower()}") from error
    try:
        context.use_certificate_chain_file(str(certificate))
    except SSL.Error as error:
        raise ValueError(f"{certificate}: no certificate in PEM form") from error
    try:
        context.use_privatekey_file(str(key))
        context.check_privatekey()
    except SSL.Error as error:
        raise ValueError(f"{key}: no key in PEM form that belongs to {certificate}") from error
    return context


@implementer(IOpenSSLClientConnectionCreator)
class UnverifiedTls:
    """Makes the client side of TLS connections that accept any certificate (`tls_verify` off)."""

    def __init__(self, server_name: str) -> None:
        self._context = _context()
        self._name = None if numeric(server_name) else server_name.encode("idna")

    def clientConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        """A fresh connection object; names the server (SNI) when it has a name."""
        connection = SSL.Connection(self._context, None)
        if self._name is not None:
            connection.set_tlsext_host_name(self._name)
        return connection


def client_tls(server_name: str, settings: TransportSettings) -> IOpenSSLClientConnectionCreator:
    """What makes the client side of a connection to `server_name` (a domain, or a numeric address).

    Raises:
        ValueError: the file of trusted certificates cannot be read.
    """
    if not settings.tls_verify:
        return UnverifiedTls(server_name)
    trust = None
    if settings.tls_ca is not None:
        try:
            found = x509.load_pem_x509_certificates(settings.tls_ca.read_bytes())
        except (OSError, ValueError) as error:
            raise ValueError(f"{settings.tls_ca}: no certificates can be read: {error}") from error
        trust = ssl.trustRootFromCertificates(
            [ssl.Certificate.loadPEM(each.public_bytes(serialization.Encoding.PEM)) for each in found]
        )
    return ssl.optionsForClientTLS(server_name, trustRoot=trust)


def server_tls(settings: TransportSettings, where: str) -> ServerTls:
    """What makes the server side of connections, from the files given or a certificate of our own making.

    Raises:
        ListenError: no usable certificate; `where` names the listener in its text.
    """
    if settings.tls_certificate is not None:
        certificate, key = settings.tls_certificate, settings.tls_key or settings.tls_certificate
    elif settings.generated_folder is not None:
        try:
            certificate, key = self_signed(settings.generated_folder, settings.domains)
        except OSError as error:
            raise ListenError(f"cannot listen on {where}: cannot write a certificate: {error}") from error
    else:
        raise ListenError(f"cannot listen on {where}: no certificate given, and no folder to make one in")
    try:
        return ServerTls(certificate, key)
    except ValueError as error:
        raise ListenError(f"cannot listen on {where}: {error}") from error


# -- a certificate of our own -----------------------------------------------------------------------------


def self_signed(folder: Path, domains: tuple[str, ...] = ()) -> tuple[Path, Path]:
    """The certificate and key files in `folder`, made anew unless they are there, valid and for these names.

    Raises:
        OSError: the folder or the files cannot be written.
    """
    certificate, key = folder / CERTIFICATE_FILE, folder / KEY_FILE
    names = _names(domains)
    if _still_good(certificate, key, names):
        return certificate, key
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    private = ec.generate_private_key(ec.SECP256R1())
    made = _certificate(private, names)
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    _write(key, pem, 0o600)
    _write(certificate, made.public_bytes(serialization.Encoding.PEM), 0o644)
    log.info("transport.certificate-made", extra={"file": str(certificate), "names": ",".join(names)})
    return certificate, key


def _names(domains: tuple[str, ...]) -> list[str]:
    names = dict.fromkeys(["localhost", "127.0.0.1", "::1", socket.gethostname(), *domains])
    return [name for name in names if name and name.isascii()]


def _general_name(name: str) -> x509.GeneralName:
    address = numeric(name)
    return x509.IPAddress(ipaddress.ip_address(address)) if address else x509.DNSName(name)


def _certificate(private: ec.EllipticCurvePrivateKey, names: list[str]) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[-1][:64])])
    now = datetime.datetime.now(datetime.UTC)
    public = private.public_key()
    identifier = x509.SubjectKeyIdentifier.from_public_key(public)
    usage = x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        # A phone whose clock is a little slow need not wait for tomorrow.
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + LIFETIME)
        .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
        # It is its own authority, so that a client can be told to trust it by its file.
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(identifier, critical=False)
        .sign(private, hashes.SHA256())
    )


def _still_good(certificate: Path, key: Path, names: list[str]) -> bool:
    try:
        found = x509.load_pem_x509_certificate(certificate.read_bytes())
        private = serialization.load_pem_private_key(key.read_bytes(), None)
        there = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (OSError, ValueError, TypeError, x509.ExtensionNotFound):
        return False
    if private.public_key() != found.public_key():
        return False
    if found.not_valid_after_utc - datetime.datetime.now(datetime.UTC) < RENEW_BEFORE:
        return False
    return all(_general_name(name) in there for name in names)


def _write(path: Path, data: bytes, mode: int) -> None:
    """Put `data` at `path` in one step; the file never exists with a wider mode than `mode`."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with open(descriptor, "wb") as file:
            file.write(data)
        fresh.replace(path)
    except OSError:
        fresh.unlink(missing_ok=True)
        raise
