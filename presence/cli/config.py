"""`presentity config ...`: the properties of the system that client applications fetch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import click

from presence.cli.examples import examples
from presence.cli.files import read_text, write_text
from presence.cli.options import settings_of, where
from presence.cli.storage import opened
from presence.provisioning.catalogue import FETCHED, PASSWORDS
from presence.provisioning.configuration import ConfigurationService, Shown

MASK = "********"

for_user = click.option("--user", metavar="NAME@DOMAIN", help="What the client of this user fetches.")
show_passwords = click.option("--show-passwords", is_flag=True, help="Show them; they are masked otherwise.")


@contextmanager
def service(context: click.Context, *, create: bool = False) -> Iterator[ConfigurationService]:
    """The service over the database of this command line; `create`: which is made if there is none."""
    with opened(settings_of(context), create=create) as database:
        from presence.storage.configuration import SqlConfigurationRepository

        yield ConfigurationService(SqlConfigurationRepository(database))


def masked(name: str, value: str, shown: bool) -> str:
    """`value`, unless it is a password that is not to be shown."""
    return MASK if name in PASSWORDS and value and not shown else value


def told_of(changed: Sequence[str]) -> str:
    """A line about properties that were changed, or not."""
    return f"changed {', '.join(changed)}" if changed else "nothing is changed: all is as it was"


def assigned(words: Sequence[str]) -> dict[str, str]:
    """NAME=VALUE as names and values. Raises UsageError."""
    values: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals:
            raise click.UsageError(f"{word!r} is not NAME=VALUE")
        if name in values:
            raise click.UsageError(f"{name} is given twice")
        values[name] = value
    return values


@click.group(
    epilog=examples(
        "presentity config set TFTP.Primary tftp.example.com",
        "presentity config list --user alice@example.com",
    )
)
@where
def config() -> None:
    """Show and change the properties that client applications fetch (see docs/administration.md).

    Clients that are logged in are told at once. Where voice mail, conferencing, call control, the directory
    and the presence server are comes from profiles: presentity profile.
    """


@config.command(
    epilog=examples(
        "presentity config get Security",
        "presentity config get VoiceMail.Primary.Address --user alice@example.com",
    )
)
@click.argument("name", metavar="NAME")
@for_user
@show_passwords
@where
@click.pass_context
def get(context: click.Context, name: str, user: str | None, show_passwords: bool) -> None:
    """Print the value of a property."""
    with service(context) as properties:
        proper = {it.lower(): it for it in FETCHED}.get(name.strip().lower())
        if user is not None and proper is not None:
            click.echo(masked(proper, dict(properties.system_properties(user))[proper], show_passwords))
        else:
            click.echo(properties.get(name))


@config.command(
    "set",
    epilog=examples(
        "presentity config set Security 1", "presentity config set TFTP.Primary=hosta TFTP.Backup1=hostb"
    ),
)
@click.argument("words", metavar="NAME VALUE | NAME=VALUE...", nargs=-1, required=True)
@where
@click.pass_context
def set_(context: click.Context, words: Sequence[str]) -> None:
    """Give properties other values; several at once are told to clients together."""
    first, *others = words
    if len(others) == 1 and "=" not in first:
        values = {first: others[0]}
    else:
        values = assigned(words)
    with service(context, create=True) as properties:
        click.echo(told_of(properties.set(values)))


@config.command()
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@where
@click.pass_context
def unset(context: click.Context, names: Sequence[str]) -> None:
    """Give properties their defaults again."""
    with service(context) as properties:
        click.echo(told_of(properties.reset(*names)))


@config.command("list")
@for_user
@click.option("--set", "only_set", is_flag=True, help="Only those that are not defaults.")
@show_passwords
@where
@click.pass_context
def list_(context: click.Context, user: str | None, only_set: bool, show_passwords: bool) -> None:
    """List properties: name, value, and where the value comes from, with tabs between them.

    That is "default", "set", or, with --user, the profile that shows it.
    """
    with service(context) as properties:
        found: list[Shown] = properties.list() if user is None else properties.shown_to(user)
    for it in found:
        if not only_set or it.origin != "default":
            click.echo("\t".join((it.name, masked(it.name, it.value, show_passwords), it.origin)))


@config.command(
    "import", epilog=examples('TFTP.Primary = "tftp.example.com"', 'Directory.Map.userid = "sAMAccountName"')
)
@click.argument("file", metavar="FILE")
@where
@click.pass_context
def import_(context: click.Context, file: str) -> None:
    """Set the properties that a TOML file has, all or none; - reads standard input.

    What is not in the file stays as it is.
    """
    text = read_text(file)
    with service(context, create=True) as properties:
        click.echo(told_of(properties.import_(text)))


@config.command()
@click.argument("file", metavar="[FILE]", default="-")
@where
@click.pass_context
def export(context: click.Context, file: str) -> None:
    """Write all properties to a TOML file that import reads; the defaults stand in comments."""
    with service(context) as properties:
        write_text(file, properties.export())
