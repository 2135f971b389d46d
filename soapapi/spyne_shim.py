"""Imports Spyne 2.14 where it cannot be imported as it is; `import soapapi` does this before anything else.

Spyne carries a `six` of its own, modified, whose importer for `six.moves` has only the methods that Python
3.12 took away (`find_module`, `load_module`).  `load` brings that module in by hand and gives the importer a
`find_spec`.  Spyne also imports `cgi`, which Python 3.13 has no more: there `legacy-cgi` stands for it.
Warnings about either are not for those who run a server.

This can go when a Spyne is released that imports without it (its issues 708 and 711).
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import logging
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, Final

__all__ = ["load"]

_SIX: Final = "spyne.util.six"


class _Moves(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds the modules of `six.moves` that the old importer knows."""

    def __init__(self, importer: Any) -> None:
        self._importer = importer

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """None for what is not its own."""
        if fullname not in self._importer.known_modules:
            return None
        return importlib.machinery.ModuleSpec(
            fullname, self, is_package=bool(self._importer.is_package(fullname))
        )

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        """The old importer makes it."""
        module: ModuleType = self._importer.load_module(spec.name)
        return module

    def exec_module(self, module: ModuleType) -> None:
        """It is loaded already."""


def load() -> None:
    """Make `import spyne` work; importing it once more costs nothing."""
    if "spyne" in sys.modules:
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # Python 3.11 would do without, but warn at each later import that fails.
        _load_six()
        for name in ("spyne", "spyne.protocol.soap", "spyne.server"):
            importlib.import_module(name)
    # Which services it has found it need not tell at each start.
    logging.getLogger("spyne").setLevel(logging.WARNING)


def _load_six() -> None:
    package = importlib.util.find_spec("spyne")
    if package is None or not package.submodule_search_locations:
        raise ModuleNotFoundError("No module named 'spyne'", name="spyne")
    file = Path(package.submodule_search_locations[0], "util", "six.py")
    spec = importlib.util.spec_from_file_location(_SIX, file, submodule_search_locations=[])
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[_SIX] = module
    spec.loader.exec_module(module)
    # A finder without find_spec would be asked for nothing, but nothing is what it is good for.
    importer = module._importer
    sys.meta_path.remove(importer)
    sys.meta_path.append(_Moves(importer))
