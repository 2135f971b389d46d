"""`presentity explain`, with a server that answers and without one."""

from __future__ import annotations

import json
import os
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, get_args, get_type_hints
from urllib.parse import parse_qs, urlsplit

import pytest

from presence.cli.command import run
from presence.explain import HeldShown
from presence.runfile import RunFile
from presence.storage.database import open_database
from presence.storage.kinds import KINDS
from tests.presence.house import House
from tests.presence.lists.list_phones import Phone as ListPhone
from tests.presence.lists.list_phones import contacts
from tests.presence.watchers import ALICE, BOB, SERVICES_ALONE, pidf, rule, set_rules, watch

FILTER = b"""<filter-set xmlns="urn:ietf:params:xml:ns:simple-filter" package="presence">
<filter id="f1"><what><include>/presence/tuple/status/basic</include></what></filter></filter-set>"""
ROOT = Path(__file__).resolve().parents[3]
ENDS = {"publication": 3, "subscription": 14}
"""Where in a row it says when it ends."""


@pytest.fixture
def house() -> House:
    house = House()
    house.publish(ALICE, pidf("open", "hello", "happy"))
    set_rules(house, rule("short", BOB, "allow", SERVICES_ALONE))
    watch(house, body=FILTER)
    return house


@pytest.fixture
def server(house: House, tmp_path: Path) -> Iterator[House]:
    """What the whole server says, on a port that `server.json` names."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = urlsplit(self.path)
            answer: dict[str, Any] = {"pid": os.getpid()}
            status = 200
            if url.path == "/explain":
                given = parse_qs(url.query)
                try:
                    answer = house.parts.explain(given["watcher"][0], given["presentity"][0]).as_dict()
                except LookupError as error:
                    status, answer = 404, {"error": str(error.args[0])}
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        def log_message(self, *_: object) -> None:
            pass

    web = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=web.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    RunFile(os.getpid(), "127.0.0.1", web.server_port, (), 1000.0).write(tmp_path / "server.json")
    yield house
    web.shutdown()
    thread.join()
    web.server_close()


def explain(tmp_path: Path, *arguments: str) -> int:
    return run(["explain", *arguments, "--data", str(tmp_path)])


def test_the_steps_are_told_one_after_the_other(tmp_path, capsys, server):
    assert explain(tmp_path, "bob@sip.test", "alice@sip.test") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "bob@sip.test watches alice@sip.test: allow"
    titles = [line for line in lines if line and not line.startswith(" ")][1:]
    assert titles == [
        "components:", "composed:", "rules:", "taken away:", "document:", "subscriptions:",
    ]  # fmt: skip
    assert "  publication of presence: 1 tuple, 1 person, priority 0, 0 s old, expires in 600 s" in lines
    assert "  + rules/short: identity: watcher bob@sip.test is in the list" in lines
    assert "  - default: rules/short names bob@sip.test" in lines
    assert "    - person presentity of presence" in lines
    assert any("active, expires in 600 s, application/pidf+xml" in line for line in lines)
    assert any("last NOTIFY: 200 OK at 2027-01-15T08:00:00+00:00" in line for line in lines)
    assert "    filter:" in lines


@pytest.mark.parametrize("why", get_args(get_type_hints(HeldShown)["why"]))
def test_each_reason_to_hold_back_is_told_in_words_and_documented(tmp_path, capsys, monkeypatch, server, why):
    explanation = server.parts.explain(BOB, ALICE)
    (subscription,) = explanation.subscriptions
    held = replace(explanation, subscriptions=(replace(subscription, held_back=HeldShown(why, 2.5)),))
    monkeypatch.setattr(type(server.parts), "explain", lambda *_: held)
    assert explain(tmp_path, "bob@sip.test", "alice@sip.test") == 0
    assert re.search("held back: [a-z].*, for another 2.5 s\n", capsys.readouterr().out)
    assert f"\n| `{why}` |" in (ROOT / "docs" / "explain.md").read_text()


def test_json_is_the_whole_explanation(tmp_path, capsys, server):
    assert explain(tmp_path, "bob@sip.test", "alice@sip.test", "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert report["server"] == "running"
    assert report == {
        "server": "running", **json.loads(json.dumps(server.parts.explain(BOB, ALICE).as_dict())),
    }  # fmt: skip


def test_nobody_is_refused_in_one_line(tmp_path, capsys, server):
    assert explain(tmp_path, "bob@sip.test", "nobody@sip.test") == 1
    assert capsys.readouterr().err == "presentity: no such user: nobody@sip.test\n"


@pytest.mark.parametrize("pair", [("bob", "alice@sip.test"), ("bob@sip.test", "alice")])
def test_what_is_no_address_is_refused_in_one_line(tmp_path, capsys, pair):
    assert explain(tmp_path, *pair) == 1
    assert "is not a valid address: write name@domain" in capsys.readouterr().err


class TestWithoutAServer:
    @pytest.fixture
    def stored(self, house: House, tmp_path: Path) -> Path:
        """The same as a database that a server has left behind."""
        for name in ("alice", "bob"):
            run(["user", "add", f"{name}@sip.test", "--password", "p", "--data", str(tmp_path)])
        (document,) = house.parts.policy.book.documents_of(ALICE)
        (tmp_path / "rules.xml").write_bytes(document.document)
        run(["rules", "set", "alice@sip.test", str(tmp_path / "rules.xml"), "--data", str(tmp_path)])
        database = open_database(f"sqlite:///{tmp_path / 'presentity.db'}")
        with database.writing() as connection:
            for (kind, key), row in house.journal.rows.items():
                table, ends = KINDS[kind].table, ENDS[kind]
                names = [column.name for column in table.columns]
                values = (*key, *row[:ends], time.time() + 600, *row[ends + 1 :])
                connection.execute(table.insert().values(dict(zip(names, values, strict=True))))
        database.close()
        return tmp_path

    def test_it_is_explained_from_the_database_and_said_so(self, stored, capsys):
        capsys.readouterr()
        assert explain(stored, "bob@sip.test", "alice@sip.test") == 0
        lines = capsys.readouterr().out.splitlines()
        assert lines[0] == "bob@sip.test watches alice@sip.test: allow"
        assert lines[1].startswith("The server is not running: this is what the database holds.")
        assert any(line.startswith("  publication of presence: 1 tuple, 1 person") for line in lines)
        assert "    - person presentity of presence" in lines
        assert "    last NOTIFY: not known" in lines
        assert "    filter:" in lines

    def test_what_he_sees_through_a_list_is_in_it(self, house, tmp_path, capsys, request):
        contacts(house, ALICE, owner=BOB)
        phone = ListPhone(house, BOB, "sip:bob+contacts@sip.test")
        phone.subscribe()
        phone.told()
        stored = request.getfixturevalue("stored")
        run(["contacts", "add", "bob@sip.test", "alice@sip.test", "--data", str(tmp_path)])
        capsys.readouterr()
        assert explain(stored, "bob@sip.test", "alice@sip.test") == 0
        lines = capsys.readouterr().out.splitlines()
        (line,) = [line for line in lines if "through the list" in line]
        assert line.endswith("through the list bob+contacts@sip.test")
        assert ": active, expires in " in line

    def test_json_has_the_same_keys(self, stored, capsys, house):
        capsys.readouterr()
        assert explain(stored, "bob@sip.test", "alice@sip.test", "--json") == 0
        report = json.loads(capsys.readouterr().out)
        assert report.pop("server") == "not running"
        assert (report.pop("domains"), report.pop("domains_from")) == (["sip.test"], "users")
        live = json.loads(json.dumps(house.parts.explain(BOB, ALICE).as_dict()))
        assert report.keys() == live.keys()
        for name in ("handling", "composed", "rules", "steps", "document"):
            assert report[name] == live[name]
        assert report["subscriptions"][0]["document"] == live["subscriptions"][0]["document"]

    def test_nobody_is_refused_in_one_line(self, stored, capsys):
        capsys.readouterr()
        assert explain(stored, "bob@sip.test", "nobody@sip.test") == 1
        assert capsys.readouterr().err == "presentity: no such user: nobody@sip.test\n"

    def test_it_writes_nothing(self, stored, capsys):
        before = (stored / "presentity.db").read_bytes()
        explain(stored, "bob@sip.test", "alice@sip.test")
        assert (stored / "presentity.db").read_bytes() == before

    @pytest.mark.parametrize(
        ("given", "told"),
        [
            ((), "Domains served: sip.test (those of the users; --domain says others)."),
            (("--domain", "sip.test"), "Domains served: sip.test (as the settings say)."),
        ],
    )
    def test_who_is_of_a_domain_that_the_server_serves_is_no_foreigner(self, stored, capsys, given, told):
        capsys.readouterr()
        assert explain(stored, "alice@sip.test", "bob@sip.test", *given) == 0
        lines = capsys.readouterr().out.splitlines()
        assert (lines[0], lines[2]) == ("alice@sip.test watches bob@sip.test: allow", told)

    def test_the_domains_of_a_server_that_was_killed_are_in_what_it_left(self, stored, capsys):
        file = stored / "server.json"
        RunFile(2**22 - 1, "127.0.0.1", 1, (), 1000.0, ("sip.test", "other.test")).write(file)
        capsys.readouterr()
        assert explain(stored, "zoe@other.test", "bob@sip.test") == 0
        lines = capsys.readouterr().out.splitlines()
        assert lines[0] == "zoe@other.test watches bob@sip.test: allow"
        assert lines[2] == "Domains served: sip.test, other.test (as the server that ran last)."

    def test_who_is_of_another_domain_counts_as_foreign(self, stored, capsys):
        capsys.readouterr()
        assert explain(stored, "zoe@other.test", "bob@sip.test") == 0
        assert capsys.readouterr().out.startswith("zoe@other.test watches bob@sip.test: confirm")

    def test_settings_may_be_said_as_to_the_server(self, stored, capsys):
        capsys.readouterr()
        arguments = ("zoe@other.test", "bob@sip.test", "--set", "default-policy-foreign=block")
        assert explain(stored, *arguments) == 0
        assert capsys.readouterr().out.startswith("zoe@other.test watches bob@sip.test: block")
