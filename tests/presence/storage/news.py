"""What the outbox says, and what the reference prints about it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lxml import etree

from presence.storage.database import Database
from presence.storage.rows import read_changes

NS = {"u": "urn:cisco:epas:uccn"}


class Told:
    """Reads the outbox on, each entry once."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._position = 0
        self.news()

    def news(self) -> list[tuple[str, str, Any]]:
        """(topic, key, payload) of what was announced since the last call."""
        with self._database.reading() as connection:
            changes = read_changes(connection, self._position, 1000)
        if changes:
            self._position = changes[-1].id
        return [(it.topic, it.key, it.payload) for it in changes]


def printed(shared: Path, name: str) -> etree._Element:
    """A payload of the reference in its consistent form."""
    file = shared / f"reference/cup/uccn/consistent/{name}.xml"
    return etree.parse(str(file)).getroot()


def printed_block(shared: Path, name: str) -> list[list[str]]:
    """The properties of a printed payload in their order."""
    found = printed(shared, name).xpath("u:property", namespaces=NS)
    return [[it.get("name"), it.text or ""] for it in found]


def fetched_example(shared: Path) -> list[tuple[str, str]]:
    """The properties of Example 21 in their order."""
    root = etree.parse(str(shared / "reference/cup/soap/21-get-system-config.response.xml")).getroot()
    return [(it.get("name"), it.text or "") for it in root.iter("{urn:cisco:epas:soap}property")]
