"""Writes the bill of materials of a server as CycloneDX JSON: what `scripts/sbom` runs."""

from __future__ import annotations

import argparse
import os
import sys
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

from release_lib.parts import MissingPart, Part, server_parts

EXTRAS = ("tls", "postgres")
"""What `scripts/serve` installs."""
VERSION = SchemaVersion.V1_6


def make(server: Part, parts: Sequence[Part], made: datetime) -> Bom:
    """The bill; the same parts at the same time give the same bill."""
    whole = _component(server, ComponentType.APPLICATION)
    components = {it.name: _component(it, ComponentType.LIBRARY) for it in parts}
    identity = "\n".join(f"{it.name}=={it.version}" for it in (server, *parts))
    bom = Bom(
        components=components.values(), serial_number=uuid.uuid5(uuid.NAMESPACE_URL, f"presentity {identity}")
    )
    bom.metadata.timestamp = made
    bom.metadata.component = whole
    bom.register_dependency(whole, [components[name] for name in server.needs])
    for part in parts:
        bom.register_dependency(components[part.name], [components[name] for name in part.needs])
    return bom


def _component(part: Part, kind: ComponentType) -> Component:
    licences = [LicenseFactory().make_from_string(part.licence)] if part.licence else []
    return Component(
        name=part.name,
        version=part.version,
        type=kind,
        bom_ref=f"{part.name}@{part.version}",
        licenses=licences,
        purl=PackageURL("pypi", None, part.name, part.version) if part.python else None,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="scripts/sbom", description=__doc__)
    parser.add_argument("file", nargs="?", type=Path, help="where it goes; standard output if not given")
    parser.add_argument(
        "--extra",
        action="append",
        choices=EXTRAS,
        help=f"an extra that is in it (default: {', '.join(EXTRAS)})",
    )
    chosen = parser.parse_args(arguments)
    try:
        server, parts = server_parts(chosen.extra or EXTRAS)
    except MissingPart as error:
        print(f"sbom: {error}", file=sys.stderr)
        return 2
    # As those who make packages reproducibly say it.
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    made = (
        datetime.now(UTC).replace(microsecond=0) if epoch is None else datetime.fromtimestamp(int(epoch), UTC)
    )
    text = make_outputter(make(server, parts, made), OutputFormat.JSON, VERSION).output_as_string(indent=2)
    wrong = JsonStrictValidator(VERSION).validate_str(text)
    if wrong is not None:
        print(f"sbom: what was made is no CycloneDX: {wrong}", file=sys.stderr)
        return 1
    if chosen.file is None:
        print(text)
    else:
        chosen.file.write_text(f"{text}\n", "utf-8")
        print(f"sbom: {len(parts)} parts in {chosen.file}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
