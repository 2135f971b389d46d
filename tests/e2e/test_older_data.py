"""The data of an older presentity is taken over at the start, those of a newer one are refused."""

from __future__ import annotations

import json
import socket
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, MetaData, Table, create_engine, make_url, text

import migrations
from presence.directory import Credentials
from tests.support.server import Server, free_port, postgres_database, run
from tests.support.sipclient import SipClient, Subscription
from tests.support.sipwire import parameter, pidf

ALICE, BOB = "sip:alice@example.com", "sip:bob@example.com"


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        (tmp_path / "data").mkdir()
        yield f"sqlite:///{tmp_path}/data/presentity.db"
        return
    try:
        with postgres_database() as made:
            yield made
    except LookupError as error:
        pytest.skip(str(error))


def rows_of_the_first_version(
    phone: SipClient, subscription: Subscription, flow: str
) -> dict[str, dict[str, Any]]:
    """One of everything as revision 0001 wrote it: what stands here must be readable for ever."""
    now = time.time()
    return {
        "binding": {
            "aor": ALICE,
            "contact_uri": "sip:alice@192.0.2.4:5062",
            "contact": '"Alice" <sip:alice@192.0.2.4:5062;line=1>;methods="MESSAGE"',
            "call_id": "c1",
            "cseq": 4,
            "q": 700,
            "expires_at": now + 3000,
            "path": "<sip:p1.example.net;lr>\n<sip:p2.example.net;lr>",
            "instance": "<urn:uuid:00000000-0000-1000-8000-000a95a0e128>",
            "reg_id": 1,
            "flow": "udp|192.0.2.4:5062|192.0.2.1:5060",
            "user_agent": "Phone/1.0",
            "updated_at": now - 600,
        },
        "publication": {
            "id": "01890a5d64c80000deadbeef",
            "package": "presence",
            "aor": ALICE,
            "etag": "an-old-etag",
            "expires_at": now + 3000,
            "content_type": "application/pidf+xml",
            "body": pidf(ALICE, note="from long ago"),
            "source": "Phone/1.0",
            "published_at": now - 600,
        },
        "subscription": {
            "id": "5f0a1b2cabcdef",
            "package": "presence",
            "event_id": "",
            "aor": ALICE,
            "watcher": BOB,
            "call_id": subscription.call_id,
            "local_tag": "5f0a1b2cabcdef",
            "remote_tag": parameter(subscription.from_, "tag"),
            "local_uri": f"<{ALICE}>",
            "remote_uri": f"<{BOB}>",
            "remote_target": phone.contact.strip("<>"),
            "routes": "",
            "local_cseq": 640,
            "remote_cseq": 3,
            "accept": "application/pidf+xml",
            "expires_at": now + 3000,
            "flow": flow,
            "state": "active",
            "reason": "",
            "user_agent": "Phone/1.0",
            "filter_type": "",
            "filter": b"",
            "created_at": now - 600,
            "version": 0,
        },
        "message": {
            "id": "000639a4b8c3d2e1deadbeef",
            "recipient": BOB,
            "sender": ALICE,
            "received_at": now - 600,
            "expires_at": now + 3000,
            "headers": json.dumps(
                [
                    ["From", f"<{ALICE}>"],
                    ["To", f"<{BOB}>"],
                    ["Content-Type", "text/plain"],
                    ["Date", "Sun, 01 Feb 2026 10:00:00 GMT"],
                ]
            ),
            "body": "a long wait ü".encode(),
        },
    }


def make_old(url: str, rows: dict[str, dict[str, Any]]) -> None:
    """A database as the first presentity left it."""
    parsed = make_url(url)
    if parsed.drivername == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    engine = create_engine(parsed)
    with engine.begin() as connection:
        _migrate(connection, "0001")
        credentials = Credentials.of(ALICE, "secret"), Credentials.of(BOB, "secret")
        for aor, known in zip((ALICE, BOB), credentials, strict=True):
            _insert(
                connection,
                "user",
                aor=aor,
                display_name="",
                created_at=0.0,
                ha1_md5=known.md5,
                ha1_md5_full=known.md5_full,
                ha1_sha256=known.sha256,
                ha1_sha256_full=known.sha256_full,
            )
        for table, row in rows.items():
            _insert(connection, table, **row)
    engine.dispose()


def _migrate(connection: Connection, revision: str) -> None:
    config = Config()
    assert migrations.__file__ is not None
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def _insert(connection: Connection, table: str, **row: Any) -> None:
    connection.execute(Table(table, MetaData(), autoload_with=connection).insert().values(**row))


def test_data_of_the_first_version_are_taken_over_at_the_start(tmp_path: Path, url: str) -> None:
    # The rows name the addresses of both sides.
    address = ("127.0.0.1", free_port(socket.SOCK_DGRAM))
    server = Server(tmp_path / "data", listen=[f"udp:127.0.0.1:{address[1]}"], database=url)
    with (
        SipClient(address, "bob@example.com", "secret") as bob,
        SipClient(address, "alice@example.com", "secret") as alice,
    ):
        watching = Subscription(bob, ALICE, "presence")
        watching.cseq, watching.to = 3, f"<{ALICE}>;tag=5f0a1b2cabcdef"
        watching.target = f"sip:127.0.0.1:{address[1]}"
        make_old(url, rows_of_the_first_version(bob, watching, f"udp|{bob.host_port}|127.0.0.1:{address[1]}"))
        with server:
            told = watching.notify(where=lambda it: "from long ago" in it.text)
            assert told.cseq[0] > 640
            contact = alice.register(contact="").need("Contact")
            assert "sip:alice@192.0.2.4:5062;line=1" in contact
            assert 2900 < int(parameter(contact, "expires") or 0) <= 3000
            alice.publish(etag="an-old-etag")
            watching.refresh(600, expect=200)
            bob.register()
            arrived = bob.expect_request("MESSAGE")
            assert (arrived.text, arrived.need("Date")) == ("a long wait ü", "Sun, 01 Feb 2026 10:00:00 GMT")


def test_data_of_a_newer_version_are_refused_with_one_line_and_left_as_they_are(tmp_path: Path) -> None:
    where = ["--data", str(tmp_path)]
    make_old(f"sqlite:///{tmp_path}/presentity.db", {})
    with closing(sqlite3.connect(tmp_path / "presentity.db")) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    done = run("serve", "--listen", "udp:127.0.0.1:0", "--http", "127.0.0.1:0", *where)
    assert done.returncode == 2
    assert [line for line in done.stderr.splitlines() if "newer" in line] == [
        f"presentity: database sqlite:///{tmp_path}/presentity.db: newer than this presentity (revision 9999)"
    ]
    assert "ready" not in done.stdout
    with closing(sqlite3.connect(tmp_path / "presentity.db")) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [("9999",)]


def test_every_version_in_between_becomes_the_newest_with_its_users(tmp_path: Path) -> None:
    versions = sorted(file.stem[:4] for file in (Path(migrations.__path__[0]) / "versions").glob("0*.py"))
    assert versions[0] == "0001"
    for version in versions:
        engine = create_engine(f"sqlite:///{tmp_path}/{version}.db")
        with engine.begin() as connection:
            _migrate(connection, version)
            known = dict.fromkeys(("ha1_md5", "ha1_md5_full", "ha1_sha256", "ha1_sha256_full"), "0")
            _insert(connection, "user", aor=ALICE, display_name="Alice", created_at=1.0, **known)
            _migrate(connection, "head")
            found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
            assert (version, found) == (version, versions[-1])
            assert connection.execute(text('SELECT aor FROM "user"')).scalar() == ALICE
        engine.dispose()
