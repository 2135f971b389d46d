"""What is written in C, each part built alone in a second; scripts/compile builds it with the rest."""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
COMPILER = shutil.which("cc")
INCLUDE = Path(sysconfig.get_path("include"))
FLAGS = ["-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"]


def built(name: str, into: Path) -> Path:
    """The extension `name` (as `sip._text`) in `into`; skips the test where nothing can be compiled."""
    if COMPILER is None or not (INCLUDE / "Python.h").exists():
        pytest.skip("there is no C compiler, or no headers of Python")
    source = ROOT / f"{name.replace('.', '/')}.c"
    made = into / f"{source.stem}.so"
    command = [COMPILER, *FLAGS, f"-I{INCLUDE}", str(source), "-o", str(made)]
    subprocess.run(command, check=True, timeout=60)
    return made


def loaded(name: str, into: Path) -> ModuleType:
    """The same, imported from there."""
    if name == "sip._datagrams" and not sys.platform.startswith("linux"):
        pytest.skip("only Linux has recvmmsg(2)")
    spec = spec_from_file_location(name, built(name, into))
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
