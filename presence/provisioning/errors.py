"""Why a change is refused."""

from __future__ import annotations


class ProvisioningError(Exception):
    """The change is refused; `str()` is one line for the person who asked for it. Nothing was changed."""
