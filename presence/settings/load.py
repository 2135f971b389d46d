"""Where settings come from, in order: command line, environment, TOML file, default; and one line a fault."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import EnvSettingsSource

from presence.settings.errors import StartError
from presence.settings.model import ENV_PREFIX, Settings

CONFIG_VARIABLE = f"{ENV_PREFIX}CONFIG"

# What pydantic calls the fault, and what we call it; {…} are pydantic's own figures and the value given.
_FAULTS = {
    "int_parsing": "{value} is not a whole number",
    "int_type": "{value} is not a whole number",
    "int_from_float": "{value} is not a whole number",
    "float_parsing": "{value} is not a number",
    "float_type": "{value} is not a number",
    "finite_number": "{value} is not a number",
    "bool_parsing": "{value} is neither true nor false",
    "bool_type": "{value} is neither true nor false",
    "string_type": "{value} is not a text",
    "path_type": "{value} is not a path",
    "tuple_type": "{value} is not a list",
    "too_short": "at least one is needed",
    "literal_error": "{value} is not {expected}",
    "greater_than": "{value} is not more than {gt}",
    "greater_than_equal": "{value} is less than {ge}",
    "less_than_equal": "{value} is more than {le}",
    "extra_forbidden": "there is no such setting",
}


def load(
    options: Mapping[str, object] | None = None,
    config: Path | None = None,
    assigned: Mapping[str, str] | None = None,
) -> Settings:
    """The settings of this process.

    Args:
        options: what the command line gave, by setting; None and empty tuples count as not given.
        assigned: what it gave by `--set KEY=VALUE`; an option of its own goes before that.
        config: the TOML file; without it the one that `PRESENTITY_CONFIG` names, if any.

    Raises:
        StartError: a file that cannot be read, an unknown key, a value that is not allowed.
    """
    if config is None and os.environ.get(CONFIG_VARIABLE):
        config = Path(os.environ[CONFIG_VARIABLE])
    given = {name: value for name, value in (options or {}).items() if value is not None and value != ()}
    in_env = EnvSettingsSource(Settings)()
    in_file = read_toml(config) if config is not None else {}
    try:
        return Settings(**{**in_file, **in_env, **(assigned or {}), **given})
    except ValidationError as error:
        sources: list[tuple[Mapping[str, Any], str]] = [
            (given, "option --"),
            (assigned or {}, "option --set "),
            (in_env, ENV_PREFIX),
        ]
        # One a setting: pydantic calls a list with a bad entry too short as well.
        faults = {fault["loc"][:1]: fault for fault in reversed(error.errors(include_url=False))}
        lines = [_line(fault, sources, config) for fault in reversed(faults.values())]
        raise StartError("; ".join(lines)) from None


def read_toml(file: Path) -> dict[str, Any]:
    """The keys of a TOML file, all of them settings.

    Raises:
        StartError: the file cannot be read, is no TOML, or has a key that is no setting.
    """
    try:
        values = tomllib.loads(file.read_text("utf-8"))
    except OSError as error:
        raise StartError(f"cannot read the configuration {file}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise StartError(f"cannot read the configuration {file}: not UTF-8 text") from None
    except tomllib.TOMLDecodeError as error:
        raise StartError(f"{file}: not valid TOML: {error}") from None
    unknown = sorted(values.keys() - Settings.model_fields.keys())
    if unknown:
        raise StartError(f"{file}: unknown key {', '.join(unknown)}")
    return values


def _line(fault: ErrorDetails, sources: list[tuple[Mapping[str, Any], str]], config: Path | None) -> str:
    """`where: what` of one fault."""
    context = fault.get("ctx", {})
    if fault["type"] == "value_error":
        text = str(context["error"])
    else:
        template = _FAULTS.get(fault["type"])
        # A text of pydantic's that we do not know yet is still better than none.
        text = template.format(value=repr(fault["input"]), **context) if template else fault["msg"]
    if not fault["loc"]:
        return text
    key = str(fault["loc"][0])
    for values, prefix in sources:
        if key in values:
            return f"{prefix}{_spelled(key, prefix)}: {text}"
    return f"{config}: {key}: {text}"


def _spelled(key: str, prefix: str) -> str:
    if prefix == ENV_PREFIX:
        return key.upper()
    return key.replace("_", "-") if prefix.endswith("--") else key
