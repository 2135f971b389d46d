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
from presence.policy.cisco import parse_cisco_rule
from presence.policy.documents import compile_document
from presence.policy.doubts import doubts
from presence.policy.stored import CISCO, PolicyDocument
from presence.provisioning.policies import PolicyService
from presence.settings import StartError
from sip.errors import BadRequest, EntityTooLarge


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
    for doubt in doubts(compile_document(made)):
        click.echo(f"note: {doubt}", err=True)


@rules.command()
@click.argument("address", metavar="NAME@DOMAIN")
@click.option("--rule", metavar="NAME", help="One of the rules that the user's client has set, with its ACL.")
@where
@click.pass_context
def show(context: click.Context, address: str, rule: str | None) -> None:
    """Print the rules of a user as they were set."""
    with service(context) as policies:
        if rule is None:
            found = policies.get(address)
        else:
            found = policies.get(address, source=CISCO, name=" ".join(rule.split()))
    click.echo(found.document, nl=not found.document.endswith(b"\n"))


@rules.command("list")
@where
@click.pass_context
def list_rules(context: click.Context) -> None:
    """List who has rules: address, where they come from, name, bytes and time, with tabs between them.

    A rule that the user's client has set (cisco) is followed by its ACL, the watchers that it is about.
    """
    with service(context) as policies:
        for it in policies.list():
            at = datetime.fromtimestamp(it.updated_at, UTC).isoformat(timespec="seconds")
            line = [shown(it.owner), it.source, it.name, str(len(it.document)), at]
            if it.source == CISCO:
                line.append(" ".join(map(shown, _acl(it))))
            click.echo("\t".join(line))


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


def _acl(document: PolicyDocument) -> tuple[str, ...]:
    try:
        return parse_cisco_rule(document.document).acl
    except (BadRequest, EntityTooLarge) as error:
        return (f"cannot be read: {error.reason}",)
