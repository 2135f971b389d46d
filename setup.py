"""Compiles the busiest modules to C with mypyc if PRESENTITY_COMPILE=1; all else is in pyproject.toml.

Where nothing is compiled the same source runs as it is (decision 0018). `scripts/compile` is the way to use
it in a checkout; `PRESENTITY_COMPILE=1 pip install .` installs the compiled form.
"""

from __future__ import annotations

import os
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path

from setuptools import Extension, setup

BUSY = (
    "presence/bus.py",
    "presence/clock.py",
    "presence/composition",
    "presence/directory.py",
    "presence/documents/multipart.py",
    "presence/documents/pidf.py",
    "presence/documents/pidf_plain.py",
    "presence/documents/pidf_reader.py",
    "presence/documents/rlmi.py",
    "presence/documents/xsd.py",
    "presence/lists",
    "presence/messaging",
    "presence/packages/presence.py",
    "presence/packages/presence_memory.py",
    "presence/packages/presence_policy.py",
    "presence/packages/presence_view.py",
    "presence/policy/book.py",
    "presence/policy/decide.py",
    "presence/policy/identity.py",
    "presence/policy/model.py",
    "presence/policy/reachability.py",
    "presence/policy/restriction.py",
    "presence/policy/view.py",
    "presence/storage/journal/batch.py",
    "presence/storage/journal/client.py",
    "presence/storage/journal/frames.py",
    "presence/wiring/routes.py",
    "sip/buckets.py",
    "sip/core.py",
    "sip/dialog.py",
    "sip/dialog_mark.py",
    "sip/door.py",
    "sip/identity.py",
    "sip/kept.py",
    "sip/limits.py",
    "sip/load.py",
    "sip/ports.py",
    "sip/refusal.py",
    "sip/request.py",
    "sip/roles.py",
    "sip/routing.py",
    "sip/sender.py",
    "sip/stats.py",
    "sip/timers.py",
    "sip/tokens.py",
    "sip/uri.py",
    "sip/auth",
    "sip/headers",
    "sip/message",
    "sip/transaction",
    "sip/transport/ingress.py",
    "sip/transport/outgoing.py",
    "sip/transport/udp.py",
    "sip/usage/content.py",
    "sip/usage/location.py",
    "sip/usage/notifier",
    "sip/usage/onward.py",
    "sip/usage/proxy",
    "sip/usage/publication",
    "sip/usage/registrar",
    "sip/usage/rows.py",
)
INTERPRETED = frozenset(
    {
        # A subclass of str.
        "sip/headers/quoted.py",
        # Protocols that are asked about at run time.
        "sip/usage/notifier/package.py",
        "sip/usage/publication/package.py",
    }
)


def modules() -> list[str]:
    """The files to compile."""
    found: list[str] = []
    for name in BUSY:
        path = Path(name)
        files = sorted(path.rglob("*.py")) if path.is_dir() else [path]
        found += [file.as_posix() for file in files if file.as_posix() not in INTERPRETED]
    return found


def needed() -> list[str]:
    """What compiling takes: the compiler, and all that types are read from."""
    project = tomllib.loads(Path("pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    return [*project["dependencies"], *extras["tls"], *extras["postgres"], *extras["compile"]]


if os.environ.get("PRESENTITY_COMPILE") != "1":
    setup()
elif find_spec("mypyc") is None:
    # pip asks first what building takes, and installs it.
    setup(setup_requires=needed())
elif {"egg_info", "dist_info"}.intersection(sys.argv):
    # What is only described is not built.
    setup()
else:
    from mypyc.build import mypycify

    compiled = mypycify(
        ["--config-file", "pyproject.toml", *modules()],
        opt_level="3",
        debug_level="0",
        target_dir="build/mypyc",
    )
    # Decisions 0021 and 0022.
    written = [
        Extension(name, [f"{name.replace('.', '/')}.c"])
        for name in ("presence._pidf", "sip._heads", "sip._text")
    ]
    if sys.platform == "linux":
        # Other systems have no recvmmsg(2), and no madvise(2) for huge pages (decision 0019).
        written += [
            Extension(name, [f"{name.replace('.', '/')}.c"])
            for name in ("sip._datagrams", "presence._arenas")
        ]
    setup(ext_modules=[*compiled, *written])
