"""Transactions (RFC 3261 §17, with RFC 6026 and RFC 4320): retransmission, timeout, matching.

`layer` matches what arrives; `client` and `server` are the four state machines, written as tables.
"""

from sip.transaction.client import ClientTransaction, ClientUser
from sip.transaction.layer import TransactionCore, TransactionLayer
from sip.transaction.server import ServerTransaction
from sip.transaction.times import TransactionTimes

__all__ = [
    "ClientTransaction",
    "ClientUser",
    "ServerTransaction",
    "TransactionCore",
    "TransactionLayer",
    "TransactionTimes",
]
