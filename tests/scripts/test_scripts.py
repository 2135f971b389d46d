"""The scripts' own logic, without a real installation."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NAMES = (
    *("_setup.sh", "bench", "compile", "costs", "crashtest", "overload", "presentity", "profile", "serve"),
    "softphone",
)
SCRIPTS = [ROOT / "scripts" / name for name in (*NAMES, "test", "test-compiled")] + [ROOT / ".ci" / "run"]

FAKE_PYTHON = """#!/bin/bash
case "$*" in
*"-m venv"*)
    for folder in "$@"; do :; done
    mkdir -p "$folder/bin" "$folder/lib/${VERSION:-python3.11}"
    cp "$0" "$folder/bin/python"
    printf '%s\\n' '#!/bin/bash' 'echo "presentity $*"' 'echo "$PYTHONPATH" >"$PATHS"' 'eval "${HANGUP:-}"' \\
        >"$folder/bin/presentity"
    chmod +x "$folder/bin/presentity" ;;
*"pip "*install*)
    echo install >>"$LOG"
    sleep "${SLOW:-0}"
    [[ -z ${BROKEN:-} ]] ;;
esac
"""


class Checkout:
    """A copy of the scripts, with an interpreter that only notes what it was asked."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "check out"
        (self.root / "scripts").mkdir(parents=True)
        for name in ("_setup.sh", "serve", "presentity"):
            shutil.copy(ROOT / "scripts" / name, self.root / "scripts" / name)
        self.serve = self.root / "scripts" / "serve"
        self.presentity = self.root / "scripts" / "presentity"
        self.project = self.root / "pyproject.toml"
        self.project.write_text("one")
        self.log = folder / "log"
        self.python = folder / "python3"
        self.python.write_text(FAKE_PYTHON)
        self.python.chmod(0o755)
        self.environment = {
            "PATH": os.environ["PATH"],
            "LOG": str(self.log),
            "PATHS": str(folder / "paths"),
            "PRESENTITY_PYTHON": str(self.python),
        }

    def start(self, *arguments: str, command: Path | None = None, **more: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [command or self.serve, *arguments],
            cwd="/",
            env=self.environment | more,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str, command: Path | None = None, **more: str) -> tuple[int, str, str]:
        process = self.start(*arguments, command=command, **more)
        out, err = process.communicate(timeout=20)
        return process.returncode, out, err

    @property
    def installs(self) -> int:
        return len(self.log.read_text().splitlines()) if self.log.exists() else 0

    def compile(self) -> Path:
        """As if scripts/compile had run; where it puts what it makes."""
        made = self.root / "build" / "compiled"
        made.mkdir(parents=True)
        for name in ("sip", "presence", "soapapi", "migrations", "config"):
            (self.root / name).mkdir()
        (self.root / "setup.py").touch()
        (self.root / "sip" / "core.py").write_text("one")
        line = 'source scripts/_setup.sh; source_print >"$compiled/.stamp"'
        subprocess.run(["bash", "-c", line], cwd=self.root, env=self.environment, check=True)
        return made

    @property
    def path(self) -> str:
        """PYTHONPATH of what was started last."""
        return Path(self.environment["PATHS"]).read_text().strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_the_shell_can_read_every_script(script):
    subprocess.run(["bash", "-n", script], check=True)
    assert script.name == "_setup.sh" or os.access(script, os.X_OK)


def test_the_first_start_installs_and_the_second_does_not(checkout):
    assert checkout.run("--domain", "a b")[:2] == (0, "presentity serve --domain a b\n")
    assert checkout.run()[:2] == (0, "presentity serve\n")
    assert checkout.installs == 1


def test_a_changed_project_file_is_installed_again(checkout):
    checkout.run()
    checkout.project.write_text("two")
    checkout.run()
    assert checkout.installs == 2


def test_a_failed_installation_is_tried_again(checkout):
    status, out, err = checkout.run(BROKEN="yes")
    assert (status, out) == (2, "")
    assert "the installation failed" in err
    assert checkout.run()[0] == 0
    assert checkout.installs == 2


def test_two_starts_at_once_install_once(checkout):
    both = [checkout.start(SLOW="0.3") for _ in range(2)]
    assert [process.communicate(timeout=20)[0] for process in both] == ["presentity serve\n"] * 2
    assert checkout.installs == 1


def test_it_works_by_a_symlink_from_elsewhere(checkout, tmp_path):
    link = tmp_path / "presentity-serve"
    link.symlink_to(checkout.serve)
    process = checkout.start(command=link)
    assert process.communicate(timeout=20)[0] == "presentity serve\n"


def test_without_a_python_the_message_says_what_is_needed(checkout, tmp_path):
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("bash", "cat", "dirname", "env", "flock", "readlink", "sha256sum"):
        found = subprocess.run(["which", name], capture_output=True, text=True).stdout.strip()
        if found:
            (tools / name).symlink_to(found)
    status, _, err = checkout.run(PATH=str(tools), PRESENTITY_PYTHON="")
    assert status == 2
    assert "Python 3.11 or later is needed" in err


def test_what_was_compiled_is_used(checkout):
    checkout.run()
    assert checkout.path == ""
    made = checkout.compile()
    assert checkout.run()[2] == ""
    assert checkout.path == str(made)
    checkout.run(PYTHONPATH="/elsewhere")
    assert checkout.path == f"{made}:/elsewhere"


def test_what_was_compiled_of_other_sources_is_not_used(checkout):
    checkout.run()
    checkout.compile()
    (checkout.root / "sip" / "core.py").write_text("two")
    _, _, err = checkout.run()
    assert "the sources or the Python have changed since scripts/compile" in err
    assert checkout.path == ""


def test_what_was_compiled_for_another_python_is_not_used(checkout):
    checkout.run()
    checkout.compile()
    shutil.rmtree(checkout.root / ".venv")
    _, _, err = checkout.run(VERSION="python3.12")
    assert "the sources or the Python have changed since scripts/compile" in err
    assert checkout.path == ""


HANGUP = "kill -HUP $$; echo alive"
"""What comes before Python hears signals."""


def test_a_hangup_ends_no_server_that_does_not_hear_signals_yet(checkout):
    assert checkout.run(HANGUP=HANGUP)[:2] == (0, "presentity serve\nalive\n")
    status, out, _ = checkout.run("--data", "it", "serve", command=checkout.presentity, HANGUP=HANGUP)
    assert (status, out) == (0, "presentity --data it serve\nalive\n")


def test_a_hangup_ends_any_other_command(checkout):
    status, out, _ = checkout.run("user", "list", command=checkout.presentity, HANGUP=HANGUP)
    assert (status, out) == (-signal.SIGHUP, "presentity user list\n")


def test_a_reload_while_a_server_is_set_up_does_not_end_it(checkout):
    process = checkout.start(SLOW="1")
    while not checkout.installs:
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGHUP)
    assert process.communicate(timeout=20)[0] == "presentity serve\n"


def test_another_environment_can_be_named(checkout, tmp_path):
    assert checkout.run(PRESENTITY_VENV=str(tmp_path / "other"))[0] == 0
    assert (tmp_path / "other" / "bin" / "python").exists()
    assert not (checkout.root / ".venv").exists()
