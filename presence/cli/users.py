"""`presentity user ...`: provisioning at the terminal, whether the server runs or not."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from tqdm import tqdm

from presence.cli.csvfile import read_rows
from presence.cli.options import settings_of, where
from presence.cli.status import ask
from presence.cli.storage import opened
from presence.directory import shown
from presence.provisioning.addresses import canonical_aor
from presence.provisioning.users import User, UserService
from presence.runfile import RunFile
from presence.settings import Settings


@contextmanager
def service(
    context: click.Context, domains: Collection[str] | None = None, *, create: bool = False
) -> Iterator[UserService]:
    """The user service over the database of this command line; `create`: which is made if there is none."""
    with opened(settings_of(context), create=create) as database:
        from presence.storage.users import SqlUserRepository

        yield UserService(SqlUserRepository(database), domains)


def known_domains(settings: Settings) -> tuple[str, ...] | None:
    """The domains of the server that runs on this data folder, else those of the settings; None: unknown.

    The default domain says nothing about what a server with other options serves.
    """
    run = RunFile.read(settings.state_file)
    if run is not None and run.domains and ask(run) is not None:
        return run.domains
    return settings.domain if "domain" in settings.model_fields_set else None


def warn_of(addresses: Iterable[str], settings: Settings) -> None:
    """Say which domains have to be served for users who were added where nobody knows the domains."""
    domains = {address.rpartition("@")[2] for address in addresses}
    for domain in sorted(domains.difference(settings.domain)):
        click.echo(
            f"presentity: warning: the server must serve {domain} for them (option --domain {domain})",
            err=True,
        )


def password_options(command: Any) -> Any:
    """`--password` and `--password-stdin`."""
    command = click.option(
        "--password-stdin", is_flag=True, help="Read the password from the first line of standard input."
    )(command)
    return click.option(
        "--password",
        metavar="P",
        help="The password; other users of this machine may see it while the command runs.",
    )(command)


def chosen_password(password: str | None, from_stdin: bool) -> str:
    """The password that the options or the person at the terminal give."""
    if password is not None and from_stdin:
        raise click.UsageError("--password and --password-stdin exclude each other")
    if password is not None:
        return password
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise click.UsageError("a password is needed: give --password or --password-stdin")
    return str(click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))


@click.group()
@where
def user() -> None:
    """Add, list, change, delete and import users."""


@user.command()
@click.argument("address", metavar="NAME@DOMAIN")
@password_options
@click.option("--display-name", metavar="N", default="", help="The name that others are shown.")
@click.option("--alias", "aliases", metavar="A", multiple=True, help="One more address. May be repeated.")
@where
@click.pass_context
def add(
    context: click.Context,
    address: str,
    password: str | None,
    password_stdin: bool,
    display_name: str,
    aliases: tuple[str, ...],
) -> None:
    """Add a user."""
    secret = chosen_password(password, password_stdin)
    settings = settings_of(context)
    domains = known_domains(settings)
    with service(context, domains, create=True) as users:
        added = users.add(address, secret, display_name, aliases)
    click.echo(f"added {added.name}")
    if domains is None:
        warn_of((shown(it) for it in (added.aor, *added.aliases)), settings)


@user.command("list")
@where
@click.pass_context
def list_users(context: click.Context) -> None:
    """List all users: address, display name and aliases, with tabs between them."""
    with service(context) as users:
        for one in users.list():
            click.echo(_row(one))


def _row(one: User) -> str:
    aliases = ",".join(alias.removeprefix("sip:") for alias in one.aliases)
    return "\t".join((one.name, one.display_name, aliases)).rstrip("\t")


@user.command()
@click.argument("address", metavar="NAME@DOMAIN")
@password_options
@where
@click.pass_context
def passwd(context: click.Context, address: str, password: str | None, password_stdin: bool) -> None:
    """Give a user another password."""
    secret = chosen_password(password, password_stdin)
    with service(context) as users:
        users.set_password(address, secret)
        click.echo(f"changed the password of {users.get(address).name}")


@user.command()
@click.argument("address", metavar="NAME@DOMAIN")
@click.option("--yes", is_flag=True, help="Do not ask.")
@where
@click.pass_context
def delete(context: click.Context, address: str, yes: bool) -> None:
    """Delete a user with bindings, publications, subscriptions and stored messages."""
    with service(context) as users:
        name = users.get(address).name
        if not yes and sys.stdin.isatty():
            click.confirm(f"Delete {name} and everything kept for that user?", abort=True, err=True)
        users.delete(address)
    click.echo(f"deleted {name}")


@user.command("import")
@click.argument("file", metavar="FILE.csv")
@where
@click.pass_context
def import_users(context: click.Context, file: str) -> int:
    """Add the users of a CSV file with the columns aor, password and display_name.

    A bad row is reported with its line number and the rest is imported; the exit status is 1 then.
    """
    rows, refused = read_rows(Path(file))
    settings = settings_of(context)
    domains = known_domains(settings)
    with service(context, domains, create=True) as users, tqdm(
        total=len(rows), unit=" users", desc="import", mininterval=0.1 if sys.stderr.isatty() else 60
    ) as bar:  # fmt: skip
        report = users.import_rows(rows, bar.update)
    errors = sorted([*refused, *report.errors])
    for line, reason in errors:
        click.echo(f"{file}:{line}: {reason}", err=True)
    if domains is None:
        lines = {line for line, _ in errors}
        warn_of((canonical_aor(row.aor) for row in rows if row.line not in lines), settings)
    click.echo(f"imported {report.imported} users" + (f", refused {len(errors)} rows" if errors else ""))
    return 1 if errors else 0
