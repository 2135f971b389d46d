"""The scripts of docs/examples do what they say, on a real server."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys

import pytest

from tests.e2e.conftest import StartServer
from tests.support.server import ROOT, Server, clean_environment
from tests.support.soapclient import PATH, SoapClient

SCRIPT = ROOT / "docs" / "examples" / "soap_session.py"
ALICE, BOB = "alice@example.com", "bob@example.com"


@pytest.fixture(scope="module")
def server(start_server: StartServer) -> Server:
    return start_server(
        ALICE, BOB, "soap11@example.com", "soap12@example.com", "curl@example.com", listen=["udp"]
    )


def run_script(server: Server, *arguments: str) -> subprocess.CompletedProcess[str]:
    url = f"http://{server.http[0]}:{server.http[1]}{PATH}"
    return subprocess.run(
        [sys.executable, "-W", "error", str(SCRIPT), url, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env=clean_environment(),
    )


@pytest.mark.parametrize("port", ["soap11", "soap12"])
def test_zeep_does_a_whole_session_from_the_wsdl_alone(server: Server, port: str) -> None:
    user = f"{port}@example.com"
    SoapClient(server.http).login(user)  # a session that was forgotten is in nobody's way
    done = run_script(server, user, "secret", "bob", "--port", port)
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "logged in",
        "system: 79 properties, domain example.com",
        "user: CallControl.Lineid",
        "licences: none",
        "contacts: 0 groups",
        "dialing rules: 0",
        "add-group: succeeded",
        "add-contact: succeeded",
        "  made by example 1: bob (the other one)",
        "set-presence-rules: succeeded",
        "add-acl: succeeded",
        "  rule by example: sip:bob@example.com",
        "publish-pres-status: 0",
        "unpublish-pres-status: 0",
        "add-recent-comm: 0",
        "  2026-01-31 2",
        "delete-presence-rules: succeeded",
        "delete-group: succeeded",
        "logged out",
    ]
    assert done.returncode == 0


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_the_first_session_of_the_document_by_curl(server: Server) -> None:
    (script,) = re.findall(
        r"^```sh\n(.*?)^```$", (ROOT / "docs" / "soap.md").read_text(), re.DOTALL | re.MULTILINE
    )
    script = script.replace("127.0.0.1:8080", f"{server.http[0]}:{server.http[1]}").replace(
        ">alice<", ">curl<"
    )
    done = subprocess.run(["bash", "-ec", script], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("succeeded") == 2
    assert 'nickname="Bobby" display-on-phone="false">bob</epas:persona-id>' in done.stdout
    assert "<epas:success/>" in done.stdout.partition("logout-resp")[2]


def test_it_leaves_no_session_and_nothing_that_it_made(server: Server) -> None:
    run_script(server, BOB, "secret", "alice")
    client = SoapClient(server.http).login(BOB)  # not by force: nobody else has one
    assert len(client.call("<get-contact-list/>")) == 0
    assert len(client.call("<get-presence-rules/>")) == 0


def test_a_wrong_password_is_told(server: Server) -> None:
    done = run_script(server, ALICE, "guessed", "bob")
    assert (done.returncode, done.stderr) == (1, "not logged in: Wrong username/password\n")
