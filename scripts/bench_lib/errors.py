"""The one error of the tools: a measurement could not be made."""

from __future__ import annotations


class BenchError(Exception):
    """The text is for the person at the terminal."""
