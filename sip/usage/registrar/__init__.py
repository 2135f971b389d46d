"""The registrar (RFC 3261 §10.3) with Path (RFC 3327), Service-Route (RFC 3608) and the binding rules of
outbound (RFC 5626 §6), though the extension itself is neither offered nor required.

`outcome` works out what a REGISTER makes of the current bindings, `usage` answers and keeps them.
"""

from __future__ import annotations

from sip.usage.registrar.outcome import RegistrarSettings
from sip.usage.registrar.usage import Registrar

__all__ = ["Registrar", "RegistrarSettings"]
