"""The payloads of the change notifier that the guide prints, and how they are compared."""

from __future__ import annotations

from pathlib import Path

from lxml import etree


def payloads(shared: Path) -> dict[str, bytes]:
    """File name without suffix to document, in the reading that is sent out."""
    folder = shared / "reference" / "cup" / "uccn" / "consistent"
    return {path.stem: path.read_bytes() for path in sorted(folder.glob("*.xml"))}


def canonical(document: bytes) -> bytes:
    """Canonical XML 1.0 without the white space between elements."""
    parser = etree.XMLParser(remove_blank_text=True)
    return etree.tostring(etree.fromstring(document, parser), method="c14n")
