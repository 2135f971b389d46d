"""SIP transports (RFC 3261 §18): UDP, TCP, TLS and WebSocket; bytes in and out, and who is at the other end.

Below this rim nobody parses a message or knows a transaction; above it nobody knows a socket.
"""

from sip.transport.flow import Flow
from sip.transport.hub import TransportHub
from sip.transport.settings import TransportSettings
from sip.transport.spec import Destination, ListenError, ListenSpec

__all__ = ["Destination", "Flow", "ListenError", "ListenSpec", "TransportHub", "TransportSettings"]
