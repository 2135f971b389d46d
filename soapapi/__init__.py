"""SOAP services on Spyne: a thin face that parses a call, asks a provisioning service and renders the answer.

It sees services and plain types of `presence`, and never the database or a SIP message.  `soapapi/README.md`
says what is where and how an operation is added.
"""

from soapapi.spyne_shim import load

load()
