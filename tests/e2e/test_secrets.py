"""What must stay secret is looked for everywhere: files, tables, logs at debug level, pages, processes."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.e2e.conftest import StartServer
from tests.support.server import Server
from tests.support.sipclient import SipClient
from tests.support.soapclient import Refused, SoapClient, envelope

ALICE, BOB = "alice@example.com", "bob@example.com"
FIRST, SECOND, IMPORTED = "first-Wp8ZtQ", "second-Wp8ZtQ", "imported-Wp8ZtQ"
GUESSED, MISPLACED, BASIC = "guessed-Wp8ZtQ", "misplaced-Wp8ZtQ", "basic-Wp8ZtQ"
DIRECTORY = "directory-Wp8ZtQ"
"""Clients are told this one: it is the exception of docs/decisions/0006."""
EVERYTHING = ["--log-sip", "--log-level", "debug"]
PAGES = ("/healthz", "/metrics", "/status", f"/explain?watcher={BOB}&presentity={ALICE}")


class Lived:
    """A server at which every secret was used, rightly and wrongly."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.session_keys: list[str] = []
        self.responses: list[str] = []
        server.cli("user", "passwd", ALICE, "--password-stdin", text=f"{SECOND}\n")
        # The server has to know before anybody proves himself by it.
        server.wait_until(self._knows_second)
        table = server.data.parent / "users.csv"
        table.write_text(f"aor,password,display_name\n{BOB},{IMPORTED},Bob\n")
        server.import_users(table, 1)
        server.cli("profile", "set", "ldap", "default", "--attribute", f"Password={DIRECTORY}")
        self._sip()
        self._soap()
        self.pages = {page: server.get(page)[1] for page in PAGES}

    def _knows_second(self) -> bool:
        with SipClient(self.server.address(), ALICE, SECOND) as alice:
            return alice.register(contact="", expect=None).status == 200

    def _sip(self) -> None:
        with SipClient(self.server.address(), ALICE, SECOND) as alice:
            alice.register()
            # Nobody is there: it is stored, with the credentials that it came with if nobody takes them off.
            request = alice.request(
                "MESSAGE", f"sip:{BOB}", headers=[("Content-Type", "text/plain")], body=b"hello"
            )
            proved = alice.authorized(request, alice.exchange(request))
            assert alice.exchange(proved).status == 202
            self.responses += re.findall(r'response="([0-9a-f]+)"', proved.need("Proxy-Authorization"))
            given = base64.b64encode(f"alice:{BASIC}".encode()).decode()
            for value in (f"Basic {given}", f'Digest username="alice", password="{BASIC}"'):
                request = alice.request(
                    "REGISTER", "sip:example.com", to=f"<{alice.uri}>", headers=[("Authorization", value)]
                )
                assert alice.exchange(request).status in (400, 401)
            request = alice.request("REGISTER", f"sip:alice:{BASIC}@example.com", to=f"<{alice.uri}>")
            alice.exchange(request)
        with SipClient(self.server.address(), ALICE, GUESSED) as guesser:
            guesser.register(expect=401)

    def _soap(self) -> None:
        client = SoapClient(self.server.http)
        for name, password in (("alice", GUESSED), (MISPLACED, "alice"), (GUESSED + "@example.com", "x")):
            with pytest.raises(Refused):
                client.login(name, password)
        client.login("alice", SECOND)
        assert client.key is not None
        self.session_keys.append(client.key)
        client.call("<get-all-config/>")
        client.post(envelope("<get-contact-list/>", "made-up-Wp8ZtQ"))
        client.post(envelope("<no-such-operation/>", client.key))
        client.post(b"<not-xml>" + client.key.encode() + SECOND.encode())
        client.ask("GET", f"/EPASSoap/service?session-key={client.key}&password={SECOND}")
        client.login("alice", SECOND, force=True)
        self.session_keys.append(client.key)

    @property
    def secrets(self) -> dict[str, str]:
        """What nobody may find anywhere."""
        found = {
            "the password of before": FIRST,
            "the password": SECOND,
            "an imported password": IMPORTED,
            "a wrong password": GUESSED,
            "a password in the wrong field": MISPLACED,
            "a password by Basic": BASIC,
            "the same as it travels": base64.b64encode(f"alice:{BASIC}".encode()).decode(),
            "a session key that is none": "made-up-Wp8ZtQ",
        }
        found |= {f"session key {number}": key for number, key in enumerate(self.session_keys)}
        return found | {f"digest response {number}": one for number, one in enumerate(self.responses)}

    @property
    def hashes(self) -> dict[str, str]:
        """HA1s: as good as the password, so they are in the table of users and nowhere else."""
        return {
            f"{kind} of {name} with {password}": hashlib.new(
                kind, f"{name}:example.com:{password}".encode()
            ).hexdigest()
            for kind in ("md5", "sha256")
            for name in ("alice", ALICE)
            for password in (FIRST, SECOND)
        }

    def tables(self) -> Iterator[tuple[str, str]]:
        """Each table and all that it holds."""
        with closing(sqlite3.connect(self.server.data / "presentity.db")) as database:
            for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
                yield name, repr(database.execute(f'SELECT * FROM "{name}"').fetchall())


@pytest.fixture(scope="module")
def lived(start_server: StartServer) -> Lived:
    server = start_server(options=EVERYTHING)
    server.add_user(ALICE, FIRST)
    return Lived(server)


def test_no_secret_is_in_a_file_of_the_data_folder(lived: Lived) -> None:
    files = [it for it in lived.server.data.rglob("*") if it.is_file()]
    assert {"presentity.db", "secret", "server.json"} <= {it.name for it in files}
    found = [
        (file.name, what)
        for file in files
        for what, secret in lived.secrets.items()
        if secret.encode() in file.read_bytes()
    ]
    assert found == []


def test_no_secret_is_in_the_log_at_debug_level(lived: Lived) -> None:
    logged = "\n".join(lived.server.output)
    assert "sip.received" in logged
    assert "soap.login-refused" in logged
    searched = lived.secrets | lived.hashes | {"the password of the directory": DIRECTORY}
    assert [what for what, secret in searched.items() if secret in logged] == []


@pytest.mark.parametrize("page", PAGES)
def test_no_secret_is_on_a_page(lived: Lived, page: str) -> None:
    searched = lived.secrets | lived.hashes | {"the password of the directory": DIRECTORY}
    assert len(lived.pages[page]) > 10
    assert [what for what, secret in searched.items() if secret in lived.pages[page]] == []


def test_a_password_is_stored_as_ha1_in_the_table_of_users_alone(lived: Lived) -> None:
    where = {(name, what) for name, text in lived.tables() for what, it in lived.hashes.items() if it in text}
    now = {what for what in lived.hashes if what.endswith(SECOND)}
    assert where == {("user", what) for what in now}


def test_a_session_key_is_stored_as_its_sha_256(lived: Lived) -> None:
    tables = dict(lived.tables())
    assert hashlib.sha256(lived.session_keys[-1].encode()).hexdigest() in tables["soap_session"]


def test_the_password_of_the_directory_is_where_decision_0006_says(lived: Lived) -> None:
    assert {name for name, text in lived.tables() if DIRECTORY in text} == {"service_profile", "outbox"}


def test_no_process_of_the_server_shows_a_secret_in_its_command_line(lived: Lived) -> None:
    pids = [lived.server.process.pid, *lived.server.children()]
    shown = b"".join(Path(f"/proc/{pid}/cmdline").read_bytes() for pid in pids).decode()
    assert len(pids) > 1
    assert [what for what, secret in (lived.secrets | lived.hashes).items() if secret in shown] == []


def test_what_a_server_makes_is_for_its_owner_alone_whatever_the_umask(tmp_path: Path) -> None:
    server = Server(tmp_path / "new" / "data", listen=["udp", "tls"], options=["--demo"])
    before = os.umask(0)
    try:
        server.start()
        made = [server.data, *server.data.rglob("*")]
        modes = {it.relative_to(server.data).as_posix(): stat.S_IMODE(it.stat().st_mode) for it in made}
    finally:
        os.umask(before)
        server.close()
    folders = {name for name in modes if (server.data / name).is_dir()}
    assert {".", "tls"} <= folders
    assert {modes[name] for name in folders} == {0o700}
    # A certificate is for everybody to see.
    assert modes.pop("tls/tls-certificate.pem") == 0o644
    assert {"secret", "tls/tls-key.pem", "demo-passwords.json", "presentity.db"} <= set(modes)
    assert {name: oct(mode) for name, mode in modes.items() if name not in folders and mode != 0o600} == {}
