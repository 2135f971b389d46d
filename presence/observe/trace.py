"""`--log-sip`: whole SIP messages in the log, with direction, peer and transport, and credentials masked."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from presence.observe.redact import TRACE_KEY, redact_message

if TYPE_CHECKING:
    from sip.transport.flow import Flow

TRACE_LOGGER = "sip.trace"
log = logging.getLogger(TRACE_LOGGER)

_EVENTS = {"in": "sip.received", "out": "sip.sent"}


def sip_trace(direction: str, data: bytes, flow: Flow) -> None:
    """Log one message, "in" or "out", with its secrets masked and folded lines joined."""
    log.info(
        _EVENTS[direction],
        extra={
            "transport": flow.transport,
            "peer": _address(*flow.remote),
            "local": _address(*flow.local),
            "bytes": len(data),
            TRACE_KEY: redact_message(data),
        },
    )


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
