"""What `scripts/bench` and `scripts/profile` are made of.

The load driver speaks SIP by templates of its own and imports nothing of the server, so that a change in the
server cannot change what measures it.  Only `provision` does: it fills the database before the server starts.
"""
