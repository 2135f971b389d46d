"""Memory for Python's objects in huge pages, where the system has them; docs/decisions/0019-huge-pages.md."""

from __future__ import annotations

from sip.native import native


def use_huge_pages() -> bool:
    """Take memory for small objects from huge pages from now on, in this process; whether that can be done.

    It needs the compiled form of the server (decision 0018) on Linux.  To call it again does nothing.
    """
    arenas = native("presence._arenas")
    if arenas is None:
        return False
    arenas.install()
    return True
