"""Presence documents as the server writes them, and how they are compared."""

from __future__ import annotations

from lxml import etree

ENTITY = "sip:alice@example.com"


def canonical(document: bytes) -> bytes:
    return etree.tostring(etree.fromstring(document), method="c14n")


def doc(*parts: str) -> bytes:
    """As the server writes documents."""
    body = "\n".join(parts)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<presence xmlns="urn:ietf:params:xml:ns:pidf"'
        ' xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid"'
        f' entity="{ENTITY}">\n{body}\n</presence>\n'
    ).encode()


def tuple_(ident: str, basic: str = "open", more: str = "") -> str:
    return f'<tuple id="{ident}"><status><basic>{basic}</basic></status>{more}</tuple>'
