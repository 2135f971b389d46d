"""What RFCs define over transactions and dialogs, each usage independent of what it carries.

Registrar (RFC 3261 §10), publication (RFC 3903), notifier and subscriber (RFC 6665), proxy (RFC 3261 §16).
"""
