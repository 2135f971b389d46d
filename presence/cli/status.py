"""`presentity status`: what the database holds, and what the running server tells about itself."""

from __future__ import annotations

import http.client
import json
import time
from typing import Any

import click

from presence.cli.options import settings_of, where
from presence.cli.storage import opened
from presence.runfile import RunFile
from presence.settings import Settings

PATIENCE = 3.0
"""Seconds until a server that does not answer counts as not running."""

STORED = (
    ("users", "users"),
    ("bindings", "bindings"),
    ("publications", "publications"),
    ("subscriptions", "subscriptions"),
    ("messages", "messages_waiting"),
)
LIVE = ("pid", "uptime", "listeners", "transactions", "journal_lag", "requests")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@where
@click.pass_context
def status(context: click.Context, as_json: bool) -> None:
    """Show users, bindings, publications, subscriptions, waiting messages, journal lag and requests."""
    report = collect(settings_of(context))
    click.echo(json.dumps(report) if as_json else as_text(report))


def collect(settings: Settings) -> dict[str, Any]:
    """Everything that the command shows; raises StartError when the database cannot be read."""
    with opened(settings) as database:
        from presence.storage.status import counts

        stored = counts(database, time.time())
    live = ask(RunFile.read(settings.state_file))
    report: dict[str, Any] = {"server": "running" if live else "not running"}
    report |= {shown: stored[name] for name, shown in STORED}
    return report | {name: live.get(name) if live else None for name in LIVE}


def ask(run: RunFile | None) -> dict[str, Any] | None:
    """What the server of that file answers on /status; None when it does not, or is another one."""
    if run is None:
        return None
    connection = http.client.HTTPConnection(run.reachable_host, run.http_port, timeout=PATIENCE)
    try:
        connection.request("GET", "/status")
        answer = json.loads(connection.getresponse().read())
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        connection.close()
    return answer if isinstance(answer, dict) and answer.get("pid") == run.pid else None


def as_text(report: dict[str, Any]) -> str:
    """One line a figure."""
    lines = [f"server: {report['server']}"]
    for name, value in report.items():
        if name in ("server", "requests") or value is None:
            continue
        shown = ", ".join(map(str, value)) if isinstance(value, list) else value
        unit = " s" if name in ("uptime", "journal_lag") else ""
        lines.append(f"{name.replace('_', ' ')}: {shown}{unit}")
    for method, answers in sorted((report["requests"] or {}).items()):
        counted = ", ".join(f"{status} {count}" for status, count in sorted(answers.items()))
        lines.append(f"requests {method}: {counted}")
    return "\n".join(lines)
