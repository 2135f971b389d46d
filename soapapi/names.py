"""The namespaces of the interface (SPEC R51, R53)."""

from __future__ import annotations

from typing import Final

EPAS: Final = "urn:cisco:epas:soap"
RULES: Final = "urn:cisco:epas:presence:rules"

SOAP11: Final = "http://schemas.xmlsoap.org/soap/envelope/"
SOAP12: Final = "http://www.w3.org/2003/05/soap-envelope"

PREFIXES: Final = {EPAS: "epas", RULES: "pr"}
"""What replies use."""
