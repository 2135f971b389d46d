"""Spyne 2.14 can be imported only by help on Python 3.12 and later (`soapapi.spyne_shim`).

When a Spyne is released that needs none the second test fails, and the module can go.
"""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import soapapi.spyne_shim

SHIM = Path(soapapi.spyne_shim.__file__)

BY_HAND = f"""
import importlib.util, sys
spec = importlib.util.spec_from_file_location("shim", {str(SHIM)!r})
shim = importlib.util.module_from_spec(spec)
spec.loader.exec_module(shim)
# As on a Python whose importers have no find_module any more.
shim._load_six()
assert not [it for it in sys.meta_path if not hasattr(it, "find_spec")], sys.meta_path
shim.load()
import spyne.application
from spyne.util.six.moves.urllib.parse import urlencode
from spyne.util.six import get_function_name
print(urlencode({{"a": 1}}), get_function_name(urlencode))
"""


def python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error::ImportWarning", "-c", code], capture_output=True, text=True, timeout=60
    )


def test_spyne_is_imported_without_the_importer_that_python_3_12_took_away():
    done = python(BY_HAND)
    assert (done.returncode, done.stdout) == (0, "a=1 urlencode\n"), done.stderr


def test_it_is_still_this_spyne_that_needs_it():
    assert version("spyne") == "2.14.0"


def test_importing_the_service_warns_of_nothing():
    done = python("import warnings; warnings.simplefilter('error'); import soapapi.application")
    assert (done.returncode, done.stderr) == (0, "")
