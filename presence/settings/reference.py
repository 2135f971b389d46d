"""The settings in words: `docs/configuration.md` and `config/presentity.toml`, made from the fields.

`python -m presence.settings.reference` writes both; a test holds them to it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from textwrap import fill
from typing import Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from presence.settings.model import ENV_PREFIX, Settings

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs" / "configuration.md"
DEFAULTS = ROOT / "config" / "presentity.toml"

_HEAD = """\
# Configuration

Every setting has one name, and four places to give it, the first of these that does so counts:

1. the command line: `--min-expires 120`; a setting that has no option of its own is given as `--set t1=0.2`,
2. the environment: `PRESENTITY_MIN_EXPIRES=120`; the entries of a list stand with commas between them (or as
   in TOML),
3. a TOML file, `--config FILE` or `PRESENTITY_CONFIG=FILE`: `min_expires = 120`,
4. the default.

`config/presentity.toml` holds all of them with their defaults. A key that does not exist and a value that is
not allowed are errors: one line names the place, and the command ends with status 2.

Options of `presentity serve`: `--config`, `--data`, `--database`, `--domain`, `--listen`, `--http`,
`--advertise`, `--trust`, `--min-expires`, `--demo`, `--log-level`, `--log-format`, `--log-sip` and `--set`.
The other commands take `--config`, `--data` and `--database`, before or after the subcommand.

A change is taken at the next start. SIGHUP (`systemctl reload`, a terminal that goes away) ends nothing: the
files of certificates are looked at, as each new connection does anyhow, and the log says `server.reloaded`
with the settings that are others now than at the start, under `needs_restart`.

This page is made from the settings themselves: `python -m presence.settings.reference`.
"""

_TOML_HEAD = """\
# The default configuration of Presentity: every setting, commented out at its default.
# Copy it, change what you need and start with `presentity serve --config FILE`.
# docs/configuration.md tells of the other places that a setting may come from.
"""


def sections() -> dict[str, dict[str, FieldInfo]]:
    """The fields of each section, in the order of the model."""
    found: dict[str, dict[str, FieldInfo]] = {}
    for name, field in Settings.model_fields.items():
        found.setdefault(_extra(field, "section"), {})[name] = field
    return found


def document() -> str:
    """The text of `docs/configuration.md`."""
    return "\n".join([_HEAD, *(line for section in sections().items() for line in _section(*section))])


def default_file() -> str:
    """The text of `config/presentity.toml`."""
    lines = [_TOML_HEAD]
    for title, fields in sections().items():
        lines += [f"# ---- {title} ".ljust(80, "-"), ""]
        for name, field in fields.items():
            about = f"{field.description}{_unit(field, ' Unit: {}.')}{_choices(field, ' One of {}.')}"
            lines.append(fill(about, 100, initial_indent="# ", subsequent_indent="# "))
            lines += [f"#{name} = {_toml(field.default) or _EXAMPLES[name]}", ""]
    return "\n".join(lines)


# What stands in the file for a setting that has no value by default.
_EXAMPLES = {
    "https": '"0.0.0.0:8443"',
    "soap_address": '"https://presence.example.com/EPASSoap/service"',
    "database": '"postgresql+psycopg://presentity@localhost/presentity"',
    "advertise": '"sip.example.org"',
    "tls_certificate": '"/etc/presentity/fullchain.pem"',
    "tls_key": '"/etc/presentity/privkey.pem"',
    "tls_ca": '"/etc/ssl/certs/ca-certificates.crt"',
}


def _section(title: str, fields: dict[str, FieldInfo]) -> Iterator[str]:
    yield f"## {title}\n"
    yield "| key | default | unit | environment | what it is |"
    yield "|---|---|---|---|---|"
    for name, field in fields.items():
        default = f"`{_toml(field.default)}`" if field.default is not None else "not set"
        about = (field.description or "") + _choices(field, " One of {}.")
        columns = (f"`{name}`", default, _extra(field, "unit"), f"`{ENV_PREFIX}{name.upper()}`", about)
        yield f"| {' | '.join(text.replace('|', '&#124;') for text in columns)} |"
    yield ""


def _extra(field: FieldInfo, key: str) -> str:
    extra = field.json_schema_extra
    return str(extra[key]) if isinstance(extra, dict) else ""


def _unit(field: FieldInfo, template: str) -> str:
    unit = _extra(field, "unit")
    return template.format(unit) if unit else ""


def _choices(field: FieldInfo, template: str) -> str:
    if get_origin(field.annotation) is not Literal:
        return ""
    return template.format(", ".join(f"`{choice}`" for choice in get_args(field.annotation)))


def _toml(value: Any) -> str:
    """`value` as TOML writes it; empty when there is none."""
    if value is None:
        return ""
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    if isinstance(value, tuple) and type(value) is tuple:
        return f"[{', '.join(map(_toml, value))}]"
    return json.dumps(str(value))


def main() -> None:
    """Write both files."""
    for file, text in ((DOCUMENT, document()), (DEFAULTS, default_file())):
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
