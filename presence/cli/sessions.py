"""`presentity session ...`: who is logged in with a client application, and ending that."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import click

from presence.cli.options import settings_of, where
from presence.cli.storage import opened
from presence.directory import shown
from presence.provisioning.addresses import canonical_aor
from presence.provisioning.errors import ProvisioningError
from presence.provisioning.sessions import SessionService


@contextmanager
def service(context: click.Context) -> Iterator[SessionService]:
    """The session service over the database of this command line."""
    settings = settings_of(context)
    with opened(settings) as database:
        from presence.storage.sessions import SqlSessionRepository

        yield SessionService(SqlSessionRepository(database), time.time, settings.sessions)


@click.group()
@where
def session() -> None:
    """List and end the sessions of client applications."""


@session.command("list")
@where
@click.pass_context
def list_sessions(context: click.Context) -> None:
    """Print a line a session: address, when it began and when it was last used, with tabs between them."""
    with service(context) as sessions:
        for it in sessions.list():
            click.echo("\t".join((shown(it.owner), _time(it.created_at), _time(it.used_at))))


@session.command()
@click.argument("address", metavar="NAME@DOMAIN")
@where
@click.pass_context
def end(context: click.Context, address: str) -> None:
    """End the session of a user: its key is worth nothing from then on."""
    name = shown(canonical_aor(address))
    with service(context) as sessions:
        if not sessions.end(address):
            raise ProvisioningError(f"{name} has no session")
    click.echo(f"ended the session of {name}")


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
