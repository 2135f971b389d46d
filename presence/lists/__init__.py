"""Resource lists (RFC 4662, RFC 5367): who is in a list, and what its subscriber has been told of them.

Nothing here knows a subscription's dialog, a database or a clock.
"""
