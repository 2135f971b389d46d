"""A SIP stack for servers: messages, transports, transactions, dialogs and the usages over them.

Storeys, each looking only downwards: `message`, `uri`, `headers` (values) - `transport` (bytes and
connections) - `transaction` (RFC 3261 §17) - `dialog`, `sender`, `core` - `usage` (registrar, notifier,
publication, proxy).  Nothing here knows presence, storage or settings files.
"""
