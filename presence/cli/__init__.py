"""The command `presentity`: `main` is its entry point, `command` what it can do.

Hardly anything is imported here: what it takes to read a command line takes most of a second.
"""

from __future__ import annotations

import sys
from typing import NoReturn

from presence.signals import ignore_reload


def main() -> NoReturn:
    """Entry point of the command."""
    if "serve" in sys.argv[1:]:
        # What is too early to be heard must not end it.
        ignore_reload()
    from presence.cli.command import run

    sys.exit(run(sys.argv[1:]))
