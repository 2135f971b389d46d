"""`presentity contacts ...`: the contact lists of users at the terminal, whether the server runs or not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click

from presence.cli.options import settings_of, where
from presence.cli.storage import opened
from presence.directory import shown
from presence.lists.naming import ListNames
from presence.provisioning.contacts import (
    DEFAULT_GROUP,
    AddContact,
    AddGroup,
    ContactService,
    DeleteContact,
    Outcome,
    Status,
)
from presence.provisioning.errors import ProvisioningError
from presence.provisioning.positions import trimmed


@contextmanager
def service(context: click.Context) -> Iterator[ContactService]:
    """The contact service over the database of this command line."""
    settings = settings_of(context)
    # The default domain says nothing about what a server with other options serves.
    domains = settings.domain if "domain" in settings.model_fields_set else None
    with opened(settings) as database:
        from presence.storage.contacts import SqlContactRepository

        names = ListNames(settings.list_uri, settings.group_list_uri)
        yield ContactService(SqlContactRepository(database), domains, settings.max_list_members, names)


def demand(outcome: Outcome) -> None:
    """Raise ProvisioningError for a refusal."""
    if not outcome.done:
        raise ProvisioningError(outcome.why)


def in_group(group: str) -> str:
    """The end of a sentence about a group."""
    return f" in group {group}" if group else ""


@click.group()
@where
def contacts() -> None:
    """Show and change the contacts that users have."""


@contacts.command("list")
@click.argument("owner", metavar="NAME@DOMAIN")
@where
@click.pass_context
def list_contacts(context: click.Context, owner: str) -> None:
    """Print a line a contact: group, its place, address, nickname, and "phone" if it is shown on the phone.

    An empty group is a line of its own.
    """
    with service(context) as known:
        for group, members in known.list(owner):
            for it in members:
                phone = "phone" if it.display_on_phone else ""
                line = [group.name, trimmed(it.position), shown(it.member), it.nickname, phone]
                click.echo("\t".join(line).rstrip("\t"))
            if not members and group.name:
                click.echo(group.name)


@contacts.command()
@click.argument("owner", metavar="NAME@DOMAIN")
@click.argument("member", metavar="MEMBER")
@click.option("--group", metavar="G", default=DEFAULT_GROUP, help="The group; it is made if it is not there.")
@click.option("--nickname", metavar="N", help="The name that the owner knows the contact by.")
@click.option("--index", metavar="NUMBER", help="The place in the group; after all others without.")
@click.option("--phone/--no-phone", default=None, help="Show the contact on the owner's desk phone.")
@where
@click.pass_context
def add(
    context: click.Context,
    owner: str,
    member: str,
    group: str,
    nickname: str | None,
    index: str | None,
    phone: bool | None,
) -> None:
    """Add MEMBER (a SIP address, or the name of a user of the same domain), or change what is given.

    MEMBER may be a contact list of the same user, such as NAME+contacts.GROUP: then its members are in the
    group.
    """
    change = AddContact(group, member, index, nickname, phone)
    with service(context) as known:
        (outcome,) = known.apply(owner, [change])
        if outcome.status is Status.NO_GROUP:
            for outcome in known.apply(owner, [AddGroup(group), change]):
                demand(outcome)
        demand(outcome)
    click.echo(f"{'changed' if outcome.changed else 'added'} {shown(member)}{in_group(group)}")


@contacts.command()
@click.argument("owner", metavar="NAME@DOMAIN")
@click.argument("member", metavar="MEMBER")
@click.option("--group", metavar="G", help="This group only; all groups without.")
@where
@click.pass_context
def remove(context: click.Context, owner: str, member: str, group: str | None) -> None:
    """Take MEMBER out of a group, or out of all."""
    with service(context) as known:
        if group is not None:
            demand(known.delete_contact(owner, group, member))
        else:
            everywhere = [DeleteContact(it.name, member) for it, _ in known.list(owner)]
            if not any(outcome.done for outcome in known.apply(owner, everywhere)):
                raise ProvisioningError(f"{shown(member)} is in no group")
    click.echo(f"removed {shown(member)}{in_group(group or '')}")


@contacts.command("remove-group")
@click.argument("owner", metavar="NAME@DOMAIN")
@click.argument("group", metavar="GROUP")
@where
@click.pass_context
def remove_group(context: click.Context, owner: str, group: str) -> None:
    """Delete GROUP with its contacts."""
    with service(context) as known:
        if group not in [it.name for it, _ in known.list(owner)]:
            raise ProvisioningError(f"there is no group {group!r}")
        demand(known.delete_group(owner, group))
    click.echo(f"removed group {group}")
