"""What an operator sees of a running server: logs, SIP traces, metrics, the lag of the event loop.

Nothing here takes part in the work: the server hands over figures and messages, and nothing comes back.
"""
