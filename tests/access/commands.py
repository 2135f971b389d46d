"""Runs every command of `presentity` as the account that the data belongs to, then as another one.

    python commands.py DATA

Prints one JSON object: for each of both, command to [exit status, what it said on standard error].  A process
of its own, which has to be started as root, because it becomes somebody else.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from pathlib import Path

from presence.cli.command import run
from presence.server import Server
from presence.settings import Settings, StartError

NOBODY = 65534
USER = "alice@example.com"

FILES = {
    "users.csv": "aor,password,display_name\nzoe@example.com,secret,Zoe\n",
    "rules.xml": '<cr:ruleset xmlns:cr="urn:ietf:params:xml:ns:common-policy"/>',
}
COMMANDS = (
    f"user add {USER} --password secret",
    "user add bob@example.com --password secret",
    f"user passwd {USER} --password other",
    "user import users.csv",
    f"user show {USER}",
    "user list",
    f"user calendar {USER} on",
    f"user licences {USER}",
    f"user device {USER} SEP1",
    f"contacts add {USER} bob",
    f"contacts list {USER}",
    f"contacts remove {USER} bob",
    f"contacts add {USER} bob --group work",
    f"contacts remove-group {USER} work",
    f"rules set {USER} rules.xml",
    "rules list",
    f"rules show {USER}",
    f"rules delete {USER}",
    "session list",
    f"session end {USER}",
    "config list",
    "config set IM.enable=true",
    "config get IM.enable",
    "config unset IM.enable",
    "config export exported.toml",
    "config import exported.toml",
    "dialrule list",
    "dialrule add r1 --begins-with 555",
    "dialrule export exported.csv",
    "dialrule import exported.csv",
    "dialrule test 5555",
    "dialrule modify r1 --begins-with 556",
    "dialrule delete r1",
    "host list",
    "host set proxy h1 192.0.2.1",
    "host delete proxy h1",
    "pilot list",
    "pilot set p1 5000",
    "pilot delete p1",
    "profile list",
    "profile set proxy p1",
    "profile show proxy p1",
    f"user profile {USER} proxy p1",
    f"user profile {USER} proxy default",
    "profile delete proxy p1",
    "status",
    f"explain bob@example.com {USER}",
    f"user delete {USER}",
)


def attempt(command: str, data: str) -> tuple[int, str]:
    said, told = io.StringIO(), io.TextIOWrapper(io.BytesIO())
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(told):
        status = run([*command.split(), "--data", data])
    return status, said.getvalue().strip()


def serve(data: str) -> tuple[int, str]:
    """As far as it comes without listening."""
    try:
        Server(Settings(data=Path(data)), None, lambda line: None).prepare()
    except StartError as error:
        return 2, str(error)
    return 0, ""


def main() -> None:
    data = sys.argv[1]
    os.environ["TERM"] = "dumb"
    found = {"serve": serve(data), **{it: attempt(it, data) for it in COMMANDS}}
    # Whoever else it is has all that is imported by now, wherever Python may be.
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)
    others = {"serve": serve(data), **{it: attempt(it, data) for it in COMMANDS}}
    json.dump({"an administrator": found, "another account": others}, sys.stdout)


if __name__ == "__main__":
    main()
