"""Names that the database is filled with, for those who import nothing of the server."""

from __future__ import annotations


def owner(members: int, number: int) -> str:
    """The owner of a list of so many members."""
    return f"l{members}x{number}"
