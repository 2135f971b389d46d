"""Settings: `load()` reads them from command line, environment and TOML file; `Settings` is what they are.

`StartError` is the one line that an operator gets when something of it is wrong.
"""

from presence.settings.errors import StartError
from presence.settings.lifetimes import Lifetimes
from presence.settings.load import load
from presence.settings.model import Settings
from presence.settings.values import HostPort, Network

__all__ = ["HostPort", "Lifetimes", "Network", "Settings", "StartError", "load"]
