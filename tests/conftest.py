"""What all tests share: the way to the material that lies beside the checkout, and steady examples."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from hypothesis import settings

# The same examples in every run: a change is judged, not chance.  HYPOTHESIS_PROFILE=default makes new ones.
settings.register_profile("steady", derandomize=True, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))

if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    # A shell that runs the tests in the background has them ignore it, and whatever they start would as well.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder of RFC texts, captures and torture messages: $PRESENTITY_SHARED, or ../shared."""
    place = os.environ.get("PRESENTITY_SHARED")
    folder = Path(place) if place else Path(__file__).resolve().parents[2] / "shared"
    if not folder.is_dir():
        pytest.skip(f"shared material not found at {folder} (set PRESENTITY_SHARED)")
    return folder
