"""How journal records map on tables: kind -> table, its key columns, its row columns.

Text is the one thing that does not map one to one.  Header values may hold bytes that are not UTF-8 (as lone
surrogates, PEP 383) or a NUL; no database takes the first, PostgreSQL refuses the second.  They are stored as
characters of a private plane (U+10DC80..U+10DCFF, U+10DC00) and come back as they were, so that a phone
with a Latin-1 display name can register.
"""

from __future__ import annotations

import hashlib
import marshal
import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from sqlalchemy import Table

from presence.storage import models
from sip.ports import Value


class Kind(NamedTuple):
    """One kind of record (`sip.ports.Record.kind`) and where its rows live."""

    name: str
    table: Table
    key: tuple[str, ...]
    row: tuple[str, ...]


def _kind(model: type[models.Base]) -> Kind:
    table = model.__table__
    assert isinstance(table, Table)
    key = tuple(column.name for column in table.primary_key.columns)
    names = tuple(column.name for column in table.columns)
    assert names[: len(key)] == key, f"{table.name}: key columns come first"
    return Kind(table.name, table, key, names[len(key) :])


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        kind.name: kind
        for kind in map(
            _kind,
            (
                models.Binding,
                models.Publication,
                models.Subscription,
                models.Message,
                models.Waiting,
                models.ChangePosition,
            ),
        )
    }
)


def _layout() -> str:
    shapes = [(kind.name, kind.key, kind.row) for kind in KINDS.values()]
    return hashlib.sha256(repr(shapes).encode()).hexdigest()[:16]


LAYOUT: Final = _layout()
"""Another one where records have other kinds or values: client and writer have to agree on it."""

_PLANE = 0x100000
_UNSTORABLE = re.compile("[\udc80-\udcff\x00]")
_STORED = re.compile("[\U0010dc80-\U0010dcff\U0010dc00]")
_STORED_BYTES = b"\xf4\x8d"
"""All of these begin so in UTF-8, which is what `marshal` writes."""
_LOW = "\U0010dc00"


def storable(values: tuple[Value, ...]) -> tuple[Value, ...]:
    """`values` with all text in a form that every database takes."""
    return tuple(
        _UNSTORABLE.sub(lambda m: chr(ord(m[0]) + _PLANE) if m[0] != "\x00" else _LOW, value)
        if isinstance(value, str)
        else value
        for value in values
    )


def originals(rows: list[tuple[Value, ...]]) -> Iterable[tuple[Value, ...]]:
    """`rows` with all text as it was before `storable`."""
    # A restart reads some hundred thousand rows: one look at all bytes of many, and nearly none has any.
    return map(original, rows) if _STORED_BYTES in marshal.dumps(rows) else rows


def original(values: tuple[Value, ...]) -> tuple[Value, ...]:
    """`values` with all text as it was before `storable`."""
    if _STORED_BYTES not in marshal.dumps(values):
        return values
    return tuple(
        _STORED.sub(lambda m: chr(ord(m[0]) - _PLANE) if m[0] != _LOW else "\x00", value)
        if isinstance(value, str)
        else value
        for value in values
    )
