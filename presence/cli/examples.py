"""Examples at the end of a help text."""

from __future__ import annotations


def examples(*lines: str, note: str = "") -> str:
    """The epilog of a command: a note, then each example on a line of its own."""
    # click fills paragraphs, but not one that begins so.
    shown = "\n".join(("\b", "Examples:" if len(lines) > 1 else "Example:", *(f"  {line}" for line in lines)))
    return f"{note}\n\n{shown}" if note else shown
