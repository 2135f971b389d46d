"""The stateful proxy usage (RFC 3261 §16): `core` is the way in, `response_context` hears the answers.

`forwarding` makes the copies, `loops` keeps them from going round, `best` chooses among answers, `upstream`
is where they go, `redirect` follows a 3xx, `interface` says what the proxy is given and needs.
"""

from sip.usage.proxy.core import Proxy
from sip.usage.proxy.interface import Outcome, ProxySettings, ResponseUser, Sender, Sending, Target
from sip.usage.proxy.upstream import Relay

__all__ = ["Outcome", "Proxy", "ProxySettings", "Relay", "ResponseUser", "Sender", "Sending", "Target"]
