"""Digest authentication (RFC 3261 §22, RFC 7616, RFC 8760), the server's side of it.

`digest` is the arithmetic, `nonce` says which nonces are ours, fresh and unused, `authenticator` puts both
together and answers with who it is or with a challenge.  No clock: the time is an argument.
"""
