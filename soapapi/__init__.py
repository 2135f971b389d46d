"""SOAP services on Spyne: a thin face that parses a call, asks a provisioning service and renders the answer.

What will live here: one module an interface (its types, operations and faults), the Twisted resource that
carries SOAP 1.1 and 1.2 on one address, and the sessions of its clients.  It sees services and plain types of
`presence`, and never the database or a SIP message.
"""
