"""Parts of this package that are there in C as well, where it was compiled (docs/decisions/0021)."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType


def native(name: str) -> ModuleType | None:
    """The extension `name` of this package; None where it was not built, and Python does the same."""
    try:
        return import_module(f"sip.{name}")
    except ImportError:
        return None
