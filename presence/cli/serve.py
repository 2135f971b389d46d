"""`presentity serve`: settings, logs, and then the server itself."""

from __future__ import annotations

from functools import partial

import click

from presence.cli.options import assignments, setting, settings_of, where
from presence.huge_pages import use_huge_pages
from presence.signals import end_at_once


@click.command()
@where
@setting("domain")
@setting("listen")
@setting("http")
@setting("advertise")
@setting("trust")
@setting("min_expires")
@setting("demo")
@setting("log_level")
@setting("log_format")
@setting("log_sip")
@assignments
@click.pass_context
def serve(context: click.Context) -> int:
    """Run the server until SIGTERM or SIGINT.

    Prints one line a listener and then "ready". The database is made and migrated as needed. SIGHUP reloads
    certificates, and logs which settings have changed since the start and need a restart.
    """
    end_at_once()
    settings = settings_of(context)
    if settings.hint:
        click.echo(f"presentity: {settings.hint}", err=True)
    # Before there is much that would stay where it is.
    use_huge_pages()
    # Twisted's own would be chosen by importing it: nothing above may do that.
    from presence.loop import choose_reactor

    choose_reactor()
    from presence.observe.logs import route_twisted, setup_logging
    from presence.server import run

    setup_logging(settings.log_level, settings.log_format)
    route_twisted()
    return run(settings, reread=partial(settings_of, context))
