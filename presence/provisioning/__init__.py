"""Provisioning services: what operators and back ends may change, free of any door they come through.

Nothing here knows a database, an event loop, a command line or SOAP.
"""
