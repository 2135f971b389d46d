"""`--log-sip`: whole SIP messages in the log, with direction, peer and transport, and credentials masked."""

from __future__ import annotations

import logging
from typing import Literal, Protocol

from presence.observe.redact import TRACE_KEY, redact_message

log = logging.getLogger("sip.trace")

Direction = Literal["received", "sent"]


class TracedFlow(Protocol):
    """What a trace tells of a flow."""

    transport: str

    @property
    def local(self) -> tuple[str, int]:
        """Our address."""

    @property
    def remote(self) -> tuple[str, int]:
        """The peer's address."""


def sip_trace(direction: Direction, data: bytes, flow: TracedFlow) -> None:
    """Log one message, or one keep-alive, as it went over the wire."""
    log.info(
        f"sip.{direction}",
        extra={
            "transport": flow.transport,
            "peer": _address(flow.remote),
            "local": _address(flow.local),
            "bytes": len(data),
            TRACE_KEY: redact_message(data),
        },
    )


def _address(address: tuple[str, int]) -> str:
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
