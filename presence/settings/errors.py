"""The one error for what the operator must put right before the server can run."""

from __future__ import annotations


class StartError(Exception):
    """Something outside the program keeps it from starting; `str(error)` is one line that says what.

    The command line prints that line and exits with 2.
    """

    def __init__(self, text: str) -> None:
        super().__init__(" ".join(text.split()))
