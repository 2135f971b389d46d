"""Options that become settings: their names are the settings' names, their help is the settings' description.

Values stay texts here; `presence.settings` reads and checks them, whichever source they come from.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from presence.settings import Settings, load

# What was given so far on one command line, before and after the subcommand; click hands it down.
_GIVEN = "presence.cli.given"
_ASSIGNED = "presence.cli.assigned"
_CONFIG = "presence.cli.config"

type_of_command = Callable[..., Any]

METAVARS = {
    "data": "DIR",
    "database": "URL",
    "domain": "NAME",
    "listen": "TRANSPORT:HOST:PORT",
    "http": "HOST:PORT",
    "advertise": "HOST",
    "trust": "CIDR",
    "min_expires": "SECONDS",
    "log_level": "LEVEL",
    "log_format": "FORMAT",
}
REPEATABLE = frozenset({"domain", "listen", "trust"})
FLAGS = frozenset({"demo", "log_sip"})


def setting(name: str) -> Callable[[type_of_command], type_of_command]:
    """The option of one setting."""
    description = Settings.model_fields[name].description or ""
    more: dict[str, Any] = {"metavar": METAVARS.get(name)}
    if name in FLAGS:
        more = {"is_flag": True}
    elif name in REPEATABLE:
        more |= {"multiple": True}
        description += " May be repeated."
    return click.option(
        f"--{name.replace('_', '-')}",
        name,
        default=None,
        expose_value=False,
        callback=_remember,
        help=description.replace("`", ""),
        **more,
    )


def where(command: type_of_command) -> type_of_command:
    """The options that every command takes: which configuration, data and database."""
    command = setting("database")(command)
    command = setting("data")(command)
    return click.option(
        "--config",
        metavar="FILE",
        default=None,
        expose_value=False,
        callback=_remember_config,
        help="TOML file with settings; see config/presentity.toml.",
    )(command)


def assignments(command: type_of_command) -> type_of_command:
    """`--set KEY=VALUE` for the settings that have no option of their own."""
    return click.option(
        "--set",
        metavar="KEY=VALUE",
        multiple=True,
        expose_value=False,
        callback=_remember_assignments,
        help="Any setting of docs/configuration.md. May be repeated.",
    )(command)


def settings_of(context: click.Context) -> Settings:
    """The settings of this command line and everything below it in precedence; raises StartError."""
    meta = context.meta
    return load(meta.get(_GIVEN), meta.get(_CONFIG), meta.get(_ASSIGNED))


def _remember(context: click.Context, parameter: click.Parameter, value: object) -> None:
    if value is not None and value != () and value is not False:
        context.meta.setdefault(_GIVEN, {})[parameter.name] = value


def _remember_config(context: click.Context, _parameter: click.Parameter, value: str | None) -> None:
    if value is not None:
        context.meta[_CONFIG] = Path(value)


def _remember_assignments(
    context: click.Context, parameter: click.Parameter, values: tuple[str, ...]
) -> None:
    for text in values:
        key, equals, value = text.partition("=")
        name = key.strip().replace("-", "_")
        if not equals or name not in Settings.model_fields:
            raise click.BadParameter(f"{text!r} is not KEY=VALUE with a known key", context, parameter)
        context.meta.setdefault(_ASSIGNED, {})[name] = value.strip()
