"""gSOAP takes the WSDL that a real server serves, and a C client made from it does a session.

Needs the Debian packages gsoap and, for the client, libgsoap-dev and a C compiler (`scripts/test` has them).
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.e2e.conftest import StartServer
from tests.support.server import ROOT, Server
from tests.support.soapclient import PATH

CLIENT = ROOT / "docs" / "examples" / "soap_session.c"
GSOAP = pytest.mark.skipif(
    shutil.which("wsdl2h") is None or shutil.which("soapcpp2") is None,
    reason="needs gSOAP (Debian package gsoap)",
)


@pytest.fixture(scope="module")
def server(start_server: StartServer) -> Server:
    return start_server("alice@example.com", listen=["udp"])


@pytest.fixture(scope="module")
def url(server: Server) -> str:
    return f"http://{server.http[0]}:{server.http[1]}{PATH}"


def run(folder: Path, *command: str) -> str:
    """What a command prints."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def complaints(printed: str) -> list[str]:
    return [line for line in printed.splitlines() if "warning" in line.lower() or "error" in line.lower()]


@GSOAP
@pytest.mark.parametrize("language", [(), ("-c", "-F"), ("-c++11",)])
def test_wsdl2h_and_soapcpp2_have_nothing_to_say(url: str, tmp_path: Path, language: tuple[str, ...]) -> None:
    assert complaints(run(tmp_path, "wsdl2h", *language, "-Nepas", "-o", "epas.h", f"{url}?wsdl")) == []
    assert complaints(run(tmp_path, "soapcpp2", "-C", "-L", "-x", "epas.h")) == []
    stubs = (tmp_path / "soapStub.h").read_text()
    for version in ("epas2", "epas3"):
        assert f"{version}__login" in stubs
        assert f"{version}__unpublish_USCOREpres_USCOREstatus" in stubs


@GSOAP
@pytest.mark.skipif(
    shutil.which("cc") is None or not Path("/usr/include/stdsoap2.h").exists(),
    reason="needs a C compiler and the Debian package libgsoap-dev",
)
def test_a_client_in_c_does_a_session(url: str, tmp_path: Path) -> None:
    run(tmp_path, "wsdl2h", "-c", "-F", "-Nepas", "-o", "epas.h", f"{url}?wsdl")
    run(tmp_path, "soapcpp2", "-C", "-c", "-L", "-x", "epas.h")
    shutil.copy(CLIENT, tmp_path)
    sources = [CLIENT.name, "soapC.c", "soapClient.c"]
    run(tmp_path, "cc", "-Wall", "-Werror", "-I.", "-o", "soap_session", *sources, "-lgsoap")
    printed = run(tmp_path, "./soap_session", url, "alice", "secret")
    assert printed.splitlines() == ["logged in", "add-group: succeeded", "  1.5 made in C", "logged out"]
    refused = subprocess.run(
        ["./soap_session", url, "alice", "guessed"], cwd=tmp_path, capture_output=True, text=True, timeout=30
    )
    assert (refused.returncode, refused.stderr) == (1, "not logged in: Wrong username/password\n")
