"""`presentity user show|profile|device|calendar|licences`: what a user's client may do and what it finds."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict, replace

import click
from tqdm import tqdm

from presence.cli.examples import examples
from presence.cli.options import where
from presence.cli.profiles import FAMILIES_TOLD, service
from presence.cli.users import service as user_service
from presence.directory import shown
from presence.provisioning.catalogue import FAMILIES
from presence.provisioning.news import DEFAULT_PROFILE
from presence.provisioning.profiles import Licences


def done(changed: bool, sentence: str) -> None:
    """A line about what was asked for."""
    click.echo(sentence if changed else f"nothing is changed: {sentence}")


def licences_told(licences: Licences) -> str:
    """Those that somebody has."""
    return ", ".join(name for name, has in asdict(licences).items() if has) or "none"


@click.command("show")
@click.argument("address", metavar="NAME@DOMAIN")
@where
@click.pass_context
def show(context: click.Context, address: str) -> None:
    """Print what is set for the client of a user: profiles, device, calendar and licences."""
    with service(context) as services:
        person = services.person(address)
    lines = [("user", shown(person.owner))]
    lines += [(f"profile of {family}", person.profile(family)) for family in FAMILIES]
    device = person.device
    lines.append(("device", "none" if device is None else f"{device.name} {device.description}".rstrip()))
    lines.append(("calendar", "on" if person.calendar else "off"))
    lines.append(("licences", licences_told(person.licences)))
    for name, value in lines:
        click.echo(f"{name}\t{value}")


@click.command(
    "profile",
    epilog=examples("presentity user profile alice@example.com voicemail sales", note=FAMILIES_TOLD),
)
@click.argument("address", metavar="NAME@DOMAIN")
@click.argument("family", metavar="FAMILY")
@click.argument("name", metavar="PROFILE")
@where
@click.pass_context
def assign(context: click.Context, address: str, family: str, name: str) -> None:
    """Give a user another profile of a family; "default" is the one that everybody has."""
    with service(context) as services:
        changed = services.assign(address, family, None if name == DEFAULT_PROFILE else name)
    done(changed, f"{shown(address)} has profile {name} of {family}")


@click.command("device", epilog=examples("presentity user device alice@example.com SEP000E836F0164"))
@click.argument("address", metavar="NAME@DOMAIN")
@click.argument("name", metavar="DEVICE")
@click.option("--description", metavar="TEXT", default="", help="What it is.")
@where
@click.pass_context
def device(context: click.Context, address: str, name: str, description: str) -> None:
    """Say which desk phone the client of a user controls; "" for none."""
    with service(context) as services:
        changed = services.set_device(address, name, description)
    done(changed, f"{shown(address)} has " + (f"device {name}" if name.strip() else "no device"))


@click.command("calendar")
@click.argument("address", metavar="NAME@DOMAIN")
@click.argument("switch", metavar="on|off", type=click.Choice(["on", "off"]))
@where
@click.pass_context
def calendar(context: click.Context, address: str, switch: str) -> None:
    """Make the calendar of a user part of his presence, or not."""
    with service(context) as services:
        changed = services.set_calendar(address, switch == "on")
    done(changed, f"the calendar of {shown(address)} is {switch}")


@click.command(
    "licences",
    epilog=examples(
        "presentity user licences alice@example.com --base --im --no-video",
        "presentity user licences --all --base",
    ),
)
@click.argument("addresses", metavar="NAME@DOMAIN...", nargs=-1)
@click.option("--all", "everybody", is_flag=True, help="All users.")
@click.option("--base/--no-base", default=None, help="May log in with a client application.")
@click.option("--im/--no-im", default=None, help="May send messages.")
@click.option("--audio/--no-audio", default=None, help="May call.")
@click.option("--video/--no-video", default=None, help="May call with pictures.")
@where
@click.pass_context
def licences(
    context: click.Context, /, addresses: Sequence[str], everybody: bool, **given: bool | None
) -> None:
    """Give users licences or take them; without options, print which they have."""
    if everybody == bool(addresses):
        raise click.UsageError("give users, or --all")
    changes = {name: value for name, value in given.items() if value is not None}
    if everybody:
        with user_service(context) as users:
            addresses = [it.aor for it in users.list()]
    with service(context) as services, tqdm(
        addresses, unit=" users", desc="licences", delay=2, mininterval=0.1 if sys.stderr.isatty() else 60
    ) as bar:  # fmt: skip
        # First whether all of them are there: a slip of the pen must not be found half-way.
        has = {address: services.licences(address) for address in addresses}
        for address in bar:
            wanted = replace(has[address], **changes)
            changed = wanted != has[address] and services.set_licences(address, wanted)
            if not changes or not everybody:
                sentence = f"{shown(address)} has licences: {licences_told(wanted)}"
                click.echo(sentence) if not changes else done(changed, sentence)
    if everybody and changes:
        click.echo(f"set the licences of {len(addresses)} users")


def add_to(group: click.Group) -> None:
    """Make them commands of `group`."""
    for command in (show, assign, device, calendar, licences):
        group.add_command(command)
