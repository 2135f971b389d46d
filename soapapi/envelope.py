"""What came in: a SOAP envelope of either version, its session key and the element in its body.

No operation sees what this refuses: what is not XML, DTDs and with them entities, header blocks that must be
understood and are not, an empty body.  Names in no namespace are taken for those of the interface (Q38).
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from lxml import etree

from presence.documents.xml import closed, deeper_than
from soapapi.faults import SoapFault, invalid
from soapapi.names import EPAS, SOAP11, SOAP12

DEPTH: Final = 64
"""Elements within each other, if nothing else is said."""

_NEXT: Final = {
    SOAP11: ("http://schemas.xmlsoap.org/soap/actor/next",),
    SOAP12: (f"{SOAP12}/role/next", f"{SOAP12}/role/ultimateReceiver"),
}
"""Beside "": whom a header block is for if it is for us."""
_ROLE: Final = {SOAP11: "actor", SOAP12: "role"}
_KEY: Final = "session-key"


class Envelope(NamedTuple):
    """A request whose envelope is in order.

    Attributes:
        version: SOAP11 or SOAP12.
        key: the session key without blanks, "" if none was sent.
        name: the local name of the element in the body.
        body: that element.
    """

    version: str
    key: str
    name: str
    body: etree._Element


class BadEnvelope(Exception):
    """Its fault, and the version in which the fault is to be told."""

    def __init__(self, fault: SoapFault, version: str) -> None:
        super().__init__(str(fault))
        self.fault = fault
        self.version = version


def read_envelope(data: bytes, charset: str | None, version: str, depth: int = DEPTH) -> Envelope:
    """Read a request.

    Args:
        data: the body of the HTTP request.
        charset: as the Content-Type tells it; it goes before the XML declaration (RFC 7303 §3).
        version: the SOAP version to tell faults in as long as the envelope does not say which it is.
        depth: elements that may be within each other, the envelope included.

    Raises:
        BadEnvelope: it is not in order.
    """
    try:
        root = _parse(data, charset)
        version = _version(root, version)
        if deeper_than(depth)(root):
            raise invalid("TooDeep")
        return _read(root, version)
    except SoapFault as fault:
        raise BadEnvelope(fault, version) from None


def _parse(data: bytes, charset: str | None) -> etree._Element:
    try:
        parser = etree.XMLParser(
            encoding=charset,
            resolve_entities=False,
            load_dtd=False,
            no_network=True,
            huge_tree=False,
            remove_comments=True,
            remove_pis=True,
        )
    except (LookupError, ValueError):
        # ValueError: what is in no name, such as a control character.
        raise invalid("UnknownCharset") from None
    try:
        root = etree.fromstring(data, closed(parser))
    except etree.XMLSyntaxError:
        raise invalid("NotWellFormed") from None
    document: Any = root.getroottree().docinfo
    if document.doctype or document.internalDTD is not None:
        # SOAP 1.1 §3, SOAP 1.2 part 1 §5: none.
        raise invalid("DocumentType")
    return root


def _version(root: etree._Element, version: str) -> str:
    name = etree.QName(root)
    if name.localname != "Envelope":
        raise invalid("NotSoap")
    if name.namespace not in (SOAP11, SOAP12):
        raise SoapFault("VersionMismatch", "Neither SOAP 1.1 nor SOAP 1.2.")
    return name.namespace


def _read(root: etree._Element, version: str) -> Envelope:
    parts = {}
    for child in root:
        if child.tag not in (f"{{{version}}}Header", f"{{{version}}}Body"):
            if version == SOAP11 and "Body" in parts:
                # SOAP 1.1 §4 lets anything follow the body.
                continue
            raise invalid("NotSoap")
        name = etree.QName(child).localname
        if name in parts or "Body" in parts:
            raise invalid("NotSoap")
        parts[name] = child
    if "Body" not in parts:
        raise invalid("NoBody")
    key = _header(parts.get("Header"), version)
    body = list(parts["Body"])
    if not body:
        raise invalid("EmptyBody")
    if len(body) > 1:
        raise invalid("SeveralRequests")
    called = etree.QName(body[0])
    if called.namespace not in (EPAS, None):
        raise invalid("UnknownNamespace")
    return Envelope(version, key, called.localname, body[0])


def _header(header: etree._Element | None, version: str) -> str:
    keys: list[str] = []
    unknown: list[tuple[str, str]] = []
    for block in () if header is None else header:
        name = etree.QName(block)
        if name.localname == _KEY and name.namespace in (EPAS, None):
            keys.append((block.text or "").strip())
        elif _must_be_understood(block, version):
            unknown.append((name.namespace or "", name.localname))
    if unknown:
        raise SoapFault("MustUnderstand", "A header block was not understood.", headers=unknown)
    if len(keys) > 1:
        raise invalid("SeveralSessions")
    return keys[0] if keys else ""


def _must_be_understood(block: etree._Element, version: str) -> bool:
    role = block.get(f"{{{version}}}{_ROLE[version]}", "")
    if role and role not in _NEXT[version]:
        return False
    return block.get(f"{{{version}}}mustUnderstand", "0").strip() in ("1", "true")
