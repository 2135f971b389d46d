"""Reading very many rows, some hundred at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy import Connection, Executable

_FETCH: Final = 1000
"""Rows: with more of them what is read has left the processor's caches before it is used."""


def fetched(connection: Connection, statement: Executable) -> Iterator[list[tuple[Any, ...]]]:
    """The rows of `statement`, whose columns need no conversion by SQLAlchemy."""
    # Closed even if the reader stops half-way: PostgreSQL streams through a cursor on the server.
    if connection.dialect.name == "sqlite":
        with connection.execute(statement) as result:
            # As the driver has them: a row of SQLAlchemy's own costs half as much again.
            cursor: Any = result.cursor
            while rows := cursor.fetchmany(_FETCH):
                yield rows
        return
    with connection.execute(statement, execution_options={"yield_per": _FETCH}) as result:
        for some in result.partitions():
            yield [tuple(row) for row in some]
