"""`presentity host`, `pilot` and `profile`: where clients find services, whether the server runs or not."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager

import click

from presence.cli.config import assigned, masked, show_passwords
from presence.cli.examples import examples
from presence.cli.options import settings_of, where
from presence.cli.storage import opened
from presence.provisioning.catalogue import FAMILIES
from presence.provisioning.news import DEFAULT_PROFILE
from presence.provisioning.profiles import ProfileService

FAMILIES_TOLD = f"FAMILY is one of {', '.join(FAMILIES)}."


@contextmanager
def service(context: click.Context, *, create: bool = False) -> Iterator[ProfileService]:
    """The service over the database of this command line; `create`: which is made if there is none."""
    with opened(settings_of(context), create=create) as database:
        from presence.storage.profiles import SqlProfileRepository

        yield ProfileService(SqlProfileRepository(database))


def tell(what: str, profiles: Collection[str]) -> None:
    """A line about what was done, and whom clients are told about."""
    shown = f"shown by profile{'s' if len(profiles) > 1 else ''} {', '.join(profiles)}"
    click.echo(f"{what}; " + (shown if profiles else "no profile shows anything else"))


# -- hosts -------------------------------------------------------------------------------------------------


@click.group(
    epilog=examples(
        "presentity host set voicemail vm1 vm1.example.com --port 143 --protocol TLS", note=FAMILIES_TOLD
    )
)
@where
def host() -> None:
    """Add, change, list and delete the hosts of services; profiles name them."""


@host.command("set", epilog=FAMILIES_TOLD)
@click.argument("family", metavar="FAMILY")
@click.argument("name", metavar="NAME")
@click.argument("address", metavar="[ADDRESS]", required=False)
@click.option("--port", metavar="PORT", help='A number; "" for none.')
@click.option("--protocol", metavar="PROTOCOL", help='TCP, TLS ... as clients know it; "" for none.')
@where
@click.pass_context
def set_host(
    context: click.Context,
    family: str,
    name: str,
    address: str | None,
    port: str | None,
    protocol: str | None,
) -> None:
    """Add a host, or change what is given of one."""
    with service(context, create=True) as services:
        tell(f"set host {name} of {family}", services.set_host(family, name, address, port, protocol))


@host.command("list", epilog=FAMILIES_TOLD)
@click.argument("family", metavar="[FAMILY]", required=False)
@where
@click.pass_context
def list_hosts(context: click.Context, family: str | None) -> None:
    """List hosts: family, name, address, port, protocol, with tabs between them."""
    with service(context) as services:
        for it in services.hosts(family):
            click.echo("\t".join((it.family, it.name, it.address, it.port, it.protocol)).rstrip("\t"))


@host.command("delete", epilog=FAMILIES_TOLD)
@click.argument("family", metavar="FAMILY")
@click.argument("name", metavar="NAME")
@where
@click.pass_context
def delete_host(context: click.Context, family: str, name: str) -> None:
    """Delete a host; profiles that name it have an empty place instead."""
    with service(context) as services:
        tell(f"deleted host {name} of {family}", services.delete_host(family, name))


# -- pilots ------------------------------------------------------------------------------------------------


@click.group(epilog=examples("presentity pilot set main 5000"))
@where
def pilot() -> None:
    """Add, change, list and delete the numbers under which voice mail is called; profiles name them."""


@pilot.command("set")
@click.argument("name", metavar="NAME")
@click.argument("number", metavar="NUMBER")
@where
@click.pass_context
def set_pilot(context: click.Context, name: str, number: str) -> None:
    """Add a pilot, or give it another number."""
    with service(context, create=True) as services:
        tell(f"set pilot {name}", services.set_pilot(name, number))


@pilot.command("list")
@where
@click.pass_context
def list_pilots(context: click.Context) -> None:
    """List pilots: name and number with a tab between them."""
    with service(context) as services:
        for it in services.pilots():
            click.echo(f"{it.name}\t{it.number}")


@pilot.command("delete")
@click.argument("name", metavar="NAME")
@where
@click.pass_context
def delete_pilot(context: click.Context, name: str) -> None:
    """Delete a pilot; profiles that name it show no number instead."""
    with service(context) as services:
        tell(f"deleted pilot {name}", services.delete_pilot(name))


# -- profiles ----------------------------------------------------------------------------------------------


@click.group(
    epilog=examples(
        "presentity profile set voicemail default --primary vm1 --backup1 vm2 --pilot main",
        "presentity profile show voicemail",
        note=FAMILIES_TOLD,
    )
)
@where
def profile() -> None:
    """Add, change, list, show and delete profiles: which hosts clients take, in which order.

    Users have the profile "default" of each family unless they are given another one (presentity user
    profile).
    """


@profile.command(
    "set",
    epilog=examples(
        "presentity profile set ldap default --primary ldap1 --attribute DN=cn=reader,o=example",
        note=FAMILIES_TOLD,
    ),
)
@click.argument("family", metavar="FAMILY")
@click.argument("name", metavar="NAME")
@click.option("--primary", metavar="HOST", help='The host that is taken first; "" for none.')
@click.option("--backup1", metavar="HOST", help="The host that is taken next.")
@click.option("--backup2", metavar="HOST", help="The last one (not of proxy).")
@click.option("--pilot", metavar="PILOT", help="The number of voice mail (of voicemail only).")
@click.option(
    "--attribute",
    "attributes",
    metavar="NAME=VALUE",
    multiple=True,
    help="Of ldap: DN, Password, AnonymousBind, ConfigurationName, SearchContext1 to 3, SearchRecursive1 to"
    " 3; of proxy: Domain. An empty value is the default. May be repeated.",
)
@click.option("--password-stdin", is_flag=True, help="Read the password of ldap from standard input.")
@where
@click.pass_context
def set_profile(
    context: click.Context,
    family: str,
    name: str,
    primary: str | None,
    backup1: str | None,
    backup2: str | None,
    pilot: str | None,
    attributes: Sequence[str],
    password_stdin: bool,
) -> None:
    """Add a profile, or change what is given of one. Hosts and pilot may be added later."""
    values = assigned(attributes)
    if password_stdin:
        values["Password"] = sys.stdin.readline().rstrip("\r\n")
    with service(context, create=True) as services:
        told = services.set_profile(
            family, name, primary=primary, backup1=backup1, backup2=backup2, pilot=pilot, attributes=values
        )
        tables = services.tables()
        made = next(it for it in services.profiles(family) if it.name == name.strip())
    tell(f"set profile {made.name} of {made.family}", told)
    for missing in tables.missing(made):
        click.echo(f"presentity: warning: there is no {missing} of {made.family} yet", err=True)


@profile.command("list", epilog=FAMILIES_TOLD)
@click.argument("family", metavar="[FAMILY]", required=False)
@where
@click.pass_context
def list_profiles(context: click.Context, family: str | None) -> None:
    """List profiles: family, name, first host, backups, pilot, with tabs between them."""
    with service(context) as services:
        for it in services.profiles(family):
            click.echo("\t".join((it.family, it.name, *it.hosts, it.pilot)).rstrip("\t"))


@profile.command("show", epilog=FAMILIES_TOLD)
@click.argument("family", metavar="FAMILY")
@click.argument("name", metavar="[NAME]", default=DEFAULT_PROFILE)
@show_passwords
@where
@click.pass_context
def show_profile(context: click.Context, family: str, name: str, show_passwords: bool) -> None:
    """Print what clients with this profile (default: "default") are shown: a property a line."""
    with service(context) as services:
        for key, value in services.block(family, name):
            click.echo(f"{key}\t{masked(key, value, show_passwords)}".rstrip("\t"))


@profile.command("delete", epilog=FAMILIES_TOLD)
@click.argument("family", metavar="FAMILY")
@click.argument("name", metavar="NAME")
@where
@click.pass_context
def delete_profile(context: click.Context, family: str, name: str) -> None:
    """Delete a profile that no user has."""
    with service(context) as services:
        tell(f"deleted profile {name} of {family}", services.delete_profile(family, name))
