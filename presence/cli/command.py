"""The command line of `presentity`: one module a family of subcommands.

Whatever goes wrong by the operator's doing is one line on standard error: exit 2 when a command could not
begin (an option, a file, a port, a database), exit 1 when what it asked for was refused.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import metadata

import click

from presence.cli import (
    config,
    contacts,
    dialrule,
    explain,
    profiles,
    rules,
    serve,
    sessions,
    status,
    user_services,
    users,
)
from presence.cli.options import where
from presence.provisioning.errors import ProvisioningError
from presence.settings import StartError

CANNOT_BEGIN = 2
REFUSED = 1
INTERRUPTED = 130


def _version() -> str:
    try:
        return metadata.version("presentity")
    except metadata.PackageNotFoundError:
        return "not installed"


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(_version(), "--version", message="presentity %(version)s")
@where
def presentity() -> None:
    """A SIP/SIMPLE presence and messaging server.

    --data, --database and --config may stand before or after the subcommand. Every setting is described in
    docs/configuration.md.
    """


presentity.add_command(serve.serve)
presentity.add_command(users.user)
user_services.add_to(users.user)
presentity.add_command(rules.rules)
presentity.add_command(contacts.contacts)
presentity.add_command(sessions.session)
presentity.add_command(config.config)
presentity.add_command(dialrule.dialrule)
presentity.add_command(profiles.host)
presentity.add_command(profiles.pilot)
presentity.add_command(profiles.profile)
presentity.add_command(status.status)
presentity.add_command(explain.explain)


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit status; never raises for what the operator got wrong."""
    try:
        result = presentity.main(list(arguments), prog_name="presentity", standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return CANNOT_BEGIN
    except click.ClickException as error:
        return _complain(error.format_message(), error.exit_code)
    except StartError as error:
        return _complain(str(error), CANNOT_BEGIN)
    except ProvisioningError as error:
        return _complain(str(error), REFUSED)
    except click.Abort:
        click.echo(err=True)
        return INTERRUPTED
    except BrokenPipeError:
        # `presentity user list | head`: nobody reads on, and the interpreter must not try once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return REFUSED
    return result if isinstance(result, int) else 0


def _complain(text: str, status: int) -> int:
    click.echo(f"presentity: {' '.join(text.split())}", err=True)
    return status
