"""`presentity rules ...`: who may see what of a user, whether the server runs or not."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import click

from presence.cli.options import settings_of, where
from presence.cli.storage import opened
from presence.directory import shown
from presence.provisioning.policies import PolicyService
from presence.settings import StartError


@contextmanager
def service(context: click.Context) -> Iterator[PolicyService]:
    """The service over the database of this command line."""
    with opened(settings_of(context)) as database:
        from presence.storage.policies import SqlPolicyRepository

        yield PolicyService(SqlPolicyRepository(database))


@click.group()
@where
def rules() -> None:
    """Set, show, list and delete the presence rules of users (RFC 5025; see docs/policy.md).

    A running server follows at once.
    """


@rules.command("set")
@click.argument("address", metavar="NAME@DOMAIN")
@click.argument("file", metavar="FILE")
@where
@click.pass_context
def set_rules(context: click.Context, address: str, file: str) -> None:
    """Take the rules of a user from an XML file; - reads standard input."""
    try:
        document = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise StartError(f"cannot read {file}: {error.strerror}") from None
    with service(context) as policies:
        made = policies.set(address, document)
    click.echo(f"set the rules of {shown(made.owner)}")


@rules.command()
@click.argument("address", metavar="NAME@DOMAIN")
@where
@click.pass_context
def show(context: click.Context, address: str) -> None:
    """Print the rules of a user as they were set."""
    with service(context) as policies:
        found = policies.get(address)
    click.echo(found.document, nl=not found.document.endswith(b"\n"))


@rules.command("list")
@where
@click.pass_context
def list_rules(context: click.Context) -> None:
    """List who has rules: address, where they come from, name, bytes and time, with tabs between them."""
    with service(context) as policies:
        for it in policies.list():
            at = datetime.fromtimestamp(it.updated_at, UTC).isoformat(timespec="seconds")
            click.echo("\t".join((shown(it.owner), it.source, it.name, str(len(it.document)), at)))


@rules.command()
@click.argument("address", metavar="NAME@DOMAIN")
@where
@click.pass_context
def delete(context: click.Context, address: str) -> None:
    """Delete the rules of a user; the default policy applies to all his watchers again."""
    with service(context) as policies:
        name = shown(policies.get(address).owner)
        policies.delete(address)
    click.echo(f"deleted the rules of {name}")
