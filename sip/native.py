"""Parts of the server that are there in C as well, where it was compiled (docs/decisions/0021, 0022)."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType


def native(name: str) -> ModuleType | None:
    """The extension `name` (as "sip._text"); None where it was not built, and Python does the same."""
    try:
        return import_module(name)
    except ImportError:
        return None
